# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels are the object, one mask a frame: given, prompted, from the photos' alpha, or guessed from the cameras.

The engines are tried in that order. Masks of a prompt are rough where views are far apart, and say so by their
confidence; ``masks_refined`` makes them agree once the cameras are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import read_grey, read_rgb, write_image
from ..records import Cameras, Frame, Frames, Mask, Masks
from ..segment import first
from ..segment.carry import Carried, Colours, carry, cut_frame
from ..segment.colour import colour_indices
from ..segment.given import find_masks, read_mask
from ..segment.guess import guess
from ..segment.many import side_by_side
from ..segment.order import carry_order
from ..segment.prompts import Marks, draw_marks
from ..segment.settle import enlarge
from ..stage import Context
from ..workspace import write_json

NAME = "masks"
VERSION = 1
INPUTS = ("frames", "cameras")
OUTPUTS = ("masks.json", "prompts.json")
SPEC = ("prompts", "masks")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    side: int = 640
    """Pixels of the longer side at which masks are cut, 128 to 4096."""
    smoothness: float = 2.0
    """Price of a pixel of contour against the evidence of a pixel, 0.1 to 20."""


def run(context: Context) -> None:
    """Write a mask for every frame, ``masks.json`` and ``prompts.json``."""
    frames = Frames.load(context.folder("frames")).frames
    write_json(context.output / "prompts.json", context.spec.prompts)
    if context.spec.masks:
        result = _given(context, frames, Path(context.spec.masks))
    elif context.spec.prompts:
        result = _prompted(context, frames)
    elif all(frame.alpha for frame in frames):
        result = _alpha(context, frames)
    elif context.has("cameras"):
        result = _guessed(context, frames)
    else:
        raise context.error("prompt_bad", "Nothing says which object is meant.", "Click on the object in one photo.")
    if not any(mask.area > 0 for mask in result.masks):
        raise context.error(
            "mask_empty", "No frame's mask holds anything.", "Mark the object by a box or by strokes, on two frames."
        )
    result.save(context.output)
    context.facts.method = result.method
    confidences = [mask.confidence for mask in result.masks]
    context.facts.metrics["mask_confidence_mean"] = round(float(np.mean(confidences)), 4)


def _save(context: Context, frame: Frame, mask: np.ndarray, confidence: float, method: str) -> Mask:
    """Write one frame's ``mask`` (height, width) uint8 and say what it is."""
    write_image(context.output / f"{frame.name}.png", mask)
    area = float((mask > 127).mean())
    return Mask(
        name=frame.name, image=f"{frame.name}.png", confidence=round(confidence, 4), method=method, area=round(area, 6)
    )


def _given(context: Context, frames: list[Frame], folder: Path) -> Masks:
    """Masks the user has: believed as they are. A frame without one gets an empty mask of no confidence."""
    hint = "Choose the folder whose masks have the photos' names (white is the object)."
    try:
        files = find_masks(folder, [(frame.name, frame.source) for frame in frames])
    except FileNotFoundError as error:
        raise context.error("masks_unreadable", str(error), hint) from error
    if not files:
        raise context.error("masks_unreadable", f"No file in {folder} has the name of a frame in use.", hint)
    masks, missing = [], []
    for i, frame in enumerate(frames):
        context.progress(i / len(frames), f"Reading mask {i + 1} of {len(frames)}")
        mask, confidence = np.zeros((frame.height, frame.width), np.uint8), 0.0
        if frame.name in files:
            try:
                mask, confidence = read_mask(files[frame.name], mask.shape), 1.0
            except ValueError as error:
                raise context.error("masks_unreadable", f"A mask cannot be read: {error}.", hint) from error
        else:
            missing.append(frame.source)
        masks.append(_save(context, frame, mask, confidence, "given"))
    if missing:
        context.warn(
            "masks_missing",
            f"{len(missing)} of {len(frames)} frames have no mask: {', '.join(missing[:5])}.",
            "They take part in finding the cameras only.",
        )
    return Masks(masks=masks, method="given")


def _alpha(context: Context, frames: list[Frame]) -> Masks:
    """The photos' own alpha channels."""
    masks = []
    for i, frame in enumerate(frames):
        context.progress(i / len(frames), f"Reading alpha {i + 1} of {len(frames)}")
        masks.append(_save(context, frame, read_grey(context.folder("frames") / frame.alpha), 1.0, "alpha"))
    return Masks(masks=masks, method="alpha")


