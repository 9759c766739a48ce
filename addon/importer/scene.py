# SPDX-License-Identifier: GPL-3.0-or-later
"""One import: everything a job delivers, placed in one scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from .cameras import import_cameras, look_through
from .mesh import import_mesh
from .placing import Place
from .points import import_points
from .result import load_result
from .splats import import_splats, let_rays_through


@dataclass
class Imported:
    """What one import made or updated."""

    root: bpy.types.Object
    updated: bool
    objects: dict[str, bpy.types.Object] = field(default_factory=dict)
    cameras: list[bpy.types.Object] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for the status bar."""
        parts = [*self.objects, *([f"{len(self.cameras)} cameras"] if self.cameras else [])]
        return f"{'Updated' if self.updated else 'Imported'} {self.root.name}: {', '.join(parts)}."


def import_job(scene: bpy.types.Scene, folder: Path, set_up_scene: bool = True) -> Imported:
    """Import the finished job in ``folder`` into ``scene``, or update what an earlier import of it made there.

    ``set_up_scene`` counts for the first import only: renders get the size of the first camera's photo and, so that
    colours are the photo's, the *Standard* view transform. Where several kinds stand in one place only the first is
    shown, in the order mesh, splats, points. Raises ``ValueError`` with the reason and leaves the scene's objects as
    they were where the job's record is unreadable.
    """
    result = load_result(folder)
    place = Place(scene, result)
    is_new = place.is_new
    imported = Imported(place.root, updated=not is_new)
    fresh = []
    for kind, bring in (("mesh", import_mesh), ("splats", import_splats), ("points", import_points)):
        if kind in result.artefacts:
            before = (kind, "") in place.objects
            imported.objects[kind] = bring(result.path(kind), place)
            if not before:
                fresh.append(imported.objects[kind])
    if is_new:
        for item in fresh[1:]:
            for shown in (item, *item.children):
                shown.hide_viewport = shown.hide_render = True
    imported.replaced = place.replaced
    if "cameras" in result.artefacts:
        imported.cameras = import_cameras(result.path("cameras"), place)
    if set_up_scene and is_new:
        _set_up(scene, imported)
    return imported


def _set_up(scene: bpy.types.Scene, imported: Imported) -> None:
    """Let a render through the first camera match its photo."""
    view: Any = scene.view_settings
    view.view_transform = "Standard"
    if "splats" in imported.objects:
        let_rays_through(scene)
    if imported.cameras:
        look_through(scene, imported.cameras[0])
