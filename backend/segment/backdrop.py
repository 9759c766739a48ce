# SPDX-License-Identifier: GPL-3.0-or-later
"""The background as a picture of its own: the ground plane and what is infinitely far, seen by all frames together.

Most objects are captured standing on something flat. A point of the ground shows the same colour in all frames that see
it, whereas the object in front of it covers other parts of the ground in every frame. So a pixel that differs from what
the other frames saw at the place where its ray meets the ground is likely the object, whatever its colour. How much a
difference says is learnt from the frames (``evidence.py``); where there is no flat ground, it says nothing.

Notation: the backdrop is one picture (C, 2 C, 3) float32 Lab. Its left half is the plane z = ``height`` with
radius r drawn at r / (r + REACH), so that it holds the plane out to the horizon; its right half is the sky, drawn by
the angle from the zenith. World as ``cameras.json``: z up, the object's diagonal 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..records import Camera
from .many import side_by_side

MOST_CELLS = 320
"""Cells along a side of each half at most: about a hundredth of the object's diagonal at its foot."""

REACH = 1.2
"""Radius, in diagonals of the object, inside which half of the plane's picture lies."""

SIDE = 480
"""Longer side, in pixels, of the frames from which a backdrop is painted."""

_FLOOR = 4.0
"""Standard deviation, in units of 8-bit Lab, that noise and resampling have even on a perfect match."""

_LEAST_VIEWS = 0.8
"""Weight of other frames below which a cell says nothing."""


@dataclass(kw_only=True)
class Backdrop:
    """Weighted sums over frames: ``total`` (C, 2C) of weights, ``mean`` (C, 2C, 3), ``variance`` (C, 2C)."""

    total: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    height: float


def cell_points(height: float, cells: int) -> np.ndarray:
    """Homogeneous world points (cells, 2 * cells, 4) of the backdrop's cells; w = 0 for the sky."""
    axis = (2 * (np.arange(cells, dtype=np.float32) + 0.5) / cells - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y)
    valid = radius < 0.995
    away = np.where(valid, REACH / np.maximum(1 - radius, 5e-3), 0.0)
    ground = np.stack([x * away, y * away, np.full_like(x, height), np.where(valid, 1.0, 0.0)], -1)
    angle = radius * np.pi / 2
    sine = np.where(radius > 0, np.sin(angle) / np.maximum(radius, 1e-9), 0.0)
    sky = np.stack([x * sine, y * sine, np.cos(angle), np.zeros_like(x)], -1)
    sky[~valid] = 0
    ground[~valid] = 0
    return np.concatenate([ground, sky], 1).astype(np.float32)


def pixel_cells(camera: Camera, shape: tuple[int, int], height: float, count: int) -> np.ndarray:
    """Where pixels of a picture of ``shape`` (h, w) look: (h, w, 2) float32, OpenCV's pixels of the backdrop."""
    h, w = shape
    K = np.diag([w / camera.width, h / camera.height, 1.0]) @ camera.K
    x, y = np.meshgrid(np.arange(w, dtype=np.float32) + 0.5, np.arange(h, dtype=np.float32) + 0.5)
    world_from_pixel = (camera.cam_from_world[:3, :3].T @ np.linalg.inv(K)).astype(np.float32)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ world_from_pixel.T
    centre = camera.centre
    down = rays[..., 2] * (1.0 if centre[2] > height else -1.0) < -1e-9
    away = np.where(down, (height - centre[2]) / np.where(down, rays[..., 2], 1.0), 0.0)
    at = centre[:2] + away[..., None] * rays[..., :2]
    radius = np.linalg.norm(at, axis=-1)
    ground = at / (radius + REACH)[..., None]
    flat = np.linalg.norm(rays[..., :2], axis=-1)
    angle = np.arctan2(flat, np.abs(rays[..., 2])) / (np.pi / 2)
    sky = rays[..., :2] * (angle / np.maximum(flat, 1e-9))[..., None]
    cells = (np.where(down[..., None], ground, sky) + 1) * (count / 2) - 0.5
    # Between the halves nothing may be interpolated: both end inside their own half.
    cells = np.clip(cells, 0, count - 1)
    cells[..., 0] += np.where(down, 0, count)
    return cells.astype(np.float32)


def look(camera: Camera, picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fetch ``picture`` (h, w, c) float32 at the backdrop's ``points`` (C, 2C, 4); and where it was seen, bool."""
    h, w = picture.shape[:2]
    K = np.diag([w / camera.width, h / camera.height, 1.0]) @ camera.K
    pixels = points @ (K @ camera.cam_from_world[:3]).T.astype(np.float32)
    front = pixels[..., 2] > 1e-6
    at = pixels[..., :2] / np.where(front, pixels[..., 2], 1.0)[..., None]
    seen = front & (at > 0).all(-1) & (at < (w, h)).all(-1)
    at = np.where(seen[..., None], at - 0.5, -10).astype(np.float32)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), seen


