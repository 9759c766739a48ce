# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that is delivered, and the list of what lies in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...protocol import Artefact


@dataclass
class Parcel:
    """``folder`` is written to; ``place`` is its path in the finished job, relative to the job folder.

    ``unit`` is "m" or "relative", ``factor`` delivered units a unit of the world of ``04_cameras``.
    """

    folder: Path
    place: str
    unit: str
    factor: float
    artefacts: list[Artefact] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Where the file ``name`` is written."""
        return self.folder / name

    def add(self, kind: str, name: str, count: int, axes: str = "z_up", unit: str | None = None) -> None:
        """List a written file; ``unit`` is the parcel's unless said otherwise."""
        unit = self.unit if unit is None else unit
        self.artefacts.append(Artefact(kind=kind, path=f"{self.place}/{name}", axes=axes, unit=unit, count=count))
