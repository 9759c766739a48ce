# SPDX-License-Identifier: GPL-3.0-or-later
"""Structure from motion over a ladder of settings: each rung costs more and is climbed only when the last was poor.

Keypoints come from the whole photo: a background that moves with the camera holds the views together, and masks starve
an object of little texture. Only where the background stands still (a turntable) are they taken inside the masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..lens import Scene
from ..records import Frame
from .features import FEW_KEYPOINTS, FeatureSettings, Keypoints, lower
from .interrupt import Voice
from .mapping import Mapped, MapperSettings, run_mapper
from .matching import match, pairs_to_match
from .preselect import MOST_UNCHECKED, likely_pairs
from .standing_still import Motion, measure_motion

ENOUGH = 0.9
"""Share of registered frames, in one model, at which no further rung is climbed."""
_THOROUGH_PEAK = 0.001


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user may choose; ``where`` is auto, whole or mask, ``threads`` -1 for all."""

    where: str = "auto"
    features: int = 8192
    side: int = 1600
    threads: int = -1
    seed: int = 0


@dataclass(frozen=True)
class Estimate:
    """The best result, how it came about, and what was seen on the way."""

    scene: Scene
    method: str
    models: int
    motion: Motion | None
    keypoints: dict[str, int]


class Estimator:
    """One capture on its way through the ladder. ``progress(fraction, message)`` raises when the user cancels."""

    def __init__(
        self,
        frames: list[Frame],
        images: Path,
        masks: dict[str, tuple[Path, float]],
        work: Path,
        settings: Settings,
        progress: Callable[[float, str], None],
    ) -> None:
        self.frames = frames
        self.images = images
        self.masks = masks
        self.settings = settings
        self.voice = Voice(progress)
        self.span = (0.0, 1.0)
        self.keypoints = Keypoints(work / "database.db", images, frames, self.voice.alive)
        self.features = FeatureSettings(most=settings.features, side=settings.side, threads=settings.threads)
        self.inside = masks if settings.where == "mask" else {}
        self.motion: Motion | None = None

    def run(self) -> Estimate:
        """Climb until enough frames are registered in one model; the best rung wins, the earlier of equals."""
        self.span = (0.0, 0.5)
        self._match_features()
        best, method = self._map(relaxed=False), self._method("SIFT")
        if not self._enough(best) and not (self.motion and self.motion.nothing_moves):
            for relaxed_only in (True, False):
                self.span = (0.5, 0.55) if relaxed_only else (0.55, 1.0)
                if not relaxed_only:
                    self.features = replace(self.features, peak=_THOROUGH_PEAK, affine=True)
                    self._match_features()
                name = "SIFT, relaxed start" if relaxed_only else "affine SIFT with domain-size pooling, relaxed start"
                found = self._map(relaxed=True)
                if len(found.scene.cameras) > len(best.scene.cameras):
                    best, method = found, self._method(name)
                if self._enough(best):
                    break
        return Estimate(best.scene, method, best.models, self.motion, self.keypoints.counts())

    def _match_features(self) -> None:
        """Fill the database with keypoints and matches; choose whole photo or mask on the way."""
        self._extract()
        self._match()
        if self.settings.where == "auto" and self.motion is None:
            self.motion = measure_motion(self.keypoints.database, self.frames, self.masks)
            if self.motion.turntable:
                self.inside = self.masks
                self._extract()
                self._match()

    def _extract(self) -> None:
        """Keypoints of all frames, again with a lower threshold when they are few."""
        median = self.keypoints.extract(self.features, self.inside, self._sub(0.0, 0.3, "Finding keypoints"))
        if median < FEW_KEYPOINTS and self.features.peak > lower(self.features).peak:
            self.features = lower(self.features)
            self.keypoints.extract(self.features, self.inside, self._sub(0.0, 0.3, "Finding fainter keypoints"))

    def _match(self) -> None:
        """Match the pairs worth comparing."""
        files = [Path(f.image).name for f in self.frames]
        pairs = pairs_to_match(len(files))
        if len(files) > MOST_UNCHECKED:
            pairs = likely_pairs(self.keypoints.database, files, pairs, self._sub(0.3, 0.35, "Choosing pairs"))
        match(
            self.keypoints.database,
            files,
            pairs,
            self.voice.alive,
            self._sub(0.35, 0.85, "Matching frames"),
            self.settings.threads,
            self.settings.seed,
        )

    def _map(self, relaxed: bool) -> Mapped:
        """Run the mapper on what the database holds."""
        return run_mapper(
            self.keypoints.database,
            self.images,
            {Path(f.image).name: f.name for f in self.frames},
            MapperSettings(relaxed=relaxed, threads=self.settings.threads, seed=self.settings.seed),
            self.voice.alive,
            self._sub(0.85, 1.0, "Placing cameras"),
        )

    def _enough(self, mapped: Mapped) -> bool:
        """Whether a further rung would be a waste."""
        return len(mapped.scene.cameras) >= max(3, ENOUGH * len(self.frames))

    def _method(self, name: str) -> str:
        """What ran, for people."""
        return f"incremental mapping, {name}" + (" inside the masks" if self.inside else "")

    def _sub(self, start: float, end: float, message: str) -> Callable[[float], None]:
        """A progress function for a part of the present rung."""
        low, high = self.span
        return self.voice.part(low + (high - low) * start, low + (high - low) * end, message)
