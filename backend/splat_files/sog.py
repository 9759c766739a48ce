# SPDX-License-Identifier: GPL-3.0-or-later
"""PlayCanvas's SOG, versions 1 and 2: attributes as 8-bit pixels of lossless pictures, described by ``meta.json``.

Axes: none fixed, kept as they are, like the PLY file it was made from. Means are 16 bits between bounds of sign(x)
log(1 + |x|); quaternions the three smallest components, with the largest one's index in alpha (252 and up: w, x, y,
z); harmonics above the constant one are palette entries. Version 1 (no version key) spreads scales, colours and the
logit between bounds; version 2 looks them up in codebooks and stores the opacity itself. Source: PlayCanvas's
specification.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import activations, quaternions
from .limits import check_expansion, numbers, parse_json, whole
from .sog_store import META, Store, opened, picture, plain, whole_picture
from .splats import HARMONICS, Columns

_SPLAT_BYTES = 20
"""Pixels that a splat takes in the five pictures every SOG has, in bytes."""

_ENTRIES = 64
"""Palette entries side by side in a row of the picture of harmonics."""

_MOST_PALETTE = 1 << 16


def read_sog(path: Path) -> Columns:
    """Columns (see ``from_columns``) of the SOG at ``path``: a folder, its ``meta.json``, or a ZIP."""
    with opened(path) as store:
        meta = parse_json(store.read(META), META)
        version = meta.get("version", 1)
        if version not in (1, 2):
            raise ValueError(f"expected SOG version 1 or 2, got {str(version)[:20]}")
        means = _part(meta, "means")
        count = whole(meta.get("count") if version == 2 else (means.get("shape") or [None])[0], "the count of splats")
        stored = sum(store.size(name) for key in ("means", "quats", "scales", "sh0") for name in _files(meta, key))
        check_expansion(_SPLAT_BYTES * count, stored, "a SOG")
        colour = picture(store, _files(meta, "sh0")[0], count)
        scales = picture(store, _files(meta, "scales")[0], count)[:, :3]
        dc, opacities = (_colours_2 if version == 2 else _colours_1)(_part(meta, "sh0"), colour)
        return (
            _means(store, means, _files(meta, "means"), count),
            _quats(picture(store, _files(meta, "quats")[0], count)),
            _looked_up(_part(meta, "scales"), scales) if version == 2 else _spread(_part(meta, "scales"), scales),
            opacities,
            np.concatenate([dc[:, None], _rest(store, meta, count, version)], axis=1),
        )


def _part(meta: dict[str, Any], key: str) -> dict[str, Any]:
    part = meta.get(key)
    if not isinstance(part, dict):
        raise ValueError(f"expected {key!r} in {META}")
    return part


def _files(meta: dict[str, Any], key: str) -> list[str]:
    names = _part(meta, key).get("files")
    if not isinstance(names, list) or len(names) < (2 if key in ("means", "shN") else 1):
        raise ValueError(f"expected the files of {key!r} in {META}")
    return [plain(name) for name in names]


def _means(store: Store, part: dict[str, Any], names: list[str], count: int) -> np.ndarray:
    low, high = (picture(store, name, count)[:, :3].astype(np.float64) for name in names[:2])
    least, greatest = (np.array(numbers(part.get(key), 3, f"means {key}")) for key in ("mins", "maxs"))
    logs = least + (greatest - least) * (low + 256.0 * high) / 65535.0
    with np.errstate(over="ignore"):
        return np.sign(logs) * np.expm1(np.abs(logs))


def _quats(pixels: np.ndarray) -> np.ndarray:
    tags = pixels[:, 3].astype(np.int64) - 252
    if (tags < 0).any():
        raise ValueError(
            "expected quaternions tagged 252 to 255 in a SOG, got others (was the picture stored with loss?)"
        )
    rest = (pixels[:, :3].astype(np.float32) / 255.0 * 2.0 - 1.0) * np.float32(np.sqrt(0.5))
    return quaternions.from_smallest_three(tags, rest)


def _spread(part: dict[str, Any], levels: np.ndarray) -> np.ndarray:
    """Version 1: levels (N, C) between bounds a channel."""
    count = levels.shape[1]
    least, greatest = (np.array(numbers(part.get(key), count, f"{key} of a SOG")) for key in ("mins", "maxs"))
    return least + (greatest - least) * (levels / 255.0)


def _looked_up(part: dict[str, Any], levels: np.ndarray) -> np.ndarray:
    """Version 2: levels (...) as places in the codebook of 256 numbers."""
    codebook: np.ndarray = np.array(numbers(part.get("codebook"), 256, "the codebook of a SOG"))
    return codebook[levels]


def _colours_1(part: dict[str, Any], pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = _spread(part, pixels)
    return values[:, :3], values[:, 3]


def _colours_2(part: dict[str, Any], pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _looked_up(part, pixels[:, :3]), activations.logit_from_opacity(pixels[:, 3] / 255.0)


def _rest(store: Store, meta: dict[str, Any], count: int, version: int) -> np.ndarray:
    """Harmonics above the constant one, (N, K - 1, 3): a palette of at most 65536 entries, and each splat's entry."""
    if "shN" not in meta:
        return np.zeros((count, 0, 3), np.float32)
    part, names = _part(meta, "shN"), _files(meta, "shN")
    pixels = whole_picture(store, names[0], 0, _MOST_PALETTE * (HARMONICS[-1] - 1))
    harmonics = pixels.shape[1] // _ENTRIES
    if harmonics not in [k - 1 for k in HARMONICS[1:]] or pixels.shape[1] % _ENTRIES:
        raise ValueError(f"expected a palette {_ENTRIES} times 3, 8 or 15 pixels wide in a SOG, got {pixels.shape[1]}")
    palette = pixels[..., :3].reshape(-1, harmonics, 3)
    labels = picture(store, names[1], count)
    entries = labels[:, 0].astype(np.int64) + 256 * labels[:, 1].astype(np.int64)
    if len(entries) and entries.max() >= len(palette):
        raise ValueError(f"expected palette entries under {len(palette)} in a SOG, got {entries.max()}")
    if version == 2:
        values = _looked_up(part, palette)
    else:
        least, greatest = (numbers([part.get(key)], 1, f"shN {key}")[0] for key in ("mins", "maxs"))
        values = least + (greatest - least) * (palette / 255.0)
    return values.astype(np.float32)[entries]
