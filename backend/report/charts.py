# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawings of the capture report, each an SVG from the facts."""

from __future__ import annotations

import math
from typing import Any

from .coverage import BANDS
from .svg import drawing, element, words

INK, FAINT, GRID, GOOD, BAD, GAP = "#333", "#888", "#ddd", "#2a7f62", "#c0392b", "#f6c9c2"
_SPHERE, _MARGIN = 200.0, 54.0
_LOWEST, _LABELS = -12.0, -19.0
"""Elevations at which cameras further down are drawn, and the azimuths' labels outside them."""


def sphere(facts: dict[str, Any]) -> str:
    """Cameras on the sphere around the object, seen from above: the middle is straight above, the ring horizontal."""
    middle = _SPHERE + _MARGIN
    parts = [_wedge(middle, gap) for gap in facts["gaps"]]
    for elevation in (0, 30, 60):
        parts.append(element("circle", cx=middle, cy=middle, r=_radius(elevation), fill="none", stroke=GRID))
        parts.append(words(middle + 3, middle - _radius(elevation) + 11, f"{elevation}° up", 10, fill=FAINT))
    for azimuth in range(0, 360, 30):
        x, y = _place(middle, azimuth, _LABELS, _LABELS)
        parts.append(words(x, y + 4, f"{azimuth}°", 10, "middle", fill=FAINT))
        ends = (*_place(middle, azimuth, 90), *_place(middle, azimuth, 0))
        parts.append(element("line", x1=ends[0], y1=ends[1], x2=ends[2], y2=ends[3], stroke=GRID, stroke_width=0.5))
    for frame in facts["frames"]:
        if frame["registered"]:
            x, y = _place(middle, frame["azimuth"], frame["elevation"])
            tip = f"{frame['name']}: {frame['azimuth']:.0f}°, {frame['elevation']:.0f}° up"
            parts.append(element("circle", title=tip, cx=x, cy=y, r=4.5, fill=GOOD, fill_opacity=0.8, stroke="#fff"))
    side = 2 * middle
    return drawing(side, side, parts, "Cameras around the object seen from above, with gaps in red")


def _radius(elevation: float, lowest: float = _LOWEST) -> float:
    """Distance from the middle at which an elevation in degrees is drawn; below the horizon lies outside."""
    return _SPHERE * (90 - max(elevation, lowest)) / 90


def _place(middle: float, azimuth: float, elevation: float, lowest: float = _LOWEST) -> tuple[float, float]:
    """Where a direction is drawn; azimuth counter-clockwise from the right."""
    angle, radius = math.radians(azimuth), _radius(elevation, lowest)
    return middle + radius * math.cos(angle), middle - radius * math.sin(angle)


def _wedge(middle: float, gap: dict[str, Any]) -> str:
    """A gap: part of a band of elevation."""
    low, high = next((low, high) for name, low, high in BANDS if name == gap["where"])
    start, end = gap["start"], gap["end"]
    if end - start >= 359:
        end = start + 359.9
    large = int(end - start > 180)
    outer, inner = _radius(low), _radius(high)
    a, b = _place(middle, start, low), _place(middle, end, low)
    c, d = _place(middle, end, high), _place(middle, start, high)
    path = (
        f"M{a[0]:.1f} {a[1]:.1f}A{outer:.1f} {outer:.1f} 0 {large} 0 {b[0]:.1f} {b[1]:.1f}"
        f"L{c[0]:.1f} {c[1]:.1f}A{inner:.1f} {inner:.1f} 0 {large} 1 {d[0]:.1f} {d[1]:.1f}Z"
    )
    tip = f"no view {gap['where']}: {gap['photos']} photos would do"
    return element("path", title=tip, d=path, fill=GAP, fill_opacity=0.75)


