# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: one photo a step, its budget in Gaussians, steps and minutes, and what it reports.

The recipe for an object alone: photo and render over the same new random background each step, an alpha loss, an
unknown band at the silhouette, MCMC placement with opacity and scale regularisers, coarse to fine. A scene without
masks trains with the same loop: its alpha is 1 everywhere.

The schedule runs on the fraction done. With ``minutes`` that fraction is of the time when time is the scarcer; with
``deterministic`` it is of the steps alone, and the result is the same bit for bit on one CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from .loss import photometric_loss
from .mcmc import Mcmc, grow, relocate, shake
from .model import Model
from .optimiser import Rates, step_adam
from .rasterisers import Gsplat, Numba, leaves_of
from .scoring import score
from .views import View, reduced


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Options of a training. Fractions are of the whole; ``minutes`` 0: no limit. Defaults: measured on objects."""

    steps: int = 6000
    minutes: float = 0.0
    cap: int = 60000
    deterministic: bool = False
    seed: int = 0
    ssim_share: float = 0.2
    alpha_share: float = 0.1
    opacity_weight: float = 0.01
    scale_weight: float = 0.01
    refine_every: int = 100
    refine_until: float = 0.85
    levels: tuple[tuple[float, float], ...] = ((0.0, 0.5), (0.25, 1.0))
    degree_every: float = 0.15
    exposure: bool = True
    masked: bool = True
    score_seconds: float = 20.0


@dataclass
class State:
    """What changes while training; all of it goes into a checkpoint."""

    model: Model
    exposures: np.ndarray
    exposure_moments: np.ndarray
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def fresh_state(model: Model, views: list[View]) -> State:
    """A state before the first step: every photo's exposure (views, 2, 3) is gain 1, bias 0."""
    exposures = np.zeros((len(views), 2, 3), np.float32)
    exposures[:, 0] = 1
    return State(model, exposures, np.zeros((2, *exposures.shape), np.float32))


def extent_of(views: list[View]) -> float:
    """Radius of the cameras around their mean, 10 % more: the length in which the means' rate is given."""
    centres = np.stack([-v.cam_from_world[:3, :3].T @ v.cam_from_world[:3, 3] for v in views])
    return float(1.1 * np.linalg.norm(centres - centres.mean(0), axis=1).max()) or 1.0


