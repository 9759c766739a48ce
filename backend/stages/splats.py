# SPDX-License-Identifier: GPL-3.0-or-later
"""Untrained splats: flat Gaussians laid evenly on the coloured surface. The method that needs nothing but the mesh.

Their colours come from the photos at the Gaussians themselves, finer than the mesh's vertices are; held-out photos
give no colour and score the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...kernels.splatting.render import render
from ..gaussians import SH_C0, Gaussians, quats_from_rotations
from ..images import write_image
from ..mesh.colours import colours_from_photos
from ..mesh.placing import lay, spread
from ..mesh.triangles import Mesh, edge_length
from ..metrics.held_out import held_out_views, scores
from ..records import Camera, Cameras, Masks
from ..stage import Context
from ..workspace import write_json

NAME = "splats"
VERSION = 1
INPUTS = ("cameras", "masks_refined", "surface")
OUTPUTS = ("splats.ply", "splats.json")
SPEC: tuple[str, ...] = ("seed",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How Gaussians are laid on the surface."""

    count: int = 60_000  # Gaussians, about; 100 to 2 000 000
    spread: float = 0.6  # standard deviation in the surface over the distance to the neighbours, 0.1 to 3
    thickness: float = 0.2  # standard deviation along the normal over that in the surface, 0.01 to 1
    opacity: float = 0.95  # of every Gaussian, 0.05 to 0.99


def run(context: Context) -> None:
    """Write ``splats.ply`` (world of ``cameras.json``), ``splats.json`` and renders of the held-out cameras."""
    options: Options = context.options
    mesh = Mesh.load(context.folder("surface") / "mesh.ply")
    context.progress(0.0, "Placing splats")
    random = np.random.default_rng(context.spec.seed)
    points, normals, face, weights = spread(mesh, options.count, random)
    axes, scales = lay(points, normals, options.spread, options.thickness)
    colours, seen = _colours(context, mesh, points, normals)
    # Where no photo looks, the mesh's own colours, which were filled in from around.
    of_mesh = np.einsum("nk,nkc->nc", weights, mesh.colours[mesh.faces[face]].astype(np.float64))
    colours = np.where(seen[:, None], colours, of_mesh) / 255.0
    splats = Gaussians(
        points.astype(np.float32),
        quats_from_rotations(axes).astype(np.float32),
        scales.astype(np.float32),
        np.full(len(points), options.opacity, np.float32),
        ((colours - 0.5) / SH_C0).astype(np.float32)[:, None],
    )
    splats.save(context.output / "splats.ply", "untrained: laid on the surface; z up, relative unit")
    context.facts.method = "surface-placed"
    context.facts.metrics = _score(context, splats)
    context.facts.details = {"count": len(splats), "unseen": int((~seen).sum()), "trained": False, "harmonics": 0}
    write_json(context.output / "splats.json", context.facts.details | context.facts.metrics)


def _colours(context: Context, mesh: Mesh, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) of the points from the photos that are not held out, and which of them a photo saw."""
    photos, masks = context.folder("cameras"), context.folder("masks_refined")
    named = Masks.load(masks).named()
    usable = [c for c in Cameras.load(photos).cameras if c.name in named]
    kept = [c for c in usable if not c.held_out] or usable
    done = iter(range(len(kept)))

    def photo_of(camera: Camera) -> Path:
        return photos / camera.image

    def mask_of(camera: Camera) -> Path:
        return masks / named[camera.name].image

    tolerance = 2.0 * edge_length(mesh.vertices, mesh.faces)
    return colours_from_photos(
        points, normals, mesh, kept, photo_of, mask_of, tolerance,
        lambda name: context.progress(0.1 + 0.7 * next(done) / len(kept), "Colouring the splats"),
    )  # fmt: skip


def _score(context: Context, splats: Gaussians) -> dict[str, float]:
    """Score the held-out cameras and keep what they see as pictures beside their photos."""
    views = held_out_views(context.folder("cameras"), context.folder("masks_refined"))
    folder = context.output / "held_out"
    folder.mkdir()
    photos = {v.camera.name: v.photo for v in views}

    def seen_by(camera: Camera) -> np.ndarray:
        context.progress(0.85, "Scoring the splats")
        image = render_over_black(splats, camera)
        write_image(folder / f"{camera.name}.jpg", np.concatenate([photos[camera.name], image], axis=1))
        return image

    return scores(views, seen_by, "splats")


def render_over_black(splats: Gaussians, camera: Camera) -> np.ndarray:
    """The splats as ``camera`` sees them, (H, W, 3) uint8 sRGB over black; colours of degree 0 only."""
    seen = render(
        splats.means, splats.quats, splats.scales, splats.opacities, np.clip(splats.colours, 0.0, 1.0),
        camera.cam_from_world.astype(np.float32), camera.K.astype(np.float32), camera.width, camera.height,
    )  # fmt: skip
    return np.clip(np.round(seen.image[..., :3] * 255.0), 0, 255).astype(np.uint8)
