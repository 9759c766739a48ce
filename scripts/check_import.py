# SPDX-License-Identifier: GPL-3.0-or-later
"""Import finished jobs into three Blenders through the installed zip, and measure how well photos and cameras agree.

    .environments/backend/bin/python scripts/check_import.py JOB [JOB ...]

For each job and each ``bpy`` module the sparse points are projected by Blender itself into the imported cameras, and
compared with where structure from motion saw them in the photos: median, mean and 95th percentile in pixels. Exits
with 1 where a median is over one pixel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _setup.environments import BPY_VERSIONS, FOLDER, ROOT

IN_BLENDER = """
import json, os, sys
from pathlib import Path
import bpy, numpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
archive, job, out = sys.argv[1:4]
bpy.ops.wm.read_homefile(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
if bpy.ops.turnaround.import_result(job=job) != {"FINISHED"}:
    raise SystemExit(1)
from bl_ext.user_default.turnaround.addon.importer import ply
scene = bpy.context.scene
table, _ = ply.read_ply(Path(job) / "07_export" / "sparse_points.ply")
points = ply.columns(table, ("x", "y", "z"), numpy.float64)
bpy.context.view_layer.update()
pixels = {"points": points}
for camera in [o for o in bpy.data.objects if o.get("turnaround_kind") == "camera"]:
    for other in bpy.context.selected_objects:
        other.select_set(False)
    camera.select_set(True)
    bpy.context.view_layer.objects.active = camera
    bpy.ops.turnaround.look_through()
    width, height = camera["turnaround_size"]
    seen = numpy.array([world_to_camera_view(scene, camera, Vector(p)) for p in points])
    pixels["frame " + camera["turnaround_frame"]] = numpy.stack([seen[:, 0] * width, (1 - seen[:, 1]) * height], 1)
numpy.savez(out, **pixels)
print(json.dumps(sorted({o.type for o in bpy.data.objects})))
sys.stdout.flush()
os._exit(0)  # Blender 4.2's module may crash at its exit
"""


def errors(job: Path, pixels: dict[str, np.ndarray]) -> np.ndarray:
    """Distances in pixels between Blender's projections and the observations of the COLMAP model."""
    import pycolmap

    model = pycolmap.Reconstruction(str(job / "04_cameras" / "sparse"))
    scale = json.loads((job / "07_export" / "stamp.json").read_text())["details"]["scale_from_world"]
    from scipy.spatial import cKDTree

    ids = list(model.points3D)
    _, row = cKDTree(pixels["points"]).query(np.stack([model.points3D[i].xyz for i in ids]) * scale)
    row_of = dict(zip(ids, row, strict=True))
    found = []
    for image in model.images.values():
        projected = pixels.get("frame " + Path(image.name).stem)
        if projected is not None:
            seen = [(p.xy, row_of[p.point3D_id]) for p in image.points2D if p.has_point3D()]
            found += [np.linalg.norm(projected[k] - xy) for xy, k in seen]
    return np.array(found)


def main() -> int:
    """Measure every job in every Blender module."""
    jobs = [Path(a).resolve() for a in sys.argv[1:]]
    if not jobs:
        print(__doc__)
        return 2
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "build_extension.py"), "--output", temporary],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        archive = next(Path(temporary).glob("*.zip"))
        print(
            "| job | Blender | median px | mean px | 95 % px | observations | objects |\n|---|---|---|---|---|---|---|"
        )
        for job in jobs:
            for version in BPY_VERSIONS:
                out = Path(temporary) / "pixels.npz"
                python = FOLDER / f"bpy-{version}" / "bin" / "python"
                environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{temporary}/profile {version}"}
                done = subprocess.run(
                    [str(python), "-c", IN_BLENDER, str(archive), str(job), str(out)],
                    env=environment, check=True, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                kinds = " ".join(json.loads(done.stdout.strip().splitlines()[-1])).lower()
                found = errors(job, dict(np.load(out)))
                cells = (np.median(found), found.mean(), np.quantile(found, 0.95))
                figures = " | ".join(f"{cell:.3f}" for cell in cells)
                print(f"| {job.name} | {version} | {figures} | {len(found)} | {kinds} |", flush=True)
                bad += cells[0] > 1.0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
