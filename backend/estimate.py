# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a job will take and how much disk it will fill: before Run, and while it runs.

One table of costs serves both. While a job runs, the ratio of the seconds measured to the seconds expected corrects
what is left, so that a slow machine shows within the first stage.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..protocol import STAGES, stage_options

# Core-seconds at 1.0 megapixel: (for the job, for each frame). Measured on two cores of a shared machine.
COSTS: Mapping[str, tuple[float, float]] = {
    "frames": (1.0, 0.25),
    "masks": (3.0, 1.6),
    "cameras": (8.0, 3.0),
    "masks_refined": (2.0, 0.6),
    "cutouts": (1.0, 0.4),
    "hull": (15.0, 1.0),
    "splats": (5.0, 0.4),
    "surface": (12.0, 1.0),
    "texture": (12.0, 0.8),
    "export": (12.0, 1.2),
    "assumed_cameras": (1.0, 0.1),
    "shape": (30.0, 1.0),
}
STEP_ONCE, STEP_MEGAPIXEL = 0.03, 0.2
"""Core-seconds of one step of training: for the Gaussians, and for each megapixel of the photo."""
START_SECONDS = 4.0
"""Starting the worker, importing libraries, loading compiled kernels."""
MB_PER_MEGAPIXEL = 5.5
"""Job folder, megabytes a frame: stored frame, undistorted frame, two masks, cutout."""
MB_ONCE = 60.0
"""Mesh, splats and exported files."""
ASPECT = 0.75


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a preset is expected to take: ``frames`` used, wall ``seconds``, ``disk_mb`` in the job folder."""

    preset: str
    frames: int
    seconds: float
    disk_mb: float


def forecast(preset: str, photos: int, long_side: int) -> Forecast:
    """Expect the cost of ``photos`` pictures whose longer side has ``long_side`` pixels."""
    options = stage_options("frames", preset, {})
    frames = min(photos, options["max_frames"])
    side = min(long_side, options["long_side"])
    megapixels = side * side * ASPECT / 1e6
    seconds = START_SECONDS + sum(expected(stage, frames, megapixels) for stage in STAGES)
    seconds += training_seconds(stage_options("splats", preset, {}))
    disk = MB_ONCE + frames * megapixels * MB_PER_MEGAPIXEL
    return Forecast(preset=preset, frames=frames, seconds=round(seconds), disk_mb=round(disk))


def expected(stage: str, frames: int, megapixels: float) -> float:
    """Wall seconds that ``stage`` is expected to take here."""
    once, each = COSTS[stage]
    return (once + each * frames * megapixels) / cores()


def training_seconds(options: Mapping[str, Any]) -> float:
    """Wall seconds of training under the options of ``splats``: its minutes, or less where its steps end sooner."""
    if options["method"] == "untrained":
        return 0.0
    megapixels = options["side"] ** 2 * ASPECT / 1e6
    by_steps = options["steps"] * (STEP_ONCE + STEP_MEGAPIXEL * megapixels) / cores()
    return min(60.0 * options["minutes"], by_steps) if options["minutes"] else by_steps


def cores() -> int:
    """Cores that a job uses: all but one where there are more than two, so that Blender stays responsive."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count - 1 if count > 2 else count


@dataclass
class Clock:
    """Turns progress within stages into the job's overall fraction and the seconds left.

    ``weights``: expected seconds of each stage that this run has to do, in order.
    """

    weights: dict[str, float]
    done: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)
    highest: float = 0.0

    def finish(self, stage: str) -> None:
        """Count ``stage`` as done."""
        self.done.add(stage)

    def read(self, stage: str, fraction: float) -> tuple[float, float | None]:
        """Overall fraction (it never falls) and seconds left (None until there is something to measure by)."""
        total = sum(self.weights.values())
        if not total:
            return 1.0, 0.0
        behind = sum(w for name, w in self.weights.items() if name in self.done)
        if stage not in self.done:
            behind += self.weights.get(stage, 0.0) * fraction
        self.highest = max(self.highest, min(behind / total, 1.0))
        elapsed = time.monotonic() - self.started
        if behind < 0.02 * total or elapsed < 1.0:
            return self.highest, None
        return self.highest, round((total - behind) * elapsed / behind, 1)
