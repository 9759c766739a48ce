# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: one photo a step, its budget in Gaussians, steps and minutes, and what it reports.

The recipe for an object alone: photo and render over the same new random background each step, an alpha loss, an
unknown band at the silhouette, coarse to fine. Gaussians are placed by one of two strategies: ``mcmc``, with
regularisers on opacity and scale, or ``classical``. A scene without masks trains with the same loop: ``masked`` False,
alpha 1 everywhere, no alpha loss, a black background.

The schedule runs on the fraction done. With ``minutes`` that fraction is of the time when time is the scarcer; with
``deterministic`` it is of the steps alone, and the result is the same bit for bit on one CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from . import classical
from .flatness import depth_normal_loss
from .loss import photometric_loss
from .mcmc import Mcmc, grow, relocate, shake
from .model import Model
from .optimiser import Rates, step_adam, step_row
from .poses import corrected, looked_at
from .rasterisers import Gsplat, Numba, leaves_of
from .scoring import score
from .views import View, reduced

STRATEGIES = ("mcmc", "classical")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Options of a training. Fractions are of the whole; ``minutes`` 0: no limit. Defaults: measured on objects.

    ``masked``: where a mask says so there is nothing; False for a full scene. ``poses``: refine the cameras as well.
    ``flatten``: weight of depth-normal consistency (``flatness.py``), from the fraction ``flatten_from`` on.
    ``opacity_weight``, ``scale_weight``, ``refine_until`` are the strategy ``mcmc``'s.
    """

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
    strategy: str = "mcmc"
    poses: bool = False
    flatten: float = 0.0
    flatten_from: float = 0.25
    score_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"expected a strategy among {STRATEGIES}, got {self.strategy!r}")


@dataclass
class State:
    """What changes while training; all of it goes into a checkpoint.

    For V views: ``exposures`` (V, 2, 3) gain and bias, ``poses`` (V, 6) twists (``poses.py``), each with its moments
    (2, V, ...). ``pull`` (N, 2): what the classical strategy sums up between two rounds.
    """

    model: Model
    exposures: np.ndarray
    exposure_moments: np.ndarray
    poses: np.ndarray
    pose_moments: np.ndarray
    pull: torch.Tensor
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def fresh_state(model: Model, views: list[View]) -> State:
    """A state before the first step: every photo's exposure is gain 1, bias 0, every camera as given."""
    exposures = np.zeros((len(views), 2, 3), np.float32)
    exposures[:, 0] = 1
    poses = np.zeros((len(views), 6), np.float32)
    moments = (np.zeros((2, *exposures.shape), np.float32), np.zeros((2, *poses.shape), np.float32))
    pull = torch.zeros(len(model), 2, device=model.device)
    return State(model, exposures, moments[0], poses, moments[1], pull)


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
        self.control = classical.Classical(cap=schedule.cap)
        self.centre = torch.tensor(looked_at(views), dtype=torch.float32, device=state.model.device)
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
        view = self._next_view(fraction)
        device = state.model.device
        leaves = leaves_of(state.model)
        twist = torch.tensor(state.poses[view.index], device=device, requires_grad=schedule.poses)
        flat = schedule.flatten > 0 and fraction >= schedule.flatten_from
        camera = self.camera_of(view, twist)
        image, info = self.rasteriser.draw(leaves, camera, view.K, view.size, self.degree, flat)
        exposure = torch.tensor(state.exposures[view.index], device=device, requires_grad=schedule.exposure)
        loss = self._loss(image, exposure, view)
        if schedule.strategy == "mcmc":
            opacities, scales = torch.sigmoid(leaves["logit_opacities"]), torch.exp(leaves["log_scales"])
            loss = loss + schedule.opacity_weight * opacities.mean()
            loss = loss + schedule.scale_weight * scales.mean() / self.extent
        loss.backward()
        state.step += 1
        coefficients = (state.model.degree + 1) ** 2
        rates = self.rates.at(fraction, self.extent, coefficients)
        gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        drawn = self.rasteriser.drawn(info)
        step_adam(state.model, gradients, rates, drawn, state.step)
        if schedule.exposure and exposure.grad is not None:
            self._learn_exposure(view.index, exposure.grad.cpu().numpy())
        if schedule.poses and twist.grad is not None:
            self._learn_pose(view.index, twist.grad.cpu().numpy(), self.rates.poses * 0.01**fraction)
        generator = torch.Generator().manual_seed(schedule.seed * 1_000_003 + state.step - 1)
        if schedule.strategy == "mcmc":
            self._place_by_chain(float(rates["means"][0]), fraction, generator)
        else:
            pulled = self.rasteriser.screen_gradient(info)
            classical.note(state.pull, pulled, view.size, torch.from_numpy(drawn).to(device))
            self._place_by_control(fraction, generator)

    def camera_of(self, view: View, twist: torch.Tensor | None = None) -> torch.Tensor:
        """``cam_from_world`` (4, 4) of ``view`` as it is now believed to be, on the device."""
        device = self.state.model.device
        camera = torch.tensor(view.cam_from_world, dtype=torch.float32, device=device)
        if not self.schedule.poses:
            return camera
        twist = torch.tensor(self.state.poses[view.index], device=device) if twist is None else twist
        return corrected(camera, twist, self.centre, self.extent)

    def _loss(self, image: torch.Tensor, exposure: torch.Tensor, view: View) -> torch.Tensor:
        """The photometric loss over a background that is new each step, and the same whenever the step is."""
        schedule, device = self.schedule, image.device
        random = np.random.default_rng((schedule.seed, self.state.step))
        background = random.uniform(0, 1, 3) if schedule.masked else np.zeros(3)
        weight = torch.from_numpy(view.weight / max(float(view.weight.sum()), 1.0)).to(device)
        uneven: torch.Tensor | float = 0.0
        if image.shape[2] > 4:
            uneven = schedule.flatten * depth_normal_loss(image, view.K, weight)
            image = torch.cat([image[..., :3], image[..., 7:]], 2)
        return uneven + photometric_loss(
            image,
            exposure,
            torch.from_numpy(view.photo).to(device),
            weight,
            torch.tensor(background, dtype=torch.float32, device=device),
            schedule.ssim_share,
            schedule.alpha_share if schedule.masked else 0.0,
        )

    def _place_by_chain(self, rate: float, fraction: float, generator: torch.Generator) -> None:
        """MCMC: dead Gaussians move, new ones come, faint ones are shaken in proportion to the means' ``rate``."""
        model, schedule = self.state.model, self.schedule
        if self.state.step % schedule.refine_every == 0 and fraction < schedule.refine_until:
            relocate(model, self.placement, generator)
            grow(model, self.placement, generator)
        shake(model, self.placement, rate, generator)

    def _place_by_control(self, fraction: float, generator: torch.Generator) -> None:
        """Adaptive density control: clone, split, remove, and forget opacities from time to time."""
        state, control = self.state, self.control
        if not control.first <= fraction < control.until:
            return
        if state.step % self.schedule.refine_every == 0:
            classical.densify(state.model, control, state.pull, self.extent, generator)
            classical.prune(state.model, control, self.extent, also_huge=state.step > control.reset_every)
            state.pull = torch.zeros(len(state.model), 2, device=state.model.device)
        if state.step % control.reset_every == 0:
            classical.reset_opacities(state.model, control)

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
        state, count = self.state, self.state.step // len(self.views) + 1
        step_row(state.exposures, state.exposure_moments, index, gradient, 1e-3, count)
        used = [v.index for v in self.views]
        state.exposures[used, 0] /= state.exposures[used, 0].mean(0)
        state.exposures[used, 1] -= state.exposures[used, 1].mean(0)

    def _learn_pose(self, index: int, gradient: np.ndarray, rate: float) -> None:
        """Adam on one camera's correction; afterwards the mean over the training photos' is brought back to zero."""
        state, count = self.state, self.state.step // len(self.views) + 1
        step_row(state.poses, state.pose_moments, index, gradient, rate, count)
        used = [v.index for v in self.views]
        state.poses[used] -= state.poses[used].mean(0)
