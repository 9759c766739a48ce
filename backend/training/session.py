# SPDX-License-Identifier: GPL-3.0-or-later
"""One training inside a job: its views, its start, its checkpoint, its preview pictures, and what is said of it.

Owns: choosing the rasteriser, going on after an interruption, halving the budget once when memory runs short, pruning
by the masks. Does not: where Gaussians start and which file they end in (``stages/splats.py``).
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..images import write_image
from ..splat_files import Splats, from_columns
from ..splat_files.activations import colour_from_dc, logit_from_opacity, opacity_from_logit
from ..stage import Context
from . import checkpoint, rasterisers
from .cpu import render_image
from .model import Model, model_from_arrays
from .optimiser import Rates
from .pruning import belongs
from .scoring import laid_over
from .trainer import Schedule, State, Trainer, fresh_state
from .views import View, load_views

PREVIEW_SECONDS = 5.0
CHECKPOINT_SECONDS = 30.0
CHECKPOINT = ".05_splats.checkpoint.npz"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the stage decided: ``schedule``, longer side of the photos in pixels, unknown band in pixels, SH degree.

    ``meaning`` of the masks as in ``views.MEANINGS``; under "ignore" nothing is removed for lying beside them. A
    ``schedule`` that is not ``masked`` is a full scene's: no masks are read.
    """

    schedule: Schedule
    side: int
    band: float
    degree: int
    meaning: str = "segment"


