# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture report as one HTML page: no script, no outside resource, printable."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from . import charts

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:960px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin-bottom:0}h2{font-size:1.1em;margin:1.8em 0 .4em}p{margin:.3em 0}
.advice{background:#f4f7f5;border-left:4px solid #2a7f62;padding:.6em 1em .6em 2em}
.two{display:flex;gap:1em;flex-wrap:wrap}
.two>div{flex:1 1 400px;min-width:0}svg{width:100%;height:auto}.note{color:#777;font-size:.85em}
table{border-collapse:collapse;font-size:.85em;width:100%}
td,th{text-align:right;padding:.15em .5em;border-bottom:1px solid #eee}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}.no{color:#c0392b}
svg text{font-family:system-ui,sans-serif}
"""


def write_page(path: Path, facts: dict[str, Any], title: str) -> None:
    """Write the page; ``title`` names the capture."""
    advice = "".join(f"<li>{escape(text)}</li>" for text in facts["advice"])
    body = [
        f"<h1>Capture report: {escape(title)}</h1><p>{escape(_summary(facts))}</p>",
        f'<h2>What to do</h2><ul class="advice">{advice}</ul>',
        '<div class="two"><div><h2>From where the object was seen</h2>', charts.sphere(facts),
        '<p class="note">Seen from above; 0° is the first frame with a camera. Red: no view from there.</p></div>',
        "<div><h2>Which frames overlap</h2>", charts.links(facts),
        '<p class="note">Cameras from above around the object (square); lines join frames that share points, red: '
        "fewer than 30.</p></div></div>",
        "<h2>Sharpness</h2>", charts.bars(facts, "sharpness", "Sharpness of each frame"),
        "<h2>Brightness</h2>", charts.bars(facts, "mean_luma", "Mean luma of each frame"),
        "<h2>Burnt out, per cent of the frame</h2>",
        charts.bars(facts, "clipped_bright", "Share of each frame without detail in light", 100.0, 5.0),
        "<h2>How well the cameras fit their points</h2>", charts.histogram(facts),
        "<h2>Frames</h2>", _table(facts),
    ]  # fmt: skip
    if facts["left_out"]:
        listed = "".join(f"<li>{escape(d['source'])}: {escape(d['reason'])}</li>" for d in facts["left_out"])
        body.append(f"<h2>Left out before</h2><ul>{listed}</ul>")
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Capture report: {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _summary(facts: dict[str, Any]) -> str:
    """One sentence."""
    text = f"{facts['registered']} of {facts['used']} frames have a camera"
    if facts["elevation_degrees"]:
        low, _, high = facts["elevation_degrees"]
        text += f"; the object was seen from {facts['around_degrees']}° of 360°, {low:.0f}° to {high:.0f}° up"
    return text + "."


def _table(facts: dict[str, Any]) -> str:
    """A row a frame."""
    head = ("frame", "sharpness", "brightness", "dark %", "burnt %", "azimuth", "elevation", "points", "error px", "")
    rows = []
    for f in facts["frames"]:
        if f["registered"]:
            error = "" if f["reprojection_px"] is None else f"{f['reprojection_px']:.2f}"
            more = [f"{f['azimuth']:.0f}°", f"{f['elevation']:.0f}°", str(f["points"]), error, f["reason"]]
        else:
            more = ["", "", "", "", f"no camera: {f['reason']}"]
        figures = [f"{f['sharpness']:.0f}", f"{f['mean_luma']:.0f}"]
        figures += [f"{100 * f['clipped_dark']:.1f}", f"{100 * f['clipped_bright']:.1f}"]
        cells = "".join(f"<td>{escape(v)}</td>" for v in [f["name"], *figures, *more])
        rows.append(f"<tr{'' if f['registered'] else ' class=no'}>{cells}</tr>")
    titles = "".join(f"<th>{escape(t)}</th>" for t in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
