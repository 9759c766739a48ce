# SPDX-License-Identifier: GPL-3.0-or-later
"""Splat files: 3DGS and SuperSplat PLY, SPZ, glTF, ``.splat`` and SOG, and the splats in memory.

``splats`` what is in memory; ``files`` load and save; ``moving`` and ``harmonics`` other frames; one module a format.
"""

from .files import READ, USUAL_UP, WRITTEN, load, save, stated_up
from .moving import UP, mirror, transform
from .splats import Splats, crop, empty, from_columns, join

__all__ = [
    "READ", "UP", "USUAL_UP", "WRITTEN", "Splats", "crop", "empty", "from_columns", "join", "load", "mirror", "save",
    "stated_up", "transform",
]  # fmt: skip
