# SPDX-License-Identifier: GPL-3.0-or-later
"""The rasteriser against its numpy twin, and its gradients against float64 autograd of a torch twin."""

import numpy as np
import pytest
from turnaround.kernels.splatting import ALPHA_LEAST, ALPHA_MOST, DILATION, TRANSMITTANCE_LEAST, harmonics, reference
from turnaround.kernels.splatting.render import render, render_backward

WIDTH, HEIGHT = 69, 47
SIZES = [0, 1, 2, 33, 300]


def scene(n, seed, spread=1.0):
    """Seeded Gaussians around the origin, some behind, beside and across a camera four units away."""
    random = np.random.default_rng(seed)
    means = (random.normal(0, 0.6, (n, 3)) * spread).astype(np.float32)
    means[::7, 2] -= 4.5
    means[::5] *= 3
    quats = random.normal(0, 1, (n, 4)).astype(np.float32)
    scales = np.exp(random.normal(np.log(0.08), 0.5, (n, 3))).astype(np.float32)
    opacities = random.uniform(0.05, 1, n).astype(np.float32)
    features = random.uniform(0, 1, (n, 3)).astype(np.float32)
    cam_from_world = np.eye(4, dtype=np.float32)
    cam_from_world[:3, :3] = reference.rotations(np.array([[1, 0.1, 0.2, -0.1]]))[0]
    cam_from_world[2, 3] = 4
    K = np.array([[80, 0, 33.0], [0, 85, 25.0], [0, 0, 1]], np.float32)
    return means, quats, scales, opacities, features, cam_from_world, K


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_image_equals_twin(n, antialiased):
    means, quats, scales, opacities, features, camera, K = scene(n, n)
    got = render(means, quats, scales, opacities, features, camera, K, WIDTH, HEIGHT, antialiased)
    p = reference.project(means, quats, scales, opacities, camera, K, WIDTH, HEIGHT, antialiased)
    want = reference.blend(
        p["means2d"], p["conics"], opacities * p["compensations"], features, p["depths"], p["drawn"], WIDTH, HEIGHT
    )
    error = np.abs(got.image - want)
    # Where an alpha lies within rounding of the threshold, one of the two leaves it out: at most one 255th.
    assert error.max(initial=0) <= 1.05 * ALPHA_LEAST
    assert np.mean(error > 2e-5) < 1e-3
    if n >= 33:
        assert want[..., 3].mean() > 0.05


def test_threads_do_not_change_the_result():
    import numba

    arguments = scene(300, 5)
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        r = render(*arguments, WIDTH, HEIGHT)
        g = render_backward(r, np.ones_like(r.image), *arguments, with_camera=True)
        results.append((r.image, g.means, g.quats, g.scales, g.opacities, g.features, g.camera))
    for one, many in zip(*results, strict=True):
        assert np.array_equal(one, many)


def torch_rotation(torch, quat):
    """Float64 torch twin of ``rotation_from_quat``: (3, 3)."""
    qw, qx, qy, qz = quat / quat.norm()
    return torch.stack(
        [
            torch.stack([1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy - qw * qz), 2 * (qx * qz + qw * qy)]),
            torch.stack([2 * (qx * qy + qw * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz - qw * qx)]),
            torch.stack([2 * (qx * qz - qw * qy), 2 * (qy * qz + qw * qx), 1 - 2 * (qx * qx + qy * qy)]),
        ]
    )


def torch_render(torch, means, quats, scales, opacities, features, camera, K, antialiased):
    """Float64 torch twin of ``render``; thresholds as constants of the forward values."""
    w, t = camera[:3, :3], camera[:3, 3]
    p = means @ w.T + t
    order = torch.argsort(p[:, 2].detach(), stable=True)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = torch.tensor(x), torch.tensor(y)
    transmittance = torch.ones((HEIGHT, WIDTH), dtype=torch.float64)
    running = torch.ones((HEIGHT, WIDTH), dtype=torch.bool)
    image = torch.zeros((HEIGHT, WIDTH, features.shape[1] + 1), dtype=torch.float64)
    for i in order:
        px, py, z = p[i]
        if not z > 0.01:
            continue
        sx = torch.clamp(px / z, -(cx + 0.15 * WIDTH) / fx, (WIDTH - cx + 0.15 * WIDTH) / fx)
        sy = torch.clamp(py / z, -(cy + 0.15 * HEIGHT) / fy, (HEIGHT - cy + 0.15 * HEIGHT) / fy)
        zero = torch.zeros((), dtype=torch.float64)
        jacobian = torch.stack([torch.stack([fx / z, zero, -fx * sx / z]), torch.stack([zero, fy / z, -fy * sy / z])])
        r = torch_rotation(torch, quats[i])
        root = jacobian @ w @ (r * scales[i])
        before = root @ root.T
        after = before + DILATION * torch.eye(2, dtype=torch.float64)
        conic = torch.linalg.inv(after)
        opacity = opacities[i]
        if antialiased:
            opacity = opacity * torch.sqrt(torch.det(before) / torch.det(after))
        dx, dy = x - (fx * px / z + cx), y - (fy * py / z + cy)
        q = conic[0, 0] * dx**2 + 2 * conic[0, 1] * dx * dy + conic[1, 1] * dy**2
        alpha = torch.clamp(opacity * torch.exp(-0.5 * q), max=ALPHA_MOST)
        counts = running & (alpha.detach() >= ALPHA_LEAST)
        passed = transmittance * (1 - alpha)
        running = running & ~(counts & (passed.detach() <= TRANSMITTANCE_LEAST))
        counts = counts & running
        weight = torch.where(counts, alpha * transmittance, 0.0)
        transmittance = torch.where(counts, passed, transmittance)
        image = image + weight[..., None] * torch.cat([features[i], torch.ones(1, dtype=torch.float64)])
    return image


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 60])
def test_gradients_equal_autograd(n, antialiased):
    torch = pytest.importorskip("torch", reason="the gradient's oracle is torch's autograd")
    arguments = scene(n, 11 + n, spread=0.8)
    r = render(*arguments, WIDTH, HEIGHT, antialiased)
    v_image = np.random.default_rng(3).normal(0, 1, r.image.shape).astype(np.float32)
    g = render_backward(r, v_image, *arguments, antialiased=antialiased, with_camera=True)
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=k < 6) for k, a in enumerate(arguments)]
    loss = (torch_render(torch, *tensors, antialiased) * torch.tensor(v_image)).sum()
    if loss.requires_grad:
        loss.backward()
    got = (g.means, g.quats, g.scales, g.opacities, g.features, g.camera)
    for name, mine, tensor in zip(
        ["means", "quats", "scales", "opacities", "features", "camera"], got, tensors, strict=False
    ):
        theirs = np.zeros(mine.shape) if tensor.grad is None else tensor.grad.numpy()[: len(mine)]
        error = np.linalg.norm(mine - theirs) / max(np.linalg.norm(theirs), 1e-6)
        assert error < 1e-3, (name, error)


