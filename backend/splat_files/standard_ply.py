# SPDX-License-Identifier: GPL-3.0-or-later
"""The PLY file that 3DGS trainers write: float columns of means, logits, log-scales, quaternions and harmonics.

Axes: the file fixes none; numbers are kept as they are. Usually RDF (y down), as COLMAP's world; in Turnaround's own
jobs z is up. The harmonics beyond the constant one, ``f_rest_*``, are stored channel by channel: all red ones first.
Writing and reading again loses nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..ply import table, write_ply
from .ply_elements import columns
from .splats import HARMONICS, Columns, Splats

_MEANS = ["x", "y", "z"]
_NORMALS = ["nx", "ny", "nz"]
_DC = ["f_dc_0", "f_dc_1", "f_dc_2"]
_SCALES = ["scale_0", "scale_1", "scale_2"]
_QUATS = ["rot_0", "rot_1", "rot_2", "rot_3"]

_FLAT = -30.0
"""Log-scale that stands for minus infinity, which some trainers write for a splat of no thickness."""

_OPAQUE = 30.0
"""Logit that stands for infinity: an opacity of 1 - 1e-13."""


def write_standard(path: Path, splats: Splats, comment: str = "") -> None:
    """Write ``splats`` with the columns and their order of the 3DGS trainer, normals (zero) included, little-endian."""
    rest = splats.sh[:, 1:].transpose(0, 2, 1).reshape(len(splats), 3 * (splats.sh.shape[1] - 1))
    named = dict(zip(_MEANS, splats.means.T, strict=True))
    named |= dict.fromkeys(_NORMALS, np.zeros(len(splats), np.float32))
    named |= dict(zip(_DC, splats.sh[:, 0].T, strict=True))
    named |= {f"f_rest_{i}": column for i, column in enumerate(rest.T)}
    named |= {"opacity": splats.opacities}
    named |= dict(zip(_SCALES, splats.scales.T, strict=True)) | dict(zip(_QUATS, splats.quats.T, strict=True))
    write_ply(path, table(named), comment=comment)


def from_table(rows: np.ndarray) -> Columns:
    """Columns (see ``from_columns``) out of the element ``vertex`` (N,) of a 3DGS file; not yet checked for NaN."""
    opacities = columns(rows, ["opacity"])[:, 0]
    scales = columns(rows, _SCALES)
    sh = np.concatenate([columns(rows, _DC)[:, None], _rest(rows)], axis=1)
    return (
        columns(rows, _MEANS),
        columns(rows, _QUATS),
        np.where(scales == -np.inf, np.float32(_FLAT), scales),
        np.where(np.isinf(opacities), np.copysign(np.float32(_OPAQUE), opacities), opacities),
        sh,
    )


def _rest(rows: np.ndarray) -> np.ndarray:
    """Harmonics above the constant one, (N, K - 1, 3)."""
    count = sum(name.startswith("f_rest_") for name in rows.dtype.names or ())
    allowed = [3 * (k - 1) for k in HARMONICS]
    if count not in allowed:
        raise ValueError(f"expected {', '.join(map(str, allowed))} columns f_rest_*, got {count}")
    return columns(rows, [f"f_rest_{i}" for i in range(count)]).reshape(len(rows), 3, count // 3).transpose(0, 2, 1)
