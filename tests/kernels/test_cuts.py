# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import cuts, cuts_reference


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 2), (2, 1), (5, 7), (33, 64)])
def test_twins_agree(shape):
    random = np.random.default_rng(3)
    cost = random.normal(size=shape).astype(np.float32)
    weight = random.random(shape).astype(np.float32)
    compiled = random.random(shape).astype(np.float32)
    plain = compiled.copy()
    cuts.relaxed_cut(cost, weight, compiled, 30)
    cuts_reference.relaxed_cut(cost, weight, plain, 30)
    np.testing.assert_allclose(compiled, plain, atol=2e-5)


def test_result_is_the_least_of_all_binary_cuts():
    random = np.random.default_rng(5)
    cost = random.normal(size=(3, 4)).astype(np.float32)
    weight = np.full((3, 4), 0.4, np.float32)
    u = np.full((3, 4), 0.5, np.float32)
    cuts.relaxed_cut(cost, weight, u, 3000)

    def energy(v: np.ndarray) -> float:
        dx = np.diff(v, axis=1, append=v[:, -1:])
        dy = np.diff(v, axis=0, append=v[-1:])
        return float((weight * np.hypot(dx, dy)).sum() + (cost * v).sum())

    codes = (np.arange(2**12)[:, None] >> np.arange(12)) & 1
    best = min(energy(code.reshape(3, 4).astype(float)) for code in codes)
    assert energy(u) <= best + 1e-4
