# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the backend from its folder: ``<environment python> -P backend/__main__.py serve``.

Mounts the folder above as the package ``turnaround`` (the folder may be called anything, as inside Blender), without
putting it on ``sys.path``: a top-level ``kernels`` would shadow another well-known package. Mounting happens at module
level because spawned children run this file again.
"""

import importlib.util
import sys
from pathlib import Path


def _mount() -> None:
    """Make ``import turnaround`` mean the folder above this one."""
    if "turnaround" in sys.modules:
        return
    root = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        "turnaround", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a package at {root}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["turnaround"] = module
    spec.loader.exec_module(module)


_mount()

if __name__ == "__main__":
    from turnaround.backend.cli import main

    sys.exit(main())
