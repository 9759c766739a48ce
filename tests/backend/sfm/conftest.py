# SPDX-License-Identifier: GPL-3.0-or-later
"""The synthetic scene, as a fixture: tests are no package, so that it is loaded by its path."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def box_scene():
    """The module ``box_scene.py``."""
    spec = importlib.util.spec_from_file_location("box_scene", Path(__file__).parent / "box_scene.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
