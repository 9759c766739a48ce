# SPDX-License-Identifier: GPL-3.0-or-later
"""Depths and normals that trained splats show, on the CPU: what a mesh can be fused from.

``look`` draws from a trainer's arrays, ``depths_seen`` from a splat file's content and the job's cameras:

    splats = load(job / "05_splats" / "splats.ply", up="z")
    for camera, seen in depths_seen(splats, Cameras.load(job / "04_cameras").cameras):
        fuse(seen.median, seen.alpha, camera)

``median`` (H, W) float32 is the depth along the optical axis, in the world's unit, at which half of the light is gone,
and 0 where ``alpha`` (H, W) stays below a half; ``normals`` (H, W, 3) are in the camera's axes, towards the camera.
The unit of a file from ``05_splats`` is that of ``cameras.json``; one from ``07_export`` may be scaled to metres.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ...kernels.splatting.depth import Geometry, geometry
from ...kernels.splatting.render import render
from ..records import Camera
from ..splat_files import Splats
from ..splat_files.activations import opacity_from_logit


def depths_seen(
    splats: Splats, cameras: Iterable[Camera], long_side: int | None = None
) -> Iterator[tuple[Camera, Geometry]]:
    """Each camera with what it sees of ``splats``, which stand in the cameras' world.

    With ``long_side`` pictures are no longer than that many pixels, and the cameras given back are those of the
    smaller pictures. One picture is in memory at a time.
    """
    scales, opacities = np.exp(splats.scales), opacity_from_logit(splats.opacities)
    for camera in cameras:
        used = camera if long_side is None else smaller(camera, long_side)
        yield (
            used,
            _look(splats.means, splats.quats, scales, opacities, used.cam_from_world, used.K, used.width, used.height),
        )


def smaller(camera: Camera, long_side: int) -> Camera:
    """The camera of its picture reduced to at most ``long_side`` pixels; the camera itself where it is no larger."""
    factor = long_side / max(camera.width, camera.height)
    if factor >= 1:
        return camera
    width, height = max(1, round(camera.width * factor)), max(1, round(camera.height * factor))
    K = camera.K.copy()
    K[0] *= width / camera.width
    K[1] *= height / camera.height
    return replace(camera, K=K, width=width, height=height)


def look(arrays: dict[str, np.ndarray], cam_from_world: np.ndarray, K: np.ndarray, width: int, height: int) -> Geometry:
    """What one camera sees of a model's ``arrays`` (``model.Model.arrays``)."""
    opacities = 1 / (1 + np.exp(-arrays["logit_opacities"][:, 0]))
    scales = np.exp(arrays["log_scales"])
    return _look(arrays["means"], arrays["quats"], scales, opacities, cam_from_world, K, width, height)


def _look(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
) -> Geometry:
    m, q, s, o = (np.ascontiguousarray(a, np.float32) for a in (means, quats, scales, opacities))
    pose, K = np.ascontiguousarray(cam_from_world, np.float32), np.ascontiguousarray(K, np.float32)
    nothing = np.zeros((len(means), 0), np.float32)
    seen = render(m, q, s, o, nothing, pose, K, width, height)
    return geometry(seen, m, q, s, pose)
