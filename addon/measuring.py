# SPDX-License-Identifier: GPL-3.0-or-later
"""A length known between two points that are clicked on photos: what the mouse does to them, and what is wrong.

No Blender here. *Notation*: places are pixels of the upright, full-size photo, x to the right, y down. The *ends* on a
photo are none, one, or both points; ``reach`` is how near to an end, in the same pixels, the mouse takes hold of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float]
Ends = tuple[Point, ...]

FIRST = "Click the two points on a photo, or choose what else the length measures."


def clicked(ends: Ends, place: Point, reach: float) -> Ends:
    """``ends`` after a click: the other end of a lone one; else a new beginning, unless the click is on an end."""
    if _held(ends, place, reach) is not None:
        return ends
    return (ends[0], place) if len(ends) == 1 else (place,)


def dragged(ends: Ends, start: Point, stop: Point, reach: float) -> Ends:
    """``ends`` after a drag: it moves the end where it begins; else the line from its start to its stop takes over."""
    held = _held(ends, start, reach)
    if held is None:
        return ends if math.dist(start, stop) < reach else (start, stop)
    moved = tuple(stop if index == held else end for index, end in enumerate(ends))
    return ends if len(moved) == 2 and math.dist(*moved) < reach else moved


def _held(ends: Ends, place: Point, reach: float) -> int | None:
    """Which end lies within ``reach`` of ``place``; the nearer one of two, None where none does."""
    near = sorted((math.dist(end, place), index) for index, end in enumerate(ends))
    return near[0][1] if near and near[0][0] < reach else None


def resolved(name: str, photos: list[str]) -> str:
    """The photo that ``name`` means, which a command line may give without its suffix; ``name`` where none is meant."""
    alike = [photo for photo in photos if photo.rpartition(".")[0] == name]
    return alike[0] if name not in photos and len(alike) == 1 else name


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something to say beside the length; ``wrong``: it keeps the points from being used."""

    text: str
    wrong: bool = True


@dataclass(frozen=True, kw_only=True)
class KnownLength:
    """What is set about the length. ``has_length``: one is given; ``of_points``: it is what two points are apart.

    ``ends`` by photo; ``missing`` are those of its photos that the capture has no more, ``unused`` those that this
    capture's last job has no camera for. ``unrun``: the capture is a video whose pictures no job has chosen yet, and
    ``unused`` are those that none is sure to choose. ``scene``: the whole scene is made, which has no length.
    """

    has_length: bool
    of_points: bool
    ends: Mapping[str, Ends]
    missing: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    unrun: bool = False
    scene: bool = False

    @property
    def applies(self) -> bool:
        """Whether the job is to use the points."""
        return self.has_length and self.of_points and not self.scene

    def segment(self) -> dict[str, list[float]]:
        """The points as ``JobSpec.segment`` wants them: photos of the capture on which both are marked."""
        if not self.applies:
            return {}
        return {
            photo: [round(value, 2) for end in ends for value in end]
            for photo, ends in self.ends.items()
            if len(ends) == 2 and photo not in self.missing
        }

    def reason_not_to_run(self) -> str:
        """Why a job cannot use the points although it should; an empty string where it can, or need not."""
        if not self.applies or self.segment():
            return ""
        present = [photo for photo in self.ends if photo not in self.missing]
        if present:
            return f"Only one point of the known length is marked on {present[0]}: click the other one."
        if self.ends:
            return "The photo with the two points is no longer in the capture: click them on another photo."
        return FIRST

    def notes(self) -> list[Note]:
        """What to say beside the length, the worst first."""
        if self.scene and self.has_length:
            return [Note(text="A whole scene has no mesh to measure: the length is not used.")]
        if not self.has_length:
            marked = any(len(ends) == 2 for ends in self.ends.values())
            text = "Two points are marked, but no length: turn on Known Length and enter how far apart they are."
            return [Note(text=text)] if marked else []
        if not self.of_points:
            return []
        notes = [Note(text=text) for photo in self.ends if (text := self._wrong_with(photo))]
        if not self.ends:
            notes.append(Note(text=FIRST))
        elif len(self.segment()) == 1:
            notes.append(Note(text="More exact with the same two points on a photo from another side.", wrong=False))
        return notes

    def _wrong_with(self, photo: str) -> str:
        """What keeps the points on ``photo`` from being used."""
        if photo in self.missing:
            return f"{photo} is no longer in the capture; its points are not used."
        if len(self.ends[photo]) < 2:
            return f"Only one point is marked on {photo}: click the other one."
        if photo in self.unused and self.unrun:
            return f"{photo} may not be among the pictures that the job chooses: run it first, then click the points."
        if photo in self.unused:
            return f"The last job has no camera for {photo}; mark the points on a photo that it has one for."
        return ""
