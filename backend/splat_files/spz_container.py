# SPDX-License-Identifier: GPL-3.0-or-later
"""SPZ as a file: one gzip stream (versions 2 and 3, sometimes left unpacked), or a Zstandard stream an attribute (4).

Header, little-endian: ``NGSP``, version and count (uint32), degree, fractional bits, flags (uint8); then in versions
2 and 3 one reserved byte and all attributes, in version 4 the number of streams (uint8), the offset of their table
(uint32), 12 reserved bytes, extension records up to the table, and the table: stored and decoded size (uint64) of
each stream.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from . import spz
from .limits import check_expansion
from .splats import Columns, Splats

_HEADER = struct.Struct("<4sIIBBBB")
_HEADER_4 = struct.Struct("<4sIIBBBBI12x")
_ENTRY = struct.Struct("<QQ")
_GZIP = b"\x1f\x8b"
_MOST_EXTENSIONS = 1 << 20


def read_spz(path: Path) -> tuple[Columns, tuple[int, int, int]]:
    """Columns (see ``from_columns``) in the file's axes, and what these must be multiplied by to be RUB."""
    raw = Path(path).read_bytes()
    if raw.startswith(_GZIP):
        return _from_one_stream(_inflate(raw))
    if not raw.startswith(spz.MAGIC) or len(raw) < _HEADER.size:
        raise ValueError(f"expected an SPZ file, got {path}")
    if struct.unpack_from("<I", raw, 4)[0] == 4:
        return _from_streams(raw)
    return _from_one_stream(raw)


def write_spz(path: Path, splats: Splats, version: int = 4) -> None:
    """Write ``splats``, given in RUB axes, as ``version`` 3 (gzip) or 4 (Zstandard)."""
    if version not in (3, 4):
        raise ValueError(f"expected SPZ version 3 or 4, got {version}")
    streams, bits = spz.encode(splats)
    if version == 3:
        header = _HEADER.pack(spz.MAGIC, 3, len(splats), splats.degree, bits, 0, 0)
        Path(path).write_bytes(gzip.compress(b"".join([header, *streams]), compresslevel=6, mtime=0))
        return
    import zstandard

    packed = [zstandard.ZstdCompressor(level=9).compress(stream) for stream in streams]
    table = [_ENTRY.pack(len(short), len(long)) for short, long in zip(packed, streams, strict=True)]
    start = _HEADER_4.size
    header = _HEADER_4.pack(spz.MAGIC, 4, len(splats), splats.degree, bits, 0, len(streams), start)
    Path(path).write_bytes(b"".join([header, *table, *packed]))


def _inflate(raw: bytes) -> bytes:
    """Unpack gzip, first the header alone, then no more than it says there is."""
    try:
        head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, _HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(spz.MAGIC):
            raise ValueError("expected an SPZ header inside the gzip file")
        _, version, count, degree, _, flags, _ = _HEADER.unpack(head)
        claimed = _HEADER.size + sum(spz.Layout(count, degree, version).sizes)
        check_expansion(claimed, len(raw), "an SPZ file")
        extra = _MOST_EXTENSIONS if flags & spz.HAS_EXTENSIONS else 0
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, claimed + extra)
    except zlib.error as error:
        raise ValueError(f"expected a whole SPZ file, got a damaged gzip stream: {error}") from error


def _from_one_stream(raw: bytes) -> tuple[Columns, tuple[int, int, int]]:
    _, version, count, degree, bits, flags, _ = _HEADER.unpack_from(raw)
    if version == 4:
        raise ValueError("expected SPZ version 2 or 3 in one stream, got version 4")
    layout = spz.Layout(count, degree, version)
    end = _HEADER.size + sum(layout.sizes)
    if end > len(raw):
        raise ValueError(f"expected {end} bytes for the {count} splats of an SPZ file, got {len(raw)}")
    starts = np.cumsum([_HEADER.size, *layout.sizes])
    streams = [np.frombuffer(raw, np.uint8, size, start) for size, start in zip(layout.sizes, starts, strict=False)]
    records = raw[end:] if flags & spz.HAS_EXTENSIONS else b""
    return spz.decode(streams, layout, bits), spz.signs_from_extensions(records)


def _from_streams(raw: bytes) -> tuple[Columns, tuple[int, int, int]]:
    if len(raw) < _HEADER_4.size:
        raise ValueError(f"expected a header of {_HEADER_4.size} bytes in an SPZ file, got {len(raw)}")
    _, version, count, degree, bits, flags, streams, start = _HEADER_4.unpack_from(raw)
    layout = spz.Layout(count, degree, version)
    sizes = [size for size in layout.sizes if size]
    at = start + streams * _ENTRY.size
    if start < _HEADER_4.size or at > len(raw) or streams not in (len(sizes), len(layout.sizes)):
        raise ValueError(f"expected a table of {len(layout.sizes)} streams in an SPZ file, got {streams} at {start}")
    check_expansion(sum(sizes), len(raw), "an SPZ file")
    decoded = []
    for i, expected in enumerate(layout.sizes if streams == len(layout.sizes) else sizes):
        stored, size = _ENTRY.unpack_from(raw, start + i * _ENTRY.size)
        if size != expected or at + stored > len(raw):
            raise ValueError(f"expected {expected} bytes in stream {i} of an SPZ file, got {size} stored as {stored}")
        decoded.append(_decompress(raw[at : at + stored], expected))
        at += stored
    while len(decoded) < len(layout.sizes):  # without splats, writers leave the empty streams out
        decoded.append(np.zeros(0, np.uint8))
    records = raw[_HEADER_4.size : start] if flags & spz.HAS_EXTENSIONS else b""
    return spz.decode(decoded, layout, bits), spz.signs_from_extensions(records)


def _decompress(stored: bytes, size: int) -> np.ndarray:
    """One Zstandard stream of ``size`` decoded bytes, as (size,) uint8; no more than that is ever decoded."""
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(stored) as reader:
            decoded = reader.read(size)
            more = reader.read(1)
    except zstandard.ZstdError as error:
        raise ValueError(f"expected a whole SPZ file, got a damaged stream: {error}") from error
    if len(decoded) != size or more:
        raise ValueError(
            f"expected {size} bytes in a stream of an SPZ file, got {len(decoded)}{' and more' * len(more)}"
        )
    return np.frombuffer(decoded, np.uint8)
