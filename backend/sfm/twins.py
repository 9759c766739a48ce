# SPDX-License-Identifier: GPL-3.0-or-later
"""Sides of the object that look alike and were taken for one another: the tracks of a bulldozer, the faces of a box.

Matches between such sides are as sharp as any, and hold cameras where they never were: points, reprojection and
epipolar geometry have nothing against it. Two things have. Cameras that stand side by side in the result, and see the
same points, must share what lies between those points as well (conflicting observations: Heinly, Dunn and Frahm 2014,
"Correcting for duplicate scene structure in sparse 3D reconstruction"). And the outlines of the object must fit
(``outlines``). Either parts the frames into groups that are right in themselves; the pairs that tie one group to
another where it is are then taken back, and the cameras placed anew by what is left: often by the true pairs between
the groups, which had been outvoted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..lens import LensCamera, Scene
from .estimate import Estimator
from .linkage import groups_by_likeness
from .mapping import Mapped
from .nearness import views
from .outlines import misfits, read_outline
from .witness import Pairs, verified_pairs

_ROUNDS = 3
_OVERLAP, _NEAR_DEGREES = 0.5, 25.0
"""Cameras are side by side when half of what one sees lies in the picture of the other, at this angle."""
_STEP_DEGREES = 5.0
_FEWEST_NEAR = 10
"""Pairs side by side, and matched, without which it is not known what to expect of such a pair."""
_STRANGERS = 0.15
"""Share of the matches to be expected below which cameras side by side do not see the same thing."""
_FEWEST_STRANGERS = 5
_FEWEST_TOGETHER = 3
_MOST_COMPARED = 20
_FRIENDS = 0.3
"""Share of the matches to be expected above which two groups do see the same thing, whatever their outlines say."""
_FITTING, _UNFITTING = 0.02, 0.05
"""Misfit of outlines that mean right cameras and right masks, and of outlines that mean wrong ones."""
_MAJORITY = 0.5


@dataclass(frozen=True)
class _Evidence:
    """What speaks for and against cameras that see the same thing: (F, F), NaN where unknown."""

    likeness: np.ndarray
    misfit: np.ndarray
    near: np.ndarray


def without_twins(mapped: Mapped, e: Estimator) -> tuple[Mapped, set[str]]:
    """``mapped``, or a result without the pairs that took one side for another; the frames those had misplaced."""
    moved: set[str] = set()
    for _ in range(_ROUNDS):
        scene = mapped.scene
        if len(scene.cameras) < 2 * _FEWEST_TOGETHER:
            break
        pairs = verified_pairs(scene, e)
        group = _groups(scene, pairs, e)
        wrong = _across(pairs, group)
        if not wrong:
            break
        moved |= {c.name for c, g in zip(scene.cameras, group, strict=True) if g}
        e.forget([(scene.cameras[i].name, scene.cameras[j].name) for i, j in wrong])
        mapped = e.map_incrementally(relaxed=True)
    return mapped, moved


def _groups(scene: Scene, pairs: Pairs, e: Estimator) -> np.ndarray:
    """The group (F,) of each camera; 0 is the largest, and all that nothing speaks against."""
    evidence = _evidence(scene, pairs, e)
    found = _by_outlines(evidence)
    if found.any():
        return found
    group = groups_by_likeness(evidence.likeness, _STRANGERS)
    if untried := _untried(group, evidence, scene, e):
        e.compare(untried)
        evidence = _evidence(scene, verified_pairs(scene, e), e, evidence.misfit)
        group = groups_by_likeness(evidence.likeness, _STRANGERS)
    return _strangers(group, evidence)


def _evidence(scene: Scene, pairs: Pairs, e: Estimator, misfit: np.ndarray | None = None) -> _Evidence:
    """Compare what pairs share with what they should, and their outlines unless ``misfit`` is known."""
    count = len(scene.cameras)
    matches = np.zeros((count, count))
    sound = pairs.kept > 0.5 * pairs.matches
    matches[pairs.first[sound], pairs.second[sound]] = pairs.kept[sound]
    matches = np.maximum(matches, matches.T)
    shared, angle = views(scene, e.settings.seed)
    near = (shared > _OVERLAP) & (angle < _NEAR_DEGREES) & ~np.eye(count, dtype=bool)
    expected = _expected(matches, angle, near)
    tried = _tried(scene, e) | (matches > 0)
    likeness = np.where(near & tried, np.minimum(matches / expected, 1.0), np.nan)
    if misfit is None:
        misfit = _misfits(scene.cameras, e)
    return _Evidence(likeness, misfit, near)


def _expected(matches: np.ndarray, angle: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The usual number of matches (F, F) at the angle of each pair, from those ``near`` pairs that match at all."""
    known = np.triu(near & (matches > 0))
    if np.count_nonzero(known) < _FEWEST_NEAR:
        return np.full(matches.shape, np.nan)
    step = np.floor(angle / _STEP_DEGREES)
    steps = [s for s in range(int(_NEAR_DEGREES / _STEP_DEGREES)) if np.count_nonzero(known & (step == s)) >= 3]
    if not steps:
        return np.full(matches.shape, np.median(matches[known]))
    usual = np.array([np.median(matches[known & (step == s)]) for s in steps])
    usual = np.maximum.accumulate(usual[::-1])[
        ::-1
    ]  # nearer cameras never share less; where twins are most, they would
    return np.exp(np.interp(angle, (np.array(steps) + 0.5) * _STEP_DEGREES, np.log(usual)))


