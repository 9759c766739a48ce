# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture report: what the cameras say of how the photos were taken, and what to do better next time.

It is made from files alone (``01_frames/frames.json``, ``04_cameras/cameras.json`` and its COLMAP model), so that it
can be written again at any time. One page without scripts or outside resources; the same facts go into ``result.json``.

Notation: *azimuth* is counted in degrees from the first registered frame, counter-clockwise seen from above;
*elevation* is the angle above the horizontal; both are of the camera, seen from the middle of the object's box.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...protocol import Artefact
from .facts import gather
from .page import write_page

NAME = "capture_report.html"


def write_report(frames: Path, cameras: Path, title: str) -> dict[str, Any]:
    """Write ``cameras/capture_report.html`` from the folders of the stages ``frames`` and ``cameras``.

    Returns the facts. The folder ``cameras`` may be one that is still being made.
    """
    facts = gather(frames, cameras)
    write_page(cameras / NAME, facts, title)
    return facts


def artefact(folder: str) -> dict[str, Any]:
    """The record of the report for ``result.json``; ``folder`` is the cameras' folder below the job's."""
    return asdict(Artefact(kind="report", path=f"{folder}/{NAME}", axes="image", unit="pixels", count=1))