def _prompted(context: Context, frames: list[Frame]) -> Masks:
    """Cut the prompted frames and carry their masks to all others."""
    by_source = {frame.source: i for i, frame in enumerate(frames)}
    by_source |= {Path(frame.source).name: i for i, frame in enumerate(frames)}
    by_source |= {frame.name: i for i, frame in enumerate(frames)}
    if unknown := [name for name in context.spec.prompts if name not in by_source]:
        some = ", ".join(frame.source for frame in frames[:5])
        raise context.error(
            "prompt_frame_missing",
            f"No frame in use is called {unknown[0]}; there are {some}{', ...' if len(frames) > 5 else ''}.",
            "Mark the object on one of these frames.",
        )
    names = [Path(frame.source).name for frame in frames]
    if doubtful := [n for n in context.spec.prompts if names.count(n) > 1 and n not in {f.source for f in frames}]:
        several = ", ".join(frame.source for frame in frames if Path(frame.source).name == doubtful[0])
        raise context.error(
            "prompt_bad", f"{doubtful[0]} may be any of {several}.", "Name the photo with its folder, as shown here."
        )
    context.progress(0.0, "Reading frames")
    images = _read_working(context, frames)
    small = [_resized(image, first.SIDE) for image in images]
    borders = first.border_histogram(small)
    prompts: dict[int, list[dict[str, Any]]] = {}  # a photo may be named in two ways, with and without its suffix
    for name, listed in context.spec.prompts.items():
        prompts[by_source[name]] = [*prompts.get(by_source[name], []), *listed]
    prompted = {i: _first(context, frames[i], listed, images[i], small[i], borders) for i, listed in prompts.items()}
    context.progress(0.2, "Ordering frames")
    order = carry_order([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small], sorted(prompted))
    carried = carry(
        images,
        prompted,
        order,
        borders,
        context.options.smoothness,
        lambda share: context.progress(0.25 + 0.65 * share, "Carrying the mask to all frames"),
    )
    return _enlarged(context, frames, images, carried, "prompt: graph cut and flow", guessed=False)


def _first(
    context: Context,
    frame: Frame,
    prompts: list[dict[str, Any]],
    working: np.ndarray,
    small: np.ndarray,
    borders: np.ndarray,
) -> Carried:
    """Cut one prompted frame, first small among candidates, then at working size."""
    name = frame.source
    context.progress(0.1, f"Cutting {name}")
    hint = "Draw a box round the object, or strokes on it and beside it."

    def drawn(image: np.ndarray) -> Marks:
        size = image.shape[:2]
        try:
            return draw_marks(prompts, size, (size[1] / frame.source_width, size[0] / frame.source_height))
        except ValueError as error:
            raise context.error("prompt_bad", f"The prompt on {name} cannot be used: {error}.", hint) from error

    best = first.first_mask(small, drawn(small), borders, context.options.smoothness)
    if best is None:
        raise context.error("mask_empty", f"Nothing could be told apart at the prompt on {name}.", hint)
    marks = drawn(working)
    rough = cv2.resize(best.mask, working.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = Colours()
    indices = colour_indices(working)
    colours.add(indices, rough, 1.0, fixed=True)
    colours.fixed[1] += first.BORDER_SHARE * borders / borders.sum()
    belief = np.full_like(rough, 0.8)
    mask = cut_frame(working, indices, colours.ratios(), rough, belief, context.options.smoothness, marks).mask
    if not (mask > 0.5).any():
        raise context.error("mask_empty", f"The mask on {name} came out empty.", hint)
    # A box or a stroke says how far the object reaches; a click alone is believed as far as its mask fits.
    extent_known = marks.box is not None or any(prompt["type"] == "stroke" for prompt in prompts)
    confidence = 0.95 if extent_known else 0.3 + 0.65 * best.fit
    if confidence < 0.5:
        context.warn(
            "mask_unsure",
            f"The click on {name} leaves open what the object is.",
            "Draw a box round it, or strokes on it and beside it.",
        )
    return Carried(mask=mask, confidence=confidence, method="prompt")


def _guessed(context: Context, frames: list[Frame]) -> Masks:
    """What the cameras look at in common."""
    if some := sum(bool(frame.alpha) for frame in frames):
        context.warn(
            "alpha_incomplete",
            f"Only {some} of {len(frames)} frames have an alpha channel; it was not taken as their mask.",
            "Leave out the opaque photos, or click on the object in one photo.",
        )
    context.warn(
        "object_guessed",
        "Nobody said which object is meant; it was taken to be what the cameras look at in common.",
        "Click on the object in one photo to be sure.",
    )
    cameras = Cameras.load(context.folder("cameras"))
    images = _read_working(context, frames)
    registered = {camera.name: camera for camera in cameras.cameras}
    carried = guess(
        images,
        [registered.get(frame.name) for frame in frames],
        [(frame.width, frame.height) for frame in frames],
        cameras.box,
        context.options.smoothness,
        lambda share: context.progress(0.1 + 0.8 * share, "Looking for the object"),
    )
    return _enlarged(context, frames, images, carried, "guess: what the cameras look at", guessed=True)


def _read_working(context: Context, frames: list[Frame]) -> list[np.ndarray]:
    """All frames at working size, (h, w, 3) uint8."""

    def read(frame: Frame) -> np.ndarray:
        return _resized(read_rgb(context.folder("frames") / frame.image), context.options.side)

    images: list[np.ndarray] = []
    for image in side_by_side(read, frames):
        context.progress(0.1 * len(images) / len(frames), "Reading frames")
        images.append(image)
    return images


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    """``image`` with its longer side reduced to ``side`` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _enlarged(
    context: Context, frames: list[Frame], images: list[np.ndarray], carried: list[Carried], method: str, guessed: bool
) -> Masks:
    """Bring masks from working size to the frames' and write them."""
    masks: list[Mask] = []

    def write(i: int) -> Mask:
        frame, result = frames[i], carried[i]
        picture = read_rgb(context.folder("frames") / frame.image)
        mask = enlarge(result.mask, picture, context.options.smoothness)
        return _save(context, frame, mask, result.confidence, result.method)

    for mask in side_by_side(write, range(len(frames))):
        context.progress(0.9 + 0.1 * len(masks) / len(frames), "Writing masks")
        masks.append(mask)
    return Masks(masks=masks, method=method, guessed=guessed)
