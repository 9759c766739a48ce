# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras' stage on real captures and on ones with known truth."""

import shutil

import cv2
import numpy as np
import pytest
from turnaround import protocol
from turnaround.backend.camera_files import read_cameras
from turnaround.backend.errors import PipelineError
from turnaround.backend.evaluate_cameras import camera_metrics
from turnaround.backend.records import Cameras, Frame, Frames
from turnaround.backend.stage import Context
from turnaround.backend.stages import cameras as stage
from turnaround.backend.workspace import Workspace

pytestmark = [pytest.mark.data, pytest.mark.slow]


def run(job, cameras=None, **options):
    workspace = Workspace(job)
    inputs = tuple(name for name in stage.INPUTS if workspace.folder(name).exists())
    context = Context(
        stage="cameras",
        spec=protocol.JobSpec(capture="", job=str(job), cameras=None if cameras is None else str(cameras)),
        options=stage.Options(**options),
        workspace=workspace,
        output=workspace.begin("cameras"),
        inputs=inputs,
        is_cancelled=lambda: False,
    )
    stage.run(context)
    return Cameras.load(context.output), context


def job_of(data, name, tmp_path, side=1600):
    """The frames of a capture as the frames' stage would leave them, without masks."""
    folder = tmp_path / "01_frames"
    (folder / "images").mkdir(parents=True)
    frames = []
    for path in sorted((data / name).iterdir()):
        picture = cv2.imread(str(path))
        height, width = picture.shape[:2]
        assert max(height, width) <= side
        shutil.copyfile(path, folder / "images" / path.name)
        size = {"width": width, "height": height, "source_width": width, "source_height": height}
        frames.append(Frame(name=path.stem, source=path.name, image=f"images/{path.name}", **size))
    Frames(frames=frames).save(folder)
    return tmp_path


def test_the_duck_is_registered_whole(data, tmp_path):
    cameras, context = run(job_of(data, "rendered_duck/images", tmp_path))
    truth = {c.name: c.cam_from_world for c in read_cameras(data / "rendered_duck" / "transforms.json").cameras}
    metrics = camera_metrics(cameras, truth)
    assert context.facts.metrics["frames_registered"] == 30
    assert metrics["camera_auc_3"] >= 95
    assert metrics["up_error_degrees"] < 2


def test_the_temple_is_registered_whole(data, tmp_path):
    cameras, context = run(job_of(data, "temple_ring/images", tmp_path))
    truth = {c.name: c.cam_from_world for c in read_cameras(data / "temple_ring" / "cameras_gt.json").cameras}
    assert context.facts.metrics["frames_registered"] == 47
    assert camera_metrics(cameras, truth)["camera_centre_rms_percent"] <= 0.08


def test_kermit_is_registered_whole(data, tmp_path):
    cameras, _ = run(job_of(data, "kermit/images", tmp_path))
    assert len(cameras.cameras) == 11
    assert cameras.reprojection_error_px < 1


def test_the_monkey_is_registered_whole(data, tmp_path):
    cameras, _ = run(job_of(data, "rendered_monkey/images", tmp_path))
    truth = {c.name: c.cam_from_world for c in read_cameras(data / "rendered_monkey").cameras}
    assert len(cameras.cameras) == 32
    assert camera_metrics(cameras, truth)["camera_auc_3"] >= 95


def test_two_tracks_that_look_alike_do_not_fold_the_ring(data, tmp_path):
    """The left track of the bulldozer matches the right one, which puts eleven frames on the wrong side."""
    job = job_of(data, "lego_synthetic/train", tmp_path)
    frames = Frames.load(job / "01_frames").frames
    (job / "01_frames" / "alpha").mkdir()
    for frame in frames:
        picture = cv2.imread(str(job / "01_frames" / frame.image), cv2.IMREAD_UNCHANGED)
        frame.alpha = f"alpha/{frame.name}.png"
        cv2.imwrite(str(job / "01_frames" / frame.alpha), picture[..., 3])
        black = np.rint(picture[..., :3] * (picture[..., 3:] / 255.0)).astype(np.uint8)
        cv2.imwrite(str(job / "01_frames" / frame.image), black)
    Frames(frames=frames).save(job / "01_frames")
    cameras, context = run(job)
    truth = {c.name: c.cam_from_world for c in read_cameras(data / "lego_synthetic" / "transforms_train.json").cameras}
    metrics = camera_metrics(cameras, truth)
    assert len(cameras.cameras) == 36
    assert metrics["camera_centre_rms_percent"] <= 0.2
    assert metrics["up_error_degrees"] < 1
    assert context.facts.metrics["outline_misfit_percent"] < 0.5
    assert "look alike" in context.facts.method


def test_cameras_of_other_photos_are_contradicted_by_the_outlines(data, tmp_path):
    job = job_of(data, "rendered_duck/images", tmp_path)
    frames = Frames.load(job / "01_frames").frames
    (job / "01_frames" / "alpha").mkdir()
    masks = sorted((data / "rendered_duck" / "masks").iterdir())
    for frame, other in zip(frames, [*masks[7:], *masks[:7][::-1]], strict=True):
        frame.alpha = f"alpha/{frame.name}.png"
        shutil.copyfile(other, job / "01_frames" / frame.alpha)
    Frames(frames=frames).save(job / "01_frames")
    _, context = run(job, cameras=data / "rendered_duck" / "transforms.json", triangulate=False)
    assert context.facts.metrics["outline_misfit_percent"] > 10
    assert "outlines_contradict" in [w["code"] for w in context.facts.warnings]


def test_photos_too_far_apart_end_in_a_clear_error(data, tmp_path):
    with pytest.raises(PipelineError) as error:
        run(job_of(data, "multiview_masks_robot/images", tmp_path))
    assert error.value.code in {"cameras_failed", "cameras_too_few"}
    assert "overlap" in error.value.hint
