# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain advice from the facts: what to photograph again, most useful first."""

from __future__ import annotations

from typing import Any

import numpy as np

BLURRED = 0.35
"""Sharpness over the capture's median below which a photo is called blurred."""
BURNT, BLACK = 0.05, 0.2
"""Shares of a frame without detail in light, in shadow, that are worth a word."""
UNEVEN = 25.0
"""Standard deviation of the frames' mean luma (of 255) that means the exposure was not locked."""
FEW_POINTS = 50
WEAK_PIXELS = 1.5
_SAME = 0.6
"""Share of a gap that lies in one already told of, at another elevation, for it to need no words of its own."""
_BACK = 120.0
"""Degrees from which a gap is a whole side of the object, which may be out of reach."""
_LOW_RING, _HIGH_RING = 35.0, 30.0
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SHOWN = 4


def advise(facts: dict[str, Any]) -> list[str]:
    """Sentences for whoever took the photos; one says that all is well where there is nothing to say."""
    frames = facts["frames"]
    said = _coverage(facts) + _registration(facts)
    sharp = np.array([f["sharpness"] for f in frames])
    if len(sharp):
        soft = [f["name"] for f, s in zip(frames, sharp, strict=True) if s < BLURRED * np.median(sharp)]
        if soft:
            said.append(f"Blurred beside the others: {some(soft)}. Hold still for each photo, or use more light.")
    burnt = [f["name"] for f in frames if f["clipped_bright"] > BURNT]
    black = [f["name"] for f in frames if f["clipped_dark"] > BLACK]
    if len(burnt) > len(frames) / 4:
        said.append(f"Burnt out in places: {some(burnt)}. Expose for the brightest part, without direct sun or flash.")
    if len(black) > len(frames) / 4:
        said.append(f"Black without detail in places: {some(black)}. Use more light, if that is not the backdrop.")
    if len(frames) > 2 and np.std([f["mean_luma"] for f in frames]) > UNEVEN:
        said.append("The brightness changes much from photo to photo: lock exposure and white balance.")
    mean = facts["reprojection"]["mean"]
    if mean is not None and mean > WEAK_PIXELS:
        said.append(f"The cameras fit their points only within {mean:.1f} pixels: was the object, or its light, moved?")
    return said or ["Nothing to complain about: the views are close, sharp and all in place."]


def _coverage(facts: dict[str, Any]) -> list[str]:
    """What is missing around the object."""
    if not facts["elevation_degrees"]:
        return []
    said = []
    around = facts["around_degrees"]
    told: list[dict[str, Any]] = []
    for gap in facts["gaps"]:
        if len(told) == _SHOWN or any(_overlap(gap, earlier) > _SAME for earlier in told):
            continue
        told.append(gap)
        photos = f"{count(gap['photos'])} photo{'s' if gap['photos'] != 1 else ''}"
        start, end = (_nearest(facts, gap[side]) for side in ("start", "end"))
        text = f"Add {photos} between {gap['start']:.0f} and {gap['end'] % 360:.0f} degrees, {gap['where']}"
        if gap["end"] - gap["start"] > _BACK:
            text += f" (beyond {start} and {end}), if one can get there: that side of the object is unknown."
        else:
            text += f" (from {start} to {end})."
        said.append(text)
    low, _, high = facts["elevation_degrees"]
    if high < _LOW_RING and around > 90:
        said.append("Add a ring of eight photos higher up, looking down at about 50 degrees: the top is hardly seen.")
    elif low > _HIGH_RING:
        said.append("Add a ring of twelve photos lower down: all of these look from above.")
    return said


def _overlap(gap: dict[str, Any], other: dict[str, Any]) -> float:
    """Share of ``gap``'s azimuths that lie in ``other``."""
    shared = 0.0
    for turn in (-360, 0, 360):
        shared += max(min(gap["end"], other["end"] + turn) - max(gap["start"], other["start"] + turn), 0.0)
    return shared / max(gap["end"] - gap["start"], 1e-9)


def _nearest(facts: dict[str, Any], azimuth: float) -> str:
    """The frame that stood nearest to ``azimuth``."""
    placed = [f for f in facts["frames"] if f["registered"]]
    return str(min(placed, key=lambda f: abs((f["azimuth"] - azimuth + 180) % 360 - 180))["name"])


def _registration(facts: dict[str, Any]) -> list[str]:
    """Frames without a camera, and those that hang on few points."""
    said = []
    missing = [f["name"] for f in facts["frames"] if not f["registered"]]
    if missing and not facts["given"]:
        said.append(f"Without a camera: {some(missing)}. Add photos between these views and their neighbours.")
    elif missing:
        said.append(f"Without a camera in the file given: {some(missing)}.")
    few = [f["name"] for f in facts["frames"] if f["registered"] and 0 < f["points"] < FEW_POINTS]
    if few:
        said.append(f"Held by few points: {some(few)}. Photos halfway to their neighbours would help.")
    return said


def count(number: int) -> str:
    """A number as one writes it."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def some(names: list[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
