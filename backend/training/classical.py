# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Gaussians go, the first way: adaptive density control (Kerbl et al. 2023, section 5.2 and algorithm 1).

Written from the paper. A Gaussian whose place on screen keeps being pulled at, by more than ``pull`` on average over
the pictures that showed it, covers too little or too much: a small one is cloned, a large one is split in two that are
``shrink`` times smaller, their means drawn from the original as a probability density. Faint and huge Gaussians are
removed, and now and then all opacities are set close to zero, so that floaters must prove themselves again.

Two choices of ours: a clone starts where its original is, and the two part because its moments start afresh; and where
``cap`` leaves room for some only, the most pulled ones come first (the paper has no cap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .mcmc import rotations
from .model import NAMES, Model


@dataclass(frozen=True, kw_only=True)
class Classical:
    """Options; the numbers are the paper's.

    ``cap`` most Gaussians. ``pull``: gradient of the loss by a mean on a screen that is two units wide and high.
    ``large``, ``huge``: longest axis in units of the cameras' extent, above which a Gaussian is split, and removed.
    ``first`` and ``until``: share of the training between which Gaussians are added. ``reset_every`` in steps.
    """

    cap: int
    pull: float = 2e-4
    large: float = 0.01
    huge: float = 0.1
    faint: float = 0.005
    shrink: float = 1.6
    first: float = 0.017
    until: float = 0.5
    reset_every: int = 3000
    reset_to: float = 0.01


def note(sums: torch.Tensor, screen_gradient: torch.Tensor, size: tuple[int, int], drawn: torch.Tensor) -> None:
    """Add one picture to ``sums`` (N, 2): of the pull, and of the pictures in which a Gaussian was drawn.

    ``screen_gradient`` (N, 2) by means in pixels; ``size`` (width, height); ``drawn`` (N,) bool.
    """
    halves = torch.tensor([0.5 * size[0], 0.5 * size[1]], device=sums.device)
    sums[:, 0] += torch.where(drawn, torch.linalg.norm(screen_gradient * halves, dim=1), torch.zeros(()).to(sums))
    sums[:, 1] += drawn


@torch.no_grad()
def densify(model: Model, options: Classical, sums: torch.Tensor, extent: float, generator: torch.Generator) -> int:
    """Clone small and split large Gaussians that are pulled at; returns by how many the model has grown."""
    pull = sums[:, 0] / torch.clamp(sums[:, 1], min=1.0)
    room = max(options.cap - len(model), 0)
    chosen = torch.nonzero(pull > options.pull)[:, 0]
    strongest_first = torch.argsort(pull[chosen], descending=True, stable=True)
    chosen = torch.sort(chosen[strongest_first[:room]]).values
    is_large = model.scales[chosen].amax(1) > options.large * extent
    small, large = chosen[~is_large], chosen[is_large]
    halves = _halves(model, large, options.shrink, generator)
    copies = {name: model.values[name][small].clone() for name in NAMES}
    kept = torch.ones(len(model), dtype=torch.bool, device=model.device)
    kept[large] = False
    model.select(kept)
    model.append({name: torch.cat([copies[name], halves[name]]) for name in NAMES})
    return len(chosen)


def _halves(model: Model, rows: torch.Tensor, shrink: float, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Two smaller Gaussians for each of ``rows``, their means drawn from it."""
    halves = {name: model.values[name][rows].repeat(2, 1) for name in NAMES}
    noise = torch.randn(2 * len(rows), 3, generator=generator).to(model.device)
    offsets = rotations(halves["quats"]) @ (noise * torch.exp(halves["log_scales"]))[..., None]
    halves["means"] += offsets[..., 0]
    halves["log_scales"] -= math.log(shrink)
    return halves


@torch.no_grad()
def prune(model: Model, options: Classical, extent: float, also_huge: bool) -> int:
    """Remove faint Gaussians and, where ``also_huge``, huge ones; at least one stays. Returns how many went."""
    gone = model.opacities < options.faint
    if also_huge:
        gone |= model.scales.amax(1) > options.huge * extent
    if bool(gone.all()):
        gone[int(model.opacities.argmax())] = False
    model.select(~gone)
    return int(gone.sum())


@torch.no_grad()
def reset_opacities(model: Model, options: Classical) -> None:
    """Bring every opacity down to at most ``reset_to``, with fresh moments."""
    lowest = math.log(options.reset_to / (1 - options.reset_to))
    model.values["logit_opacities"].clamp_(max=lowest)
    model.first["logit_opacities"].zero_()
    model.second["logit_opacities"].zero_()
