# SPDX-License-Identifier: GPL-3.0-or-later
"""The box of the object that some camera files bring along: what lies beyond it is not the object."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_LEAST, _MOST = "object_bbox_min", "object_bbox_max"
_LIST = "cameras_gt.json"


def read_region(path: Path) -> np.ndarray | None:
    """The box (2, 3) float64, least and most x, y, z in the frame of the cameras at ``path``; None where it has none.

    It is ``object_bbox_min`` and ``object_bbox_max`` of a cameras_gt.json. ``ValueError`` for a box without inside.
    """
    from . import load_json

    path = Path(path)
    if path.is_dir():
        path = path / _LIST
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    data = load_json(path)
    if _LEAST not in data and _MOST not in data:
        return None
    try:
        box = np.array([data[_LEAST], data[_MOST]], np.float64)
    except (KeyError, TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (2, 3) or not np.isfinite(box).all() or not (box[0] < box[1]).all():
        raise ValueError(f"expected {_LEAST} and {_MOST} in {path.name} to be the corners of a box")
    return box


def planes_of(box: np.ndarray, world_from_input: np.ndarray) -> np.ndarray:
    """The box's six sides (6, 4) in the world, unit normal n and distance d: inside is where n x <= d for all.

    ``world_from_input`` (4, 4) is a similarity from the frame of ``box`` (2, 3).
    """
    input_from_world = np.linalg.inv(world_from_input)
    rows = np.concatenate([-input_from_world[:3], input_from_world[:3]])
    limits = np.concatenate([-box[0], box[1]])
    planes = np.column_stack([rows[:, :3], limits - rows[:, 3]])
    return planes / np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
