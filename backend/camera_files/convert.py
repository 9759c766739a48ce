# SPDX-License-Identifier: GPL-3.0-or-later
"""``turnaround cameras``: from any camera file, or a finished job, to any that other tools read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..lens import Scene
from ..sources import PHOTO_SUFFIXES
from . import job, load_json, read_cameras
from .writing import FORMATS, write


@dataclass(frozen=True)
class Written:
    """What was written."""

    target: str
    form: str
    cameras: int
    points: int


def convert(source: Path, target: Path, form: str | None, images: Path | None) -> Written:
    """Read the cameras of ``source`` (a job's folder, or anything ``read_cameras`` takes) and write them to ``target``.

    ``form`` is one of ``FORMATS``, or None to tell it by the name of ``target``. ``images`` holds the photos, whose
    suffixes the written files name. Raises ``ValueError``.
    """
    form = form or _form_of(target)
    scene, files = _read(Path(source))
    folder = images or _images_near(Path(source))
    if folder is not None:
        known = {p.stem: p.name for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES}
        files = {c.name: known[c.name] for c in scene.cameras if c.name in known} | files
    if form == "transforms":
        files = {name: f"images/{file}" for name, file in files.items()}
    write(Path(target), scene, form, files)
    return Written(target=str(target), form=form, cameras=len(scene.cameras), points=len(scene.points))


def _read(source: Path) -> tuple[Scene, dict[str, str]]:
    """The scene, and file names of its pictures where the source knows them. A job's model has its points."""
    folder = source / "04_cameras" if (source / "04_cameras" / "cameras.json").is_file() else source
    own = folder / "cameras.json"
    if own.is_file() and (folder / "sparse").is_dir():
        return read_cameras(folder / "sparse"), job.files(load_json(own))
    if own.is_file():
        return read_cameras(own), job.files(load_json(own))
    return read_cameras(source), {}


def _images_near(source: Path) -> Path | None:
    """A folder of photos beside the camera file."""
    folder = source if source.is_dir() else source.parent
    return next((f for f in (folder / "images", folder.parent / "images") if f.is_dir()), None)


def _form_of(target: Path) -> str:
    """The format that a name asks for."""
    if target.suffix.lower() == ".json":
        return "blender" if "blender" in target.name.lower() else "transforms"
    if not target.suffix:
        return "colmap"
    raise ValueError(f"expected a folder or a .json file, or one of {', '.join(FORMATS)}, got {target.name}")
