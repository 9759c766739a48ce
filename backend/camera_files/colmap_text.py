# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a COLMAP model in text form: cameras.txt, images.txt and, where there is one, points3D.txt.

Lines that start with ``#`` are comments. A photo takes two lines; the second, its keypoints, may be empty, so that
blank lines mean something there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..lens import LensCamera, Scene
from .colmap_model import Sighting, assemble, posed


def read_model(folder: Path) -> Scene:
    """Read the model in ``folder``. Raises ``ValueError``, with the line, for one that is cut off or makes no sense."""
    lenses = _read_cameras(folder / "cameras.txt")
    cameras, sightings = _read_images(folder / "images.txt", lenses)
    if not (folder / "points3D.txt").is_file():
        return Scene(cameras=cameras)
    return assemble(cameras, sightings, *_read_points(folder / "points3D.txt"))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without comments; blank ones are kept."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.startswith("#"):
                    yield number, line.strip()
    except FileNotFoundError:
        raise ValueError(f"expected {path.name} in {path.parent}, got no such file") from None
    except UnicodeDecodeError:
        raise ValueError(f"expected text in {path.name}, got something else") from None


def _numbers(words: list[str], path: Path, line: int) -> np.ndarray:
    """Words as float64 (N,)."""
    try:
        return np.array([float(w) for w in words])
    except ValueError:
        raise ValueError(f"expected numbers in line {line} of {path.name}, got {' '.join(words)[:80]!r}") from None


def _read_cameras(path: Path) -> dict[int, tuple[str, int, int, np.ndarray]]:
    """Camera id -> (model, width, height, parameters)."""
    lenses = {}
    for number, line in _lines(path):
        words = line.split()
        if not words:
            continue
        if len(words) < 5:
            raise ValueError(f"expected id, model, width, height and parameters in line {number} of {path.name}")
        camera_id, width, height = _numbers([words[0], *words[2:4]], path, number)
        lenses[int(camera_id)] = (words[1], int(width), int(height), _numbers(words[4:], path, number))
    return lenses


def _read_images(
    path: Path, lenses: dict[int, tuple[str, int, int, np.ndarray]]
) -> tuple[list[LensCamera], list[Sighting]]:
    """Posed photos, and which of their keypoints belong to a point."""
    cameras, sightings = [], []
    lines = _lines(path)
    for number, line in lines:
        words = line.split(maxsplit=9)
        if not words:
            continue
        if len(words) < 10:
            raise ValueError(f"expected id, rotation, translation, camera and name in line {number} of {path.name}")
        values = _numbers(words[:9], path, number)
        cameras.append(posed(words[9], lenses, int(values[8]), values[1:5], values[5:8]))
        number, line = next(lines, (number + 1, ""))
        keypoints = _numbers(line.split(), path, number)
        if len(keypoints) % 3:
            raise ValueError(f"expected x, y and a point's id for each keypoint in line {number} of {path.name}")
        used = keypoints.reshape(-1, 3)
        used = used[used[:, 2] >= 0]
        sightings.append(Sighting(used[:, 2].astype(np.int64), used[:, :2]))
    return cameras, sightings


def _read_points(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ids (N,), positions (N, 3), colours (N, 3) and errors (N,) of the points."""
    rows = []
    for number, line in _lines(path):
        words = line.split(maxsplit=8)
        if not words:
            continue
        if len(words) < 8:
            raise ValueError(f"expected id, position, colour and error in line {number} of {path.name}")
        rows.append(_numbers(words[:8], path, number))
    table = np.array(rows).reshape(-1, 8)
    return table[:, 0].astype(np.int64), table[:, 1:4], np.clip(table[:, 4:7], 0, 255).astype(np.uint8), table[:, 7]
