# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers in a Niantic SPZ file: each attribute of all splats together, in 8 to 24 bits.

Axes: RUB (x right, y up, z back), fixed by the format; only the extension ``SPZ_ADOBE_coordinate_system`` says
otherwise. ``load`` turns them to its caller's. Steps: means 2^-bits with the bits in the header (24 bits in all),
log-scales 1/16 over -10 to 5.94, f_dc 0.026 over +-3.33, opacity 1/255, quaternions 1/723 (first three components in
8 bits in version 2), harmonics 1/128 over +-1. Sources: the README of nianticlabs/spz, and files of versions 2, 3 and
4.
"""

from __future__ import annotations

import math
import struct

import numpy as np

from . import activations, quaternions
from .splats import Columns, Splats

MAGIC = b"NGSP"
HAS_EXTENSIONS = 2

_HARMONICS = (1, 4, 9, 16, 25)
_FINEST = 1 << 18
"""Steps from the origin to the farthest mean that are enough: finer ones are noise, which does not compress."""

_BITS = (12, 20)
"""Fewest and most fractional bits where they fit; 12 is what the format's own library writes."""

_REACH = (1 << 23) - 1
_DC_SCALE = 0.15
_SMALLEST = 511
_ROOT_HALF = math.sqrt(0.5)
_SH_STEPS = (8, 16)
"""Steps (of 1/128) of the first band's and the higher bands' harmonics as written: 5 and 4 bits, SPZ's own habit."""

_AXES = 0xADBE0003


class Layout:
    """Sizes in bytes of the attributes of ``count`` splats, in file order, in ``version`` (2 to 4)."""

    def __init__(self, count: int, degree: int, version: int) -> None:
        if version not in (2, 3, 4):
            raise ValueError(f"expected SPZ of version 2, 3 or 4, got {version}")
        if degree >= len(_HARMONICS):
            raise ValueError(f"expected harmonics of degree 0 to 4, got {degree}")
        self.count, self.degree = count, degree
        self.widths = [9, 1, 3, 3, 3 if version == 2 else 4, 3 * (_HARMONICS[degree] - 1)]

    @property
    def sizes(self) -> list[int]:
        """Bytes of means, opacities, colours, scales, quaternions and, where there are any, harmonics."""
        return [self.count * width for width in self.widths if width]


def decode(streams: list[np.ndarray], layout: Layout, bits: int) -> Columns:
    """Columns (see ``from_columns``) in the file's axes, out of the ``streams`` (uint8, sizes as in ``layout``).

    ``bits`` is the number of fractional bits of the means. A fourth band of harmonics is left out: we keep three.
    """
    if bits > 23:
        raise ValueError(f"expected at most 23 fractional bits, got {bits}")
    count = layout.count
    means, opacities, colours, scales, quats = streams[:5]
    parts = means.reshape(count, 3, 3).astype(np.int32)
    fixed = (parts[..., 0] << 8) | (parts[..., 1] << 16) | (parts[..., 2] << 24)  # the sign ends up where int32's is
    dc = (colours.reshape(count, 1, 3) / 255.0 - 0.5) / _DC_SCALE
    rest = (streams[5] if layout.degree else np.zeros(0, np.uint8)).reshape(count, _HARMONICS[layout.degree] - 1, 3)
    kept = min(_HARMONICS[layout.degree], 16) - 1
    return (
        (fixed >> 8).astype(np.float64) * 2.0**-bits,
        _quats_first(quats.reshape(count, 3)) if layout.widths[4] == 3 else _quats_smallest(quats.view("<u4")),
        scales.reshape(count, 3) / 16.0 - 10.0,
        activations.logit_from_opacity(opacities / 255.0),
        np.concatenate([dc, (rest[:, :kept].astype(np.float32) - 128.0) / 128.0], axis=1),
    )


