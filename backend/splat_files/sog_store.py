# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a SOG's description and pictures lie: in a folder, or together in a ZIP called ``.sog``."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from .limits import MOST_META, check_expansion

META = "meta.json"
_SPARE_PIXELS = 1 << 16
"""Writers round pictures up to whole rows and multiples of four; this, and twice the splats, is beyond any of them."""


class Store(Protocol):
    """Reads the files of one SOG by their plain names."""

    def read(self, name: str) -> bytes:
        """The bytes of the file ``name``; ``ValueError`` where there is none."""

    def size(self, name: str) -> int:
        """Its stored bytes."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    """The store at ``path``: a folder, a ``meta.json`` in one, or a ZIP."""
    path = Path(path)
    if path.is_dir() or path.name == META or not zipfile.is_zipfile(path):
        yield _Folder(path if path.is_dir() else path.parent)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield _Archive(archive, path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"expected a SOG archive, got a damaged one in {path}: {error}") from error


def picture(store: Store, name: object, count: int) -> np.ndarray:
    """The first ``count`` pixels of the picture ``name``, row by row, as (count, 4) uint8: red, green, blue, alpha.

    Raises ``ValueError`` for a picture smaller or very much larger than that, before its pixels are decoded.
    """
    pixels = whole_picture(store, name, least=count, most=2 * count + _SPARE_PIXELS)
    return pixels.reshape(-1, 4)[:count]


def whole_picture(store: Store, name: object, least: int, most: int) -> np.ndarray:
    """The picture ``name`` as (height, width, 4) uint8; it must have ``least`` to ``most`` pixels."""
    name = plain(name)
    raw = store.read(name)
    try:
        with Image.open(io.BytesIO(raw)) as image:
            width, height = image.size
            if not least <= width * height <= most:
                raise ValueError(f"expected {least} to {most} pixels in {name}, got {width} x {height}")
            return np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"expected a picture in {name}: {error}") from error


def plain(name: object) -> str:
    """``name`` if it is a plain file name; ``ValueError`` where it could lead out of the folder."""
    if not isinstance(name, str) or not name or name in (".", "..") or set(name) & set("/\\:\0"):
        raise ValueError(f"expected a plain file name in {META}, got {str(name)[:60]!r}")
    return name


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes:
        if not (self.folder / name).is_file():
            raise ValueError(f"expected {name} in {self.folder}, got none")
        if name == META and self.size(name) > MOST_META:
            raise ValueError(f"expected {META} under {MOST_META} bytes, got {self.size(name)}")
        return (self.folder / name).read_bytes()

    def size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.is_file() else 0


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive, self.path = archive, path
        self.names = {info.filename.rsplit("/", 1)[-1]: info for info in archive.infolist() if not info.is_dir()}

    def read(self, name: str) -> bytes:
        if name not in self.names:
            raise ValueError(f"expected {name} in {self.path}, got none")
        info = self.names[name]
        check_expansion(info.file_size, info.compress_size, name)
        if name == META and info.file_size > MOST_META:
            raise ValueError(f"expected {META} under {MOST_META} bytes, got {info.file_size}")
        try:
            with self.archive.open(info) as file:
                raw = file.read(info.file_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
            raise ValueError(f"expected {name} whole in {self.path}: {error}") from error
        if len(raw) != info.file_size:
            raise ValueError(f"expected {info.file_size} bytes of {name} in {self.path}, got {len(raw)}")
        return raw

    def size(self, name: str) -> int:
        return self.names[name].compress_size if name in self.names else 0
