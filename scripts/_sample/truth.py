# SPDX-License-Identifier: GPL-3.0-or-later
"""Truth beside the photos: cameras, mesh, prompt and a note on what the capture is.

``transforms.json`` holds camera-to-world matrices with OpenGL axes (x right, y up, the camera looks along -z), metres,
z up; pixel centres at half integers, so the principal point of a WIDTH x HEIGHT picture is (WIDTH / 2, HEIGHT / 2).
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

README = """# {title}

{views} pictures of an elephant of coloured tiles on a terrazzo table, {width} x {height} pixels, {taken}.
The object was invented for this project; every texture is procedural. It was rendered with Cycles in Blender {blender}:

    python scripts/make_sample.py --size {width} {height} --views {views} --samples {samples} {options}{name}

| file | what |
|---|---|
| `images/` | the capture: give this folder to `turnaround run` |
| `prompts.json` | one click on the object, pixels of the picture |
| `masks/` | 8-bit coverage of the object; 255 is the object |
| `transforms.json` | true cameras: camera-to-world, OpenGL axes, metres, z up, the object stands on z = 0 |
| `gt_mesh.ply` | the true surface, watertight, metres; the object is {height_mm:.1f} mm high |

Licence: CC0 1.0. Do with it what you like.
"""


def write_mesh(path: Path, mesh: bpy.types.Mesh) -> None:
    """Write ``mesh`` as a binary PLY of triangles: x y z float32, metres, world."""
    mesh.calc_loop_triangles()
    points = np.zeros(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    corners = np.zeros(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    faces = np.zeros(len(mesh.loop_triangles), np.dtype([("n", "u1"), ("v", "<i4", 3)]))
    faces["n"], faces["v"] = 3, corners.reshape(-1, 3)
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(mesh.vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + points.astype("<f4").tobytes() + faces.tobytes())


def write_transforms(
    path: Path, cameras: list[Matrix], focal_px: float, size: tuple[int, int], object_height: float
) -> None:
    """Write the true cameras; ``cameras`` holds world_from_camera in OpenGL axes, one a picture. Metres."""
    width, height = size
    frames = [
        {
            "file_path": f"images/{i:03d}.jpg",
            "mask_path": f"masks/{i:03d}.png",
            "transform_matrix": [[round(v, 9) for v in row] for row in matrix],
        }
        for i, matrix in enumerate(cameras)
    ]
    model = {
        "w": width, "h": height, "fl_x": focal_px, "fl_y": focal_px, "cx": width / 2, "cy": height / 2,
        "k1": 0, "k2": 0, "p1": 0, "p2": 0, "camera_model": "PINHOLE", "unit": "metre",
        "object_height": round(object_height, 5),
        "convention": "camera-to-world, OpenGL axes (x right, y up, z backward), z up, table plane z = 0",
    }  # fmt: skip
    path.write_text(json.dumps({**model, "frames": frames}, indent=1) + "\n")


def project(point: Vector, world_from_camera: Matrix, focal_px: float, size: tuple[int, int]) -> tuple[float, float]:
    """Pixel of a world point, origin at the top left corner of the picture."""
    x, y, z = world_from_camera.inverted() @ point
    return size[0] / 2 - focal_px * x / z, size[1] / 2 + focal_px * y / z


def write_prompt(path: Path, frame: str, pixel: tuple[float, float]) -> None:
    """Write one click on the object."""
    click = {"type": "point", "xy": [round(pixel[0]), round(pixel[1])], "label": 1}
    path.write_text(json.dumps({"frames": {frame: [click]}}, indent=1) + "\n")
