# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the object's box, found by sweeping planes through the neighbouring frames; no colour model needed.

A pixel of the object finds its like in the neighbouring frames at a depth where its ray is inside the box; a pixel of
the ground finds it on the ground, one that looks past the object finds it behind. That tells the object from whatever
has its colour. Plane sweeping after Collins 1996, scored by normalised correlation; the ground is a plane of its own,
swept exactly. Where a picture is flat all depths match alike, and the answer is a draw.

Notation: pixels have their centres at half integers; homographies are there_from_here, (3, 3), between pictures at the
sweep's size; world as ``cameras.json``: z up, the object's diagonal 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..records import Camera

SIDE = 256
"""Longer side of the swept pictures: enough to tell depths, and a sweep costs its square times the planes."""

_FOOT = 0.02
"""Height over the ground, in the object's diagonals, that no depth tells from the ground."""

_STEP = 1.5
"""Pixels that a plane's picture moves against the next one's, in the neighbour with the widest base."""

_MOST_PLANES = 48
"""Planes through the box; behind it half as many, twice as far apart."""

_WINDOW = 7
"""Pixels of the window that is compared."""

_TEXTURE = 4.0
"""Standard deviation, in units of 8-bit Lab, below which a window counts as flat."""

_NEIGHBOURS = 4
_CLOSEST, _WIDEST = np.radians(4.0), np.radians(50.0)
"""Angles, seen from the object, between which a neighbour tells depth and still looks alike."""

_SHIFT = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
"""OpenCV's pixels have their centres at integers."""


@dataclass(kw_only=True)
class Picture:
    """A locally normalised picture (h, w, 3) float32 and its camera's matrices at that size."""

    colours: np.ndarray
    pixel_from_world: np.ndarray
    world_from_pixel: np.ndarray
    centre: np.ndarray
    axis: np.ndarray


def prepare(image: np.ndarray, camera: Camera) -> Picture:
    """``image`` (h, w, 3) uint8 sRGB of ``camera`` at the sweep's size, each window with mean 0 and length 1."""
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    middle = lab - cv2.blur(lab, (_WINDOW, _WINDOW))
    spread = np.sqrt(cv2.blur(np.square(middle).sum(-1), (_WINDOW, _WINDOW)) + _TEXTURE**2)
    K = np.diag([size[0] / camera.width, size[1] / camera.height, 1.0]) @ camera.K
    rotation, translation = camera.cam_from_world[:3, :3], camera.cam_from_world[:3, 3]
    return Picture(
        colours=(middle / spread[..., None]).astype(np.float32),
        pixel_from_world=K @ np.column_stack([rotation, translation]),
        world_from_pixel=rotation.T @ np.linalg.inv(K),
        centre=camera.centre,
        axis=rotation[2],
    )


def neighbours(pictures: list[Picture], target: np.ndarray) -> list[list[int]]:
    """For each frame the frames that see ``target`` (3,) world from angles best for depth, nearest first."""
    rays = np.array([p.centre - target for p in pictures])
    rays /= np.maximum(np.linalg.norm(rays, axis=1), 1e-9)[:, None]
    angles = np.arccos(np.clip(rays @ rays.T, -1, 1))
    chosen = []
    for row in angles:
        order = np.argsort(row, kind="stable")
        chosen.append([int(j) for j in order if _CLOSEST < row[j] < _WIDEST][:_NEIGHBOURS])
    return chosen


