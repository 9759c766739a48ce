# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a batch: a table for the terminal, a CSV file, and a page with pictures."""

from __future__ import annotations

import csv
import html
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

COLUMNS = ("capture", "state", "seconds", "photos", "scene, or what went wrong")
FIGURES = {"splats_psnr": "splats, dB", "mesh_psnr": "mesh, dB", "mask_confidence_mean": "masks sure"}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; background: #fff; color: #222; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .8rem; border-bottom: 1px solid #ddd; }
img { width: 440px; display: block; } .failed, .cancelled { color: #b00020; } td.number { text-align: right; }
@media (prefers-color-scheme: dark) { body { background: #1d1d1d; color: #ddd; } a { color: #8ab4f8; } }
"""


@dataclass
class Row:
    """How one capture went. ``outcome``: the scene's path, or why there is none."""

    capture: str
    state: str
    seconds: float
    photos: str = ""
    outcome: str = ""
    job: Path | None = None
    source: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [COLUMNS, *((r.capture, r.state, f"{r.seconds:.0f}", r.photos, " ".join(r.outcome.split())) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(line[:4], widths, strict=True)), line[4]]) for line in lines
    )


def write(rows: list[Row], folder: Path) -> None:
    """Write ``summary.csv`` and ``summary.html`` into ``folder``; each appears whole."""
    _replace(folder / "summary.html", page(rows, folder))
    unfinished = folder / ".summary.csv.part"
    with unfinished.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["name", "capture", "state", "seconds", "photos", "outcome", *FIGURES, "notes"])
        for row in rows:
            figures = [f"{row.metrics[name]:.4g}" if name in row.metrics else "" for name in FIGURES]
            plain = [row.capture, row.source, row.state, f"{row.seconds:.0f}", row.photos, row.outcome]
            writer.writerow([*plain, *figures, " | ".join(row.notes)])
    unfinished.replace(folder / "summary.csv")


def page(rows: list[Row], folder: Path) -> str:
    """The page; pictures and files are named relative to ``folder``, so that it can be moved as a whole."""
    done = sum(row.state == "done" for row in rows)
    head = "".join(f"<th>{html.escape(title)}</th>" for title in ("", "capture", "state", "photos", *FIGURES.values()))
    body = "\n".join(_row(row, folder) for row in rows)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Turnaround: {done} of {len(rows)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{done} of {len(rows)} captures are done</h1>\n"
        f"<table><thead><tr>{head}<th>minutes</th><th>outcome</th></tr></thead>\n<tbody>\n{body}\n</tbody></table>\n"
        "</body></html>\n"
    )


def _row(row: Row, folder: Path) -> str:
    """One row of the page."""
    picture = row.job / "07_export" / "preview.png" if row.job else None
    shown = f'<img src="{_address(picture, folder)}" alt="" loading="lazy">' if picture and picture.is_file() else ""
    figures = "".join(
        f'<td class="number">{row.metrics[name]:.3g}</td>' if name in row.metrics else "<td></td>" for name in FIGURES
    )
    outcome = html.escape(row.outcome)
    if row.state == "done" and row.outcome:
        outcome = f'<a href="{_address(Path(row.outcome), folder)}">{html.escape(Path(row.outcome).name)}</a>'
    log = row.job / "log.txt" if row.job else None
    if log and log.is_file():
        outcome += f' <a href="{_address(log, folder)}">log</a>'
    notes = "".join(f"<br><small>{html.escape(note)}</small>" for note in row.notes)
    return (
        f'<tr><td>{shown}</td><td>{html.escape(row.capture)}</td><td class="{row.state}">{row.state}</td>'
        f'<td class="number">{row.photos}</td>{figures}<td class="number">{row.seconds / 60:.1f}</td>'
        f"<td>{outcome}{notes}</td></tr>"
    )


def _address(path: Path, folder: Path) -> str:
    """A link from ``folder`` to ``path``."""
    return quote(os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, "/"))


def _replace(path: Path, text: str) -> None:
    """Write a file so that it appears whole."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
