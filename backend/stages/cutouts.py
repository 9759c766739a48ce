# SPDX-License-Identifier: GPL-3.0-or-later
"""The object alone, once a frame: the undistorted photo under its final mask, no background in the rim.

``NAME.png`` is RGBA with straight alpha, of the undistorted image's size. Transparent pixels near the object carry its
colour, so that a cutout may be scaled and filtered without a halo; see ``kernels/cutouts.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...kernels import cutouts
from .. import images
from ..records import Camera, Cameras, Masks
from ..stage import Context
from ..streaming import ordered_map, worker_count

NAME = "cutouts"
VERSION = 2
INPUTS = ("cameras", "masks_refined")
OUTPUTS: tuple[str, ...] = ()
SPEC: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    feather_px: float = 0.0
    rim_px: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One frame's picture (H, W, 3) and mask (H, W), uint8."""

    name: str
    rgb: np.ndarray
    mask: np.ndarray
    unseen: bool
    """The photo came with its alpha: nobody saw a background."""


def run(context: Context) -> None:
    """Write one cutout for every frame that has a camera and a mask."""
    cameras = Cameras.load(context.folder("cameras")).cameras
    masks = Masks.load(context.folder("masks_refined")).named()
    cut = [c for c in cameras if c.name in masks]
    missing = [c.name for c in cameras if c.name not in masks]
    if missing:
        context.warn("mask_missing", f"There is no mask for {', '.join(missing)}, and so no cutout.")

    def load(camera: Camera) -> Loaded:
        rgb = images.read_rgb(context.folder("cameras") / camera.image)
        mask = images.read_grey(context.folder("masks_refined") / masks[camera.name].image)
        return Loaded(name=camera.name, rgb=rgb, mask=mask, unseen=masks[camera.name].method == "alpha")

    def save(item: tuple[str, np.ndarray]) -> Path:
        path = context.output / f"{item[0]}.png"
        images.write_image(path, item[1])
        return path

    # Reading and writing run beside this thread; the kernels run on it alone and use all cores themselves, because
    # not every threading layer of numba lets two threads enter parallel code.
    empty: list[str] = []
    with (
        closing(ordered_map(load, cut, worker_count())) as loaded,
        closing(ordered_map(save, _cut_all(context, loaded, empty), worker_count())) as saved,
    ):
        for done, _ in enumerate(saved, start=1):
            context.progress(done / len(cut), f"cutting out ({done} of {len(cut)})")
    if empty:
        context.warn("mask_empty", f"The mask is empty on {', '.join(empty)}: its cutout shows nothing.")
    context.facts.method = "decontaminated"
    context.facts.details["artefacts"] = [
        {"kind": "cutouts", "path": "03_cutouts", "axes": "image", "unit": "pixels", "count": len(cut)}
    ]


def _cut_all(context: Context, loaded: Iterable[Loaded], empty: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Cut out frame after frame; names of frames on which nothing is left are added to ``empty``."""
    for item in loaded:
        if item.mask.shape != item.rgb.shape[:2]:
            got, expected = item.mask.shape[::-1], item.rgb.shape[1::-1]
            raise context.error(
                "masks_unreadable",
                f"The mask of {item.name} is {got[0]} x {got[1]} pixels, its image {expected[0]} x {expected[1]}.",
                "Delete the folder 04_masks of the job and run it again.",
            )
        rgba = cut_out(item.rgb, item.mask, context.options, item.unseen)
        if not rgba[..., 3].any():
            empty.append(item.name)
        yield item.name, rgba


def cut_out(rgb: np.ndarray, mask: np.ndarray, options: Options, unseen: bool = False) -> np.ndarray:
    """RGBA (H, W, 4) uint8, straight, from ``rgb`` (H, W, 3) and ``mask`` (H, W) uint8; ``unseen`` as the kernel's."""
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    cutouts.cut_out(
        np.ascontiguousarray(rgb),
        np.ascontiguousarray(mask),
        rgba,
        feather=float(options.feather_px),
        rim=float(options.rim_px),
        unseen=unseen,
    )
    return rgba
