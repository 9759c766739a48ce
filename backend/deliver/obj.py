# SPDX-License-Identifier: GPL-3.0-or-later
"""OBJ with its material and texture, y up, as most programs read it.

Places, texture coordinates and normals are numbered apart, so the surface stays closed where charts part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..mesh.textured import TexturedMesh
from .axes import y_up
from .welding import Welded


def write_obj(path: Path, mesh: TexturedMesh, surface: Welded, name: str, texture: str) -> None:
    """Write ``path`` and, beside it, the same with ``.mtl``, which names the picture ``texture``; both in UTF-8.

    ``surface`` is ``mesh`` welded. OBJ's v runs up the picture, glTF's down.
    """
    material = path.with_suffix(".mtl")
    uvs = np.stack([mesh.uvs[:, 0], 1.0 - mesh.uvs[:, 1]], axis=1)
    own = mesh.faces.astype(np.int64) + 1
    corners = np.stack([surface.faces.astype(np.int64) + 1, own, own], axis=2).reshape(-1, 9)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"# y up\nmtllib {material.name}\no {name}\n")
        np.savetxt(file, y_up(surface.vertices), "v %.9g %.9g %.9g")
        np.savetxt(file, uvs, "vt %.6f %.6f")
        np.savetxt(file, y_up(mesh.normals), "vn %.4f %.4f %.4f")
        file.write(f"usemtl {name}\ns 1\n")
        np.savetxt(file, corners, "f %d/%d/%d %d/%d/%d %d/%d/%d")
    material.write_text(
        f"newmtl {name}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {texture}\n", encoding="utf-8"
    )
