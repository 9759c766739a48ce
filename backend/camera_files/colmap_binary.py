# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a COLMAP model in binary form: cameras.bin, images.bin and, where there is one, points3D.bin.

Layout after COLMAP's documentation ("Output format"): little-endian, each file a uint64 count and its records.
``cam_from_world`` as quaternion (w, x, y, z) and translation; pixel centres at half integers, as ours.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ..lens import LensCamera, Scene
from .checks import COLMAP_MODELS
from .colmap_model import Sighting, assemble, posed

_POINT2D = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])
_LONGEST_NAME = 4096


class _Reader:
    """A file's bytes and a position in them; never reads past the end."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ValueError(f"expected {path.name} in {path.parent}, got no such file")
        self.name = path.name
        self.data = path.read_bytes()
        self.at = 0

    def take(self, layout: str) -> tuple:
        """Unpack ``layout`` (struct, without byte order)."""
        size = struct.calcsize("<" + layout)
        self._need(size)
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += size
        return values

    def array(self, dtype: np.dtype, count: int) -> np.ndarray:
        """``count`` records of ``dtype``, (count,); a view, so that nothing is allocated for a false count."""
        self._need(count * dtype.itemsize)
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += count * dtype.itemsize
        return values

    def text(self) -> str:
        """A string that ends with a zero byte."""
        end = self.data.find(b"\0", self.at, self.at + _LONGEST_NAME)
        if end < 0:
            raise ValueError(f"expected a file name in {self.name} at byte {self.at}, got none")
        value = self.data[self.at : end].decode("utf-8", "replace")
        self.at = end + 1
        return value

    def count(self, least_record: int) -> int:
        """The count that opens the file, if so many records of at least ``least_record`` bytes fit into it."""
        (count,) = self.take("Q")
        if count * least_record > len(self.data) - self.at:
            raise ValueError(f"expected {count} records in {self.name}, got a file of {len(self.data)} bytes")
        return count

    def _need(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise ValueError(
                f"expected {size} more bytes in {self.name} at byte {self.at}, got {len(self.data)} in all"
            )


def read_model(folder: Path) -> Scene:
    """Read the model in ``folder``. Raises ``ValueError`` for a file that is truncated or makes no sense."""
    lenses = _read_cameras(_Reader(folder / "cameras.bin"))
    cameras, sightings = _read_images(_Reader(folder / "images.bin"), lenses)
    if not (folder / "points3D.bin").is_file():
        return Scene(cameras=cameras)
    return assemble(cameras, sightings, *_read_points(_Reader(folder / "points3D.bin")))


def _read_cameras(file: _Reader) -> dict[int, tuple[str, int, int, np.ndarray]]:
    """Camera id -> (model, width, height, parameters)."""
    lenses = {}
    for _ in range(file.count(24)):
        camera_id, model_id, width, height = file.take("IiQQ")
        if model_id not in COLMAP_MODELS:
            raise ValueError(f"expected a camera model of COLMAP in {file.name}, got number {model_id}")
        model, parameters = COLMAP_MODELS[model_id]
        lenses[camera_id] = (model, width, height, file.array(np.dtype("<f8"), parameters))
    return lenses


def _read_images(
    file: _Reader, lenses: dict[int, tuple[str, int, int, np.ndarray]]
) -> tuple[list[LensCamera], list[Sighting]]:
    """Posed photos, and which of their keypoints belong to a point."""
    cameras, sightings = [], []
    for _ in range(file.count(4 + 56 + 4 + 1 + 8)):
        values = file.take("I7dI")
        name = file.text()
        keypoints = file.array(_POINT2D, file.take("Q")[0])
        cameras.append(posed(name, lenses, values[8], values[1:5], values[5:8]))
        used = keypoints[keypoints["point"] >= 0]
        sightings.append(Sighting(used["point"].copy(), np.stack([used["x"], used["y"]], axis=1)))
    return cameras, sightings


def _read_points(file: _Reader) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ids (N,), positions (N, 3), colours (N, 3) and errors (N,) of the points."""
    count = file.count(8 + 24 + 3 + 8 + 8)
    ids, errors = np.zeros(count, np.int64), np.zeros(count)
    points, colours = np.zeros((count, 3)), np.zeros((count, 3), np.uint8)
    for i in range(count):
        ids[i], *values, errors[i], track = file.take("q3d3BdQ")
        points[i], colours[i] = values[:3], values[3:]
        file.array(np.dtype("<u4, <u4"), track)
    return ids, points, colours, errors
