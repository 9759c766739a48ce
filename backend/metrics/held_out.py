# SPDX-License-Identifier: GPL-3.0-or-later
"""Score renders from cameras whose photos were not used to make what is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import read_grey, read_rgb
from ..records import Camera, Cameras, Masks
from .images import psnr, ssim


@dataclass
class View:
    """A held-out camera with its photo (H, W, 3) uint8 and where its mask holds the object, (H, W) bool."""

    camera: Camera
    photo: np.ndarray
    inside: np.ndarray


def held_out_views(cameras_folder: Path, masks_folder: Path, hold_out: int | None = None) -> list[View]:
    """The held-out cameras that have a mask with the object in it; ``hold_out`` as in ``Cameras.load``."""
    masks = Masks.load(masks_folder).named()
    views = []
    for camera in Cameras.load(cameras_folder, hold_out).cameras:
        if not camera.held_out or camera.name not in masks:
            continue
        inside = read_grey(masks_folder / masks[camera.name].image) > 127
        if inside.any():
            views.append(View(camera, read_rgb(cameras_folder / camera.image), inside))
    return views


def scores(views: list[View], render: Callable[[Camera], np.ndarray], prefix: str) -> dict[str, float]:
    """Mean ``PREFIX_psnr`` and ``PREFIX_ssim`` of ``render(camera)`` over ``views``; empty where there is none."""
    if not views:
        return {}
    images = [render(v.camera) for v in views]
    return {
        f"{prefix}_psnr": float(np.mean([psnr(i, v.photo, v.inside) for i, v in zip(images, views, strict=True)])),
        f"{prefix}_ssim": float(np.mean([ssim(i, v.photo, v.inside) for i, v in zip(images, views, strict=True)])),
    }
