# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mask's outside means, a scene without masks, and where training may start from."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.ply import table, write_ply  # noqa: E402
from turnaround.backend.training import model, scoring, starts, views  # noqa: E402
from turnaround.backend.training.cpu import render_image  # noqa: E402


def half_mask(size):
    mask = np.zeros((size, size), np.float32)
    mask[:, : size // 2] = 1
    return mask


def test_the_two_meanings_of_a_mask():
    rgb = np.random.default_rng(0).uniform(0, 1, (8, 8, 3)).astype(np.float32)
    mask = half_mask(8)
    photo, weight = views.masked(rgb, mask, "segment", 0)
    assert np.array_equal(photo[..., 3], mask)
    assert (weight == 1).all()
    photo, weight = views.masked(rgb, mask, "ignore", 0)
    assert (photo[..., 3] == 1).all()
    assert np.array_equal(weight, mask)
    _, banded = views.masked(rgb, mask, "ignore", 1.0)
    assert np.array_equal(banded.sum(0) > 0, [True, True, True, False, False, False, False, False])
    photo, weight = views.masked(rgb, None, "segment", 1.0)
    assert (photo[..., 3] == 1).all()
    assert (weight == 1).all()
    with pytest.raises(ValueError, match="segment"):
        views.masked(rgb, mask, "both", 0)


def two_blobs(scenes):
    """A blob of one colour at the middle, and a green one above it that comes and goes: it is not of the object."""
    plain, passer = scenes.blob(60, 1, 0.2), scenes.blob(30, 2, 0.08)
    passer.values["means"][:, 2] += 0.75
    passer.values["harmonics"][:, :3] = torch.tensor([-1.7, 1.7, -1.7])
    both = {name: torch.cat([plain.values[name], passer.values[name]]) for name in model.NAMES}
    return plain, model.Model(both, 1)


def test_ignored_pixels_teach_nothing_and_segmented_ones_teach_nothing_is_there(scenes):
    plain, both = two_blobs(scenes)
    alone, crowded = scenes.ring(plain), scenes.ring(both)
    results = {}
    for meaning in views.MEANINGS:
        pictures = []
        for clean, busy in zip(alone, crowded, strict=True):
            differs = np.abs(clean.photo[..., 3] - busy.photo[..., 3]) > 0.01
            mask = np.where(differs, np.float32(0), np.float32(1)) if meaning == "ignore" else clean.photo[..., 3]
            over_white = busy.photo[..., :3] * busy.photo[..., 3:] + 1 - busy.photo[..., 3:]
            rgb = over_white if meaning == "ignore" else busy.photo[..., :3]
            photo, weight = views.masked(rgb, mask, meaning, 0)
            pictures.append(replace(busy, photo=photo, weight=weight))
        start = scenes.blob(120, 5)
        learner = scenes.make_trainer(pictures=pictures, start=start, steps=300, masked=meaning == "segment")
        learner.run()
        results[meaning] = learner
    seen = {
        meaning: render_image(learner.state.model.arrays(), alone[4].cam_from_world, alone[4].K, *alone[4].size, 1)
        for meaning, learner in results.items()
    }
    passer = (crowded[4].photo[..., 3] > 0.5) & (alone[4].photo[..., 3] < 0.01)
    assert passer.sum() > 20
    # Segment: empty where the passer-by stood. Ignore: something else may be there, but not its green.
    assert seen["segment"].image[passer][:, 3].mean() < 0.1
    green = seen["ignore"].image[passer]
    assert (green[:, 1] - 0.5 * (green[:, 0] + green[:, 2])).mean() < 0.1
    assert results["segment"].state.history[-1]["iou"] > 0.8


def test_a_full_scene_trains_without_masks(scenes):
    pictures = []
    for view in scenes.ring(scenes.blob(200, 1, 0.5), 33):
        rgb = view.photo[..., :3] * view.photo[..., 3:]
        photo, weight = views.masked(rgb, None, "segment", 1.0)
        pictures.append(replace(view, photo=photo, weight=weight))
    start = starts.random_start(pictures, 1500, 1.0, 3.0, 0)
    colours = np.clip(start.sh[:, 0] * 0.28209479177387814 + 0.5, 0, 1)
    begun = model.model_from_arrays(start.means, start.scales, start.quats, start.opacities, colours, 1, "cpu")
    learner = scenes.make_trainer(pictures=pictures, start=begun, steps=400, cap=3000, masked=False)
    before = learner.score()
    learner.run()
    assert learner.state.history[-1]["psnr"] > before["psnr"] + 4


def test_a_start_is_as_wide_as_the_way_to_the_neighbours():
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)
    start = starts.start_from_points(grid, np.full((125, 3), 0.25))
    assert np.allclose(np.exp(start.scales), 1.0)
    assert np.allclose(start.sh[:, 0], -0.25 / 0.28209479177387814, atol=1e-6)
    stray = starts.start_from_points(np.concatenate([grid, [[900.0, 0, 0]]]), np.zeros((126, 3)))
    assert np.exp(stray.scales).max() < 10.001
    twins = starts.start_from_points(np.concatenate([grid, grid[:1], grid[:1], grid[:1]]), np.zeros((128, 3)))
    assert np.isfinite(twins.scales).all()
    with pytest.raises(ValueError, match="two points"):
        starts.start_from_points(grid[:1], np.zeros((1, 3)))


