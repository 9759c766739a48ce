# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Bundler's bundle.out (v0.3): cameras and points of Snavely's structure from motion, and of its imitators.

Notation there: ``P = R X + t``, y up, the camera looks along -z; ``p = -P / P.z``, pixel = f (1 + k1 |p|² + k2 |p|⁴) p
from the middle of the picture, y up. A camera of focal length 0 was not solved. The file holds neither the photos'
names nor their sizes: both come from the photos, which are listed in ``list.txt`` or lie beside it in the order of
their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..lens import LensCamera, Scene
from ..sources import PHOTO_SUFFIXES, natural_key
from .checks import rigid, stem
from .colmap_model import Sighting, assemble

_OPENCV_FROM_BUNDLER = np.diag([1.0, -1.0, -1.0])
_LISTS = ("list.txt", "list_imgs.txt", "list.orig.txt")
_PLACES = (".", "images", "visualize", "..", "../images")


def read_cameras(path: Path) -> Scene:
    """Cameras and points of the file at ``path``. Raises ``ValueError`` where it or its photos make no sense."""
    numbers = _numbers(path)
    count, points = (int(_next(numbers, path, 1)[0]) for _ in range(2))
    if not 0 < count < 1_000_000 or not 0 <= points < 1_000_000_000:
        raise ValueError(f"expected numbers of cameras and points in {path.name}, got {count} and {points}")
    blocks = [_next(numbers, path, 15).reshape(5, 3) for _ in range(count)]
    photos = _photos(path, count)
    solved = [i for i, block in enumerate(blocks) if block[0, 0] > 0]
    if not solved:
        raise ValueError(f"expected solved cameras in {path.name}, got none")
    cameras = [_camera(blocks[i], photos[i]) for i in solved]
    return _with_points(cameras, {i: place for place, i in enumerate(solved)}, numbers, path, points)


def _numbers(path: Path) -> Iterator[float]:
    """All numbers of the file after its comments."""
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#"):
                    yield from (float(word) for word in line.split())
    except ValueError as error:
        raise ValueError(f"expected numbers in {path.name}, got something else ({error})") from None


def _next(numbers: Iterator[float], path: Path, count: int) -> np.ndarray:
    """The next ``count`` numbers (count,)."""
    values = [value for _, value in zip(range(count), numbers, strict=False)]
    if len(values) < count:
        raise ValueError(f"expected more numbers at the end of {path.name}: the file is truncated")
    return np.array(values)


def _photos(path: Path, count: int) -> list[Path]:
    """The photo of each camera."""
    for name in _LISTS:
        listing = path.parent / name
        if listing.is_file():
            lines = [
                w[0]
                for line in listing.read_text(encoding="utf-8", errors="replace").splitlines()
                if (w := line.split())
            ]
            if len(lines) == count:
                return [_find(path.parent, line) for line in lines]
    for place in _PLACES:
        folder = path.parent / place
        if folder.is_dir():
            found = [p for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES]
            if len(found) == count:
                return sorted(found, key=lambda p: natural_key(p.name))
    raise ValueError(
        f"expected the {count} photos of {path.name} in {_LISTS[0]} or beside it, got none or another number"
    )


def _find(folder: Path, name: str) -> Path:
    """A listed photo, in any of the places where photos lie."""
    for place in _PLACES:
        for candidate in (folder / place / name, folder / place / Path(name.replace("\\", "/")).name):
            if candidate.is_file():
                return candidate
    raise ValueError(f"expected the photo {name} beside the camera file, got no such file: its size is needed")


def _camera(block: np.ndarray, photo: Path) -> LensCamera:
    """A solved camera from its five lines of three numbers."""
    from ..photo import PhotoError, read_header

    try:
        header = read_header(photo.read_bytes())
    except (PhotoError, OSError) as error:
        raise ValueError(f"expected a readable photo {photo.name}, whose size is needed: {error}") from None
    focal, k1, k2 = block[0]
    coefficients = np.zeros(8)
    coefficients[:2] = k1, k2
    return LensCamera(
        name=stem(photo.name),
        width=header.width,
        height=header.height,
        K=np.array([[focal, 0, header.width / 2], [0, focal, header.height / 2], [0, 0, 1.0]]),
        cam_from_world=rigid(_OPENCV_FROM_BUNDLER @ block[1:4], _OPENCV_FROM_BUNDLER @ block[4], photo.name),
        coefficients=coefficients,
    )


def _with_points(
    cameras: list[LensCamera], place: dict[int, int], numbers: Iterator[float], path: Path, count: int
) -> Scene:
    """Add the points and who saw them."""
    points, colours = np.zeros((count, 3)), np.zeros((count, 3), np.uint8)
    seen: list[list[tuple[int, float, float]]] = [[] for _ in cameras]
    for i in range(count):
        head = _next(numbers, path, 7)
        points[i], colours[i] = head[:3], np.clip(head[3:6], 0, 255)
        for camera, _, x, y in _next(numbers, path, 4 * int(head[6])).reshape(-1, 4):
            if int(camera) in place:
                lens = cameras[place[int(camera)]]
                seen[place[int(camera)]].append((i, lens.K[0, 2] + x, lens.K[1, 2] - y))
    tables = [np.array(rows, np.float64).reshape(-1, 3) for rows in seen]
    sightings = [Sighting(t[:, 0].astype(np.int64), t[:, 1:]) for t in tables]
    return assemble(cameras, sightings, np.arange(count), points, colours, np.zeros(count))
