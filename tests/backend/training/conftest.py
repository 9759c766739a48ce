# SPDX-License-Identifier: GPL-3.0-or-later
"""Small seeded scenes with known truth: a blob of Gaussians, seen from a ring of cameras by our own rasteriser."""

from types import SimpleNamespace

import numpy as np
import pytest

SIZE = 48


def look_at(eye):
    """Camera at ``eye`` looking at the origin, z up."""
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = rotation, -rotation @ eye
    return camera


@pytest.fixture(scope="session")
def scenes():
    """Functions ``blob``, ``ring`` and ``make_trainer``, and ``look_at``."""
    pytest.importorskip("torch", reason="training needs torch")
    from turnaround.backend.training import model, optimiser, rasterisers, trainer, views
    from turnaround.backend.training.cpu import render_image

    def blob(n, seed, spread=0.3):
        random = np.random.default_rng(seed)
        return model.model_from_arrays(
            random.normal(0, spread, (n, 3)),
            np.full((n, 3), np.log(0.06)),
            random.normal(0, 1, (n, 4)),
            np.full(n, 2.0),
            random.uniform(0, 1, (n, 3)),
            1,
            "cpu",
        )

    def ring(truth, count=9, move=None):
        """Views of ``truth``; ``move`` maps a camera to the one that is told (not the one that took the photo)."""
        K = np.array([[60, 0, SIZE / 2], [0, 60, SIZE / 2], [0, 0, 1.0]])
        made = []
        for index in range(count):
            angle = 2 * np.pi * index / count
            camera = look_at(2.0 * np.array([np.cos(angle), np.sin(angle), 0.5 * np.sin(3 * angle)]))
            image = render_image(truth.arrays(), camera, K, SIZE, SIZE, 0).image
            photo = image.copy()
            photo[..., :3] /= np.maximum(image[..., 3:], 1e-6)
            weight = np.ones((SIZE, SIZE), np.float32)
            told = move(index, camera) if move else camera
            held_out = index % 8 == 0
            made.append(views.View(f"{index:03d}", np.clip(photo, 0, 1), weight, K, told, held_out, index))
        return made

    def start_near_truth():
        import torch

        start = blob(60, 1)
        start.values["means"] += torch.tensor(np.random.default_rng(2).normal(0, 0.05, (60, 3)).astype(np.float32))
        start.values["harmonics"][:] = 0
        return start

    def make_trainer(seed=0, pictures=None, start=None, **options):
        pictures = ring(blob(60, 1)) if pictures is None else pictures
        given = {"steps": 150, "cap": 120, "levels": ((0.0, 1.0),), "refine_every": 10, "deterministic": True}
        schedule = trainer.Schedule(**{**given, **options}, seed=seed)
        state = trainer.fresh_state(start_near_truth() if start is None else start, pictures)
        return trainer.Trainer(state, pictures, schedule, optimiser.Rates(means=2e-3), rasterisers.Numba())

    return SimpleNamespace(blob=blob, ring=ring, make_trainer=make_trainer, look_at=look_at, size=SIZE)
