# SPDX-License-Identifier: GPL-3.0-or-later
"""The two points of a known length as a scene keeps them, one entry a photo, and as ``measuring`` sees them.

Pixels are of the upright, full-size photo, origin at the top left corner.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..protocol import LENGTH_OF
from .measuring import Ends, KnownLength, resolved
from .naming import film_of
from .placed import placed_photos

POINTS = "segment"
"""What ``length_of`` is called where two points were clicked; in a job they stand in a field of their own."""


class TurnaroundSegment(bpy.types.PropertyGroup):
    """The points on one photo: ``area`` is (x, y, x, y); while ``whole`` is off, there is the first one alone."""

    frame: bpy.props.StringProperty(name="Photo")  # type: ignore[valid-type]
    area: bpy.props.FloatVectorProperty(name="Pixels", size=4)  # type: ignore[valid-type]
    whole: bpy.props.BoolProperty(name="Both Points")  # type: ignore[valid-type]

    @property
    def ends(self) -> Ends:
        """One point or two."""
        x0, y0, x1, y1 = (float(value) for value in self.area)
        return ((x0, y0), (x1, y1)) if self.whole else ((x0, y0),)


def length_items() -> list[tuple[str, str, str]]:
    """What a known length may measure: what the contract lists, and two clicked points."""
    texts = {
        "height": "From the ground to the top of the object as it stands",
        "longest": "The longest of width, depth and height",
        "diagonal": "From corner to corner of the box around the object",
    }
    points = (
        POINTS,
        "Two Points",
        "How far apart two points are, which you click on one photo or on several",
    )
    return [*((name, name.capitalize(), texts.get(name, "")) for name in LENGTH_OF), points]


def ends_on(settings: Any, frame: str) -> Ends:
    """The points on the photo ``frame``; none where nothing is marked."""
    return next((entry.ends for entry in settings.segments if entry.frame == frame), ())


def store(settings: Any, frame: str, ends: Ends) -> None:
    """Keep ``ends`` as the points on ``frame``, in place of those that were there; none: forget the photo."""
    index = next((i for i, entry in enumerate(settings.segments) if entry.frame == frame), len(settings.segments))
    if not ends:
        if index < len(settings.segments):
            settings.segments.remove(index)
        settings.active_segment = max(0, min(settings.active_segment, len(settings.segments) - 1))
        return
    entry = settings.segments[index] if index < len(settings.segments) else settings.segments.add()
    entry.frame, entry.whole = frame, len(ends) == 2
    entry.area = (*ends[0], *ends[-1])
    settings.active_segment = index


def take_segment(settings: Any, segment: dict[str, list[float]], photos: list[str]) -> None:
    """Have the points of a job again."""
    settings.segments.clear()
    for frame, (x0, y0, x1, y1) in segment.items():
        store(settings, resolved(frame, photos), ((x0, y0), (x1, y1)))


def known_length(settings: Any) -> KnownLength:
    """What ``settings`` say about the length, with what there is to know of its photos."""
    ends = {entry.frame: entry.ends for entry in settings.segments}
    placed = placed_photos(settings.own_job) if ends else None
    unrun = placed is None and film_of(settings.capture_path) is not None
    sure = {prompt.frame for prompt in settings.prompts} if unrun else placed
    return KnownLength(
        has_length=settings.use_length,
        of_points=settings.length_of == POINTS,
        ends=ends,
        missing=frozenset(frame for frame in ends if not settings.has_photo(frame)),
        unused=frozenset(frame for frame in ends if frame not in sure) if sure is not None else frozenset(),
        unrun=unrun,
        scene=settings.recipe == "scene",
    )