def links(facts: dict[str, Any]) -> str:
    """Which frames see the same points: cameras from above, joined where they do; a wider line for more points."""
    placed = {f["name"]: f["position"] for f in facts["frames"] if f["registered"]}
    middle = _SPHERE + _MARGIN
    reach = max((math.hypot(p[0], p[1]) for p in placed.values()), default=1.0) or 1.0
    turn = -math.atan2(*reversed(next(iter(placed.values()))[:2])) if placed else 0.0

    def spot(name: str) -> tuple[float, float]:
        x, y = placed[name][:2]
        u, v = math.cos(turn) * x - math.sin(turn) * y, math.sin(turn) * x + math.cos(turn) * y
        return middle + _SPHERE * u / reach, middle - _SPHERE * v / reach

    parts = []
    most = max((n for _, _, n in facts["links"]), default=1)
    for first, second, shared in facts["links"]:
        (x1, y1), (x2, y2) = spot(first), spot(second)
        width, tip = 0.4 + 3 * math.sqrt(shared / most), f"{first} and {second}: {shared} points"
        colour = BAD if shared < 30 else INK
        parts.append(
            element(
                "line", title=tip, x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width, stroke_opacity=0.4
            )
        )
    for name in placed:
        x, y = spot(name)
        parts.append(element("circle", title=name, cx=x, cy=y, r=4, fill=GOOD, stroke="#fff"))
    parts.append(element("rect", x=middle - 6, y=middle - 6, width=12, height=12, fill="none", stroke=INK))
    return drawing(2 * middle, 2 * middle, parts, "Cameras from above, joined where they share points")


def bars(facts: dict[str, Any], key: str, label: str, scale: float = 1.0, least: float = 1e-9) -> str:
    """One bar a frame of the value ``key``; frames without a camera are red. The top is ``least`` or more."""
    frames = facts["frames"]
    width, height = 900.0, 130.0
    values = [max(float(f[key]) * scale, 0.0) for f in frames]
    most = max([*values, least])
    step = (width - 50) / max(len(frames), 1)
    top = f"{most:.0f}" if most >= 100 else f"{most:.2g}"
    parts = [words(44, 14, top, 10, "end", fill=FAINT), words(44, height - 18, "0", 10, "end", fill=FAINT)]
    for i, (frame, value) in enumerate(zip(frames, values, strict=True)):
        tall = (height - 30) * value / most
        colour, state = (GOOD, "") if frame["registered"] else (BAD, f", no camera: {frame['reason']}")
        tip = f"{frame['name']}: {value:.3g}{state}"
        x, y = 50 + i * step, height - 20 - tall
        parts.append(element("rect", title=tip, x=x, y=y, width=max(step - 1, 0.5), height=max(tall, 1.0), fill=colour))
    parts.append(element("line", x1=50, y1=height - 20, x2=width, y2=height - 20, stroke=FAINT))
    if frames:
        parts.append(words(50, height - 6, frames[0]["name"], 10, fill=FAINT))
        parts.append(words(width, height - 6, frames[-1]["name"], 10, "end", fill=FAINT))
    return drawing(width, height, parts, label)


def histogram(facts: dict[str, Any]) -> str:
    """Reprojection errors of all observations."""
    found = facts["reprojection"]
    counts, edges = found["counts"], found["edges"]
    width, height = 900.0, 150.0
    step, most = (width - 20) / len(counts), max([*counts, 1])
    parts = []
    for i, number in enumerate(counts):
        tall, last = (height - 40) * number / most, i == len(counts) - 1
        tip = f"{edges[i]:g} px and more: {number}" if last else f"{edges[i]:g} to {edges[i + 1]:g} px: {number}"
        x, y = 10 + i * step, height - 24 - tall
        parts.append(element("rect", title=tip, x=x + 1, y=y, width=step - 2, height=max(tall, 0.5), fill=GOOD))
        if i % 4 == 0:
            parts.append(words(x, height - 8, f"{edges[i]:g} px", 10, fill=FAINT))
    if found["mean"] is not None:
        text = f"mean {found['mean']} px, 95 % below {found['p95']} px, {found['observations']} observations"
        parts.append(words(width - 8, 14, text, 12, "end", fill=INK))
    return drawing(width, height, parts, "Histogram of reprojection errors")