def test_points_that_join_others_are_as_wide_as_the_way_to_those():
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)
    few = np.array([[0.0, 0, 0], [4.0, 4, 4]])
    alone = starts.start_from_points(few, np.zeros((2, 3)))
    assert np.allclose(np.exp(alone.scales), np.sqrt(48))
    beside = starts.start_from_points(0.75 * few + 0.5, np.zeros((2, 3)), among=grid)
    assert len(beside) == 2
    assert np.allclose(np.exp(beside.scales), np.sqrt(0.75))


def test_sparse_points_are_read_back_and_sifted_by_the_masks(scenes, tmp_path):
    pictures = scenes.ring(scenes.blob(200, 1, 0.15))
    points = np.concatenate([np.random.default_rng(0).normal(0, 0.03, (50, 3)), [[0, 0, 0.9], [0.9, 0, 0]]])
    columns = dict(zip("xyz", points.T.astype(np.float32), strict=True))
    columns |= {name: np.full(52, 51, np.uint8) for name in ("red", "green", "blue")}
    write_ply(tmp_path / "points.ply", table(columns))
    read, colours = starts.sparse_points(tmp_path / "points.ply")
    assert np.allclose(read, points, atol=1e-6)
    assert np.allclose(colours, 0.2)
    inside = starts.inside_hull(read, pictures)
    assert inside[:50].mean() > 0.9
    assert not inside[50:].any()


def test_a_carved_start_lies_on_the_object(scenes):
    pictures = scenes.ring(scenes.blob(400, 1, 0.15), 17)
    start = starts.carved_start(pictures, 300, np.zeros(3), 0.8, 0)
    assert len(start) == 300
    assert starts.inside_hull(start.means.astype(float), pictures, 1).all()
    with pytest.raises(ValueError, match="overlap"):
        starts.carved_start(pictures, 10, np.array([50.0, 0, 0]), 0.1, 0)


def test_a_reduced_photo_without_a_mask_is_still_scored_as_a_full_scene(scenes):
    view = scenes.ring(scenes.blob(60, 1, 0.5))[1]
    black = np.zeros((scenes.size, scenes.size, 3), np.float32)
    photo, weight = views.masked(black, None, "segment", 1.0)
    small = views.reduced(replace(view, photo=photo, weight=weight), 0.7)
    empty = np.zeros((small.size[1], small.size[0], 4), np.float32)
    exposure = np.array([[1, 1, 1], [0, 0, 0]], np.float32)
    assert scoring.score_view(empty, small, exposure)["psnr"] > 60
    ignored = replace(small, weight=np.zeros_like(small.weight))
    ignored.weight[:5] = 1
    ignored.photo[5:, :, :3] = 1
    assert scoring.score_view(empty, ignored, exposure)["psnr"] > 60
