# SPDX-License-Identifier: GPL-3.0-or-later
"""What the binary and the text form of a COLMAP model have in common: from their records to a ``Scene``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import rotation_from_quaternion
from ..lens import LensCamera, Scene
from .checks import lens_of_colmap, rigid, size, stem


@dataclass
class Sighting:
    """The keypoints of one photo that belong to points: their ids (M,) int64 and pixels (M, 2)."""

    points: np.ndarray
    xy: np.ndarray


def posed(
    file_name: str,
    lenses: dict[int, tuple[str, int, int, np.ndarray]],
    camera_id: int,
    quaternion: Sequence[float] | np.ndarray,
    translation: Sequence[float] | np.ndarray,
) -> LensCamera:
    """One photo of the model. Raises ``ValueError`` if its camera is missing or its numbers make no sense."""
    if camera_id not in lenses:
        raise ValueError(f"expected camera {camera_id} of photo {file_name} in the model, got none")
    model, width, height, parameters = lenses[camera_id]
    K, coefficients, fisheye = lens_of_colmap(model, parameters)
    width, height = size(width, height, file_name)
    return LensCamera(
        name=stem(file_name),
        width=width,
        height=height,
        K=K,
        coefficients=coefficients,
        fisheye=fisheye,
        cam_from_world=rigid(rotation_from_quaternion(np.array(quaternion)), translation, file_name),
    )


def assemble(
    cameras: list[LensCamera],
    sightings: list[Sighting],
    ids: np.ndarray,
    points: np.ndarray,
    colours: np.ndarray,
    errors: np.ndarray,
) -> Scene:
    """Join photos and points; keypoints of points that are not there, and points that are not finite, are left out."""
    good = np.all(np.isfinite(points), axis=1)
    ids, points, colours, errors = ids[good], points[good], colours[good], errors[good]
    order = np.argsort(ids, kind="stable")
    seen_id = np.concatenate([s.points for s in sightings] or [np.zeros(0, np.int64)])
    seen_camera = np.repeat(np.arange(len(sightings)), [len(s.points) for s in sightings])
    seen_xy = np.concatenate([s.xy for s in sightings] or [np.zeros((0, 2))])
    place = np.searchsorted(ids[order], seen_id)
    known = np.zeros(len(seen_id), bool)
    if len(ids):
        place = np.minimum(place, len(ids) - 1)
        known = ids[order][place] == seen_id
    return Scene(
        cameras=cameras,
        points=points,
        colours=colours,
        errors=np.where(np.isfinite(errors) & (errors >= 0), errors, 0.0),
        observed_point=order[place[known]] if len(ids) else np.zeros(0, np.int64),
        observed_camera=seen_camera[known],
        observed_xy=seen_xy[known],
    )
