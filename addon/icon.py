# SPDX-License-Identifier: GPL-3.0-or-later
"""Turnaround's own icon, for its panel and its menu; read when it is first drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews

_FILE = Path(__file__).resolve().with_name("icon.png")
_icons: Any = None


def icon_id() -> int:
    """The number by which a layout draws it; 0, which is no icon, where there is no window."""
    global _icons  # noqa: PLW0603 - Blender's memory for it is freed by hand
    if bpy.app.background:
        return 0
    if _icons is None:
        _icons = bpy.utils.previews.new()
        _icons.load("turnaround", str(_FILE), "IMAGE")
    return int(_icons["turnaround"].icon_id)


def forget() -> None:
    """Free it; Blender complains at its exit about one that is left."""
    global _icons  # noqa: PLW0603 - see above
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
        _icons = None
