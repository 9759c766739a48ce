# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in as many lines as a panel's width asks for."""

from __future__ import annotations

import textwrap
from typing import Any


def wrapped(layout: Any, text: str, context: Any, icon: str = "NONE") -> None:
    """Lay a text out in as many lines as the sidebar's width asks for; Blender's labels do not wrap."""
    preferences: Any = context.preferences
    # Without a window the scale is 0 and the region has no width.
    scale = (preferences.system.ui_scale if preferences else 0.0) or 1.0
    width = ((context.region.width if context.region else 0) or 290 * scale) / scale
    room = width - (75 if icon != "NONE" else 50)
    lines = textwrap.wrap(text, max(20, int(room / 6.4)))
    for number, line in enumerate(lines):
        layout.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))
