# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job is: all that decides its result.

Prompts are in pixels of the EXIF-oriented, full-size source image, origin at the top left corner, x to the right,
pixel centres at half integers. Lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .names import ALL_STAGES, DELIVERABLES, DEVICES, LENGTH_OF, PRESETS, RECIPES
from .options import option_named


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """One run on one capture: all that decides its result. The command line, the panel and the batch submit this.

    Paths are absolute. ``prompts`` maps a frame's file name to its list of prompts, each
    ``{"type": "point", "xy": [x, y], "label": 0 or 1}``, ``{"type": "box", "xyxy": [x0, y0, x1, y1]}`` or
    ``{"type": "stroke", "points": [[x, y], ...], "radius": r, "label": 0 or 1}``; label 1 marks the object, 0 the rest;
    or ``{"type": "mask", "path": file}``, a picture of the photo's proportions, white where the object is.
    ``segment`` maps photos to the two ends, [x, y, x, y], between which ``length`` was measured; it takes the place of
    ``length_of``. One photo is enough; two or more, from different sides, are more exact.
    """

    capture: str
    job: str
    recipe: str = "auto"
    preset: str = "balanced"
    device: str = "auto"
    prompts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    masks: str | None = None
    cameras: str | None = None
    length: float | None = None
    length_of: str = "height"
    segment: dict[str, list[float]] = field(default_factory=dict)
    hold_out: int = 8
    deterministic: bool = False
    seed: int = 0
    deliverables: tuple[str, ...] = ("auto",)
    from_stage: str | None = None
    until_stage: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ``ValueError`` ("expected ..., got ...") for the first field that is out of its range."""
        for name, path in (("capture", self.capture), ("job", self.job)):
            if not isinstance(path, str) or not path:
                raise ValueError(f"expected {name} to be a path, got {path!r}")
        for name, value, allowed in (
            ("recipe", self.recipe, RECIPES),
            ("preset", self.preset, PRESETS),
            ("device", self.device, DEVICES),
            ("length_of", self.length_of, LENGTH_OF),
            ("from", self.from_stage, (None, *ALL_STAGES)),
            ("until", self.until_stage, (None, *ALL_STAGES)),
        ):
            if value not in allowed:
                raise ValueError(
                    f"expected {name} to be one of {', '.join(str(a) for a in allowed if a)}, got {value!r}"
                )
        if unknown := set(self.deliverables) - set(DELIVERABLES):
            raise ValueError(f"expected deliverables from {', '.join(DELIVERABLES)}, got {', '.join(sorted(unknown))}")
        if self.length is not None and not 0 < self.length < float("inf"):
            raise ValueError(f"expected length to be a positive number of metres, got {self.length!r}")
        if self.segment and self.length is None:
            raise ValueError("expected a length with the segment that it was measured along, got none")
        for frame, ends in self.segment.items():
            check_segment(frame, ends)
        if self.recipe == "scene" and (self.prompts or self.masks):
            raise ValueError("expected neither prompts nor masks with the recipe scene, got some")
        if self.recipe == "single_picture" and self.cameras:
            raise ValueError("expected no cameras with the recipe single_picture, which assumes its own, got some")
        if self.hold_out < 0 or self.hold_out == 1:
            raise ValueError(f"expected hold_out to be 0 (none) or at least 2, got {self.hold_out!r}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"expected seed to be between 0 and {2**31 - 1}, got {self.seed!r}")
        for frame, prompts in self.prompts.items():
            for prompt in prompts:
                check_prompt(frame, prompt)
        for key, value in self.overrides.items():
            option_named(key).check(value)


def _numbers(value: Any, count: int) -> bool:
    """Whether ``value`` is ``count`` numbers of a size that pixels have."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == count
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e7 for v in value)
    )


def check_segment(frame: str, ends: Any) -> None:
    """Raise ``ValueError`` if ``ends`` are not the two different ends [x, y, x, y] of a segment on ``frame``."""
    if not _numbers(ends, 4) or tuple(ends[:2]) == tuple(ends[2:]):
        raise ValueError(f"segment on {frame}: expected two different ends [x, y, x, y], got {ends!r}")


def check_prompt(frame: str, prompt: dict[str, Any]) -> None:
    """Raise ``ValueError`` if one prompt of ``frame`` is not what ``JobSpec`` says a prompt is."""
    kind = prompt.get("type") if isinstance(prompt, dict) else None
    where = f"prompt on {frame}"
    if kind == "point":
        if not _numbers(prompt.get("xy"), 2):
            raise ValueError(f"{where}: expected a point with 'xy': [x, y], got {prompt!r}")
    elif kind == "box":
        box = prompt.get("xyxy")
        if not isinstance(box, (list, tuple)) or not _numbers(box, 4) or box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f"{where}: expected a box with 'xyxy': [x0, y0, x1, y1], x0 < x1, y0 < y1, got {prompt!r}")
    elif kind == "stroke":
        points = prompt.get("points")
        if not isinstance(points, list) or not points or not all(_numbers(p, 2) for p in points):
            raise ValueError(f"{where}: expected a stroke with 'points': [[x, y], ...], got {prompt!r}")
        if not _numbers([prompt.get("radius", 0)], 1) or prompt.get("radius", 0) <= 0:
            raise ValueError(f"{where}: expected a stroke with a positive 'radius' in pixels, got {prompt!r}")
    elif kind == "mask":
        if not isinstance(prompt.get("path"), str) or not prompt["path"]:
            raise ValueError(f"{where}: expected a mask with the 'path' of its file, got {prompt!r}")
    else:
        raise ValueError(f"{where}: expected type 'point', 'box', 'stroke' or 'mask', got {prompt!r}")
    if kind in {"point", "stroke"} and prompt.get("label", 1) not in {0, 1}:
        raise ValueError(f"{where}: expected label 1 (object) or 0 (not the object), got {prompt.get('label')!r}")
