# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder: each rung costs more, or believes more, than the one before, and is climbed only where that one was poor.

The best result wins: by the share of frames it places, then by its error in the pictures, then by how many different
directions it sees the object from; the earlier of equals. Nothing that fails ``trustworthy`` counts at all: a camera
that could be anywhere is worse than none. Where no rung holds, the stage says what to do next time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import nearest_point_to_lines
from ..lens import Scene
from .chain import chain
from .delivery import reprojection_error
from .estimate import Estimator
from .global_mapping import map_globally
from .learned import match_learned, why_not_learned
from .mapping import Mapped
from .orbit import place_on_orbit
from .separate import apart
from .standing_still import Motion
from .twins import without_twins
from .witness import agreement

ENOUGH = 0.9
"""Share of registered frames, in one model, at which no further rung is climbed; the second, which costs little, is
climbed unless all are."""
_DOUBTFUL = 0.0015
_WORST = 0.003
"""Mean error in the pictures, in diagonals, above which a result is doubtful, and above which it is not believed: 3 and
6 pixels of 1600 x 1200."""
_LEAST_AGREEMENT = 0.6
"""Share of the verified matches that must keep the epipolar constraint of the cameras."""
_FEWEST_POINTS = 8
_DIRECTION_DEGREES = 10.0


@dataclass(frozen=True, kw_only=True)
class Rung:
    """``run`` places cameras; ``why_not`` says why it cannot be tried here ("" where it can)."""

    name: str
    run: Callable[[Estimator], Mapped]
    why_not: Callable[[Estimator], str] = lambda e: ""


def _sift(e: Estimator) -> Mapped:
    e.match_features()
    return e.map_incrementally()


def _thorough(e: Estimator) -> Mapped:
    e.match_features(thorough=True)
    return e.map_incrementally(relaxed=True)


def _other_masks(e: Estimator) -> Mapped:
    e.inside = {} if e.inside else e.masks
    e.match_features(thorough=True)
    return e.map_incrementally(relaxed=True)


def _learned(e: Estimator) -> Mapped:
    match_learned(e)
    return e.map_incrementally(relaxed=True)


RUNGS: tuple[Rung, ...] = (
    Rung(name="incremental mapping, SIFT", run=_sift),
    Rung(name="incremental mapping, SIFT, relaxed start", run=lambda e: e.map_incrementally(relaxed=True)),
    Rung(name="incremental mapping, affine SIFT with domain-size pooling, all pairs, relaxed start", run=_thorough),
    Rung(
        name="incremental mapping, affine SIFT, the other choice of masks",
        run=_other_masks,
        why_not=lambda e: "" if e.masks and e.settings.where == "auto" else "there are no masks to choose by",
    ),
    Rung(name="global mapping after calibrating the view graph", run=map_globally),
    Rung(
        name="incremental mapping, learned features (XFeat, LighterGlue)",
        run=_learned,
        why_not=lambda e: why_not_learned(),
    ),
    Rung(name="two-view geometry, chained by single views", run=chain),
    Rung(
        name="circular orbit, adjusted",
        run=place_on_orbit,
        why_not=lambda e: "" if e.still else "the background does not stand still",
    ),
)
"""In the order in which they are climbed."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of one rung: ``placed`` frames, in how many models, their error, and why it does not count, if so.

    ``misplaced``: frames which sides that look alike had held in a wrong place, before those matches were taken back.
    """

    method: str
    placed: int = 0
    misplaced: int = 0
    models: int = 0
    error_px: float | None = None
    directions: int = 0
    doubt: str = ""


@dataclass(frozen=True)
class Estimate:
    """The best result, how it came about, and what was seen on the way.

    ``others``: the frames of other models that hang together with the best by nothing, the largest first.
    ``misplaced``: frames which sides that look alike had once held in a wrong place.
    """

    scene: Scene
    method: str
    others: list[set[str]]
    motion: Motion | None
    keypoints: dict[str, int]
    attempts: list[Attempt]
    misplaced: set[str]