def relief(pictures: list[Picture], i: int, others: list[int], box: np.ndarray, height: float) -> np.ndarray:
    """How much better frame ``i`` matches the frames ``others`` inside ``box`` (2, 3) than elsewhere, (h, w) float32.

    In [-2, 2]; NaN where a pixel's ray misses the box. The ground is z = ``height``; what lies less than a fiftieth of
    the object's size above it is the ground.
    """
    here = pictures[i]
    h, w = here.colours.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32) + 0.5, np.arange(h, dtype=np.float32) + 0.5)
    rays = [(r[0] * x + r[1] * y + r[2]).astype(np.float32) for r in here.world_from_pixel]
    low, high = np.array(box[0]), np.array(box[1])
    low[2] = height + _FOOT
    corners = np.array([[(low, high)[k >> a & 1][a] for a in range(3)] for k in range(8)])
    depths = (corners - here.centre) @ here.axis
    if not others or depths.max() <= 0:
        return np.full((h, w), np.nan, np.float32)
    nearest, farthest = max(float(depths.min()), 0.1 * float(depths.max())), float(depths.max())
    inside = np.full((h, w), -1, np.float32)
    behind = _ground(pictures, here, others, height)
    meets = np.zeros((h, w), bool)
    for depth in _planes(pictures, i, others, nearest, farthest):
        score = _match(here, [pictures[j] for j in others], [_plane(here, pictures[j], depth) for j in others])
        within = np.full((h, w), depth <= farthest)
        for ray, centre, a, b in zip(rays, here.centre, low, high, strict=True):
            within &= (ray >= (a - centre) / depth) & (ray <= (b - centre) / depth)
        meets |= within
        above = rays[2] > (height - _FOOT - here.centre[2]) / depth
        np.maximum(inside, np.where(within, score, -1), out=inside)
        np.maximum(behind, np.where(within | ~above, -1, score), out=behind)
    return np.where(meets, inside - behind, np.nan).astype(np.float32)


def _planes(pictures: list[Picture], i: int, others: list[int], low: float, high: float) -> np.ndarray:
    """Depths of planes, even in inverse depth: finely through the box, half as finely behind it."""
    here = pictures[i]
    base = max((float(np.linalg.norm(pictures[j].centre - here.centre)) for j in others), default=0.0)
    focal = 1 / max(float(np.linalg.norm(here.world_from_pixel[:, 0])), 1e-9)
    wanted = focal * base * (1 / low - 1 / high) / _STEP
    inside = int(np.clip(wanted, 8, _MOST_PLANES))
    beyond = int(np.clip(focal * base / high / (2 * _STEP), 2, _MOST_PLANES // 2))
    return np.concatenate([
        1 / np.linspace(1 / low, 1 / high, inside),
        1 / np.linspace(1 / high, 1e-3 / high, beyond + 1)[1:],
    ])  # fmt: skip


def _plane(here: Picture, there: Picture, depth: float) -> np.ndarray:
    """Homography (3, 3) from pixels here to pixels there by the plane at ``depth`` before the camera here."""
    H = depth * there.pixel_from_world[:, :3] @ here.world_from_pixel
    H[:, 2] += there.pixel_from_world[:, :3] @ here.centre + there.pixel_from_world[:, 3]
    return H


def _ground(pictures: list[Picture], here: Picture, others: list[int], height: float) -> np.ndarray:
    """Scores (h, w) on the plane z = ``height``; -1 where a pixel's ray never meets it."""
    down = here.world_from_pixel[2]
    drop = height - here.centre[2]
    maps = []
    for j in others:
        there = pictures[j]
        own = there.pixel_from_world[:, :3] @ here.centre + there.pixel_from_world[:, 3]
        H = drop * there.pixel_from_world[:, :3] @ here.world_from_pixel + np.outer(own, down)
        maps.append(np.sign(drop) * H)
    score = _match(here, [pictures[j] for j in others], maps)
    h, w = score.shape
    rise = down[0] * (np.arange(w) + 0.5) + (down[1] * (np.arange(h) + 0.5) + down[2])[:, None]
    return np.where(rise * drop > 0, score, np.float32(-1))


def _match(here: Picture, others: list[Picture], maps: list[np.ndarray]) -> np.ndarray:
    """Mean of the two best correlations (h, w) float32 under homographies ``maps``: in some frames it is hidden."""
    h, w = here.colours.shape[:2]
    first, second = np.full((h, w), -1, np.float32), np.full((h, w), -1, np.float32)
    for there, H in zip(others, maps, strict=True):
        shifted = np.linalg.inv(_SHIFT) @ H @ _SHIFT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpPerspective(there.colours, shifted, (w, h), flags=flags)
        score = cv2.blur(cv2.transform(seen * here.colours, np.ones((1, 3), np.float32)), (_WINDOW, _WINDOW))
        np.maximum(second, np.minimum(first, score), out=second)
        np.maximum(first, score, out=first)
    return first if len(others) < 2 else (first + second) / 2
