# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of this package in their order: from Gaussians to an image, and from an image's gradient back.

Owns the buffers between the kernels. Does not know of losses, optimisers or files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import TILE_HEIGHT, TILE_WIDTH, harmonics
from .blending import blend
from .blending_backward import SCREEN, blend_backward, gather
from .normals import normals_in_camera
from .projection import project
from .projection_backward import project_backward
from .tiles import CHUNKS, count_pairs, depth_order, write_pairs

CAMERA_PARTS = 64
"""Parts in which a camera's gradient is summed, so that the sum does not depend on the number of threads."""


@dataclass
class Rendered:
    """An image and what its backward pass needs. ``image`` (H, W, D + 1): features over nothing, and alpha."""

    image: np.ndarray
    means2d: np.ndarray
    depths: np.ndarray
    conics: np.ndarray
    extents: np.ndarray
    compensations: np.ndarray
    opacities: np.ndarray
    slots: np.ndarray = field(repr=False)
    starts: np.ndarray = field(repr=False)
    ids: np.ndarray = field(repr=False)
    pair_slots: np.ndarray = field(repr=False)
    tile_order: np.ndarray = field(repr=False)

    @property
    def drawn(self) -> np.ndarray:
        """Which Gaussians (N,) touch the image's tiles."""
        return np.diff(self.slots) > 0


@dataclass
class Gradients:
    """Gradients of the loss; shapes as the inputs'. ``camera`` (3, 4) is that of ``cam_from_world[:3]``."""

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    features: np.ndarray
    means2d: np.ndarray
    camera: np.ndarray


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def render(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    features: np.ndarray,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    antialiased: bool = False,
) -> Rendered:
    """Render ``features`` (N, D) of Gaussians from one camera; all arrays as the package says.

    A feature that depends on the projection (a depth) is the caller's business: project first, then ``composite``.
    """
    n = len(means)
    means2d, depths, conics, extents, compensations = _zeros(n, 2), _zeros(n), _zeros(n, 3), _zeros(n, 2), _zeros(n)
    project(
        means, quats, scales, opacities, cam_from_world, K, width, height, antialiased,
        means2d, depths, conics, extents, compensations,
    )  # fmt: skip
    return composite(means2d, depths, conics, extents, compensations, opacities, features, width, height)


def render_coloured(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    coefficients: np.ndarray,
    degree: int,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    antialiased: bool = False,
    geometry: bool = False,
) -> tuple[Rendered, np.ndarray]:
    """Render Gaussians coloured by harmonics (N, B, 3) up to ``degree``: the picture, and the colours (N, 3) seen.

    With ``geometry`` depth and normal (``normals.normals_in_camera``) are blended as well: features (N, 7).
    """
    n = len(means)
    eye = -cam_from_world[:3, :3].T @ cam_from_world[:3, 3]
    means2d, depths, conics, extents, compensations = _zeros(n, 2), _zeros(n), _zeros(n, 3), _zeros(n, 2), _zeros(n)
    project(
        means, quats, scales, opacities, cam_from_world, K, width, height, antialiased,
        means2d, depths, conics, extents, compensations,
    )  # fmt: skip
    colours = _zeros(n, 3)
    harmonics.colours(means, coefficients, eye.astype(np.float32), degree, extents, colours)
    if geometry:
        features = _zeros(n, 7)
        features[:, :3], features[:, 3] = colours, depths
        normals_in_camera(means, quats, scales, cam_from_world, features[:, 4:])
        colours = features
    seen = composite(means2d, depths, conics, extents, compensations, opacities, colours, width, height)
    return seen, colours


def composite(
    means2d: np.ndarray,
    depths: np.ndarray,
    conics: np.ndarray,
    extents: np.ndarray,
    compensations: np.ndarray,
    opacities: np.ndarray,
    features: np.ndarray,
    width: int,
    height: int,
) -> Rendered:
    """Sort projected Gaussians into tiles and blend their ``features`` (N, D)."""
    n = len(means2d)
    columns, rows = -(-width // TILE_WIDTH), -(-height // TILE_HEIGHT)
    order, scratch = np.zeros(n, np.int32), np.zeros(n, np.int32)
    keys, keys_scratch = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    drawn = depth_order(depths, extents, order, scratch, keys, keys_scratch)
    slots = np.zeros(n + 1, np.int64)
    histogram = np.zeros((CHUNKS, columns * rows), np.int32)
    pairs = count_pairs(order, drawn, means2d, conics, extents, columns, rows, slots, histogram)
    starts, ids, pair_slots = (
        np.zeros(columns * rows + 1, np.int64),
        np.zeros(pairs, np.int32),
        np.zeros(pairs, np.int32),
    )
    write_pairs(order, drawn, means2d, conics, extents, columns, rows, slots, histogram, starts, ids, pair_slots)
    # Heavy tiles first, dealt out in turn, so that cores that take equal numbers of tiles get equal work.
    by_weight = np.argsort(-np.diff(starts), kind="stable").astype(np.int32)
    tile_order = np.concatenate([by_weight[k::CHUNKS] for k in range(CHUNKS)]) if len(by_weight) else by_weight
    image = _zeros(height, width, features.shape[1] + 1)
    drawn_opacities = opacities * compensations
    blend(means2d, conics, extents, drawn_opacities, features, starts, ids, tile_order, image)
    return Rendered(
        image,
        means2d,
        depths,
        conics,
        extents,
        compensations,
        drawn_opacities,
        slots,
        starts,
        ids,
        pair_slots,
        tile_order,
    )


def render_backward(
    rendered: Rendered,
    v_image: np.ndarray,
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    features: np.ndarray,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    antialiased: bool = False,
    depth_feature: int | None = None,
    with_camera: bool = False,
) -> Gradients:
    """Gradients of the inputs of ``render``, given ``v_image`` (H, W, D + 1).

    ``depth_feature``: which of the features is the Gaussians' own depth, and moves with them.
    """
    n, r = len(means), rendered
    height, width = r.image.shape[:2]
    pair_gradients = _zeros(len(r.ids), SCREEN + features.shape[1])
    blend_backward(
        r.means2d, r.conics, r.extents, r.opacities, features, r.starts, r.ids, r.pair_slots, r.tile_order,
        r.image, v_image, pair_gradients,
    )  # fmt: skip
    v_means2d, v_conics, v_drawn, v_features = _zeros(n, 2), _zeros(n, 3), _zeros(n), _zeros(*features.shape)
    gather(r.slots, pair_gradients, v_means2d, v_conics, v_drawn, v_features)
    v_depths = _zeros(n) if depth_feature is None else np.ascontiguousarray(v_features[:, depth_feature])
    v_means, v_quats, v_scales, v_opacities = _zeros(n, 3), _zeros(n, 4), _zeros(n, 3), _zeros(n)
    v_camera = _zeros(CAMERA_PARTS if with_camera else 0, 3, 4)
    project_backward(
        means, quats, scales, opacities, cam_from_world, K, width, height, antialiased,
        r.conics, r.extents, r.compensations,
        v_means2d, v_depths, v_conics, v_drawn,
        v_means, v_quats, v_scales, v_opacities, v_camera,
    )  # fmt: skip
    return Gradients(v_means, v_quats, v_scales, v_opacities, v_features, v_means2d, v_camera.sum(0))
