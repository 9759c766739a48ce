# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of 3D Gaussians and its file: the binary PLY of 3D Gaussian splatting (Kerbl et al. 2023).

Notation: means (N, 3) world; quats (N, 4) unit, (w, x, y, z), axes_from_own; scales (N, 3) standard deviations in the
world's unit; opacities (N,) in (0, 1); harmonics (N, B, 3), B = 1, 4, 9 or 16 coefficients a channel, the first
``(colour - 0.5) / SH_C0`` with colour sRGB in [0, 1]. Files hold logarithms of scales and logits of opacities.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ply import read_ply, table, write_ply

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi))."""


@dataclass
class Gaussians:
    """Arrays as the module says, float32."""

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    harmonics: np.ndarray

    def __len__(self) -> int:
        return len(self.means)

    @property
    def colours(self) -> np.ndarray:
        """Colour (N, 3) float32 without the part that depends on the direction, sRGB, mostly in [0, 1]."""
        return self.harmonics[:, 0] * np.float32(SH_C0) + np.float32(0.5)

    def scaled(self, factor: float) -> Gaussians:
        """The same Gaussians in a unit that is ``1 / factor`` of the old one."""
        return Gaussians(
            self.means * np.float32(factor), self.quats, self.scales * np.float32(factor), self.opacities,
            self.harmonics,
        )  # fmt: skip

    def save(self, path: Path, comment: str = "") -> None:
        """Write the PLY; ``f_rest`` goes channel by channel, as the original implementation writes it."""
        columns = dict(zip(("x", "y", "z"), self.means.T, strict=True))
        columns |= {name: np.zeros(len(self), np.float32) for name in ("nx", "ny", "nz")}
        columns |= {f"f_dc_{k}": self.harmonics[:, 0, k] for k in range(3)}
        rest = self.harmonics[:, 1:].transpose(0, 2, 1).reshape(len(self), 3 * (self.harmonics.shape[1] - 1))
        columns |= {f"f_rest_{k}": rest[:, k] for k in range(rest.shape[1])}
        held = np.clip(self.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
        columns["opacity"] = np.log(held / (1 - held))
        columns |= {f"scale_{k}": np.log(self.scales[:, k]) for k in range(3)}
        columns |= {f"rot_{k}": self.quats[:, k] for k in range(4)}
        write_ply(path, table({name: np.asarray(c, np.float32) for name, c in columns.items()}), comment=comment)

    @staticmethod
    def load(path: Path) -> Gaussians:
        """Read such a PLY; ``ValueError`` names a property that is missing."""
        rows, _ = read_ply(path)
        names = rows.dtype.names or ()

        def columns(*wanted: str) -> np.ndarray:
            if missing := [w for w in wanted if w not in names]:
                raise ValueError(f"expected Gaussians with {', '.join(missing)} in {path}, got none")
            return np.stack([rows[w].astype(np.float32) for w in wanted], axis=1)

        rest = sum(name.startswith("f_rest_") for name in names)
        harmonics = columns("f_dc_0", "f_dc_1", "f_dc_2")[:, None]
        if rest:
            higher = columns(*[f"f_rest_{k}" for k in range(rest)]).reshape(-1, 3, rest // 3)
            harmonics = np.concatenate([harmonics, higher.transpose(0, 2, 1)], axis=1)
        return Gaussians(
            columns("x", "y", "z"),
            columns("rot_0", "rot_1", "rot_2", "rot_3"),
            np.exp(columns("scale_0", "scale_1", "scale_2")),
            1.0 / (1.0 + np.exp(-columns("opacity")[:, 0])),
            np.ascontiguousarray(harmonics),
        )


def quats_from_rotations(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions (N, 4), (w, x, y, z), of rotation matrices (N, 3, 3) (Shepperd 1978: the largest part first)."""
    m = np.asarray(rotations, np.float64)
    trace = np.einsum("nii->n", m)
    squares = np.stack([trace, m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]], axis=1)
    squares[:, 0] = 1 + trace
    squares[:, 1:] = 1 + 2 * squares[:, 1:] - trace[:, None]
    products = np.zeros((len(m), 4, 4))
    for k in range(4):
        products[:, k, k] = squares[:, k]
    pairs = {
        (0, 1): m[:, 2, 1] - m[:, 1, 2], (0, 2): m[:, 0, 2] - m[:, 2, 0], (0, 3): m[:, 1, 0] - m[:, 0, 1],
        (1, 2): m[:, 0, 1] + m[:, 1, 0], (1, 3): m[:, 0, 2] + m[:, 2, 0], (2, 3): m[:, 1, 2] + m[:, 2, 1],
    }  # fmt: skip
    for (i, j), value in pairs.items():
        products[:, i, j] = products[:, j, i] = value
    rows = products[np.arange(len(m)), squares.argmax(axis=1)]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
