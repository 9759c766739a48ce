# SPDX-License-Identifier: GPL-3.0-or-later
"""Our cameras against plain pycolmap (extract, match every pair, map; its default options), in one run.

Both get the same pictures and one shared camera. On a shared machine the ratios decide, and CPU-seconds more than wall
time. Growth is measured on a long walk: the fox's photos again and again, each time turned, shifted and brightened a
little, so that every copy sees the same object from the same places and no two are alike.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from turnaround.backend.camera_files import read_cameras
from turnaround.backend.evaluate_cameras import camera_metrics
from turnaround.backend.lens import Scene
from turnaround.backend.records import Camera, Cameras, Frame
from turnaround.backend.sfm.estimate import Estimator, Settings
from turnaround.backend.sfm.ladder import climb

CAPTURES = {
    "fox": 960, "temple_ring": 1600, "rendered_duck": 1600, "kermit": 1600, "herzjesu_p8": 1600, "rendered_monkey": 1600
}  # fmt: skip
"""Captures with the longer side, px, at which they are measured."""
GROWTH = (50, 100, 200, 400)


@dataclass
class Clock:
    """Wall and CPU-seconds of each part, by name."""

    parts: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what is done inside to ``name``."""
        began = now()
        try:
            yield
        finally:
            self.add(name, began)

    def add(self, name: str, began: tuple[float, float]) -> None:
        """Add the time since ``began`` to ``name``."""
        wall, cpu = (b - a for a, b in zip(began, now(), strict=True))
        before = self.parts.get(name, (0.0, 0.0))
        self.parts[name] = before[0] + wall, before[1] + cpu

    def total(self) -> tuple[float, float]:
        """Wall and CPU-seconds of all parts together."""
        return sum(p[0] for p in self.parts.values()), sum(p[1] for p in self.parts.values())


@dataclass
class Outcome:
    """One run: its times, registered frames, compared pairs and figures against the truth, where there is one."""

    clock: Clock
    registered: int
    pairs: int
    figures: dict[str, float]
    method: str


def now() -> tuple[float, float]:
    """(wall, CPU) seconds of this process and its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def frames_in(source: Path, folder: Path, side: int) -> list[Frame]:
    """The photos of ``source``, reduced to ``side``, in ``folder``, as the frames' stage would leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for path in sorted(p for p in source.iterdir() if p.suffix.lower() in {".jpg", ".png"}):
        picture = cv2.imread(str(path))
        factor = min(1.0, side / max(picture.shape))
        if factor < 1:
            size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        frames.append(_store(picture, path.stem, folder))
    return frames


def _store(picture: np.ndarray, name: str, folder: Path) -> Frame:
    """Write ``picture`` (H, W, 3) and return its record."""
    cv2.imwrite(str(folder / f"{name}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    height, width = picture.shape[:2]
    size = {"width": width, "height": height, "source_width": width, "source_height": height}
    return Frame(name=name, source=f"{name}.png", image=f"images/{name}.png", **size)


def plain(frames: list[Frame], images: Path, truth: dict[str, np.ndarray], masks: Any = None) -> Outcome:
    """COLMAP with its default options and one camera for all photos."""
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    clock = Clock()
    with tempfile.TemporaryDirectory() as work:
        database = Path(work) / "database.db"
        with clock.part("keypoints"):
            pycolmap.extract_features(
                database, images, camera_mode=pycolmap.CameraMode.SINGLE, device=pycolmap.Device.cpu
            )
        with clock.part("matching"):
            pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
        with clock.part("mapping"):
            models = pycolmap.incremental_mapping(database, images, work)
        best = max(models.values(), key=lambda m: m.num_reg_images()) if models else None
    placed = [] if best is None else [best.image(i) for i in best.reg_image_ids()]
    poses = {Path(i.name).stem: np.vstack([i.cam_from_world().matrix(), [0, 0, 0, 1]]) for i in placed}
    pairs = len(frames) * (len(frames) - 1) // 2
    return Outcome(clock, len(poses), pairs, figures_of(poses, frames, truth), "plain")


def ours(frames: list[Frame], images: Path, truth: dict[str, np.ndarray], masks: Any = None) -> Outcome:
    """Our ladder, as the cameras' stage climbs it, with the options of the balanced preset."""
    clock, last = Clock(), [now(), "keypoints"]

    def listen(_: float, message: str) -> None:
        if message != last[1]:
            clock.add(last[1], last[0])
            last[:] = [now(), message]

    with tempfile.TemporaryDirectory() as work:
        settings = Settings(features=4096, side=1600)
        estimator = Estimator(frames, images, masks or {}, Path(work), settings, listen)
        found = climb(estimator)
        pairs = len(estimator.pairs)
    clock.add(last[1], last[0])
    return Outcome(
        clock, len(found.scene.cameras), pairs, figures_of(poses_of(found.scene), frames, truth), found.method
    )


def poses_of(scene: Scene) -> dict[str, np.ndarray]:
    """cam_from_world (4, 4) by name."""
    return {c.name: c.cam_from_world for c in scene.cameras}


def figures_of(poses: dict[str, np.ndarray], frames: list[Frame], truth: dict[str, np.ndarray]) -> dict[str, float]:
    """AUC and centre error of ``poses``; nothing where there is no truth or no pose."""
    if not truth or not poses:
        return {}
    cameras = [
        Camera(name=n, image="", width=1, height=1, K=np.eye(3), cam_from_world=p) for n, p in sorted(poses.items())
    ]
    missing = [{"name": f.name, "reason": ""} for f in frames if f.name not in poses]
    return camera_metrics(Cameras(cameras=cameras, unregistered=missing), truth)


def truth_of(folder: Path) -> dict[str, np.ndarray]:
    """True cameras by name; empty where the capture has none."""
    try:
        return {c.name: c.cam_from_world for c in read_cameras(folder).cameras}
    except ValueError:
        return {}