def torch_geometry(torch, means, quats, scales, camera):
    """Float64 torch twin of depth and normal: (N, 4). Which axis and which side are constants of the forward values."""
    in_camera = means @ camera[:3, :3].T + camera[:3, 3]
    rows = []
    for i in range(len(means)):
        normal = camera[:3, :3] @ torch_rotation(torch, quats[i])[:, torch.argmin(scales[i])]
        normal = -normal if float((normal * in_camera[i]).sum().detach()) > 0 else normal
        rows.append(torch.cat([in_camera[i, 2:], normal]))
    return torch.stack(rows) if rows else torch.zeros((0, 4), dtype=torch.float64)


@pytest.mark.parametrize("n", [0, 1, 2, 60])
def test_gradients_of_depth_and_normal_equal_autograd(n):
    torch = pytest.importorskip("torch", reason="the gradient's oracle is torch's autograd")
    from turnaround.backend.training.cpu import rasterise

    means, quats, scales, opacities, features, camera, K = scene(n, 11 + n, spread=0.8)
    shapes = (means, quats, scales, opacities, (features - 0.5) / 0.28209479177387814, camera)
    mine = [torch.tensor(a, requires_grad=True) for a in shapes]
    image, _ = rasterise(*mine, K, WIDTH, HEIGHT, 0, geometry=True)
    v_image = np.random.default_rng(3).normal(0, 1, image.shape).astype(np.float32)
    (image * torch.tensor(v_image)).sum().backward()
    theirs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in shapes]
    m, q, s, o, coefficients, c = theirs
    told = torch.cat([coefficients * 0.28209479177387814 + 0.5, torch_geometry(torch, m, q, s, c)], 1)
    want = torch_render(torch, m, q, s, o, told, c, torch.tensor(K, dtype=torch.float64), False)
    if want.requires_grad:
        (want * torch.tensor(v_image)).sum().backward()
    assert torch.mean(((image - want).abs() > 1e-3).double()) < 1e-3
    for name, one, other in zip(
        ["means", "quats", "scales", "opacities", "colours", "camera"], mine, theirs, strict=True
    ):
        truth = np.zeros(one.shape) if other.grad is None else other.grad.numpy()
        error = np.linalg.norm(one.grad.numpy() - truth) / max(np.linalg.norm(truth), 1e-6)
        assert error < 1e-3, (name, error)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_harmonics_equal_twin_and_their_gradient_is_the_slope(degree):
    random = np.random.default_rng(degree)
    n, count = 40, (degree + 1) ** 2
    means = random.normal(0, 1, (n, 3)).astype(np.float32)
    coefficients = random.normal(0, 0.3, (n, count, 3)).astype(np.float32)
    eye = np.array([0.3, -2.5, 0.7], np.float32)
    extents = np.ones((n, 2), np.float32)
    out, v_coefficients, v_means = (np.zeros(s, np.float32) for s in ((n, 3), (n, count, 3), (n, 3)))
    harmonics.colours(means, coefficients, eye, degree, extents, out)
    assert np.abs(out - reference.colours(means, coefficients, eye, degree)).max() < 1e-5
    v_out = random.normal(0, 1, (n, 3)).astype(np.float32)
    harmonics.colours_backward(means, coefficients, eye, degree, extents, out, v_out, v_coefficients, v_means)

    def loss(m, c):
        return (reference.colours(m, c, eye, degree) * v_out).sum(1)

    step = 1e-6
    for axis in range(3):
        shift = np.zeros(3)
        shift[axis] = step
        slope = (loss(means + shift, coefficients) - loss(means - shift, coefficients)) / (2 * step)
        assert np.abs(v_means[:, axis] - slope).max() < 1e-3
    for k in range(count):
        shift = np.zeros((n, count, 3))
        shift[:, k, 1] = step
        slope = (loss(means, coefficients + shift) - loss(means, coefficients - shift)) / (2 * step)
        assert np.abs(v_coefficients[:, k, 1] - slope).max() < 1e-3