def climb(estimator: Estimator) -> Estimate:
    """Climb until enough frames are registered in one model that can be believed."""
    best, winner = Mapped(Scene(cameras=[])), -1
    attempts: list[Attempt] = []
    misplaced: set[str] = set()
    for index, rung in enumerate(RUNGS):
        estimator.span = _span(index)
        if why_not := rung.why_not(estimator):
            attempts.append(Attempt(method=rung.name, doubt=f"not tried: {why_not}"))
            continue
        mapped, moved = without_twins(rung.run(estimator), estimator)
        misplaced |= moved
        attempt = cross_examined(judge(mapped, _name(rung, moved, estimator)), mapped, estimator)
        attempts.append(replace(attempt, misplaced=len(moved)))
        if not attempt.doubt and (winner < 0 or _key(attempt, estimator) > _key(attempts[winner], estimator)):
            best, winner = mapped, index
        if winner >= 0 and _enough(attempts[winner], estimator, 1.0 if index == 0 else ENOUGH):
            break
        if not attempt.placed and estimator.motion is not None and estimator.motion.nothing_moves:
            break
        if winner >= 0 and not misplaced and apart(best, estimator):
            break  # where matches were taken back, it is all pairs that tell whether others tie the parts
    method = attempts[winner].method if winner >= 0 else attempts[0].method
    counts = estimator.keypoints.counts()
    return Estimate(best.scene, method, best.others, estimator.motion, counts, attempts, misplaced)


def _name(rung: Rung, moved: set[str], estimator: Estimator) -> str:
    """What the rung did, for people."""
    return estimator.said(rung.name) + (", without matches of sides that look alike" if moved else "")


def judge(mapped: Mapped, method: str) -> Attempt:
    """Measure a result, and say what speaks against it."""
    scene = mapped.scene
    error = reprojection_error(scene)
    doubt = ""
    if not scene.cameras:
        doubt = "no two frames could be placed"
    elif error is None or len(scene.points) < _FEWEST_POINTS * len(scene.cameras):
        doubt = f"{len(scene.points)} points are too few to fix {len(scene.cameras)} cameras"
    elif error > _WORST * _diagonal(scene):
        doubt = f"the cameras contradict the pictures by {error:.1f} px"
    return Attempt(
        method=method,
        placed=len(scene.cameras),
        models=1 + len(mapped.others) if scene.cameras else 0,
        error_px=error,
        directions=directions(scene),
        doubt=doubt,
    )


def cross_examined(attempt: Attempt, mapped: Mapped, estimator: Estimator) -> Attempt:
    """``attempt`` with a doubt where the matches found before the cameras speak against them."""
    if attempt.doubt:
        return attempt
    share = agreement(mapped.scene, estimator)
    if share >= _LEAST_AGREEMENT:
        return attempt
    return replace(attempt, doubt=f"{1 - share:.0%} of the verified matches contradict the cameras")


def directions(scene: Scene) -> int:
    """Number of directions, ten degrees and more apart, from which the cameras look at what they look at."""
    if len(scene.cameras) < 3:
        return len(scene.cameras)
    centres = scene.centres()
    focus = nearest_point_to_lines(centres, np.array([c.cam_from_world[2, :3] for c in scene.cameras]))
    rays = centres - focus
    rays = rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    kept: list[np.ndarray] = []
    for ray in rays:
        if all(ray @ other < np.cos(np.radians(_DIRECTION_DEGREES)) for other in kept):
            kept.append(ray)
    return len(kept)


def _enough(attempt: Attempt, estimator: Estimator, share: float) -> bool:
    """Whether a further rung would be a waste: ``share`` of the frames are placed, and the pictures bear it out."""
    diagonal = float(np.hypot(estimator.frames[0].width, estimator.frames[0].height))
    sharp = attempt.error_px is not None and attempt.error_px < _DOUBTFUL * diagonal
    return sharp and attempt.placed >= max(3, share * len(estimator.frames))


def _key(attempt: Attempt, estimator: Estimator) -> tuple[int, float, int]:
    """By what the best is chosen: share in steps of two per cent, error in steps of half a pixel, directions."""
    share = round(50 * attempt.placed / len(estimator.frames))
    return share, -round(2 * (attempt.error_px or 0.0)), attempt.directions


def _diagonal(scene: Scene) -> float:
    """Diagonal of the first camera's picture, px."""
    return float(np.hypot(scene.cameras[0].width, scene.cameras[0].height))


def _span(index: int) -> tuple[float, float]:
    """The part of the progress bar that a rung gets: half of it for the first, half of what is left for each next."""
    return 1.0 - 0.5**index, 1.0 - 0.5 ** (index + 1)
