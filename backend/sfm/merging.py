# SPDX-License-Identifier: GPL-3.0-or-later
"""Models into which a capture fell apart, but which share frames, put together again.

The mapper lets a new model take in frames of an earlier one. What both see of the shared frames gives the similarity
between their worlds, which is believed where it brings the shared cameras, three or more, into the same places. Then
all frames are triangulated and adjusted together from the verified matches, and the union is kept only if it fits the
pictures nearly as well as its parts did.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ..geometry import rotation_angle_degrees
from .final_adjustment import errors
from .poses import adjusted

if TYPE_CHECKING:
    from .estimate import Estimator

_FEWEST_SHARED = 3
_TURNED_DEGREES = 2.0
_SHIFTED = 0.1
"""By how much the shared cameras may differ between the models: rotation, and the rms of their centres' distances as a
share of the spread of the centres."""
_WORSE = 1.5
"""How many times the parts' median error the union's may be."""
_FEWEST_POINTS = 8
"""Fewest points a frame of the union."""


def joined(models: list[Any], e: Estimator) -> list[Any]:
    """``models`` (``pycolmap.Reconstruction``), the largest first; those that belong to it become part of it."""
    if not models:
        return []
    best, rest = models[0], models[1:]
    held = -1
    while held != len(_names(best)):  # what joins last may bring what an earlier one had nothing in common with
        held = len(_names(best))
        apart = []
        for other in rest:
            union = _union(best, other, e)
            best = best if union is None else union
            apart += [other] if union is None else []
        rest = apart
    return [best, *rest]


def _union(one: Any, other: Any, e: Estimator) -> Any | None:
    """Both models in the world of ``one``; None where they share nothing, or the pictures speak against it."""
    import pycolmap

    new = _names(other).keys() - _names(one).keys()
    shared = _names(other).keys() & _names(one).keys()
    if not new or len(shared) < _FEWEST_SHARED:
        return None
    one_from_other = pycolmap.align_reconstructions_via_reprojections(other, one)
    if one_from_other is None:
        return None
    moved = copy.deepcopy(other)
    moved.transform(one_from_other)
    if not _alike(one, moved, sorted(shared)):
        return None
    poses = {i: _cam_from_world(one, i) for i in _names(one).values()}
    cameras = {**dict(moved.cameras), **dict(one.cameras)}
    poses |= {_names(other)[name]: _cam_from_world(moved, _names(other)[name]) for name in sorted(new)}
    union = adjusted(poses, e.keypoints.database, e, cameras)
    if union.num_points3D() < _FEWEST_POINTS * len(poses):
        return None
    before = max(float(np.median(errors(m))) for m in (one, other))
    return union if float(np.median(errors(union))) <= _WORSE * before else None


def _alike(one: Any, other: Any, names: list[str]) -> bool:
    """Whether the pictures ``names`` were taken from the same places in both models, and the same way round."""
    ids, others = _names(one), _names(other)
    mine = np.array([_cam_from_world(one, ids[name]) for name in names])
    theirs = np.array([_cam_from_world(other, others[name]) for name in names])
    turned = rotation_angle_degrees(mine[:, :3, :3] @ np.swapaxes(theirs[:, :3, :3], 1, 2))
    centres, moved = (-np.einsum("nji,nj->ni", m[:, :3, :3], m[:, :3, 3]) for m in (mine, theirs))
    spread = np.sqrt(np.mean(np.sum((centres - centres.mean(axis=0)) ** 2, axis=1)))
    off = np.sqrt(np.mean(np.sum((centres - moved) ** 2, axis=1)))
    return bool(np.median(turned) < _TURNED_DEGREES and off < _SHIFTED * spread)


def _names(model: Any) -> dict[str, int]:
    """Image ids of the placed pictures by file name."""
    return {model.image(i).name: i for i in model.reg_image_ids()}


def _cam_from_world(model: Any, image_id: int) -> np.ndarray:
    """(4, 4)."""
    return np.vstack([model.image(image_id).cam_from_world().matrix(), [0, 0, 0, 1]])
