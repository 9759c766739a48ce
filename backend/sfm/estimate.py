# SPDX-License-Identifier: GPL-3.0-or-later
"""One capture on its way up the ladder: its keypoints, matches and models, as the rungs ask for them.

Keypoints come from the whole photo: a background that moves with the camera holds the views together, and masks starve
an object of little texture. Only where the background stands still (a turntable) are they taken inside the masks, and
matches that stay in their place are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..records import Frame
from .features import FEW_KEYPOINTS, FeatureSettings, Keypoints, lower
from .interrupt import Voice
from .mapping import Mapped, MapperSettings, run_mapper
from .matching import match, verify
from .merging import joined
from .preselect import every_pair, likely_pairs
from .standing_still import Motion, measure_motion

MOST_EXHAUSTIVE = 80
"""Up to this many frames "all pairs" means all; beyond, four times as many partners a frame as usual."""
_THOROUGH_PEAK = 0.001
_MORE = 4


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user may choose; ``where`` is auto, whole or mask, ``threads`` -1 for all, ``device`` cpu or cuda (for
    learned features alone: everything else computes on the processor).
    """

    where: str = "auto"
    features: int = 8192
    side: int = 1600
    threads: int = -1
    seed: int = 0
    device: str = "cpu"


class Estimator:
    """The work on one capture. ``progress(fraction, message)`` raises when the user cancels.

    ``inside`` are the masks that bound keypoints, {} for whole photos; ``still`` says whether matches that stay in
    their place are left out; ``motion`` is what was seen of the background, None before the first matching.
    """

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
        self.work = work
        self.settings = settings
        self.voice = Voice(progress)
        self.span = (0.0, 1.0)
        self.keypoints = Keypoints(work / "database.db", images, frames, self.voice.alive)
        self.features = FeatureSettings(most=settings.features, side=settings.side, threads=settings.threads)
        self.inside = masks if settings.where == "mask" else {}
        self.still = False
        self.motion: Motion | None = None
        self.pairs: list[tuple[int, int]] = []
        self.median = 0

    @property
    def files(self) -> list[str]:
        """The frames' pictures, as the database knows them."""
        return [Path(f.image).name for f in self.frames]

    @property
    def name_of_file(self) -> dict[str, str]:
        """A frame's name by its picture."""
        return {Path(f.image).name: f.name for f in self.frames}

    @property
    def mapper(self) -> MapperSettings:
        """Settings of the mappers."""
        return MapperSettings(threads=self.settings.threads, seed=self.settings.seed)

    def match_features(self, thorough: bool = False) -> None:
        """Fill the database with keypoints and matches; choose whole photo or mask the first time.

        ``thorough``: affine shapes, pooled domain sizes, fainter keypoints, and all pairs.
        """
        if thorough:
            self.features = replace(self.features, peak=_THOROUGH_PEAK, affine=True)
        self._extract()
        self._match(thorough)
        if self.settings.where != "whole" and self.motion is None:
            self.motion = measure_motion(self.keypoints.database, self.frames, self.masks)
            if self.motion.turntable and self.settings.where == "auto":
                self.still, self.inside = True, self.masks
                self._extract()
                self._match(thorough)
            elif self.motion.room_stands_still:
                self.still = True
                verify(self.keypoints.database, self.voice.alive, self.settings.threads, self.settings.seed, True)

    def map_incrementally(self, relaxed: bool = False) -> Mapped:
        """Run the incremental mapper on what the database holds."""
        return run_mapper(
            self.keypoints.database,
            self.images,
            self.name_of_file,
            replace(self.mapper, relaxed=relaxed),
            self.voice.alive,
            self.part(0.85, 1.0, "Placing cameras"),
            lambda models: joined(models, self),
        )

    def compare(self, pairs: list[tuple[int, int]]) -> None:
        """Match more ``pairs`` (i, j) of frames, i < j, of a database whose keypoints have descriptors."""
        if self.keypoints.described():
            match(
                self.keypoints.database,
                self.files,
                pairs,
                self.voice.alive,
                self.part(0.85, 0.85, "Comparing frames side by side"),
                self.settings.threads,
                self.settings.seed,
                self.still,
                guided=self.median < FEW_KEYPOINTS,
            )
            self.pairs = sorted({*self.pairs, *pairs})

    def forget(self, pairs: list[tuple[str, str]]) -> None:
        """Take back what was verified of ``pairs`` of frames, by name."""
        import pycolmap

        with pycolmap.Database.open(self.keypoints.database) as database:
            ids = {self.name_of_file[i.name]: i.image_id for i in database.read_all_images()}
            for one, other in pairs:
                database.delete_two_view_geometry(ids[one], ids[other])

    def said(self, method: str) -> str:
        """``method`` with what was done about the background, for people."""
        parts = (" inside the masks" if self.inside else "", ", without what stands still" if self.still else "")
        return method + "".join(parts)

    def part(self, start: float, end: float, message: str) -> Callable[[float], None]:
        """A progress function for a part of the present rung."""
        low, high = self.span
        return self.voice.part(low + (high - low) * start, low + (high - low) * end, message)

    def _extract(self) -> None:
        """Keypoints of all frames, again with a lower threshold when they are few."""
        self.median = self.keypoints.extract(self.features, self.inside, self.part(0.0, 0.3, "Finding keypoints"))
        if self.median < FEW_KEYPOINTS and self.features.peak > lower(self.features).peak:
            self.features = lower(self.features)
            listen = self.part(0.0, 0.3, "Finding fainter keypoints")
            self.median = self.keypoints.extract(self.features, self.inside, listen)

    def _match(self, thorough: bool) -> None:
        """Match the pairs worth comparing, or all."""
        listen = self.part(0.3, 0.35, "Choosing pairs")
        if thorough and len(self.frames) <= MOST_EXHAUSTIVE:
            self.pairs = every_pair(len(self.frames))
        else:
            self.pairs = likely_pairs(self.keypoints.database, self.files, listen, _MORE if thorough else 1)
        match(
            self.keypoints.database,
            self.files,
            self.pairs,
            self.voice.alive,
            self.part(0.35, 0.85, "Matching frames"),
            self.settings.threads,
            self.settings.seed,
            self.still,
            guided=self.median < FEW_KEYPOINTS,
        )
