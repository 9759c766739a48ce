# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by all tests: the kernels' compile cache (set before anything imports numba) and the real data, if there."""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

try:
    from turnaround.backend import compile_cache
except ModuleNotFoundError as missing:
    raise pytest.UsageError(f"{missing}: run `pip install -e .` in the environment that runs pytest") from missing

ROOT = Path(__file__).resolve().parent.parent

with contextlib.suppress(PackageNotFoundError):  # Blender's Python has no numba; its lanes compile no kernel
    compile_cache.use()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds ``protocol.py``."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real captures: ``TURNAROUND_DATA``, or ``shared/data`` beside the repository."""
    folder = Path(os.environ.get("TURNAROUND_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set TURNAROUND_DATA to its folder")
    return folder
