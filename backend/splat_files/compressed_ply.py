# SPDX-License-Identifier: GPL-3.0-or-later
"""SuperSplat's compressed PLY: 16 bytes a splat in chunks of 256 that share their ranges, and a byte a harmonic.

Axes: none fixed, kept as they are, like the standard file's. A chunk stores the least and the greatest mean,
log-scale and colour; splats lie between in 11, 10 and 11 bits (x, y, z) or 8 bits (red, green, blue); opacity takes 8
bits, the quaternion's three smallest components 10 bits each. Half a step is the error: extent / 4094 (x, z) or /
2046 (y), scales likewise, 1 / 510 of the chunk's range of colour, 1 / 510 of opacity, sqrt(2) / 2046 of a component;
harmonics are within 1 / 64 up to 3.96 and clipped at 4. Log-scales are clipped to +-20.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import activations, morton, quaternions
from .ply_elements import columns
from .splats import HARMONICS, Columns, Splats

_CHUNK = 256
_RANGES = [
    [f"{end}_{name}" for name in names]
    for names in (("x", "y", "z"), ("scale_x", "scale_y", "scale_z"), ("r", "g", "b"))
    for end in ("min", "max")
]
_PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_MOST_SCALE = 20.0
_SH_RANGE = 8.0
_ROOT = np.float32(np.sqrt(2.0))


def is_compressed(tables: dict[str, np.ndarray]) -> bool:
    """Whether the elements of a PLY file are those of this format."""
    return "chunk" in tables and "packed_position" in (tables.get("vertex", np.zeros(0)).dtype.names or ())


def from_tables(tables: dict[str, np.ndarray]) -> Columns:
    """Columns (see ``from_columns``) out of the elements ``chunk``, ``vertex`` and, with harmonics, ``sh``."""
    chunks, rows = tables["chunk"], tables["vertex"]
    if len(chunks) != -(-len(rows) // _CHUNK):
        raise ValueError(f"expected a chunk for every {_CHUNK} of {len(rows)} splats, got {len(chunks)}")
    words = {name: _words(rows, name) for name in _PACKED}
    of = np.arange(len(rows)) // _CHUNK

    def between(levels: np.ndarray, low: list[str], high: list[str]) -> np.ndarray:
        return columns(chunks, low)[of] * (1 - levels) + columns(chunks, high)[of] * levels

    means = between(_from_11_10_11(words["packed_position"]), _RANGES[0], _RANGES[1])
    scales = between(_from_11_10_11(words["packed_scale"]), _RANGES[2], _RANGES[3])
    colour = np.stack([activations.from_levels(words["packed_color"] >> np.uint32(s), 8) for s in (24, 16, 8)], axis=1)
    if "min_r" in (chunks.dtype.names or ()):  # older files store colours over the fixed range 0 to 1
        colour = between(colour, _RANGES[4], _RANGES[5])
    opacities = activations.logit_from_opacity(activations.from_levels(words["packed_color"], 8))
    dc = activations.dc_from_colour(colour)[:, None]
    sh = np.concatenate([dc, _rest(tables.get("sh"), len(rows))], axis=1)
    return means, _quats(words["packed_rotation"]), scales, opacities, sh


def write_compressed(path: Path, splats: Splats, comment: str = "") -> None:
    """Write ``splats``, reordered along Morton's curve so that chunks are small and steps fine."""
    splats = splats.select(morton.order(splats.means))
    scales = np.clip(splats.scales, -_MOST_SCALE, _MOST_SCALE)
    colour = activations.colour_from_dc(splats.sh[:, 0])
    ranged = [_ranges(values) for values in (splats.means, scales, colour)]
    chunks = np.concatenate([np.concatenate(pair, axis=1) for pair in ranged], axis=1).astype("<f4")
    position, scale = (_to_11_10_11(_within(v, r)) for v, r in zip((splats.means, scales), ranged[:2], strict=True))
    levels = activations.to_levels(_within(colour, ranged[2]), 8)
    opacity = activations.to_levels(activations.opacity_from_logit(splats.opacities.astype(np.float64)), 8)
    color = (levels[:, 0] << np.uint32(24)) | (levels[:, 1] << np.uint32(16)) | (levels[:, 2] << np.uint32(8)) | opacity
    words = np.stack([position, _pack_quats(splats.quats), scale, color], axis=1).astype("<u4")
    rest = splats.sh[:, 1:].transpose(0, 2, 1).reshape(len(splats), 3 * (splats.sh.shape[1] - 1))
    harmonics = np.clip(np.floor((rest / _SH_RANGE + 0.5) * 256.0), 0, 255).astype(np.uint8)
    with Path(path).open("wb") as file:
        file.write(_header(len(splats), len(chunks), rest.shape[1], comment))
        for block in (chunks, words, harmonics):
            file.write(np.ascontiguousarray(block).tobytes())


