# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.images import read_grey, write_image
from turnaround.backend.records import Mask, Masks
from turnaround.backend.stages import masks_refined


def _scene_module():
    path = Path(__file__).with_name("masks_scene.py")
    spec = importlib.util.spec_from_file_location("masks_scene", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["masks_scene"] = module
    spec.loader.exec_module(module)
    return module


ms = _scene_module()
ALL = ("frames", "masks", "cameras")


def write_masks(workspace, masks: dict[str, np.ndarray], confidence: dict[str, float], method: str) -> None:
    """02_masks as the stage before would leave it; ``masks`` (h, w) bool."""
    folder = workspace.folder("masks")
    folder.mkdir(parents=True)
    rows = []
    for name, mask in masks.items():
        write_image(folder / f"{name}.png", mask.astype(np.uint8) * 255)
        rows.append(Mask(name=name, image=f"{name}.png", confidence=confidence.get(name, 0.8), method="flow"))
    Masks(masks=rows, method=method).save(folder)


@pytest.mark.parametrize("said", [0.3, 0.9], ids=["bad-mask-unsure", "bad-mask-sure-of-itself"])
def test_a_bad_mask_is_repaired_and_harms_no_other(tmp_path, said):
    scene = ms.ball_on_table()
    masks = dict(scene.masks)
    masks["003"] = np.zeros_like(masks["003"])
    masks["003"][10:60, 10:70] = True
    masks["006"] = np.ones_like(masks["006"])
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    write_masks(workspace, masks, {"003": said, "006": said}, "prompt")
    context = ms.run_stage(masks_refined, workspace, ALL)
    overlaps = ms.overlaps(workspace, "masks_refined", scene)
    assert min(overlaps.values()) > 0.96
    assert "agreed" in context.facts.method


def test_a_part_in_the_colours_of_the_table_comes_back(tmp_path):
    scene = ms.ball_on_table(count=16, table_patch=True)
    masks = {}
    for name, mask in scene.masks.items():
        grey = np.ptp(scene.images[name].astype(int), axis=2) < 40
        masks[name] = mask & ~cv2.morphologyEx(grey.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))).astype(bool)
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    write_masks(workspace, masks, {}, "prompt")
    worst = min(masks, key=lambda name: masks[name].sum() / scene.masks[name].sum())
    assert masks[worst].sum() < 0.9 * scene.masks[worst].sum()
    ms.run_stage(masks_refined, workspace, ALL)
    overlaps = ms.overlaps(workspace, "masks_refined", scene)
    assert overlaps[worst] > 0.95
    assert min(overlaps.values()) > 0.95


def test_an_object_in_the_colours_of_the_ground_is_carved_out_of_it(tmp_path):
    scene = ms.ball_on_table(count=16, camouflage=True)
    masks = {}
    for i, (name, mask) in enumerate(scene.masks.items()):
        # Each first mask has lost a side of the ball and taken in as much of the table on another side.
        shift = (18, 14) if i % 2 else (-12, 20)
        masks[name] = np.roll(mask, shift, axis=(0, 1))
    before = [(masks[n] & m).sum() / (masks[n] | m).sum() for n, m in scene.masks.items()]
    assert max(before) < 0.65
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    write_masks(workspace, masks, dict.fromkeys(masks, 0.5), "prompt")
    ms.run_stage(masks_refined, workspace, ALL)
    overlaps = ms.overlaps(workspace, "masks_refined", scene)
    assert np.mean(list(overlaps.values())) > 0.92
    assert min(overlaps.values()) > 0.85


@pytest.mark.parametrize("method", ["given", "alpha"])
def test_trusted_masks_are_only_copied_when_nothing_was_undistorted(tmp_path, method):
    scene = ms.ball_on_table(count=4)
    masks = {name: np.roll(mask, 30, axis=1) for name, mask in scene.masks.items()}  # wrong, and believed all the same
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    write_masks(workspace, masks, dict.fromkeys(masks, 1.0), method)
    ms.run_stage(masks_refined, workspace, ALL)
    for name, mask in masks.items():
        assert np.array_equal(read_grey(workspace.folder("masks_refined") / f"{name}.png"), mask * np.uint8(255))
    assert {m.confidence for m in Masks.load(workspace.folder("masks_refined")).masks} == {1.0}


def test_undistortion_moves_a_mask_where_the_camera_model_says():
    scene = ms.ball_on_table(count=1)
    camera = scene.cameras[0]
    K = camera.K + np.array([[3.0, 0, 4.0], [0, 3.0, -5.0], [0, 0, 0]])
    model = [-0.2, 0.05, 0.002, -0.001]
    camera.distortion = {"K": K.tolist(), "model": model}
    # A blob drawn where the distorted camera sees a point must appear where the pinhole sees it.
    for point in ([0.1, 0.05, 0.3], [-0.25, 0.2, 0.1], [0.0, -0.3, 0.4]):
        in_camera = camera.cam_from_world[:3, :3] @ point + camera.cam_from_world[:3, 3]
        seen, _ = cv2.projectPoints(in_camera[None], np.zeros(3), np.zeros(3), K, np.array(model))
        x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        blob = np.exp(-((x - seen[0, 0, 0]) ** 2 + (y - seen[0, 0, 1]) ** 2) / 18.0)
        moved = masks_refined.undistort((blob * 255).astype(np.uint8), camera).astype(float)
        centre = np.array([(moved * x).sum(), (moved * y).sum()]) / moved.sum()
        assert np.linalg.norm(centre - camera.project(np.array([point]))[0][0]) < 0.15


def test_empty_masks_end_in_an_error(tmp_path):
    scene = ms.ball_on_table(count=3)
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    write_masks(workspace, {name: np.zeros_like(m) for name, m in scene.masks.items()}, {}, "given")
    with pytest.raises(PipelineError) as caught:
        ms.run_stage(masks_refined, workspace, ALL)
    assert caught.value.code == "mask_empty"
