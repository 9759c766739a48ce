# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos, masks and cameras as a trainer wants them: straight RGBA in [0, 1], a weight per pixel, K and the camera.

Notation: a photo is (H, W, 4) float32, straight alpha; ``weight`` (H, W) float32 is 1 where the truth is known and 0 in
the unknown band at the silhouette or where the mask says "ignore". World and cameras as in ``records.Cameras``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey, read_rgb
from ..records import Cameras, Masks

MEANINGS = ("segment", "ignore")


@dataclass(frozen=True)
class View:
    """One training or held-out photo."""

    name: str
    photo: np.ndarray
    weight: np.ndarray
    K: np.ndarray
    cam_from_world: np.ndarray
    held_out: bool
    index: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.photo.shape[1], self.photo.shape[0]


def unknown_band(mask: np.ndarray, pixels: float) -> np.ndarray:
    """Weight (H, W) of a mask (H, W) in [0, 1]: 0 within ``pixels`` of the silhouette, where a mask is least sure."""
    if pixels <= 0:
        return np.ones(mask.shape, np.float32)
    inside = (mask > 0.5).astype(np.uint8)
    distance = np.maximum(
        cv2.distanceTransform(inside, cv2.DIST_L2, 5), cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    )
    return (distance > pixels).astype(np.float32)


def reduced(view: View, factor: float) -> View:
    """The view at ``factor`` (0, 1] of its size: area averages, colour weighted by alpha, K scaled with it."""
    width, height = (max(1, round(s * factor)) for s in view.size)
    if (width, height) == view.size:
        return view
    alpha = view.photo[..., 3:]
    mixed = cv2.resize(
        np.concatenate([view.photo[..., :3] * alpha, alpha], 2), (width, height), interpolation=cv2.INTER_AREA
    )
    colour = mixed[..., :3] / np.maximum(mixed[..., 3:], 1e-6)
    weight = cv2.resize(view.weight, (width, height), interpolation=cv2.INTER_AREA)
    K = view.K.copy()
    K[0] *= width / view.size[0]
    K[1] *= height / view.size[1]
    photo = np.concatenate([np.clip(colour, 0, 1), mixed[..., 3:]], 2).astype(np.float32)
    return View(view.name, photo, (weight > 0.5).astype(np.float32), K, view.cam_from_world, view.held_out, view.index)


def masked(rgb: np.ndarray, mask: np.ndarray | None, meaning: str, band: float) -> tuple[np.ndarray, np.ndarray]:
    """Photo (H, W, 4) and weight (H, W) of ``rgb`` (H, W, 3) and ``mask`` (H, W), both in [0, 1].

    Without a mask everything is known. ``band`` pixels on both sides of the silhouette teach nothing.
    """
    if meaning not in MEANINGS:
        raise ValueError(f"expected a meaning of masks among {MEANINGS}, got {meaning!r}")
    alpha, weight = np.ones(rgb.shape[:2], np.float32), np.ones(rgb.shape[:2], np.float32)
    if mask is not None:
        weight = unknown_band(mask, band)
        if meaning == "ignore":
            weight = weight * (mask > 0.5)
        else:
            alpha = mask
    return np.ascontiguousarray(np.concatenate([rgb, alpha[..., None]], 2), np.float32), weight.astype(np.float32)


def load_views(
    cameras_folder: Path,
    masks_folder: Path | None,
    long_side: int,
    band: float,
    meaning: str = "segment",
    hold_out: int | None = None,
) -> list[View]:
    """Views of a job, no longer than ``long_side`` pixels; without masks the whole photo is the truth (alpha 1).

    ``hold_out`` as in ``Cameras.load``.
    """
    cameras = Cameras.load(cameras_folder, hold_out)
    masks = Masks.load(masks_folder).named() if masks_folder else {}
    views = []
    for index, camera in enumerate(cameras.cameras):
        rgb = read_rgb(cameras_folder / camera.image).astype(np.float32) / 255
        mask = None
        if masks_folder:
            mask = read_grey(masks_folder / masks[camera.name].image).astype(np.float32) / 255
        photo, weight = masked(rgb, mask, meaning, band)
        view = View(camera.name, photo, weight, camera.K.copy(), camera.cam_from_world, camera.held_out, index)
        views.append(reduced(view, min(1.0, long_side / max(view.size))))
    return views


def pixels_of(points: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns, rows (N,) int64 of the pixels that ``points`` (N, 3) fall on, and which of them lie in the picture."""
    in_camera = points @ view.cam_from_world[:3, :3].T + view.cam_from_world[:3, 3]
    depth = np.maximum(in_camera[:, 2], 1e-9)
    x = np.floor(view.K[0, 0] * in_camera[:, 0] / depth + view.K[0, 2]).astype(np.int64)
    y = np.floor(view.K[1, 1] * in_camera[:, 1] / depth + view.K[1, 2]).astype(np.int64)
    inside = (in_camera[:, 2] > 0) & (x >= 0) & (x < view.size[0]) & (y >= 0) & (y < view.size[1])
    return x, y, inside
