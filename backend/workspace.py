# SPDX-License-Identifier: GPL-3.0-or-later
"""The job folder: which stage writes where, and how a folder becomes visible only when it is finished.

A stage writes into ``.<folder>.partial`` and is renamed into place, its stamp included, so that an interrupted stage
leaves nothing that looks finished. Deleting a stage's folder means "redo from here".
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDERS = {
    "frames": "01_frames",
    "masks": "02_masks",
    "cutouts": "03_cutouts",
    "cameras": "04_cameras",
    "masks_refined": "04_masks",
    "hull": "04_hull",
    "splats": "05_splats",
    "surface": "06_surface",
    "texture": "06_texture",
    "export": "07_export",
    "assumed_cameras": "04_cameras",
    "shape": "06_surface",
}
STAMP = "stamp.json"


class Workspace:
    """A job folder. Paths only; what the files mean is said in ``records.py``."""

    def __init__(self, root: Path, stand_ins: Mapping[str, str] | None = None) -> None:
        """``stand_ins``: of a stage that another one takes the place of, that other one."""
        self.root = Path(root)
        self.stand_ins = dict(stand_ins or {})

    def folder(self, stage: str) -> Path:
        """Where the finished result of ``stage`` lies (or will lie)."""
        return self.root / FOLDERS[self.stand_ins.get(stage, stage)]

    def begin(self, stage: str) -> Path:
        """An empty folder for ``stage`` to write into; what an interrupted run left there is removed."""
        partial = self.root / f".{FOLDERS[stage]}.partial"
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        return partial

    def commit(self, stage: str, stamp: dict[str, Any]) -> None:
        """Write the stamp and rename the folder of ``stage`` into place, replacing an older result."""
        partial = self.root / f".{FOLDERS[stage]}.partial"
        write_json(partial / STAMP, stamp)
        target = self.folder(stage)
        if target.exists():
            old = self.root / f".{FOLDERS[stage]}.old"
            if old.exists():
                shutil.rmtree(old)
            target.rename(old)
            partial.rename(target)
            shutil.rmtree(old)
        else:
            partial.rename(target)

    def stamp(self, stage: str) -> dict[str, Any] | None:
        """The stamp of a finished stage, or None where there is no finished result."""
        path = self.folder(stage) / STAMP
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return None

    def remove(self, stage: str) -> None:
        """Delete the result of ``stage``."""
        if self.folder(stage).exists():
            shutil.rmtree(self.folder(stage))


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of either."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)
