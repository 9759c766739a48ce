# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished jobs into .blend files: one each, or all in one, side by side; as assets where that is wanted."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

CATALOGS = "blender_assets.cats.txt"
"""Blender's own file of asset catalogs, in the root of a library."""


def save_each(job: Path, path: Path, catalog: str = "") -> None:
    """Import the finished ``job`` into an empty scene and save it; ``catalog``: as an asset of that catalog."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    _bring(job, catalog)
    _save(path)


def save_all(jobs: list[Path], path: Path, catalog: str = "") -> None:
    """Import all finished ``jobs`` into one scene, in rows, with a quarter of the widest one's width between them."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    roots = [_bring(job, catalog) for job in jobs]
    bpy.context.view_layer.update()
    step = 1.25 * max((_width(root) for root in roots), default=1.0)
    columns = max(1, round(len(roots) ** 0.5))
    for number, root in enumerate(roots):
        root.location = ((number % columns) * step, -(number // columns) * step, 0.0)
    _save(path)


def catalog_in(folder: Path, title: str = "Turnaround") -> str:
    """The id of the asset catalog ``title`` of the library ``folder``; written down where it is new."""
    file = folder / CATALOGS
    text = file.read_text(encoding="utf-8") if file.is_file() else "VERSION 1\n"
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) == 3 and parts[1] == title:
            return parts[0]
    made = str(uuid.uuid4())
    file.write_text(f"{text.rstrip()}\n{made}:{title}:{title}\n", encoding="utf-8")
    return made


def _bring(job: Path, catalog: str) -> Any:
    """Import one job; its root."""
    import bpy
    from turnaround.addon.importer.scene import import_job
    from turnaround.addon.sharing import mark

    root: Any = import_job(bpy.context.scene, job).root
    if catalog:
        collection = root.users_collection[0]
        mark(collection, root)
        collection.asset_data.catalog_id = catalog
    return root


def _width(root: Any) -> float:
    """The greater side of what is shown below ``root``, seen from above."""
    from mathutils import Vector

    corners = [
        child.matrix_world @ Vector(corner)
        for child in root.children
        if child.type in {"MESH", "POINTCLOUD"}
        for corner in child.bound_box
    ]
    if not corners:
        return 1.0
    return max(max(c[axis] for c in corners) - min(c[axis] for c in corners) for axis in (0, 1))


def _save(path: Path) -> None:
    """Save twice: paths can be relative only to a file that has a place."""
    import bpy

    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), compress=True)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile(compress=True)
