# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a Blender module: install the built extension, import a job, render one of its cameras, save the scene.

``python scene.py ZIP JOB OUT``: leaves ``scene.blend`` and ``render.png`` (with alpha) in OUT and prints one line of
JSON with the camera's name and its photo. The profile is the folder BLENDER_USER_RESOURCES.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import bpy

SAMPLES = 32


def install(archive: Path) -> None:
    """Install and enable the zip as a user does."""
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    if not hasattr(bpy.types.Scene, "turnaround"):
        raise RuntimeError("expected the extension to be enabled after its installation, it is not")


def render(path: Path) -> None:
    """Render the scene's camera with Cycles; what is not the object stays transparent."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    # Captured colours are emission: there is no noise to remove, and the denoiser would soften the texture.
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def main() -> int:
    """Do all of it."""
    archive, job, out = (Path(a).resolve() for a in sys.argv[1:4])
    start = time.monotonic()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    install(archive)
    if bpy.ops.turnaround.import_result(job=str(job)) != {"FINISHED"}:
        raise RuntimeError(f"expected the import of {job} to finish, it was cancelled")
    imported = time.monotonic() - start
    render(out / "render.png")
    camera = bpy.context.scene.camera
    photo = bpy.path.abspath(camera.data.background_images[0].image.filepath)
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "scene.blend"), relative_remap=True)
    kinds: dict[str, int] = {}
    for thing in bpy.context.scene.objects:
        kinds[thing.type.lower()] = kinds.get(thing.type.lower(), 0) + 1
    seconds = {"import": round(imported, 1), "all": round(time.monotonic() - start, 1)}
    print(
        json.dumps({"camera": camera.name, "photo": str(Path(photo).resolve()), "objects": kinds, "seconds": seconds})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