class Trainer:
    """Owns a model while it learns. ``run`` may be left by an exception of ``report`` and entered again."""

    def __init__(
        self, state: State, views: list[View], schedule: Schedule, rates: Rates, rasteriser: Numba | Gsplat
    ) -> None:
        self.state, self.schedule, self.rates, self.rasteriser = state, schedule, rates, rasteriser
        self.held_out = [v for v in views if v.held_out]
        self.views = [v for v in views if not v.held_out]
        self.extent = extent_of(views)
        self.placement = Mcmc(cap=schedule.cap)
        self.levels = {factor: [reduced(v, factor) for v in self.views] for _, factor in schedule.levels}
        self._order: np.ndarray = np.zeros(0, np.int64)

    @property
    def fraction(self) -> float:
        """How much of the training is done, in [0, 1]."""
        by_steps = self.state.step / self.schedule.steps
        if self.schedule.deterministic or not self.schedule.minutes:
            return min(1.0, by_steps)
        return min(1.0, max(by_steps, self.state.seconds / (60 * self.schedule.minutes)))

    def run(self, report: Callable[[Trainer], None] = lambda trainer: None) -> None:
        """Train until the budget is spent; ``report`` is called after every step and may raise to leave."""
        scored = self.state.history[-1]["seconds"] if self.state.history else 0.0
        while self.fraction < 1.0:
            started = time.perf_counter()
            self.step()
            self.state.seconds += time.perf_counter() - started
            if self.state.seconds - scored >= self.schedule.score_seconds:
                scored = self.state.seconds
                self.score()
            report(self)
        self.score()

    def score(self) -> dict[str, float]:
        """Held-out figures now; appended to the history. The time this takes is not counted as training."""
        row = {
            "seconds": round(self.state.seconds, 3),
            "step": self.state.step,
            "gaussians": len(self.state.model),
            **score(self.state.model.arrays(), self.degree, self.held_out, self.mean_exposure),
        }
        self.state.history.append(row)
        return row

    @property
    def mean_exposure(self) -> np.ndarray:
        """Mean gain and bias (2, 3) over the training photos: what held-out photos are compared under."""
        return self.state.exposures[[v.index for v in self.views]].mean(0)

    @property
    def degree(self) -> int:
        """Degree of harmonics in use now: one more every ``degree_every`` of the training."""
        return min(self.state.model.degree, int(self.fraction / self.schedule.degree_every))

    def step(self) -> None:
        """One photo: draw, compare, learn; now and then move and add Gaussians."""
        state, schedule, fraction = self.state, self.schedule, self.fraction
        generator = torch.Generator().manual_seed(schedule.seed * 1_000_003 + state.step)
        random = np.random.default_rng((schedule.seed, state.step))
        view = self._next_view(fraction)
        device = state.model.device
        leaves = leaves_of(state.model)
        image, info = self.rasteriser.draw(leaves, view.cam_from_world, view.K, view.size, self.degree)
        background = random.uniform(0, 1, 3) if schedule.masked else np.zeros(3)
        exposure = torch.tensor(state.exposures[view.index], device=device, requires_grad=schedule.exposure)
        weight = view.weight / max(float(view.weight.sum()), 1.0)
        loss = photometric_loss(
            image,
            exposure,
            torch.from_numpy(view.photo).to(device),
            torch.from_numpy(weight).to(device),
            torch.tensor(background, dtype=torch.float32, device=device),
            schedule.ssim_share,
            schedule.alpha_share if schedule.masked else 0.0,
        )
        opacities, scales = torch.sigmoid(leaves["logit_opacities"]), torch.exp(leaves["log_scales"])
        loss = loss + schedule.opacity_weight * opacities.mean() + schedule.scale_weight * scales.mean() / self.extent
        loss.backward()
        state.step += 1
        coefficients = (state.model.degree + 1) ** 2
        rates = self.rates.at(fraction, self.extent, coefficients)
        gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        step_adam(state.model, gradients, rates, self.rasteriser.drawn(info), state.step)
        if schedule.exposure and exposure.grad is not None:
            self._learn_exposure(view.index, exposure.grad.cpu().numpy())
        if state.step % schedule.refine_every == 0 and fraction < schedule.refine_until:
            relocate(state.model, self.placement, generator)
            grow(state.model, self.placement, generator)
        shake(state.model, self.placement, float(rates["means"][0]), generator)

    def _next_view(self, fraction: float) -> View:
        """Photos in random order, each once before any comes again, at the resolution of this part of the training."""
        turn, place = divmod(self.state.step, len(self.views))
        if place == 0 or len(self._order) == 0:
            self._order = np.random.default_rng((self.schedule.seed, 7, turn)).permutation(len(self.views))
        factor = [f for start, f in self.schedule.levels if fraction >= start][-1]
        return self.levels[factor][self._order[place]]

    def _learn_exposure(self, index: int, gradient: np.ndarray) -> None:
        """Adam on one photo's gain and bias; afterwards the mean over photos is brought back to gain 1, bias 0.

        Without that the colours of all Gaussians could drift against all exposures, and the exported file with them.
        """
        first, second = self.state.exposure_moments[:, index]
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        count = self.state.step // len(self.views) + 1
        move = (first / (1 - 0.9**count)) / (np.sqrt(second / (1 - 0.999**count)) + 1e-12)
        self.state.exposures[index] -= 1e-3 * move
        used = [v.index for v in self.views]
        self.state.exposures[used, 0] /= self.state.exposures[used, 0].mean(0)
        self.state.exposures[used, 1] -= self.state.exposures[used, 1].mean(0)
