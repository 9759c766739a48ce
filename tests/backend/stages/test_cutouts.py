# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import ndimage
from turnaround.backend import images
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.records import Camera, Cameras, Mask, Masks
from turnaround.backend.stage import Context
from turnaround.backend.stages import cutouts
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec

OBJECT, BACKGROUND = (200, 60, 40), (40, 160, 70)


def disc(size=(60, 80), radius=18.0):
    y, x = np.indices(size, dtype=float)
    edge = radius - np.hypot(y - size[0] / 2, x - size[1] / 2)
    return (np.clip(edge / 1.5 + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)


def photo_of(mask):
    share = mask[..., None] / 255
    return (np.array(OBJECT) * share + np.array(BACKGROUND) * (1 - share) + 0.5).astype(np.uint8)


def job(tmp_path, pictures, masks, **options):
    """A job folder as the stages before leave it, and the context of ``cutouts`` in it."""
    workspace = Workspace(tmp_path / "job")
    for stage, written in (("cameras", pictures), ("masks_refined", masks)):
        folder = workspace.folder(stage)
        (folder / "images").mkdir(parents=True)
        for name, picture in written.items():
            images.write_image(folder / (f"images/{name}.png" if stage == "cameras" else f"{name}.png"), picture)
    Cameras(
        cameras=[
            Camera(
                name=n,
                image=f"images/{n}.png",
                width=p.shape[1],
                height=p.shape[0],
                K=np.eye(3),
                cam_from_world=np.eye(4),
            )
            for n, p in pictures.items()
        ]
    ).save(workspace.folder("cameras"))
    Masks(masks=[Mask(name=n, image=f"{n}.png", confidence=1.0, method="test") for n in masks]).save(
        workspace.folder("masks_refined")
    )
    return Context(
        stage="cutouts",
        spec=JobSpec(capture=str(tmp_path), job=str(workspace.root)),
        options=cutouts.Options(**options),
        workspace=workspace,
        output=workspace.begin("cutouts"),
        inputs=cutouts.INPUTS,
    )


def test_cuts_every_frame_and_takes_the_background_out_of_the_rim(tmp_path):
    mask = disc()
    context = job(tmp_path, {f"{i}": photo_of(mask) for i in range(5)}, {f"{i}": mask for i in range(5)})
    cutouts.run(context)
    assert sorted(p.name for p in context.output.iterdir()) == [f"{i}.png" for i in range(5)]
    rgba = images.read_rgba(context.output / "3.png")
    assert np.array_equal(rgba[..., 3], mask)
    assert np.abs(rgba[mask > 0][:, :3].astype(int) - OBJECT).max() <= 2
    assert np.abs(photo_of(mask)[mask > 0].astype(int) - OBJECT).max() > 90
    near = ndimage.distance_transform_edt(mask == 0) < 10
    assert np.abs(rgba[near][:, :3].astype(int) - OBJECT).max() <= 2
    assert context.facts.details["artefacts"] == [
        {"kind": "cutouts", "path": "03_cutouts", "axes": "image", "unit": "pixels", "count": 5}
    ]
    assert not context.facts.warnings


def test_options_feather_and_switch_cleaning_off(tmp_path):
    mask = (disc() > 127).astype(np.uint8) * 255
    context = job(tmp_path, {"a": photo_of(mask)}, {"a": mask}, feather_px=6.0, rim_px=0.0)
    cutouts.run(context)
    rgba = images.read_rgba(context.output / "a.png")
    assert 6 <= len(np.unique(rgba[30, :40, 3])) <= 9
    assert np.array_equal(rgba[..., :3][rgba[..., 3] > 0], photo_of(mask)[rgba[..., 3] > 0])


def test_an_object_that_fills_the_frame_or_is_missing(tmp_path):
    full, none = np.full((40, 50), 255, np.uint8), np.zeros((40, 50), np.uint8)
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    context = job(tmp_path, {"full": picture, "none": picture, "alone": picture}, {"full": full, "none": none})
    cutouts.run(context)
    assert np.array_equal(images.read_rgba(context.output / "full.png"), np.dstack([picture, full]))
    assert not images.read_rgba(context.output / "none.png").any()
    assert not (context.output / "alone.png").exists()
    assert [(w["code"], "none" in w["message"], "alone" in w["message"]) for w in context.facts.warnings] == [
        ("mask_missing", False, True),
        ("mask_empty", True, False),
    ]


def test_a_mask_of_another_size_is_an_error_that_names_the_frame(tmp_path):
    context = job(tmp_path, {"a": photo_of(disc())}, {"a": np.zeros((7, 9), np.uint8)})
    with pytest.raises(PipelineError, match="a is 9 x 7 pixels, its image 80 x 60") as caught:
        cutouts.run(context)
    assert caught.value.code == "masks_unreadable"


def test_cancel_stops_it(tmp_path):
    mask = disc()
    context = job(tmp_path, {f"{i}": photo_of(mask) for i in range(9)}, {f"{i}": mask for i in range(9)})
    context.is_cancelled = lambda: True
    with pytest.raises(JobCancelled):
        cutouts.run(context)
    assert len(list(context.output.iterdir())) < 9


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 255, 255)])
def test_a_photo_with_its_own_alpha_keeps_its_colours_whatever_lies_hidden(hidden):
    mask = disc()
    picture = np.where(mask[..., None] > 0, np.array(OBJECT), np.array(hidden)).astype(np.uint8)
    rgba = cutouts.cut_out(picture, mask, cutouts.Options(), unseen=True)
    assert np.abs(rgba[mask > 0][:, :3].astype(int) - OBJECT).max() <= 1
    wrong = cutouts.cut_out(picture, mask, cutouts.Options())
    assert np.abs(wrong[mask > 0][:, :3].astype(int) - OBJECT).max() > 10


@pytest.mark.data
def test_real_textures_lose_the_background_they_were_put_on(data):
    source = images.read_rgba(data / "lego_synthetic" / "train" / "r_0.png")
    behind = images.read_rgb(data / "kermit" / "images" / "kermit001.jpg")
    behind = np.pad(behind, ((0, 320), (0, 160), (0, 0)), mode="reflect")
    true, alpha = source[..., :3].astype(float), source[..., 3]
    share = alpha[..., None] / 255
    picture = (true * share + behind * (1 - share) + 0.5).astype(np.uint8)
    rgba = cutouts.cut_out(picture, alpha, cutouts.Options())
    soft = (alpha > 0) & (alpha < 255)
    before, after = ((np.abs(i - true).mean(2) * share[..., 0])[soft].mean() for i in (picture, rgba[..., :3]))
    assert before > 5
    assert after < before / 2
