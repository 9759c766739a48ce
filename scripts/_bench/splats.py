# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of the splatting kernels and of a whole training step, on seeded scenes that fill the picture.

The scene: N Gaussians on a bowl in front of the camera, wider the fewer they are, thin along one axis, of all
opacities, so that some fifteen of them add to a pixel.

The arithmetic floor: the operations that the formulas need for what is seen at least (a Gaussian at a pixel where its
alpha counts and light is left; a Gaussian's projection and colour; a pixel's SSIM; a number's Adam), by the speed of a
polynomial of degree 64 over an array in the first cache, compiled the same way, on as many cores. Everything else is
overhead: pixels of a tile's row that an ellipse does not reach, memory, sorting, idle cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numba
import numpy as np
import torch
from turnaround.backend.training import model, optimiser, rasterisers, trainer, views
from turnaround.kernels._jit import parallel
from turnaround.kernels.splatting import TILE_HEIGHT, TILE_PIXELS, TILE_WIDTH, harmonics
from turnaround.kernels.splatting.adam import adam
from turnaround.kernels.splatting.blending import reached, weigh
from turnaround.kernels.splatting.render import Rendered, render_backward, render_coloured
from turnaround.kernels.splatting.ssim import ssim

COUNTS = (10_000, 30_000, 100_000)
SIZES = ((269, 478), (640, 480))
DEGREE = 3
PARAMETERS = 11 + 3 * (DEGREE + 1) ** 2
# Additions and multiplications in the kernels' own formulas, by hand; a comparison or selection counts as nothing.
BLEND_FORWARD, BLEND_BACKWARD = 38, 64
GAUSSIAN_FORWARD, GAUSSIAN_BACKWARD = 450, 1000
SSIM_PIXEL, ADAM_NUMBER = 1200, 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scene: seconds of each part on all cores, and of a whole step; ``floor``: of the arithmetic of that step."""

    count: int
    size: tuple[int, int]
    seen: float
    forward: float
    backward: float
    ssim: float
    adam: float
    step_one: float
    step_all: float
    step_cpu: float
    floor: float


@dataclass(frozen=True)
class Scene:
    """Gaussians (arrays as the kernels take them), the camera and a photo."""

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    coefficients: np.ndarray
    camera: np.ndarray
    K: np.ndarray
    size: tuple[int, int]
    photo: np.ndarray


def scene(count: int, size: tuple[int, int]) -> Scene:
    """The seeded scene of ``count`` Gaussians for pictures of ``size`` (width, height)."""
    random = np.random.default_rng(0)
    width, height = size
    focal = 1.2 * max(size)
    pixels = random.uniform(-0.05, 1.05, (count, 2)) * size
    depth = 4 + 0.5 * np.cos(pixels @ [0.02, 0.03]) + random.exponential(0.15, count)
    rays = np.concatenate([(pixels - np.array(size) / 2) / focal, np.ones((count, 1))], 1)
    in_plane = np.sqrt(width * height / count) * depth / focal
    scales = in_plane[:, None] * np.exp(random.normal(-0.1, 0.5, (count, 3))) * [1.0, 1.0, 0.2]
    coefficients = random.normal(0, 0.1, (count, (DEGREE + 1) ** 2, 3))
    coefficients[:, 0] = random.uniform(-1.7, 1.7, (count, 3))
    opacities = 1 / (1 + np.exp(-random.normal(-0.5, 2, count)))
    arrays = (rays * depth[:, None], random.normal(0, 1, (count, 4)), scales, opacities, coefficients)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)
    photo = random.uniform(0, 1, (height, width, 4)).astype(np.float32)
    photo[..., 3] = 1
    return Scene(*(np.ascontiguousarray(a, np.float32) for a in arrays), np.eye(4, dtype=np.float32), K, size, photo)


def best(work: Callable[[], object], seconds: float = 1.0, least: int = 3) -> float:
    """Least seconds of calls made for ``seconds``, after one that is not counted (it compiles)."""
    work()
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@parallel
def _polynomials(values: np.ndarray, rounds: int) -> None:
    """Evaluate a polynomial of degree 64 over each row of ``values`` (rows, 256), ``rounds`` times."""
    for row in numba.prange(values.shape[0]):
        x = values[row]
        for _ in range(rounds):
            for k in range(x.shape[0]):
                t = x[k]
                p = t
                for _ in range(64):
                    p = p * t + np.float32(0.5)
                x[k] = p * np.float32(1e-3)


def arithmetic_speed() -> float:
    """Additions and multiplications a second on all threads, of ``_polynomials``."""
    values, rounds = np.full((4 * numba.get_num_threads(), 256), 0.5, np.float32), 400
    return 2 * 64 * values.size * rounds / best(lambda: _polynomials(values, rounds), 0.3)


@parallel
def _count_seen(means2d, conics, extents, opacities, starts, ids, columns, counts):
    """Write ``counts`` (tiles,): contributions with a weight above 0."""
    for tile in numba.prange(counts.shape[0]):
        left, top = np.float32(tile % columns * TILE_WIDTH), np.float32(tile // columns * TILE_HEIGHT)
        t, weights = np.ones(TILE_PIXELS, np.float32), np.zeros(TILE_PIXELS, np.float32)
        total = 0
        for k in range(starts[tile], starts[tile + 1]):
            i = ids[k]
            u, v = means2d[i, 0] - (left + np.float32(0.5)), means2d[i, 1] - (top + np.float32(0.5))
            start, stop = reached(u, v, conics[i, 0], conics[i, 1], conics[i, 2], extents[i, 0], extents[i, 1])
            w = weights[start:stop]
            weigh(t[start:stop], w, start, u, v, conics[i, 0], conics[i, 1], conics[i, 2], opacities[i])
            for p in range(w.shape[0]):
                total += 1 if w[p] > 0.0 else 0
        counts[tile] = total


def contributions(r: Rendered) -> int:
    """How many times a Gaussian adds to a pixel of the picture (and of the tiles' overhang)."""
    counts = np.zeros(len(r.starts) - 1, np.int64)
    columns = -(-r.image.shape[1] // TILE_WIDTH)
    _count_seen(r.means2d, r.conics, r.extents, r.opacities, r.starts, r.ids, columns, counts)
    return int(counts.sum())


def rows() -> Iterator[Row]:
    """One row for every count and size."""
    speed = arithmetic_speed()
    for size in SIZES:
        for count in COUNTS:
            yield _row(scene(count, size), speed)


def _row(s: Scene, speed: float) -> Row:
    count, (width, height) = len(s.means), s.size
    shape = (s.means, s.quats, s.scales, s.opacities)

    def forward() -> tuple[Rendered, np.ndarray]:
        return render_coloured(*shape, s.coefficients, DEGREE, s.camera, s.K, width, height)

    rendered, colours = forward()
    v_image = np.random.default_rng(1).normal(0, 1, rendered.image.shape).astype(np.float32)
    v_coefficients = np.zeros_like(s.coefficients)

    def backward() -> None:
        g = render_backward(rendered, v_image, *shape, colours, s.camera, s.K)
        eye = np.zeros(3, np.float32)
        harmonics.colours_backward(
            s.means, s.coefficients, eye, DEGREE, rendered.extents, colours, g.features, v_coefficients, g.means
        )

    truth = np.ascontiguousarray(s.photo[..., :3])
    shown = np.ascontiguousarray(rendered.image[..., :3])
    weight, values, v_shown = np.ones((height, width), np.float32), np.zeros_like(truth), np.zeros_like(truth)
    numbers = [np.ones((count, PARAMETERS), np.float32) for _ in range(4)]
    rates, drawn = np.full(PARAMETERS, 1e-3, np.float32), rendered.drawn
    seen = contributions(rendered)
    operations = seen * (BLEND_FORWARD + BLEND_BACKWARD) + width * height * SSIM_PIXEL
    operations += int(drawn.sum()) * (GAUSSIAN_FORWARD + GAUSSIAN_BACKWARD + PARAMETERS * ADAM_NUMBER)
    step_one, step_all, step_cpu = _steps(s)
    return Row(
        count=count,
        size=s.size,
        seen=seen / (width * height),
        forward=best(forward),
        backward=best(backward),
        ssim=best(lambda: ssim(shown, truth, weight, values, v_shown), 0.3),
        adam=best(lambda: adam(*numbers, rates, drawn, 5), 0.3),
        step_one=step_one,
        step_all=step_all,
        step_cpu=step_cpu,
        floor=operations / speed,
    )


def _steps(s: Scene) -> tuple[float, float, float]:
    """Seconds of a whole training step on one thread and on all, and its CPU seconds on all."""
    photo = views.View("0", s.photo, np.ones(s.photo.shape[:2], np.float32), s.K, s.camera, False, 0)
    colours = np.clip(s.coefficients[:, 0] * 0.282 + 0.5, 0, 1)
    logits = np.log(s.opacities / (1 - s.opacities))
    start = model.model_from_arrays(s.means, np.log(s.scales), s.quats, logits, colours, DEGREE, "cpu")
    # Rates of 0: the scene that is timed stays the scene that was made.
    still = optimiser.Rates(
        means=1e-12, means_end=1e-12, log_scales=0, quats=0, logit_opacities=0, harmonics=0, harmonics_rest=0
    )
    schedule = trainer.Schedule(
        steps=10**9, cap=len(s.means), levels=((0.0, 1.0),), deterministic=True, masked=False, degree_every=1e-12
    )
    learner = trainer.Trainer(trainer.fresh_state(start, [photo]), [photo], schedule, still, rasterisers.Numba())
    learner.state.step = 1
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    one = best(learner.step)
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    arithmetic_speed()  # threads that sleep between loops may all wake on one core; a long loop spreads them
    learner.step()
    cpu, wall, repeats = time.process_time(), time.perf_counter(), 0
    while repeats < 5 or time.perf_counter() - wall < 2.0:
        learner.step()
        repeats += 1
    cpu = (time.process_time() - cpu) / repeats
    return one, best(learner.step), cpu
