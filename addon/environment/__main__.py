# SPDX-License-Identifier: GPL-3.0-or-later
"""The builder's process: one line of JSON in (what to do), lines of JSON out (how far it is), until its input closes.

Any Python from 3.11 on runs it, by the path of this file; it mounts the folder above as the package ``turnaround``.
"""

import importlib
import importlib.util
import sys
from pathlib import Path


def _mount() -> None:
    """Make ``import turnaround`` mean the extension's folder."""
    root = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "turnaround", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a package at {root}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["turnaround"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _mount()
    sys.exit(importlib.import_module("turnaround.addon.environment.serving").serve())
