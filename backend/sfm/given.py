# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras the user already has, matched to the frames by file stem and scaled to the frames' size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..camera_files.checks import stem
from ..lens import LensCamera, Scene
from ..records import Frame


def match_given(scene: Scene, frames: list[Frame]) -> tuple[Scene, list[dict[str, str]]]:
    """The part of ``scene`` that belongs to ``frames``, in their order and pixels, and the frames without a camera.

    A frame's own stem wins over another spelling of it (upper and lower case). Points that no matched camera saw stay:
    they are of the same scene. The unmatched are {"name", "reason"}.
    """
    exact = {c.name: i for i, c in reversed(list(enumerate(scene.cameras)))}
    folded = {name.casefold(): i for name, i in exact.items()}
    cameras: list[LensCamera] = []
    source_index: list[int] = []
    unmatched: list[dict[str, str]] = []
    for frame in frames:
        keys = (stem(frame.source), frame.name)
        found = [exact[k] for k in keys if k in exact] + [folded[k.casefold()] for k in keys if k.casefold() in folded]
        if not found:
            unmatched.append({"name": frame.name, "reason": "the camera file has no camera of that name"})
            continue
        try:
            camera = scene.cameras[found[0]].for_size(frame.width, frame.height)
        except ValueError as e:
            unmatched.append({"name": frame.name, "reason": str(e)})
            continue
        cameras.append(replace(camera, name=frame.name))
        source_index.append(found[0])
    return _keep_observations(scene, cameras, source_index), unmatched


def _keep_observations(scene: Scene, cameras: list[LensCamera], source_index: list[int]) -> Scene:
    """``scene`` with ``cameras`` in place of its own, its observations renumbered and scaled to the new sizes."""
    new_of_old = np.full(len(scene.cameras), -1)
    scale = np.ones((len(scene.cameras), 2))
    for new, old in enumerate(source_index):
        new_of_old[old] = new
        before = scene.cameras[old]
        if not before.relative:
            scale[old] = cameras[new].width / before.width, cameras[new].height / before.height
    kept = new_of_old[scene.observed_camera] >= 0
    old_camera = scene.observed_camera[kept]
    return replace(
        scene,
        cameras=cameras,
        observed_point=scene.observed_point[kept],
        observed_camera=new_of_old[old_camera],
        observed_xy=scene.observed_xy[kept] * scale[old_camera],
    )