def _header(count: int, chunks: int, rest: int, comment: str) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {line}" for line in comment.splitlines())]
    lines += [f"element chunk {chunks}"]
    lines += [f"property float {name}" for names in _RANGES for name in names]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in _PACKED)]
    if rest:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{i}" for i in range(rest))]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def _words(rows: np.ndarray, name: str) -> np.ndarray:
    """One packed property as (N,) uint32."""
    if name not in (rows.dtype.names or ()) or rows.dtype[name].str[1:] != "u4":
        raise ValueError(f"expected the property {name!r} of a compressed file as uint")
    return rows[name].astype(np.uint32)


def _ranges(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest of ``values`` (N, 3) in each chunk, (chunks, 3) each."""
    starts = np.arange(0, len(values), _CHUNK)
    if len(values) == 0:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)
    return np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def _within(values: np.ndarray, ranges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """``values`` (N, 3) as shares 0 to 1 of their chunk's range; 0 where the range is a point."""
    of = np.arange(len(values)) // _CHUNK
    low, high = (end.astype(np.float64)[of] for end in ranges)
    extent = high - low
    return np.divide(values - low, extent, out=np.zeros_like(extent), where=extent > 0)


def _to_11_10_11(shares: np.ndarray) -> np.ndarray:
    x, y, z = (activations.to_levels(shares[:, i], bits) for i, bits in enumerate((11, 10, 11)))
    return (x << np.uint32(21)) | (y << np.uint32(11)) | z


def _from_11_10_11(words: np.ndarray) -> np.ndarray:
    shifted = ((21, 11), (11, 10), (0, 11))
    return np.stack([activations.from_levels(words >> np.uint32(s), bits) for s, bits in shifted], axis=1)


def _pack_quats(quats: np.ndarray) -> np.ndarray:
    largest, rest = quaternions.smallest_three(quats)
    levels = activations.to_levels(rest / _ROOT + 0.5, 10)
    packed = (levels[:, 0] << np.uint32(20)) | (levels[:, 1] << np.uint32(10)) | levels[:, 2]
    return packed | (largest.astype(np.uint32) << np.uint32(30))


def _quats(words: np.ndarray) -> np.ndarray:
    levels = np.stack([activations.from_levels(words >> np.uint32(s), 10) for s in (20, 10, 0)], axis=1)
    return quaternions.from_smallest_three((words >> np.uint32(30)).astype(np.int64), (levels - 0.5) * _ROOT)


def _rest(table: np.ndarray | None, count: int) -> np.ndarray:
    """Harmonics above the constant one, (N, K - 1, 3): bytes over -4 to 4, the ends being exact."""
    if table is None:
        return np.zeros((count, 0, 3), np.float32)
    names = table.dtype.names or ()
    if len(table) != count or len(names) not in [3 * (k - 1) for k in HARMONICS[1:]]:
        raise ValueError(f"expected 9, 24 or 45 harmonics for {count} splats, got {len(names)} for {len(table)}")
    levels = columns(table, [f"f_rest_{i}" for i in range(len(names))])
    shares = np.where(levels == 0, 0.0, np.where(levels == 255, 1.0, (levels + 0.5) / 256.0))
    return ((shares - 0.5) * _SH_RANGE).reshape(count, 3, len(names) // 3).transpose(0, 2, 1)
