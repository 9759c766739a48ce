# SPDX-License-Identifier: GPL-3.0-or-later
"""The similarity from the cameras' own world into the one all later stages share.

There z is up, the object's centre is above the origin, the ground it stands on is z = 0 and the diagonal of its box is
1 (DESIGN section 6). Up comes from the plane the object stands on when that is found, else from what the cameras'
sensors said of gravity, else from how the cameras stand; a plane that gravity contradicts is a slope. Cameras that were
given keep their z unless they contradict it (``up.contradicts_given_z``). Turned about z, estimated cameras
are laid so that the first one looks along +y, which Blender calls the front view; given ones keep their heading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import angle_degrees, rotation_about_z, rotation_between, transform
from ..lens import Scene
from .gravity import up_by_gravity
from .ground import support_plane
from .object_box import find_object, first_guess, label_points
from .silhouettes import Silhouettes
from .up import contradicts_given_z, estimate_up

_GROUND_REACH = (-0.15, 0.4)
"""Where the plane may lie about the box's lowest point, in object diagonals. Seen from above alone, a hull runs on
below the object; what lies well below both is another plane."""
_MOST_SLOPE = 8.0
"""Degrees by which a support plane may contradict gravity."""


@dataclass(frozen=True)
class Alignment:
    """``world_from_source`` (4, 4) similarity; ``box`` (2, 3) of the object in the world; where both came from."""

    world_from_source: np.ndarray
    box: np.ndarray
    up_from: str
    box_from: str
    ground_from: str


def align(
    scene: Scene,
    silhouettes: Silhouettes,
    given: bool,
    seed: int = 0,
    gravity: Mapping[str, Sequence[float]] | None = None,
) -> Alignment:
    """Find the shared world of ``scene``. ``given``: the cameras came with a world of their own; ``gravity`` as in
    ``gravity.py``.
    """
    cams = np.array([c.cam_from_world for c in scene.cameras])
    keep_z = given and not contradicts_given_z(cams)
    pulled = None if keep_z else up_by_gravity(scene, gravity or {})
    if keep_z:
        up, up_from = np.array([0.0, 0.0, 1.0]), "given"
    else:
        up, up_from = estimate_up(cams) if pulled is None else (pulled, "gravity")
    axes = rotation_between(up, np.array([0.0, 0.0, 1.0]))
    plane = _plane_below(scene, silhouettes, axes, up, seed)
    sloping = plane is not None and pulled is not None and angle_degrees(plane[0], pulled) > _MOST_SLOPE
    if plane is not None and not keep_z and not sloping:
        up, up_from = plane[0], "plane"
        axes = rotation_between(up, np.array([0.0, 0.0, 1.0]))
    if not keep_z:
        forward = axes @ cams[0, 2, :3]
        axes = rotation_about_z(np.pi / 2 - np.arctan2(forward[1], forward[0])) @ axes
    box, box_from = find_object(scene, silhouettes, axes, plane)
    ground, ground_from = _ground(box, plane, axes)
    box[0, 2] = ground  # where it differs, a hull ran on below the plane, or points stop short of it
    scale = 1.0 / float(np.linalg.norm(box[1] - box[0]))
    middle = box.mean(axis=0)
    shift = np.array([middle[0], middle[1], ground])
    return Alignment(transform(axes, -scale * shift, scale), (box - shift) * scale, up_from, box_from, ground_from)


def _plane_below(
    scene: Scene, silhouettes: Silhouettes, axes: np.ndarray, up: np.ndarray, seed: int
) -> tuple[np.ndarray, float] | None:
    """The support plane in the source's world, sought among the points that are not the object's."""
    centre, diagonal = first_guess(scene, silhouettes, axes)
    background = scene.points[label_points(scene, silhouettes)[1]]
    return support_plane(background, centre, diagonal, scene.centres(), up, seed)


def _ground(box: np.ndarray, plane: tuple[np.ndarray, float] | None, axes: np.ndarray) -> tuple[float, str]:
    """Height of the ground in the aligned frame: the plane below the object's middle if it is at its feet."""
    lowest = float(box[0, 2])
    if plane is None:
        return lowest, "object"
    normal, offset = axes @ plane[0], plane[1]
    if angle_degrees(normal, np.array([0.0, 0.0, 1.0])) > 10.0:
        return lowest, "object"
    middle = box.mean(axis=0)
    height = (offset - normal[0] * middle[0] - normal[1] * middle[1]) / normal[2]
    below = (height - lowest) / float(np.linalg.norm(box[1] - box[0]))
    at_feet = _GROUND_REACH[0] < below < _GROUND_REACH[1] and height < middle[2]
    return (float(height), "plane") if at_feet else (lowest, "object")
