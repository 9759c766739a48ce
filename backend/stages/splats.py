# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats of the object: Gaussians laid evenly on the coloured surface, then trained on the photos.

Untrained they need nothing but the mesh; that is the method of last resort, and what training starts from. Held-out
photos give no colour, train nothing, and score the result. The recipe ``scene`` has no object: all pixels are learnt,
from the sparse points, and this stage's file is what is delivered.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...kernels.splatting.render import render_coloured
from ...protocol import Artefact
from ..geometry import quaternions_from_rotations
from ..images import read_rgb, write_image
from ..mesh.colours import colours_from_photos
from ..mesh.placing import lay, spread
from ..mesh.triangles import Mesh, edge_length
from ..metrics.held_out import View, held_out_views, scores
from ..ply import read_ply
from ..records import Camera, Cameras, Masks
from ..splat_files import Splats, from_columns, join, save
from ..splat_files.activations import dc_from_colour, logit_from_opacity, opacity_from_logit
from ..stage import Context
from ..training import starts
from ..workspace import write_json

NAME = "splats"
VERSION = 5
OPACITY = 0.95
"""Of every Gaussian before training."""
THICKNESS = 0.2
"""Before training: standard deviation along the normal over that in the surface."""
INPUTS = ("cameras", "masks_refined", "hull")
OUTPUTS = ("splats.ply", "splats.json")
SPEC: tuple[str, ...] = ("hold_out", "seed", "deterministic", "device")


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
    strategy: str = "mcmc"  # how Gaussians are placed while training: mcmc, classical
    outside: str = "empty"  # what masks say of their outside: empty, unknown
    poses: bool = False  # refine the cameras as well, for the splats alone
    flatten: float = 0.0  # weight of the loss that turns Gaussians into the surface of their depths, 0 to 10


def run(context: Context) -> None:
    """Write ``splats.ply`` (world of ``cameras.json``), ``splats.json`` and renders of the held-out cameras."""
    trains = _trains(context)
    if trains:
        _compile(context)
    splats = _start(context, trains) if context.has("hull") else _scene_start(context, trains)
    if trains:
        splats = _trained(context, splats)
    save(context.output / "splats.ply", splats, up="z")
    context.facts.metrics = _score(context, splats)
    context.facts.details |= {"count": len(splats), "harmonics": splats.degree}
    write_json(context.output / "splats.json", context.facts.details | context.facts.metrics)
    if not context.has("hull"):
        context.facts.details["artefacts"] = [asdict(a) for a in _delivered(context, len(splats))]


def _compile(context: Context) -> None:
    """Compile what training needs, as a step of its own: training's minutes are for training."""
    from ..training.warming import compile_kernels

    def report(done: int, of: int) -> None:
        context.progress(0.03 * done / of, f"Compiling kernels (once on this machine): {done + 1} of {of}")

    started = time.monotonic()
    if compiled := compile_kernels(report):
        context.log.info("splats: %d kernels compiled in %.1f s", compiled, time.monotonic() - started)