def encode(splats: Splats) -> tuple[list[bytes], int]:
    """Streams of version 3 and 4 for ``splats`` in RUB axes, and the fractional bits of the means: as many as fit."""
    bits = _fitting_bits(splats.means)
    fixed = np.round(splats.means.astype(np.float64) * 2.0**bits).astype(np.int32)
    means = np.stack([(fixed >> s) & 255 for s in (0, 8, 16)], axis=-1)
    colours = (splats.sh[:, 0] * _DC_SCALE + 0.5) * 255.0
    opacities = activations.opacity_from_logit(splats.opacities.astype(np.float64)) * 255.0
    streams = [means, _byte(opacities), _byte(colours), _byte((splats.scales + 10.0) * 16.0)]
    largest, rest = quaternions.smallest_three(np.roll(splats.quats, -1, axis=1))
    sizes = np.floor(np.abs(rest) / _ROOT_HALF * _SMALLEST + 0.5).astype(np.uint32)
    fields = np.minimum(sizes, _SMALLEST) | ((rest < 0).astype(np.uint32) << np.uint32(9))
    words = (fields[:, 0] << np.uint32(20)) | (fields[:, 1] << np.uint32(10)) | fields[:, 2]
    packed = [s.astype(np.uint8).tobytes() for s in streams]
    packed.append((words | (largest.astype(np.uint32) << np.uint32(30))).astype("<u4").tobytes())
    if splats.degree:
        packed.append(_encode_rest(splats.sh[:, 1:]))
    return packed, bits


def signs_from_extensions(records: bytes) -> tuple[int, int, int]:
    """What the file's axes must be multiplied by to become RUB, by its extension ``records``; others are skipped.

    A record is its type and length (uint32 each) and so many bytes. Raises ``ValueError`` where records do not fit, and
    for axes that are not x, y, z in this order.
    """
    at, signs = 0, (1, 1, 1)
    while at < len(records):
        kind, size = struct.unpack_from("<II", records, at) if at + 8 <= len(records) else (0, len(records))
        at += 8
        if at + size > len(records):
            raise ValueError("expected whole extension records in the SPZ file, got a truncated one")
        if kind == _AXES and size == 4:
            signs = _signs(struct.unpack_from("<I", records, at)[0])
        at += size
    return signs


def _signs(axes: int) -> tuple[int, int, int]:
    """Numbered 1 to 8: right is bit 0, up is bit 1, front is bit 2 of the number less one; 0 means the format's RUB."""
    if not 0 <= axes <= 8:
        raise ValueError(f"expected axes 0 to 8 in the SPZ file's coordinate system, got {axes}")
    flags = axes - 1 if axes else 3
    return (1 if flags & 1 else -1, 1 if flags & 2 else -1, -1 if flags & 4 else 1)


def _fitting_bits(means: np.ndarray) -> int:
    """Fractional bits for steps of the farthest mean's 2^18th part or finer, as far as 24 bits reach."""
    farthest = float(np.abs(means).max()) if len(means) else 0.0
    fewest, most = _BITS
    while most > fewest and farthest * 2.0 ** (most - 1) >= _FINEST:
        most -= 1
    for bits in range(most, -1, -1):
        if farthest * 2.0**bits <= _REACH:
            return bits
    raise ValueError(f"expected means within {_REACH} of the origin for SPZ, got {farthest:g}")


def _byte(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255)


def _encode_rest(rest: np.ndarray) -> bytes:
    steps = np.full((1, rest.shape[1], 1), _SH_STEPS[1])
    steps[:, :3] = _SH_STEPS[0]
    levels = 128 + np.round(rest * (128.0 / steps)) * steps
    # 255 is the greatest byte and no multiple of a step: the greatest multiple below it is used.
    return np.clip(levels, 0, 256 - steps).astype(np.uint8).tobytes()


def _quats_first(levels: np.ndarray) -> np.ndarray:
    """Version 2: x, y, z in 8 bits each, w positive."""
    xyz = levels / 127.5 - 1.0
    w = np.sqrt(np.maximum(0.0, 1.0 - np.sum(xyz * xyz, axis=1, keepdims=True)))
    return np.concatenate([w, xyz], axis=1)


def _quats_smallest(words: np.ndarray) -> np.ndarray:
    """Versions 3 and 4: x y z w with the three smallest as sign and 9 bits, the first in the highest bits."""
    fields = np.stack([words >> np.uint32(s) for s in (20, 10, 0)], axis=1)
    sizes = (fields & np.uint32(511)).astype(np.float32) * np.float32(_ROOT_HALF / _SMALLEST)
    rest = np.where(fields & np.uint32(512), -sizes, sizes)
    return np.roll(quaternions.from_smallest_three((words >> np.uint32(30)).astype(np.int64), rest), 1, axis=1)
