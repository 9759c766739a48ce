# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures become frames: evenly spaced along the motion, the sharpest of each stretch, none twice.

The motion is cut into stretches of equal length, as many as the preset allows and no shorter than ``STEP``; of each
stretch the best picture is taken: sharp for its neighbourhood, well exposed, near the middle. Between two frames a
sharp one is kept as a spare, for where cameras turn out not to hold together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .. import copies
from .survey import Look, clipped, sharpness

STEP = 0.012
"""Least motion from one frame to the next, share of the diagonal: about 3 degrees around an object that fills half
of the picture, which is where more frames stop adding anything."""
BLURRED = 0.25
"""Sharpness, over the median of its neighbourhood, below which a picture is not used unless it is asked for."""
_OFF_CENTRE = 0.35
"""Price of lying at a stretch's end, in units of relative sharpness."""
_CLIPPED = 2.0
_NEIGHBOURS = 15


@dataclass
class Choice:
    """Places in the list of looks: ``chosen`` and ``spare`` in order; why each look was taken or not."""

    chosen: list[int] = field(default_factory=list)
    spare: list[int] = field(default_factory=list)
    reasons: dict[int, tuple[str, str]] = field(default_factory=dict)


def choose(
    looks: list[Look], steps: np.ndarray, limit: int, weights: list[np.ndarray | None], drop_copies: bool = True
) -> Choice:
    """At most ``limit`` key frames of ``looks``; ``steps`` as ``motion.Motion`` has them."""
    sharp = np.array([sharpness(look, w) for look, w in zip(looks, weights, strict=True)])
    lost = np.array([sum(clipped(look, w)) for look, w in zip(looks, weights, strict=True)])
    relative = sharp / np.maximum(_neighbourhood(sharp), 1e-6)
    along = np.cumsum(steps)
    count = int(np.clip(round(float(along[-1]) / STEP) + 1, 1, limit))
    choice = Choice()
    wanted = {i for i, look in enumerate(looks) if look.wanted}
    stretch = along[-1] / count if along[-1] > 0 else 1.0
    of = np.minimum((along / stretch).astype(int), count - 1)
    middle = np.abs(along / stretch - of - 0.5) * 2
    score = np.minimum(relative, 1.5) - _OFF_CENTRE * middle - _CLIPPED * np.maximum(lost - np.median(lost), 0)
    seen = copies.Seen()
    for number in range(count):
        members = np.flatnonzero(of == number)
        asked = [int(i) for i in members if i in wanted]
        ranked = members[np.argsort(-score[members], kind="stable")]
        picks = asked or [int(i) for i in ranked[:1]]
        for i in picks:
            _take(choice, looks, int(i), relative, seen, drop_copies)
    choice.chosen.sort()
    choice.spare = _spares(choice.chosen, along, relative)
    _explain(choice, looks, along, relative)
    return choice


def _neighbourhood(sharp: np.ndarray) -> np.ndarray:
    """Median sharpness around each look: what is sharp depends on what is shown."""
    padded = np.pad(sharp, _NEIGHBOURS, mode="reflect" if len(sharp) > _NEIGHBOURS else "edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1), axis=1)


def _take(
    choice: Choice, looks: list[Look], i: int, relative: np.ndarray, seen: copies.Seen, drop_copies: bool
) -> None:
    """Take look ``i``, unless it is blurred or shows an earlier view again and nobody asked for it."""
    if not looks[i].wanted:
        if relative[i] < BLURRED:
            choice.reasons[i] = "blurred", f"sharpness {relative[i]:.2f} of its neighbours'"
            return
        near = seen.find(looks[i].thumbnail) if drop_copies else None
        if near is not None:
            choice.reasons[i] = "near_copy", f"shows the same view as {near}"
            return
    seen.add(f"{looks[i].seconds:.3f} s", looks[i].thumbnail)
    choice.chosen.append(i)


def _spares(chosen: list[int], along: np.ndarray, relative: np.ndarray) -> list[int]:
    """Between each two neighbours of ``chosen`` the sharpest look from the middle half of the motion between them."""
    found = []
    for a, b in pairwise(chosen):
        quarter = (along[b] - along[a]) / 4
        between = np.arange(a + 1, b)
        middle = (along[between] >= along[a] + quarter) & (along[between] <= along[b] - quarter)
        usable = between[middle & (relative[between] >= 2 * BLURRED)]
        if len(usable):
            found.append(int(usable[np.argmax(relative[usable])]))
    return found


def _explain(choice: Choice, looks: list[Look], along: np.ndarray, relative: np.ndarray) -> None:
    """Say of each chosen look why, of each other one why not."""
    for place, i in enumerate(choice.chosen):
        before = choice.chosen[place - 1] if place else None
        moved = (
            f", {100 * (along[i] - along[before]):.1f} % of the picture after the last" if before is not None else ""
        )
        why = "a prompt lies on it" if looks[i].wanted else f"sharpness {relative[i]:.2f} of its neighbours'"
        choice.reasons[i] = "key_frame", why + moved
    for i in choice.spare:
        choice.reasons[i] = "spare", "between two key frames"
    for i in range(len(looks)):
        choice.reasons.setdefault(i, ("between", "another picture of its stretch is better"))
