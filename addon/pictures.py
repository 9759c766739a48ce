# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a job under way, as an icon that the panel can draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews

_icons: Any = None
_shown: tuple[str, int] = ("", 0)


def picture_at(path: str) -> Any:
    """The picture at ``path``, read again only when the file has changed, or None; panels draw its ``icon_id``.

    The backend moves its folder when a stage is done, so a picture may be gone at any time; the last one is not kept.
    """
    global _icons, _shown  # noqa: PLW0603 - one picture is shown at a time, and Blender's memory for it is freed by hand
    try:
        changed = Path(path).stat().st_mtime_ns if path else 0
    except OSError:
        changed = 0
    if not changed:
        return None
    if _icons is None:
        _icons = bpy.utils.previews.new()
    if (path, changed) != _shown or not len(_icons):
        _icons.clear()
        # Under a new name: Blender keeps what it read under an old one.
        _icons.load(f"{path} {changed}", path, "IMAGE")
        _shown = (path, changed)
    return next(iter(_icons.values()))


def forget() -> None:
    """Free the picture; Blender complains at its exit about one that is left."""
    global _icons, _shown
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons, _shown = None, ("", 0)
