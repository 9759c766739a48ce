# SPDX-License-Identifier: GPL-3.0-or-later
"""Rasterising 3D Gaussians on the CPU, forward and backward. Importing this package compiles nothing.

The order of work: ``projection`` (3D to screen), ``harmonics`` (colour from direction), ``tiles`` (who touches which
tile, front to back), ``blending`` (tiles to pixels); the ``*_backward`` modules go the other way.

Notation, everywhere in this package
    N Gaussians; ``means`` (N, 3) world; ``quats`` (N, 4) w, x, y, z, of any length; ``scales`` (N, 3) standard
    deviations (not logs); ``opacities`` (N,) in [0, 1] (not logits); ``cam_from_world`` (4, 4), OpenCV axes; ``K``
    (3, 3) pixels, pixel centres at half integers. All float32, C-contiguous.
    A Gaussian on screen is ``means2d`` (N, 2) pixels, ``conics`` (N, 3) = (a, b, c) of the inverse covariance
    [[a, b], [b, c]], and ``extents`` (N, 2): half width and half height of the region where its alpha can reach
    ``ALPHA_LEAST``; an extent of 0 means "not drawn".
    ``v_x`` is the gradient of the loss with respect to ``x``, of the same shape.
Thresholds are gsplat's (1.5.3, Apache-2.0), so that a file trained on one rasteriser looks the same on the other.
"""

ALPHA_LEAST = 1.0 / 255.0
"""A contribution below this is left out."""
ALPHA_MOST = 0.999
"""No Gaussian hides more than this of what lies behind it."""
TRANSMITTANCE_LEAST = 1e-4
"""A pixel is finished before its transmittance would fall to this."""
DILATION = 0.3
"""Added to the diagonal of every screen covariance, in square pixels: no Gaussian is thinner than a pixel."""
NEAR = 0.01
FAR = 1e10
TILE_BITS = 3
TILE_WIDTH = 1 << TILE_BITS
TILE_HEIGHT = 32
TILE_PIXELS = TILE_WIDTH * TILE_HEIGHT
"""A tile is narrow and tall: two of its rows are one AVX-512 register, or two of AVX2; what an ellipse reaches of a
tile is one run of rows, which wastes the less the narrower the rows are."""
