# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth-normal consistency: zero where Gaussians face as their depths do, and training with it turns them there."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.training import flatness, rasterisers  # noqa: E402
from turnaround.kernels.splatting import depth_reference  # noqa: E402

K = np.array([[40, 0, 16.0], [0, 42, 15.0], [0, 0, 1]])


def tilted(slope, normal_slope, alpha=1.0):
    """A picture (30, 32, 8) of the plane z = 4 + slope x, with normals of a plane of another slope."""
    x = (np.arange(32) + 0.5 - K[0, 2]) / K[0, 0]
    depth = np.broadcast_to(4 / (1 - slope * x), (30, 32))
    normal = np.array([normal_slope, 0, -1]) / np.hypot(normal_slope, 1)
    planes = [np.zeros((30, 32, 3)), alpha * depth[..., None], np.broadcast_to(alpha * normal, (30, 32, 3))]
    return torch.tensor(np.concatenate([*planes, np.full((30, 32, 1), alpha)], 2))


@pytest.mark.parametrize("slope", [0.0, 0.5, -1.0])
def test_the_normal_of_a_plane_is_known(slope):
    weight = torch.full((30, 32), 1 / (28 * 30), dtype=torch.float64)
    normals = flatness.depth_normals(tilted(slope, slope)[..., 3], K)
    want = np.array([slope, 0, -1]) / np.hypot(slope, 1)
    assert np.abs(normals.numpy() - want).max() < 1e-9
    assert float(flatness.depth_normal_loss(tilted(slope, slope), K, weight)) == pytest.approx(0, abs=1e-9)
    turned = np.cos(np.arctan(slope) - np.arctan(slope + 1))
    assert float(flatness.depth_normal_loss(tilted(slope, slope + 1, 0.8), K, weight)) == pytest.approx(
        0.8 * (1 - turned)
    )
    assert float(flatness.depth_normal_loss(tilted(slope, slope + 1, 0.4), K, weight)) == 0


def test_the_other_rasteriser_is_told_the_same():
    random = np.random.default_rng(4)
    means, quats, scales = (random.normal(0, 1, shape) for shape in ((50, 3), (50, 4), (50, 3)))
    camera = np.eye(4)
    camera[2, 3] = 3
    given = (torch.tensor(a) for a in (means, quats, np.exp(scales), camera))
    told = rasterisers.depths_and_normals(*given).numpy()
    assert np.allclose(told[:, 0], means[:, 2] + 3)
    assert np.allclose(told[:, 1:], depth_reference.normals_in_camera(means, quats, np.exp(scales), camera), atol=1e-6)


def test_training_with_it_makes_depths_and_normals_agree(scenes):
    uneven, psnr = [], []
    for weight in (0.0, 0.5):
        learner = scenes.make_trainer(steps=150, flatten=weight)
        learner.run()
        view, arrays = learner.views[0], learner.state.model
        leaves = rasterisers.leaves_of(arrays)
        image, _ = learner.rasteriser.draw(leaves, learner.camera_of(view), view.K, view.size, 1, True)
        share = torch.full(view.weight.shape, 1 / view.weight.size)
        uneven.append(float(flatness.depth_normal_loss(image.detach(), view.K, share)))
        psnr.append(learner.state.history[-1]["psnr"])
    assert uneven[1] < 0.8 * uneven[0]
    assert psnr[1] > psnr[0] - 3
