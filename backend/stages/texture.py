# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture: the photos painted onto the surface, with the dense surface's relief and its shading."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from ..mesh.cleaning import without_broken
from ..mesh.textured import COLOUR, SEEN, TexturedMesh
from ..mesh.triangles import Mesh
from ..metrics.held_out import held_out_views, scores
from ..records import Cameras, Frames, Masks
from ..stage import Context
from ..texture.build import Built, build
from ..texture.photos import Source
from ..texture.viewing import textured_view
from ..workspace import FOLDERS, write_json

NAME = "texture"
VERSION = 7
INPUTS = ("frames", "cameras", "masks_refined", "surface")
OUTPUTS = ("mesh.npz", "colour.png", "normal.png", "surface.png", "seen.png", "texture.json")
SPEC: tuple[str, ...] = ("hold_out",)

_TOLERANCE = 0.004
"""How far behind the surface's depth a texel is still seen, in diagonals: no reconstruction is more exact."""

_SOFT = 0.5
"""Sharpness, over the capture's median, at which a photo counts half as much."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the texture is."""

    size: int = 2048  # texels a side, 64 to 8192


def run(context: Context) -> None:
    """Write the textured mesh (``backend/mesh/textured.py``), world of ``cameras.json``, and ``texture.json``."""
    mesh, dense = (without_broken(Mesh.load(context.folder("surface") / name)) for name in ("mesh.ply", "dense.ply"))
    if not len(mesh.faces):
        raise context.error(
            "surface_empty",
            "The surface has no triangle that could be painted.",
            "Look at the masks of this job: an object that they lose leaves no surface. Then run it again from there.",
        )
    diagonal = float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    sources = _sources(context)
    if not sources:
        raise context.error(
            "masks_unreadable",
            "No photo has both a camera and a mask, so there is nothing to take the texture from.",
            "Look at the masks and the cameras of this job and run it again from there.",
        )
    told = _told_of_surface(context)
    built = build(
        mesh, dense if len(dense.faces) > len(mesh.faces) else None, sources, context.options.size,
        _TOLERANCE * diagonal, lambda share, what: context.progress(0.9 * share, what),
        bool(told.get("own_colours")), np.array(told.get("bounds", [])).reshape(-1, 4),
    )  # fmt: skip
    if not built.blended.seen.any():
        _nothing_seen(context, bool(told.get("own_colours")))
    built.mesh.save(context.output)
    context.progress(0.92, "Scoring the texture", context.output / COLOUR)
    unseen = 1.0 - float(built.blended.seen.mean())
    context.facts.metrics = {**_scores(context, built.mesh), "surface_unseen_share": round(unseen, 4)}
    context.facts.method = "photos, three bands"
    context.facts.details = _facts(built, sources)
    write_json(context.output / "texture.json", context.facts.details)


def _nothing_seen(context: Context, own_colours: bool) -> None:
    """Say that no photo shows the surface inside its mask; an error where nothing else tells its colours."""
    reason = "no photo shows the surface inside its mask"
    if not own_colours:
        raise context.error(
            "mask_empty",
            f"There is nothing to take the texture from: {reason}.",
            "Look at the masks and the cameras of this job, mark the object again and run it again from there.",
        )
    context.fallback("the surface's own colours", "photos", reason, "Look at the masks of this job.")


def _told_of_surface(context: Context) -> dict:
    """``surface.json``: ``own_colours``, whether the surface knows its colours where no photo looks (a guessed or
    mirrored back), and ``bounds``, planes (P, 4) beyond which it does not reach.
    """
    path = context.folder("surface") / "surface.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _sources(context: Context) -> list[Source]:
    """Photos that have a camera and a mask and are not held out; all of them where none is left."""
    photos, masks = context.folder("cameras"), context.folder("masks_refined")
    named = Masks.load(masks).named()
    usable = [c for c in Cameras.load(photos, context.spec.hold_out).cameras if c.name in named]
    kept = [c for c in usable if not c.held_out] or usable
    sharpness = {f.name: f.sharpness for f in Frames.load(context.folder("frames")).frames}
    typical = float(np.median([sharpness.get(c.name, 0.0) for c in kept])) if kept else 0.0

    def weight(name: str) -> float:
        share = sharpness.get(name, 0.0) / typical if typical > 0 else 1.0
        return float(min(1.0, share**2 / (share**2 + _SOFT**2) * (1 + _SOFT**2)))

    return [Source(c, photos / c.image, masks / named[c.name].image, max(weight(c.name), 0.05)) for c in kept]


def _scores(context: Context, mesh: TexturedMesh) -> dict[str, float]:
    views = held_out_views(context.folder("cameras"), context.folder("masks_refined"), context.spec.hold_out)
    return scores(views, lambda camera: textured_view(mesh, camera)[0], "texture")


def _facts(built: Built, sources: list[Source]) -> dict:
    """What ``texture.json`` says."""
    gains = {
        s.camera.name: [round(float(g), 4) for g in gain] for s, gain in zip(sources, built.blended.gains, strict=True)
    }
    return {
        "size": len(built.mesh.colour),
        "charts": built.unwrapped.charts,
        "used": round(built.unwrapped.used, 4),
        "seen": round(float(built.blended.seen.mean()), 4),
        "seen_map": f"{FOLDERS[NAME]}/{SEEN}",
        "aligned": _alignment(built),
        "photos": len(sources),
        "gains": gains,
    }


def _alignment(built: Built) -> dict[str, float]:
    """How the surface was moved so that the photos agree on its texture: in its unit, and in 8-bit colours."""
    aligned = built.aligned
    if aligned is None:
        return {"rounds": 0}
    return {
        "rounds": aligned.rounds,
        "moved": round(aligned.moved, 6),
        "difference_before": round(aligned.before, 3),
        "difference_after": round(aligned.after, 3),
    }
