# SPDX-License-Identifier: GPL-3.0-or-later
"""All steps together: a mesh, its dense original and the photos -> a textured mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..mesh.capping import put_inside
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh, vertex_normals
from . import fill
from .align import LEAST_PHOTOS, Aligned, align, carried
from .colour import Blended, blend
from .photos import Source
from .relief import bake
from .shade import ROUGHNESS, occlusion_of
from .sharpen import sharpened
from .texels import Texels, texels_of
from .unwrap import Unwrapped, unwrap

_SHADE_STEP = 4
"""Ambient occlusion changes slowly: its texture is a quarter as large."""

_LOOKS = 2
"""Times each photo is looked at to blend them."""

Progress = Callable[[float, str], None]
"""Called with the share done and what is being done; may raise to stop."""


@dataclass(frozen=True)
class Built:
    """The textured mesh, how it was unwrapped, what blending found, and how the surface was moved, where it was."""

    mesh: TexturedMesh
    unwrapped: Unwrapped
    blended: Blended
    aligned: Aligned | None


def build(
    mesh: Mesh,
    dense: Mesh | None,
    sources: list[Source],
    size: int,
    tolerance: float,
    tell: Progress,
    own_colours: bool = False,
    bounds: np.ndarray | None = None,
) -> Built:
    """Texture ``mesh`` with ``size`` x ``size`` texels from ``sources``; relief from ``dense`` where it is given.

    ``bounds`` (P, 4), unit normal n and distance d: the surface is not moved to where n x > d, as below the ground.
    ``own_colours``: the mesh's colours are known where no photo looks, and not filled in from what is seen around.
    ``tolerance``: how far behind the mesh's depth a point may lie and still be seen, in the mesh's unit.
    Raises ``ValueError`` for a mesh without faces, or no sources.
    """
    tell(0.0, "Unwrapping the surface")
    unwrapped = unwrap(mesh, size)
    aligned = None
    if len(sources) >= LEAST_PHOTOS and not own_colours:
        aligned = align(mesh, unwrapped, sources, tolerance, lambda share, what: tell(0.1 + 0.3 * share, what))
        if bounds is not None:
            inside = put_inside(aligned.mesh.vertices, bounds)
            aligned = replace(aligned, mesh=Mesh(inside, aligned.mesh.faces, aligned.mesh.colours))
        if dense is not None:
            dense = Mesh(carried(mesh, aligned.mesh, dense.vertices), dense.faces, dense.colours)
        mesh = aligned.mesh
    normals = vertex_normals(mesh.vertices, mesh.faces)[unwrapped.source].astype(np.float32)
    vertices = mesh.vertices[unwrapped.source]
    texels = texels_of(vertices, normals, unwrapped.faces, unwrapped.uvs, size)
    looked = iter(range(_LOOKS * len(sources)))
    blended = blend(
        texels, mesh, sources, tolerance,
        lambda name: tell(0.4 + 0.25 * next(looked) / (_LOOKS * len(sources)), f"Texture from {name}"),
    )  # fmt: skip
    if blended.seen.any():
        blended = replace(blended, colours=_sharper(texels, mesh, unwrapped, sources, blended, tolerance, tell))
    tell(0.78, "Completing what no photo saw")
    covered = texels.covered()
    complete = fill.complete_from_mesh if own_colours and len(mesh.colours) else fill.complete
    colours = complete(texels, blended.colours, blended.seen, mesh if dense is None else dense)
    colour = fill.spread_outwards(texels.picture(colours), covered)
    seen = texels.picture((255 * blended.seen[:, None]).astype(np.uint8))[..., 0]
    tell(0.85, "Baking the relief")
    normal = np.full((1, 1, 3), (128, 128, 255), np.uint8)
    if dense is not None:
        baked = bake(texels, vertices, normals, unwrapped.faces, unwrapped.uvs, dense)
        normal = fill.spread_outwards(texels.picture(baked), covered)
    tell(0.9, "Ambient occlusion")
    coarse = texels_of(vertices, normals, unwrapped.faces, unwrapped.uvs, max(size // _SHADE_STEP, 1))
    textured = TexturedMesh(
        vertices, unwrapped.faces, normals, unwrapped.uvs, colour, normal, _surface(coarse, mesh), seen
    )
    return Built(textured, unwrapped, blended, aligned)


def _sharper(
    texels: Texels, mesh: Mesh, unwrapped: Unwrapped, sources: list[Source], blended: Blended, tolerance: float,
    tell: Progress,
) -> np.ndarray:  # fmt: skip
    """The colours of ``blended`` with what the photos show beyond their rendering, (N, 3) uint8."""
    colour = fill.spread_outwards(texels.picture(blended.colours), texels.picture(blended.seen[:, None])[..., 0])
    nothing = np.zeros((1, 1, 3), np.uint8)
    normals = vertex_normals(mesh.vertices, mesh.faces)[unwrapped.source].astype(np.float32)
    painted = TexturedMesh(
        mesh.vertices[unwrapped.source], unwrapped.faces, normals, unwrapped.uvs, colour, nothing, nothing,
        nothing[..., 0],
    )  # fmt: skip
    looked = iter(range(len(sources)))
    return sharpened(
        texels, painted, mesh, sources, blended, tolerance,
        lambda name: tell(0.65 + 0.13 * next(looked) / len(sources), f"Sharpening from {name}"),
    )  # fmt: skip


def _surface(texels: Texels, mesh: Mesh) -> np.ndarray:
    """Ambient occlusion, roughness and metalness, (T, T, 3) uint8, as glTF packs them."""
    values = np.zeros((len(texels), 3), np.uint8)
    values[:, 0] = occlusion_of(texels, mesh)
    values[:, 1] = round(255 * ROUGHNESS)
    return fill.spread_outwards(texels.picture(values), texels.covered())
