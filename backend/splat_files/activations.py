# SPDX-License-Identifier: GPL-3.0-or-later
"""Between what 3DGS stores (logits, logarithms, harmonics) and what other files store (opacities, sizes, colours)."""

from __future__ import annotations

import math

import numpy as np

BAND_0 = 0.5 / math.sqrt(math.pi)
"""The constant harmonic Y_0: colour = 0.5 + BAND_0 f_dc."""

_EDGE = 1e-6
"""Opacities are kept this far from 0 and 1, where the logit is infinite; far below a step of 8 bits."""

_LEAST_SIZE = 1e-30
"""A size of zero (a flat splat in a file of linear sizes) is taken as this; its logarithm is -69."""


def opacity_from_logit(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def logit_from_opacity(opacities: np.ndarray) -> np.ndarray:
    """Inverse of ``opacity_from_logit`` for opacities of 0 to 1; 0 and 1 themselves become -13.8 and 13.8."""
    inside = np.clip(np.asarray(opacities, np.float64), _EDGE, 1.0 - _EDGE)
    return np.log(inside) - np.log1p(-inside)


def log_from_size(sizes: np.ndarray) -> np.ndarray:
    """Logarithms of standard deviations; negative ones become undefined, and are refused later."""
    sizes = np.asarray(sizes, np.float64)
    return np.where(sizes >= 0, np.log(np.maximum(sizes, _LEAST_SIZE)), np.nan)


def colour_from_dc(dc: np.ndarray) -> np.ndarray:
    """Colour of the constant harmonic, 0 to 1 where a screen can show it."""
    return 0.5 + BAND_0 * dc


def dc_from_colour(colour: np.ndarray) -> np.ndarray:
    """Inverse of ``colour_from_dc``."""
    return (colour - 0.5) / BAND_0


def to_levels(values: np.ndarray, bits: int) -> np.ndarray:
    """Quantise 0..1 to 0..2^bits - 1, rounding to nearest: an error of half a step; what lies outside is clipped."""
    top = (1 << bits) - 1
    return np.floor(np.clip(values, 0.0, 1.0) * top + 0.5).astype(np.uint32)


def from_levels(levels: np.ndarray, bits: int) -> np.ndarray:
    """Inverse of ``to_levels`` for the lowest ``bits`` of ``levels``."""
    top = (1 << bits) - 1
    return (levels & np.uint32(top)).astype(np.float32) / np.float32(top)
