# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by the backend's Python: write one small object in every format into the folder named."""

import sys
from pathlib import Path

import numpy as np
from turnaround.backend import compile_cache

compile_cache.use()

from turnaround.backend.deliver.glb import write_glb  # noqa: E402
from turnaround.backend.deliver.obj import write_obj  # noqa: E402
from turnaround.backend.deliver.pictures import pictures_of  # noqa: E402
from turnaround.backend.deliver.stl import write_stl  # noqa: E402
from turnaround.backend.deliver.usdz import write_usdz  # noqa: E402
from turnaround.backend.deliver.welding import welded  # noqa: E402
from turnaround.backend.images import write_image  # noqa: E402
from turnaround.backend.mesh.textured import TexturedMesh  # noqa: E402
from turnaround.backend.mesh.triangles import Mesh, vertex_normals  # noqa: E402

out = Path(sys.argv[1])
# A wedge of 0.3 x 0.2 x 0.5 m, higher at its -y side: no two of its axes can be mistaken for each other.
vertices = np.array([[x, y, z] for x in (-0.1, 0.2) for y, z in ((-0.1, 0), (0.1, 0), (-0.1, 0.5))], float)
faces = np.array([[0, 2, 1], [3, 4, 5], [0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [2, 0, 3], [2, 3, 5]], np.int32)
normals = vertex_normals(vertices, faces).astype(np.float32)
uvs = np.array([[0.1, 0.1], [0.4, 0.1], [0.1, 0.4], [0.6, 0.6], [0.9, 0.6], [0.6, 0.9]], np.float32)
colour = np.full((64, 64, 3), (200, 60, 30), np.uint8)
relief = np.full((16, 16, 3), (128, 128, 255), np.uint8)
surface = np.full((16, 16, 3), (255, 204, 0), np.uint8)
mesh = TexturedMesh(vertices, faces, normals, uvs, colour, relief, surface, np.full((64, 64), 255, np.uint8))
pictures = pictures_of(mesh, "png")
whole = welded(vertices, faces)
write_glb(out / "model.glb", mesh, pictures, "thing", "m")
write_usdz(out / "model.usdz", mesh, pictures, "thing")
write_image(out / "texture.png", colour)
write_obj(out / "model.obj", mesh, whole, "thing", "texture.png")
write_stl(out / "model.stl", Mesh(whole.vertices * 1000, whole.faces))