def _start(context: Context, trains: bool) -> Splats:
    """Gaussians on the surface and, where they are trained, at the sparse points that no mask denies."""
    mesh = Mesh.load(context.folder("hull") / "mesh.ply")
    room = context.options.count // 2 if trains else context.options.count
    splats, unseen = _placed(context, mesh, room)
    context.facts.method = "surface-placed"
    context.facts.details = {"unseen": unseen, "trained": False}
    if not trains:
        return splats
    cameras, masks = context.folder("cameras"), context.folder("masks_refined")
    sparse = starts.sparse_start(cameras / "points.ply", len(splats) // 4, context.spec.seed, masks, splats.means)
    context.facts.details["from_sparse_points"] = len(sparse)
    return join([splats, sparse]) if len(sparse) else splats


def _scene_start(context: Context, trains: bool) -> Splats:
    """Gaussians at the sparse points of the whole scene."""
    room = context.options.count // 2 if trains else context.options.count
    context.progress(0.03, "Starting from the sparse points")
    splats = starts.sparse_start(context.folder("cameras") / "points.ply", room, context.spec.seed)
    if len(splats) < 2:
        raise context.error(
            "cameras_too_few",
            "The cameras came without sparse points, which a scene starts from.",
            "Give a COLMAP model with points, or leave cameras.triangulate on.",
        )
    context.facts.method = "sparse-points"
    context.facts.details = {"scene": True, "trained": False, "from_sparse_points": len(splats)}
    return splats


def _delivered(context: Context, count: int) -> list[Artefact]:
    """What a scene delivers; there is no object, hence no mesh and no known length."""
    cameras = Cameras.load(context.folder("cameras"))
    own, theirs = (context.workspace.folder(name).name for name in (NAME, "cameras"))
    points = len(read_ply(context.folder("cameras") / "points.ply")[0])
    return [
        Artefact(kind="splats", path=f"{own}/splats.ply", unit=cameras.unit, count=count),
        Artefact(kind="sparse_points", path=f"{theirs}/points.ply", unit=cameras.unit, count=points),
        Artefact(kind="cameras", path=f"{theirs}/cameras.json", unit=cameras.unit, count=len(cameras.cameras)),
    ]


def _trains(context: Context) -> bool:
    """Whether to train; says so when torch is missing, and refuses to pretend when training was demanded."""
    method = context.options.method
    if method == "untrained" or (context.spec.recipe == "single_picture" and not _drawn_views(context).is_dir()):
        return False  # a relief has nothing to teach but itself
    if importlib.util.find_spec("torch") is not None:
        return True
    hint = "Install torch in the backend's environment (pip install torch)."
    if method == "trained":
        raise context.error("engine_missing", "Training splats needs torch, which is not installed.", hint)
    context.fallback("surface-placed splats", "trained splats", "torch is not installed", hint)
    return False


def _drawn_views(context: Context) -> Path:
    """Where a guessed shape keeps the views that it was drawn in."""
    return context.folder("hull") / "views"


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
        flatten=options.flatten,
        masked=context.has("hull"),
    )
    meaning = {"empty": "segment", "unknown": "ignore"}[options.outside]
    plan = Plan(schedule=schedule, side=options.side, band=options.band, degree=options.degree, meaning=meaning)
    return train(context, start, plan)


def _placed(context: Context, mesh: Mesh, count: int) -> tuple[Splats, int]:
    """About ``count`` flat Gaussians on the mesh, coloured by the photos, and how many of them no photo saw."""
    options: Options = context.options
    context.progress(0.0, "Placing splats")
    points, normals, face, weights = spread(mesh, count, np.random.default_rng(context.spec.seed))
    axes, scales = lay(points, normals, options.spread, THICKNESS)
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
    usable = [c for c in Cameras.load(photos, context.spec.hold_out).cameras if c.name in named]
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
    views = _held_out(context)
    folder = context.output / "held_out"
    folder.mkdir()
    photos = {v.camera.name: v.photo for v in views}

    def seen_by(camera: Camera) -> np.ndarray:
        context.progress(0.97, "Scoring the splats")
        image = render_over_black(splats, camera)
        write_image(folder / f"{camera.name}.jpg", np.concatenate([photos[camera.name], image], axis=1))
        return image

    return scores(views, seen_by, "splats")


def _held_out(context: Context) -> list[View]:
    """The held-out photos; in a scene every pixel of them counts."""
    photos = context.folder("cameras")
    if context.has("hull"):
        return held_out_views(photos, context.folder("masks_refined"), context.spec.hold_out)
    kept = [c for c in Cameras.load(photos, context.spec.hold_out).cameras if c.held_out]
    return [View(c, read_rgb(photos / c.image), np.ones((c.height, c.width), bool)) for c in kept]


def render_over_black(splats: Splats, camera: Camera) -> np.ndarray:
    """The splats as ``camera`` sees them, (H, W, 3) uint8 sRGB over black."""
    seen, _ = render_coloured(
        splats.means, splats.quats, np.exp(splats.scales), opacity_from_logit(splats.opacities), splats.sh,
        splats.degree, camera.cam_from_world.astype(np.float32), camera.K.astype(np.float32), camera.width,
        camera.height,
    )  # fmt: skip
    return np.clip(np.round(seen.image[..., :3] * 255.0), 0, 255).astype(np.uint8)
