# SPDX-License-Identifier: GPL-3.0-or-later
"""The object's surface: dense, and reduced to as many triangles as its use allows."""

from __future__ import annotations

from dataclasses import dataclass

from ..mesh.simplify import simplified
from ..mesh.triangles import Mesh, area, volume
from ..stage import Context
from ..workspace import write_json

NAME = "surface"
VERSION = 2
INPUTS = ("hull",)
OUTPUTS = ("mesh.ply", "dense.ply", "surface.json")
SPEC: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many triangles the surface may have."""

    triangles: int = 50_000  # most triangles of the delivered mesh, 0: keep all


def run(context: Context) -> None:
    """Write ``dense.ply``, ``mesh.ply`` (reduced; world of ``cameras.json``, relative unit) and ``surface.json``."""
    context.progress(0.0, "Reducing the mesh")
    dense = Mesh.load(context.folder("hull") / "mesh.ply")
    mesh = simplified(dense, context.options.triangles) if context.options.triangles else dense
    dense.save(context.output / "dense.ply", "sRGB vertex colours; z up, relative unit")
    mesh.save(context.output / "mesh.ply", "sRGB vertex colours; z up, relative unit")
    context.facts.method = "visual hull"
    context.facts.details = {
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "triangles_dense": len(dense.faces),
        "volume": volume(mesh.vertices, mesh.faces),
        "area": area(mesh.vertices, mesh.faces),
    }
    write_json(context.output / "surface.json", context.facts.details)