def _tried(scene: Scene, e: Estimator) -> np.ndarray:
    """Which pairs of cameras were compared, (F, F)."""
    place = {c.name: i for i, c in enumerate(scene.cameras)}
    row = np.array([place.get(f.name, -1) for f in e.frames])
    tried = np.zeros((len(place),) * 2, bool)
    both = row[np.array(e.pairs, np.int64).reshape(-1, 2)]
    both = both[np.all(both >= 0, axis=1)]
    tried[both[:, 0], both[:, 1]] = tried[both[:, 1], both[:, 0]] = True
    return tried


def _misfits(lenses: list[LensCamera], e: Estimator) -> np.ndarray:
    """Misfits (F, F) of the outlines of all placed frames that have a mask."""
    return misfits(lenses, [read_outline(c, e.masks[c.name][0]) if c.name in e.masks else None for c in lenses])


def _untried(group: np.ndarray, evidence: _Evidence, scene: Scene, e: Estimator) -> list[tuple[int, int]]:
    """Pairs of frames (indices) side by side but never compared, between groups of which too little is known."""
    place = {f.name: i for i, f in enumerate(e.frames)}
    unknown = evidence.near & ~np.isfinite(evidence.likeness)
    wanted: list[tuple[int, int]] = []
    for g in _large(group):
        across = (group == g)[:, None] & (group != g)
        if np.count_nonzero(across & np.isfinite(evidence.likeness)) < _FEWEST_STRANGERS:
            rows = np.argwhere(across & unknown)
            wanted += [tuple(r) for r in rows[:: -(-len(rows) // _MOST_COMPARED) or 1]]
    frames = [sorted((place[scene.cameras[i].name], place[scene.cameras[j].name])) for i, j in wanted]
    return sorted({(i, j) for i, j in frames})


def _large(group: np.ndarray) -> list[int]:
    """The groups but the largest that hold three cameras or more."""
    return [g for g in range(1, int(group.max()) + 1) if np.count_nonzero(group == g) >= _FEWEST_TOGETHER]


def _strangers(group: np.ndarray, evidence: _Evidence) -> np.ndarray:
    """``group`` with all in 0 that do not stand, as strangers, beside enough cameras of other groups."""
    found = np.zeros_like(group)
    for g in _large(group):
        across = evidence.likeness[(group == g)[:, None] & (group != g)]
        across = across[np.isfinite(across)]
        if len(across) >= _FEWEST_STRANGERS and across.mean() < _STRANGERS:
            found[group == g] = g
    return found


def _by_outlines(evidence: _Evidence) -> np.ndarray:
    """Groups (F,) whose outlines fit among themselves, contradict the majority's, and that share too little with it.

    A group of one has only the others to be judged by, so that those must be known to share little.
    """
    group = groups_by_likeness(-evidence.misfit, -0.5 * (_FITTING + _UNFITTING))
    found = np.zeros_like(group)
    most = group == 0
    inside = _known(evidence.misfit, most, most)
    if np.count_nonzero(most) < _MAJORITY * len(group) or not len(inside) or np.quantile(inside, 0.9) > _FITTING:
        return found
    for g in range(1, int(group.max()) + 1):
        mine = group == g
        own, across = _known(evidence.misfit, mine, mine), _known(evidence.misfit, mine, most)
        shared = _known(evidence.likeness, mine, ~mine)
        fits = own.mean() <= _FITTING if len(own) else len(shared) >= 2
        unfit = len(across) > 0 and np.quantile(across, 0.25) >= _UNFITTING
        if fits and unfit and not (len(shared) and shared.mean() > _FRIENDS):
            found[mine] = g
    return found


def _known(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The values (K,) of (F, F) between two sets of cameras (F,) that are known."""
    found = values[np.ix_(rows, columns)]
    return found[np.isfinite(found)]


def _across(pairs: Pairs, group: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of cameras of different groups that hold those groups where they are."""
    apart = (group[pairs.first] != group[pairs.second]) & (pairs.kept > 0.3 * pairs.matches)
    return list(zip(pairs.first[apart].tolist(), pairs.second[apart].tolist(), strict=True))
