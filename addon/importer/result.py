# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished job delivers, as ``result.json`` in the job folder says; read without Blender."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...protocol import AXES, Artefact, from_dict
from ..naming import capture_name

RESULT = "result.json"
KINDS = ("mesh", "points", "splats", "cameras")
"""Kinds of artefact that stand in the scene; the others are for other programs."""
DRESS = ("mesh_uv", "texture", "normal_map")
"""Kinds that belong to the mesh."""


@dataclass(frozen=True)
class Result:
    """A finished job: its folder, what it delivers by kind, its unit and the whole record."""

    folder: Path
    name: str
    artefacts: dict[str, Artefact]
    unit: str
    metres_per_unit: float | None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def job(self) -> str:
        """Which job this is: twelve hex digits that follow from the folder, so that another folder is another job."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    def path(self, kind: str) -> Path:
        """Where the artefact ``kind`` lies."""
        return self.folder / self.artefacts[kind].path


def load_result(folder: Path) -> Result:
    """Read ``folder/result.json``.

    Raises ``ValueError`` where there is none, where it is no record of a job, where an artefact lies outside the folder
    or is missing, and where nothing that stands in a scene was delivered.
    """
    folder = Path(folder).resolve()
    path = folder / RESULT
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} has no {RESULT}: the job has not finished.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    if not isinstance(record, dict) or not isinstance(record.get("artefacts"), list):
        raise ValueError(f"{path} is no record of a job: it lists no artefacts.")
    artefacts: dict[str, Artefact] = {}
    for entry in record["artefacts"]:
        artefact = from_dict(Artefact, entry)
        if artefact.kind in (*KINDS, *DRESS) and artefact.kind not in artefacts:
            _check(artefact, folder)
            artefacts[artefact.kind] = artefact
    if not set(artefacts) & set(KINDS):
        raise ValueError(f"{path} lists nothing that can stand in a scene ({', '.join(KINDS)}).")
    return Result(
        folder=folder,
        name=_name(record, folder),
        artefacts=artefacts,
        unit=str(record.get("unit") or next(iter(artefacts.values())).unit),
        metres_per_unit=record.get("metres_per_unit"),
        record=record,
    )


def _check(artefact: Artefact, folder: Path) -> None:
    """Raise ``ValueError`` if the artefact is missing, outside the job or in other axes than a scene's."""
    path = (folder / artefact.path).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"The {artefact.kind} of {folder} would lie outside the job: {artefact.path}.")
    if not path.is_file():
        raise ValueError(f"The {artefact.kind} of {folder} is missing: {artefact.path}. Run the job again.")
    if artefact.kind in KINDS and artefact.axes != "z_up":
        raise ValueError(f"The {artefact.kind} of {folder} is not in the scene's axes ({AXES['z_up']}).")


def _name(record: dict[str, Any], folder: Path) -> str:
    """What the collection is called: the capture's name, or the job folder's."""
    capture = record.get("capture")
    return capture_name(Path(capture)) if isinstance(capture, str) and capture else folder.name
