# SPDX-License-Identifier: GPL-3.0-or-later
"""Adam over the Gaussians that an image showed (Kingma & Ba 2015, algorithm 1; visible rows only as in Taming 3DGS).

A Gaussian that was not drawn keeps its value and its moments: it costs nothing and does not drift on stale momentum.
The twin is ``adam_reference.py``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel

BETA1, BETA2, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-15)
_ONE = np.float32(1.0)


@parallel
def adam(values, gradients, first, second, rates, drawn, step):
    """Update ``values`` (N, D) in place with ``gradients`` (N, D); ``first``, ``second`` (N, D) are the moments.

    ``rates`` (D,) learning rates a column, ``drawn`` (N,) bool, ``step`` counts from 1 (for the bias correction).
    """
    correct1 = np.float32(1.0 / (1.0 - 0.9**step))
    correct2 = np.float32(1.0 / (1.0 - 0.999**step))
    for i in prange(values.shape[0]):
        if not drawn[i]:
            continue
        for d in range(values.shape[1]):
            g = gradients[i, d]
            m = BETA1 * first[i, d] + (_ONE - BETA1) * g
            v = BETA2 * second[i, d] + (_ONE - BETA2) * g * g
            first[i, d], second[i, d] = m, v
            values[i, d] -= rates[d] * (m * correct1) / (math.sqrt(v * correct2) + EPSILON)
