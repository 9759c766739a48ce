# SPDX-License-Identifier: GPL-3.0-or-later
"""From the job's axes to those of other programs."""

from __future__ import annotations

import numpy as np


def y_up(vectors: np.ndarray) -> np.ndarray:
    """Turn z-up vectors (N, 3) into the y-up axes of glTF, USD and OBJ: (x, y, z) becomes (x, z, -y)."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)