def train(context: Context, start: Splats, plan: Plan) -> Splats:
    """Train ``start`` on the job's photos; returns the Gaussians of the object. Facts go to ``context.facts``."""
    rasteriser, missing = rasterisers.choose(context.device)
    if missing and context.device == "cuda":
        context.fallback("numba", "gsplat", missing, "Splats are trained on the CPU; install what is missing for CUDA.")
    torch.manual_seed(plan.schedule.seed)
    views = _views(context, plan)
    try:
        trainer = _run(context, start, plan, views, rasteriser)
    except (MemoryError, torch.OutOfMemoryError) as error:
        smaller = replace(plan, side=plan.side // 2, schedule=replace(plan.schedule, cap=plan.schedule.cap // 2))
        context.fallback(
            f"{rasteriser.name} with half the Gaussians and half the photos' size",
            rasteriser.name,
            f"memory ran short ({error})",
            "Close other programs, or choose the draft preset.",
        )
        trainer = _run(context, start, smaller, _views(context, smaller), rasteriser)
    _write_history(context.output / "history.csv", trainer.state)
    by_masks = plan.schedule.masked and plan.meaning == "segment"
    result = _cleaned(trainer, views if by_masks else [])
    context.facts.method = f"trained-{rasteriser.name}" + ("" if plan.schedule.masked else "-scene")
    context.facts.details |= {
        "trained": True,
        "steps": trainer.state.step,
        "training_seconds": round(trainer.state.seconds, 1),
        "seconds_per_step": round(trainer.state.seconds / max(trainer.state.step, 1), 4),
        "pruned": len(trainer.state.model) - len(result),
        "strategy": plan.schedule.strategy,
        "held_out": trainer.state.history[-1],
    }
    if plan.schedule.poses:
        context.facts.details["cameras_turned_by"] = _mean_turn(trainer)
    return result


def _views(context: Context, plan: Plan) -> list[View]:
    """The job's views in which anything is known of the object."""
    masks = context.folder("masks_refined") if plan.schedule.masked else None
    hold_out = context.spec.hold_out
    views = load_views(context.folder("cameras"), masks, plan.side, plan.band, plan.meaning, hold_out)
    if context.has("hull") and (drawn := context.folder("hull") / "views").is_dir():
        more = load_views(drawn, drawn / "masks", plan.side, plan.band, plan.meaning)
        views += [replace(view, index=len(views) + k) for k, view in enumerate(more)]
    return [v for v in views if ((v.photo[..., 3] > 0.5) & (v.weight > 0)).any()]


def _mean_turn(trainer: Trainer) -> float:
    """Root mean square of the angles, in degrees, by which cameras were corrected."""
    turns = trainer.state.poses[[v.index for v in trainer.views], :3]
    return float(np.degrees(np.sqrt((turns**2).sum(1).mean())))


def _run(
    context: Context,
    start: Splats,
    plan: Plan,
    views: list[View],
    rasteriser: rasterisers.Numba | rasterisers.Gsplat,
) -> Trainer:
    """Train to the end of the budget, from a checkpoint where there is one."""
    key = _key(context, plan)
    path = context.workspace.root / CHECKPOINT
    state = checkpoint.load(path, key, rasteriser.device)
    if state is None:
        state = fresh_state(_model(start, plan.degree, rasteriser.device), views)
    else:
        context.log.info("splats: training goes on from step %d", state.step)
    trainer = Trainer(state, views, plan.schedule, Rates(), rasteriser)
    if not state.history:
        trainer.score()
    shown = saved = time.monotonic()

    def report(trainer: Trainer) -> None:
        nonlocal shown, saved
        now = time.monotonic()
        if now - saved > CHECKPOINT_SECONDS:
            checkpoint.save(path, trainer.state, key)
            saved = now
        preview = None
        if now - shown > PREVIEW_SECONDS:
            preview = _preview(context, trainer)
            shown = now
        context.progress(0.05 + 0.9 * trainer.fraction, _message(trainer), preview)

    trainer.run(report)
    path.unlink(missing_ok=True)
    return trainer


def _key(context: Context, plan: Plan) -> str:
    """Which training a checkpoint belongs to: the plan, and the very results it starts from."""
    made = {name: (context.workspace.stamp(name) or {}).get("made", "") for name in context.inputs}
    text = json.dumps([asdict(plan), made], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def _message(trainer: Trainer) -> str:
    """What the progress bar says."""
    figures = trainer.state.history[-1] if trainer.state.history else {}
    quality = f", {figures['psnr']:.1f} dB" if "psnr" in figures else ""
    return f"Training {len(trainer.state.model)} splats{quality}"


def _preview(context: Context, trainer: Trainer) -> Path:
    """A picture of the splats as the first camera sees them, on grey."""
    view = (trainer.held_out or trainer.views)[0]
    arrays = trainer.state.model.arrays()
    image = render_image(arrays, view.cam_from_world, view.K, *view.size, trainer.degree).image
    path = context.output / "preview.jpg"
    write_image(path, np.round(laid_over(image, 0.5) * 255).astype(np.uint8))
    return path


def _model(start: Splats, degree: int, device: str) -> Model:
    """The start as the trainer's tensors; its opacities are held below 0.9 so that they can still move."""
    held = np.clip(opacity_from_logit(start.opacities), 0.01, 0.9)
    colours = colour_from_dc(start.sh[:, 0])
    return model_from_arrays(start.means, start.scales, start.quats, logit_from_opacity(held), colours, degree, device)


def _cleaned(trainer: Trainer, views: list[View]) -> Splats:
    """The trained Gaussians without those that the masks disown."""
    arrays = trainer.state.model.arrays()
    opacities = 1 / (1 + np.exp(-arrays["logit_opacities"][:, 0]))
    keep = belongs(arrays["means"], opacities, views)
    if not keep.any():
        keep[:] = True
    quats = arrays["quats"] / np.linalg.norm(arrays["quats"], axis=1, keepdims=True)
    harmonics = arrays["harmonics"].reshape(len(keep), -1, 3)
    columns = (arrays["means"], quats, arrays["log_scales"], arrays["logit_opacities"][:, 0], harmonics)
    return from_columns(*(column[keep] for column in columns))


def _write_history(path: Path, state: State) -> None:
    """Held-out figures over time, one row each."""
    with path.open("w", newline="", encoding="utf-8") as file:
        names = sorted({name for row in state.history for name in row}, key=list(state.history[-1]).index)
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(state.history)
