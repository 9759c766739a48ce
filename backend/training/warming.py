# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiling all that training needs before it begins, so that its minutes hold no compilation.

A training of three Gaussians on two photos of 32 pixels calls every kernel with the types that a real one calls it
with. Where the kernels are compiled already this loads them, which takes a fraction of a second; otherwise Numba's own
events say how far compilation is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import event

from ...kernels import neighbours
from ...kernels.splatting import (
    adam,
    blending,
    blending_backward,
    depth,
    harmonics,
    normals,
    photometric,
    projection,
    projection_backward,
    ssim,
    tiles,
)  # fmt: skip
from .depths import look
from .model import Model, model_from_arrays
from .optimiser import Rates
from .rasterisers import Numba
from .starts import start_from_points
from .trainer import Schedule, Trainer, fresh_state
from .views import View

KERNELS = (
    neighbours.search, projection.project, harmonics.colours, tiles.depth_order, tiles.count_pairs,
    tiles.write_pairs, blending.blend, photometric.lay_over, ssim.ssim, photometric.gradient,
    blending_backward.blend_backward, blending_backward.gather, projection_backward.project_backward,
    harmonics.colours_backward, adam.adam, normals.normals_in_camera,
    normals.normals_in_camera_backward, depth.median_depth,
)  # fmt: skip
"""What is compiled, each with all that it calls."""


class _Listener(event.Listener):
    """Counts the kernels compiled to the end; a kernel's own helpers, compiled within it, are part of it."""

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self.report, self.depth, self.done = report, 0, 0

    def on_start(self, event: event.Event) -> None:
        """A function begins to compile."""
        if self.depth == 0:
            self.report(min(self.done, len(KERNELS) - 1), len(KERNELS))
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        """A function is compiled, or failed to."""
        self.depth -= 1
        self.done += self.depth == 0


def compile_kernels(report: Callable[[int, int], None]) -> int:
    """Compile or load every kernel of ``KERNELS``; returns how many had to be compiled.

    ``report(done, of)`` is called before each compilation, never when all are there. What it raises (a cancelled job)
    ends the work; what is compiled by then stays compiled.
    """
    listener = _Listener(report)
    with event.install_listener("numba:compile", listener):
        _train_a_little()
    return listener.done


def _train_a_little() -> None:
    """Every kernel once, through the calls that training makes."""
    random = np.random.default_rng(0)
    start_from_points(random.normal(0, 1, (8, 3)), np.full((8, 3), 0.5))
    model = _tiny_model(random)
    views = [_tiny_view(index) for index in range(2)]
    schedule = Schedule(steps=1, levels=((0.0, 1.0),), poses=True, cap=len(model))
    trainer = Trainer(fresh_state(model, views), views, schedule, Rates(), Numba())
    trainer.run()
    look(model.arrays(), views[0].cam_from_world, views[0].K, *views[0].size)


def _tiny_model(random: np.random.Generator) -> Model:
    shape: dict[str, Any] = {
        "means": random.normal(0, 0.2, (3, 3)),
        "log_scales": np.full((3, 3), -2.0),
        "quats": random.normal(0, 1, (3, 4)),
        "logit_opacities": np.zeros(3),
        "colours": np.full((3, 3), 0.5),
    }
    return model_from_arrays(**shape, degree=1, device="cpu")


def _tiny_view(index: int) -> View:
    camera = np.eye(4)
    camera[:3, 3] = (0.1 * index, 0, 3)
    K = np.array([[32.0, 0, 16], [0, 32.0, 16], [0, 0, 1]])
    photo, weight = np.ones((32, 32, 4), np.float32), np.ones((32, 32), np.float32)
    return View(str(index), photo, weight, K, camera, index == 1, index)
