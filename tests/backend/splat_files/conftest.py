# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeded clouds of splats that every format can hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from turnaround.backend import splat_files
from turnaround.backend.splat_files import Splats

Maker = Callable[..., Splats]


@pytest.fixture(scope="session")
def cloud() -> Maker:
    """Make ``count`` splats of ``degree`` with values inside every format's range."""

    def make(count: int, degree: int = 0, seed: int = 1, sh_range: float = 0.9) -> Splats:
        random = np.random.default_rng(seed)
        sh = random.uniform(-sh_range, sh_range, (count, (degree + 1) ** 2, 3))
        sh[:, 0] = random.uniform(-1.7, 1.7, (count, 3))
        return splat_files.from_columns(
            random.normal(0, 0.3, (count, 3)),
            random.normal(0, 1, (count, 4)),
            random.uniform(-9, 1, (count, 3)),
            random.uniform(-5, 5, count),
            sh,
        )

    return make


@pytest.fixture(scope="session")
def splat_data(data: Path) -> Path:
    """The folder of splat files made by others."""
    return data / "splats"
