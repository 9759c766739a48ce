# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Gaussians go: relocation, growth and noise after "3D Gaussian Splatting as Markov Chain Monte Carlo".

Kheradmand et al. 2024 (NeurIPS), written from the paper: dead Gaussians move onto living ones, drawn in proportion to
opacity; the copies share the original's opacity (eq. 8) and are shrunk so that the picture stays (eq. 9); every step
adds noise along each Gaussian's own covariance, more the fainter it is (eq. 7). The number never exceeds a cap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .model import NAMES, Model

MOST_COPIES = 51
"""Copies of one Gaussian beyond which eq. 9's alternating sum loses its digits, even in float64."""


@dataclass(frozen=True, kw_only=True)
class Mcmc:
    """Options. ``cap`` most Gaussians; ``dead`` opacity below which one is moved; ``growth`` share added a round."""

    cap: int
    dead: float = 0.005
    growth: float = 0.05
    noise: float = 5e5


def shared(opacities: torch.Tensor, scales: torch.Tensor, copies: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Opacity (M,) and scales (M, 3) of each of ``copies`` (M,) Gaussians in the place of one (eq. 8 and 9).

    With o' = 1 - (1 - o)^(1/n), the inner sums of eq. 9 collapse to sum_k C(n, k + 1) (-1)^k o'^(k + 1) / sqrt(k + 1).
    """
    n = copies.to(torch.float64)
    old = opacities.to(torch.float64)
    new = 1 - (1 - old) ** (1 / n)
    k = torch.arange(MOST_COPIES, dtype=torch.float64, device=old.device)
    inside = k[None, :] < n[:, None]
    log_binomial = torch.lgamma(n + 1)[:, None] - torch.lgamma(k + 2)[None, :]
    log_binomial = log_binomial - torch.lgamma(torch.clamp(n[:, None] - k[None, :], min=1.0))
    sign = torch.where(k % 2 == 0, 1.0, -1.0)
    terms = sign * torch.exp(log_binomial + (k + 1) * torch.log(new)[:, None]) / torch.sqrt(k + 1)
    below = torch.where(inside, terms, 0.0).sum(1)
    return new.to(opacities.dtype), (old / below)[:, None].to(scales.dtype) * scales


def _share_out(model: Model, sources: torch.Tensor, dead_opacity: float) -> torch.Tensor:
    """Give each source the opacity and size it has among its copies; returns ``sources``' new values' rows.

    ``sources`` (M,) holds a source once for every copy to be made of it.
    """
    counts = torch.bincount(sources, minlength=len(model))[sources] + 1
    opacities, scales = shared(model.opacities[sources], model.scales[sources], torch.clamp(counts, max=MOST_COPIES))
    opacities = torch.clamp(opacities, dead_opacity, 1 - 1e-6)
    model.values["logit_opacities"][sources] = torch.logit(opacities)[:, None]
    model.values["log_scales"][sources] = torch.log(scales)
    return sources


def _draw(weights: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """``count`` indices in proportion to ``weights`` (N,), drawn on the CPU so that devices agree."""
    total = torch.cumsum(weights.detach().cpu().to(torch.float64), 0)
    picks = torch.rand(count, generator=generator, dtype=torch.float64) * total[-1]
    return torch.clamp(torch.searchsorted(total, picks), max=len(weights) - 1).to(weights.device)


@torch.no_grad()
def relocate(model: Model, options: Mcmc, generator: torch.Generator) -> int:
    """Move dead Gaussians onto living ones; returns how many."""
    opacities = model.opacities
    dead = torch.nonzero(opacities <= options.dead)[:, 0]
    alive = torch.nonzero(opacities > options.dead)[:, 0]
    if len(dead) == 0 or len(alive) == 0:
        return 0
    sources = _share_out(model, alive[_draw(opacities[alive], len(dead), generator)], options.dead)
    for name in NAMES:
        model.values[name][dead] = model.values[name][sources]
    model.forget(torch.cat([dead, sources]))
    return len(dead)


@torch.no_grad()
def grow(model: Model, options: Mcmc, generator: torch.Generator) -> int:
    """Add copies of Gaussians drawn by opacity, up to the cap; returns how many."""
    count = min(options.cap, math.ceil(len(model) * (1 + options.growth))) - len(model)
    if count <= 0 or len(model) == 0:
        return 0
    sources = _share_out(model, _draw(model.opacities, count, generator), options.dead)
    model.forget(sources)
    model.append({name: model.values[name][sources].clone() for name in NAMES})
    return count


@torch.no_grad()
def shake(model: Model, options: Mcmc, rate: float, generator: torch.Generator) -> None:
    """Add noise to the means: N(0, covariance) times ``rate`` times ``options.noise``, felt by faint ones alone."""
    opacities = model.opacities
    share = torch.sigmoid(-100 * (opacities - (1 - 0.995)))
    felt = torch.nonzero(share > 1e-4)[:, 0]
    if len(felt) == 0:
        return
    noise = torch.randn(len(felt), 3, generator=generator).to(model.device) * share[felt, None] * options.noise * rate
    half = rotations(model.values["quats"][felt]) * model.scales[felt][:, None, :]
    model.values["means"][felt] += (half @ (half.transpose(1, 2) @ noise[..., None]))[..., 0]


def rotations(quats: torch.Tensor) -> torch.Tensor:
    """Rotation matrices (N, 3, 3) of quaternions (N, 4), w x y z, of any length."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=1).unbind(1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, 1).reshape(-1, 3, 3)
