# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by all tests: the kernels' compile cache (set before anything imports numba) and the real data, if there."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
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
    """The folder that holds ``protocol/``."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real captures: ``TURNAROUND_DATA``, or ``shared/data`` beside the repository."""
    folder = Path(os.environ.get("TURNAROUND_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set TURNAROUND_DATA to its folder")
    return folder


def _helper(name: str):
    """A module of helpers beside this file; importlib mode puts ``tests`` on no path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def given():
    """``given.py``: job folders from cameras and masks that are known exactly."""
    return _helper("given")


@pytest.fixture(scope="session")
def synthetic(given):
    """``synthetic.py``: coloured objects photographed from a ring, with their truth."""
    return _helper("synthetic")