def paint(
    cameras: list[Camera],
    pictures: list[np.ndarray],
    clear: list[np.ndarray],
    height: float,
    rounds: int = 3,
    cells: int = MOST_CELLS,
) -> Backdrop:
    """Paint the backdrop from ``pictures`` (h, w, 3) uint8 Lab, where they are ``clear`` (h, w) float32 of the object.

    A robust mean: each round weighs a frame's colour by its distance to the round before (Cauchy), so that what
    passes in front of a cell in few frames does not colour it.
    """
    points = cell_points(height, cells)
    mean = np.zeros((cells, 2 * cells, 3), np.float32)
    total, variance = mean[..., 0].copy(), np.full(mean.shape[:2], 1e4, np.float32)
    for _ in range(rounds):
        sums, squares, weights = np.zeros_like(mean), np.zeros_like(total), np.zeros_like(total)
        seen = side_by_side(lambda i: _observe(cameras[i], pictures[i], clear[i], points), range(len(cameras)))
        for colours, weight in seen:
            if total.any():
                miss = np.square(colours - mean).sum(-1)
                weight = weight / (1 + miss / (variance + 3 * _FLOOR**2))
            weights += weight
            sums += weight[..., None] * colours
            squares += weight * np.square(colours).sum(-1)
        safe = np.maximum(weights, 1e-6)
        mean, total = (sums / safe[..., None]).astype(np.float32), weights
        variance = np.maximum(squares / safe - np.square(mean).sum(-1), 0).astype(np.float32)
    return Backdrop(total=total, mean=mean, variance=variance, height=height)


def ground_height(cameras: list[Camera], pictures: list[np.ndarray], clear: list[np.ndarray]) -> float:
    """Height of the plane, within 0.06 of z = 0, on which the frames agree best; the foot of a rough box is rough.

    Tried on small pictures; ``pictures`` and ``clear`` as for ``paint``.
    """
    small = [cv2.resize(p, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for p in pictures]
    free = [cv2.resize(c, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for c in clear]
    best, least = 0.0, np.inf
    # From the middle outwards, so that z = 0 stays where the heights make no difference.
    for height in (0.0, -0.01, 0.01, -0.02, 0.02, -0.03, 0.03, -0.045, 0.045, -0.06, 0.06):
        backdrop = paint(cameras, small, free, height, rounds=2, cells=96)
        weight = backdrop.total[:, :96] * (backdrop.total[:, :96] > 2)
        spread = float((np.sqrt(backdrop.variance[:, :96]) * weight).sum() / max(float(weight.sum()), 1e-6))
        if spread < 0.98 * least:
            best, least = height, spread
    return best


def difference(backdrop: Backdrop, camera: Camera, picture: np.ndarray, free: np.ndarray) -> np.ndarray:
    """How unlike the other frames' backdrop each pixel is, (h, w) float32 in standard deviations; NaN where unknown.

    The frame's own share is taken out first, else an object that hides the ground from all frames would match itself.
    """
    count = len(backdrop.total)
    points = cell_points(backdrop.height, count)
    colours, weight = _observe(camera, picture, free, points)
    miss = np.square(colours - backdrop.mean).sum(-1)
    weight = weight / (1 + miss / (backdrop.variance + 3 * _FLOOR**2))
    left = backdrop.total - weight
    safe = np.maximum(left, 1e-6)[..., None]
    mean = (backdrop.mean * backdrop.total[..., None] - weight[..., None] * colours) / safe
    table = np.dstack([mean, backdrop.variance, left]).astype(np.float32)
    cells = pixel_cells(camera, picture.shape[:2], backdrop.height, count)
    there = cv2.remap(table, cells[..., 0], cells[..., 1], cv2.INTER_LINEAR)
    spread = np.sqrt(there[..., 3] + 3 * _FLOOR**2)
    unlike = np.linalg.norm(picture.astype(np.float32) - there[..., :3], axis=-1) / spread
    return np.where(there[..., 4] > _LEAST_VIEWS, unlike, np.nan).astype(np.float32)


def _observe(
    camera: Camera, picture: np.ndarray, free: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (C, 2C, 3) of one frame at the backdrop's cells and their weights (C, 2C)."""
    seen_at, seen = look(camera, np.dstack([picture.astype(np.float32), free]), points)
    return seen_at[..., :3], seen_at[..., 3] * seen
