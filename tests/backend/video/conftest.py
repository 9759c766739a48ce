# SPDX-License-Identifier: GPL-3.0-or-later
"""Small videos with known content, written with the library that reads them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def clips():
    """``clips.py`` beside this file."""
    spec = importlib.util.spec_from_file_location("clips", Path(__file__).with_name("clips.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["clips"] = module
    spec.loader.exec_module(module)
    return module
