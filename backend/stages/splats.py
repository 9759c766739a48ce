# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats of the object: Gaussians laid evenly on the coloured surface, then trained on the photos.

Untrained they need nothing but the mesh; that is the method of last resort, and what training starts from. Held-out
photos give no colour, train nothing, and score the result.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...kernels.splatting.render import render_coloured
from ..geometry import quaternions_from_rotations
from ..images import write_image
from ..mesh.colours import colours_from_photos
from ..mesh.placing import lay, spread
from ..mesh.triangles import Mesh, edge_length
from ..metrics.held_out import held_out_views, scores
from ..records import Camera, Cameras, Masks
from ..splat_files import Splats, from_columns, save
from ..splat_files.activations import dc_from_colour, logit_from_opacity, opacity_from_logit
from ..stage import Context
from ..workspace import write_json

NAME = "splats"
VERSION = 3
OPACITY = 0.95
"""Of every Gaussian before training."""
INPUTS = ("cameras", "masks_refined", "surface")
OUTPUTS = ("splats.ply", "splats.json")
SPEC: tuple[str, ...] = ("seed", "deterministic", "device")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many Gaussians there are, how they are laid, and how long they are trained."""

    method: str = "auto"  # auto: trained where torch is installed; trained; untrained
    count: int = 50_000  # most Gaussians; training starts with half of them, 100 to 2 000 000
    minutes: float = 3.0  # most minutes of training, 0: no limit
    steps: int = 10_000  # most steps of training, one photo each, 1 to 1 000 000
    side: int = 640  # px, longer side of the photos trained on, 32 to 8192
    band: float = 1.0  # px at the silhouette that teach nothing, 0 to 32
    degree: int = 3  # of the spherical harmonics, 0 to 3
    spread: float = 0.6  # standard deviation in the surface over the distance to the neighbours, 0.1 to 3
    thickness: float = 0.2  # standard deviation along the normal over that in the surface, 0.01 to 1
    strategy: str = "mcmc"  # how Gaussians are placed while training: mcmc, classical
    outside: str = "empty"  # what masks say of their outside: empty, unknown
    poses: bool = False  # refine the cameras as well, for the splats alone


def run(context: Context) -> None:
    """Write ``splats.ply`` (world of ``cameras.json``), ``splats.json`` and renders of the held-out cameras."""
    mesh = Mesh.load(context.folder("surface") / "mesh.ply")
    trains = _trains(context)
    splats, unseen = _placed(context, mesh, context.options.count // 2 if trains else context.options.count)
    context.facts.method = "surface-placed"
    context.facts.details = {"unseen": unseen, "trained": False}
    if trains:
        splats = _trained(context, splats)
    save(context.output / "splats.ply", splats, up="z")
    context.facts.metrics = _score(context, splats)
    context.facts.details |= {"count": len(splats), "harmonics": splats.degree}
    write_json(context.output / "splats.json", context.facts.details | context.facts.metrics)


def _trains(context: Context) -> bool:
    """Whether to train; says so when torch is missing, and refuses to pretend when training was demanded."""
    method = context.options.method
    if method == "untrained":
        return False
    if importlib.util.find_spec("torch") is not None:
        return True
    hint = "Install torch in the backend's environment (pip install torch)."
    if method == "trained":
        raise context.error("engine_missing", "Training splats needs torch, which is not installed.", hint)
    context.fallback("surface-placed splats", "trained splats", "torch is not installed", hint)
    return False


def _trained(context: Context, start: Splats) -> Splats:
    """Train ``start`` on the job's photos."""
    from ..training.session import Plan, train
    from ..training.trainer import Schedule

    options: Options = context.options
    schedule = Schedule(
        steps=options.steps,
        minutes=options.minutes,
        cap=options.count,
        deterministic=context.spec.deterministic,
        seed=context.spec.seed,
        strategy=options.strategy,
        poses=options.poses,
    )
    meaning = {"empty": "segment", "unknown": "ignore"}[options.outside]
    plan = Plan(schedule=schedule, side=options.side, band=options.band, degree=options.degree, meaning=meaning)
    return train(context, start, plan)


def _placed(context: Context, mesh: Mesh, count: int) -> tuple[Splats, int]:
    """About ``count`` flat Gaussians on the mesh, coloured by the photos, and how many of them no photo saw."""
    options: Options = context.options
    context.progress(0.0, "Placing splats")
    points, normals, face, weights = spread(mesh, count, np.random.default_rng(context.spec.seed))
    axes, scales = lay(points, normals, options.spread, options.thickness)
    colours, seen = _colours(context, mesh, points, normals)
    # Where no photo looks, the mesh's own colours, which were filled in from around.
    of_mesh = np.einsum("nk,nkc->nc", weights, mesh.colours[mesh.faces[face]].astype(np.float64))
    colours = np.where(seen[:, None], colours, of_mesh) / 255.0
    opacities = np.full(len(points), OPACITY)
    splats = from_columns(
        points,
        quaternions_from_rotations(axes),
        np.log(scales),
        logit_from_opacity(opacities),
        dc_from_colour(colours)[:, None],
    )
    return splats, int((~seen).sum())


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
        lambda name: context.progress(0.05 * next(done) / len(kept), "Colouring the splats"),
    )  # fmt: skip


def _score(context: Context, splats: Splats) -> dict[str, float]:
    """Score the held-out cameras and keep what they see as pictures beside their photos."""
    views = held_out_views(context.folder("cameras"), context.folder("masks_refined"))
    folder = context.output / "held_out"
    folder.mkdir()
    photos = {v.camera.name: v.photo for v in views}

    def seen_by(camera: Camera) -> np.ndarray:
        context.progress(0.97, "Scoring the splats")
        image = render_over_black(splats, camera)
        write_image(folder / f"{camera.name}.jpg", np.concatenate([photos[camera.name], image], axis=1))
        return image

    return scores(views, seen_by, "splats")


def render_over_black(splats: Splats, camera: Camera) -> np.ndarray:
    """The splats as ``camera`` sees them, (H, W, 3) uint8 sRGB over black."""
    seen, _ = render_coloured(
        splats.means, splats.quats, np.exp(splats.scales), opacity_from_logit(splats.opacities), splats.sh,
        splats.degree, camera.cam_from_world.astype(np.float32), camera.K.astype(np.float32), camera.width,
        camera.height,
    )  # fmt: skip
    return np.clip(np.round(seen.image[..., :3] * 255.0), 0, 255).astype(np.uint8)
