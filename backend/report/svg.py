# SPDX-License-Identifier: GPL-3.0-or-later
"""A little SVG: elements as text, every attribute and every word escaped."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr


def element(name: str, inside: str = "", title: str = "", **attributes: object) -> str:
    """One element; ``inside`` is markup already, ``title`` is shown when the mouse rests on it. ``_`` becomes ``-``."""
    listed = "".join(f" {k.rstrip('_').replace('_', '-')}={quoteattr(_text(v))}" for k, v in attributes.items())
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f"<{name}{listed}>{tip}{inside}</{name}>" if inside or tip else f"<{name}{listed}/>"


def words(x: float, y: float, text: str, size: float = 11, anchor: str = "start", **attributes: object) -> str:
    """A line of text."""
    return element("text", escape(text), "", x=x, y=y, font_size=size, text_anchor=anchor, **attributes)


def drawing(width: float, height: float, parts: list[str], label: str) -> str:
    """A picture of ``parts``; ``label`` says in words what it shows."""
    return element(
        "svg",
        "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
    )


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1000 else str(value)
