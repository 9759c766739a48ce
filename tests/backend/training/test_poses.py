# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera refinement: the gradient is the slope, and cameras that were told wrongly are found again."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.training import cpu, optimiser, poses, rasterisers  # noqa: E402


def test_the_point_looked_at(scenes):
    pictures = scenes.ring(scenes.blob(5, 0))
    assert np.abs(poses.looked_at(pictures)).max() < 1e-9


def test_moving_the_camera_is_moving_the_world(scenes):
    # cam_from_world moved by tau is the world moved by tau, so R^T dL/dt equals the sum of the means' gradients, and
    # only if what colours owe to the eye is counted in both.
    truth = scenes.blob(40, 3)
    truth.values["harmonics"][:, 3:] = torch.randn(40, 9, generator=torch.Generator().manual_seed(0)) * 0.3
    view = scenes.ring(truth)[2]
    leaves = rasterisers.leaves_of(truth)
    camera = torch.tensor(view.cam_from_world, dtype=torch.float32, requires_grad=True)
    image, _ = rasterisers.Numba().draw(leaves, camera, view.K, view.size, 1)
    (image * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    moved = camera.detach()[:3, :3].T @ camera.grad[:3, 3]
    summed = leaves["means"].grad.sum(0)
    assert float((moved - summed).norm() / summed.norm()) < 1e-4
    assert not camera.grad[3].any()


def test_gradient_through_the_eye_is_the_slope(scenes):
    camera = scenes.look_at(np.array([0.7, -1.1, 0.4]))
    v_eye = np.array([0.3, -2.0, 1.1])
    got = cpu._camera_gradient(np.zeros((3, 4), np.float32), camera, v_eye).numpy()
    step = 1e-6
    for at in np.ndindex(3, 4):
        shift = np.zeros((4, 4))
        shift[at] = step
        high, low = (-c[:3, :3].T @ c[:3, 3] for c in (camera + shift, camera - shift))
        assert got[at] == pytest.approx(v_eye @ (high - low) / (2 * step), abs=1e-5)


COUNT = 17


def wrongly_told(index, camera):
    """Training cameras moved by about three degrees and 0.03, by 0 on average; held-out ones as they are."""
    if index % 8 == 0:
        return camera
    twists = np.random.default_rng(0).normal(0, 1, (COUNT, 6)) * [0.035, 0.035, 0.035, 0.015, 0.015, 0.015]
    twists -= twists[np.arange(COUNT) % 8 != 0].mean(0)
    arguments = (torch.tensor(a, dtype=torch.float32) for a in (camera, twists[index], np.zeros(3)))
    return poses.corrected(*arguments, 2.0).numpy().astype(float)


def errors(trainer, told, true):
    """Root mean square distance between where told and true cameras put the corners of a cube, in the world's unit."""
    corners = 0.3 * np.array(list(np.ndindex(2, 2, 2))) * 2 - 0.3
    offsets = []
    for view, truth in zip(told, true, strict=True):
        camera = trainer.camera_of(view).numpy() if trainer else view.cam_from_world
        shift = (corners @ camera[:3, :3].T + camera[:3, 3]) - (corners @ truth[:3, :3].T + truth[:3, 3])
        offsets.append(np.linalg.norm(shift, axis=1))
    return float(np.sqrt(np.mean(np.square(offsets))))


def test_wrongly_told_cameras_are_found_again(scenes):
    truth = scenes.blob(60, 1)
    true = [v.cam_from_world for v in scenes.ring(truth, COUNT)]
    told = scenes.ring(truth, COUNT, wrongly_told)
    train = [v.index for v in told if not v.held_out]
    results = {}
    for refined in (False, True):
        learner = scenes.make_trainer(pictures=told, start=scenes.blob(60, 1), steps=600, poses=refined, cap=60)
        learner.rates = optimiser.Rates(means=2e-4, poses=1e-2)
        learner.run()
        results[refined] = learner
    before = errors(None, [told[i] for i in train], [true[i] for i in train])
    after = errors(results[True], [told[i] for i in train], [true[i] for i in train])
    assert after < 0.15 * before
    assert results[True].state.history[-1]["psnr"] > results[False].state.history[-1]["psnr"] + 10
    assert not results[False].state.poses.any()
    assert np.abs(results[True].state.poses[train].mean(0)).max() < 1e-6
    assert not results[True].state.poses[[v.index for v in told if v.held_out]].any()
