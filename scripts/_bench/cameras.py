# SPDX-License-Identifier: GPL-3.0-or-later
"""Our cameras against plain pycolmap (extract, match every pair, map; its default options), in one run.

Both get the same pictures and one shared camera. On a shared machine the ratios decide, and CPU-seconds more than wall
time. Growth is measured on a long walk: the fox's photos, each several times in a row, turned, shifted and brightened a
little, so that no two are alike.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
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
OUR_PARTS = ("Finding keypoints", "Choosing pairs", "Matching frames", "Placing cameras")
"""What the estimator says while it works."""
GROWTH = (50, 100, 200, 400)


@dataclass
class Clock:
    """Wall and CPU-seconds of each part, by name."""

    parts: dict[str, tuple[float, float]] = field(default_factory=dict)
    _last: tuple[str, tuple[float, float]] = ("", (0.0, 0.0))

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

    def listener(self) -> Callable[[float, str], None]:
        """A progress function that gives the time between two messages to the first."""
        self._last = OUR_PARTS[0], now()

        def listen(_: float, message: str) -> None:
            if message not in {"", self._last[0]}:
                self.end()
                self._last = message, now()

        return listen

    def end(self) -> None:
        """Give the time since the last message to it."""
        self.add(*self._last)

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
    clock = Clock()
    with tempfile.TemporaryDirectory() as work:
        settings = Settings(features=4096, side=1600)
        estimator = Estimator(frames, images, masks or {}, Path(work), settings, clock.listener())
        found = climb(estimator)
        pairs = len(estimator.pairs)
    clock.end()
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


def data_folder() -> Path:
    """The folder of captures: ``TURNAROUND_DATA``, or ``shared/data`` beside the repository."""
    return Path(os.environ.get("TURNAROUND_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def truth_of(folder: Path) -> dict[str, np.ndarray]:
    """True cameras by name; empty where the capture has none."""
    try:
        return {c.name: c.cam_from_world for c in read_cameras(folder).cameras}
    except ValueError:
        return {}


def compare(data: Path, names: list[str]) -> Iterator[str]:
    """Lines that hold ours against plain pycolmap, capture by capture, one run after the other."""
    yield from (
        "| capture | engine | frames | pairs | keypoints | matching | mapping | all, CPU s | wall s | centres % "
        "| AUC@3 | @5 | @30 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    )
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            images = Path(folder) / "images"
            frames = frames_in(data / name / "images", images, CAPTURES[name])
            truth = truth_of(data / name)
            both = [(engine.__name__, engine(frames, images, truth)) for engine in (plain, ours)]
        yield from (_row(name, engine, outcome, len(frames)) for engine, outcome in both)
        (wall, cpu), (our_wall, our_cpu) = (outcome.clock.total() for _, outcome in both)
        yield f"| {name} | ratio | | | | | | {cpu / our_cpu:.1f} | {wall / our_wall:.1f} | | | | |"


def growth(data: Path, counts: tuple[int, ...] = GROWTH) -> Iterator[str]:
    """Lines that say how pairs and CPU-seconds of keypoints, choosing and matching grow with the number of frames."""
    yield from (
        "| frames | pairs | of all | keypoints | choosing | matching | CPU s a frame |",
        "|---|---|---|---|---|---|---|",
    )
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            images = Path(folder) / "images"
            frames = long_walk(data / "fox" / "images", images, count)
            clock = Clock()
            estimator = Estimator(
                frames, images, {}, Path(folder), Settings(features=2000, side=480, where="whole"), clock.listener()
            )
            estimator.match_features()
            clock.end()
            pairs = len(estimator.pairs)
        spent = [clock.parts.get(name, (0.0, 0.0))[1] for name in OUR_PARTS[:3]]
        share = pairs / (count * (count - 1) / 2)
        times = " | ".join(f"{second:.1f}" for second in spent)
        yield f"| {count} | {pairs} | {share:.0%} | {times} | {sum(spent) / count:.3f} |"


def long_walk(source: Path, folder: Path, count: int) -> list[Frame]:
    """``count`` photos at 270 x 480: those of ``source`` again and again, each copy turned, shifted and brightened."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    files = sorted(source.iterdir())
    frames = []
    for index in range(count):
        photo = cv2.imread(str(files[index * len(files) // count if count >= len(files) else index]))
        photo = cv2.resize(
            photo, None, fx=480 / max(photo.shape), fy=480 / max(photo.shape), interpolation=cv2.INTER_AREA
        )
        height, width = photo.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-4, 4), random.uniform(0.96, 1.04))
        turn[:, 2] += random.uniform(-6, 6, 2)
        photo = cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
        photo = np.clip(photo * random.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
        frames.append(_store(photo, f"{index:04d}", folder))
    return frames


def _row(name: str, engine: str, outcome: Outcome, frames: int) -> str:
    """One line of the table of ``compare``."""
    wall, cpu = outcome.clock.total()
    parts = outcome.clock.parts
    if engine == "plain":
        spent = [parts[p][1] for p in ("keypoints", "matching", "mapping")]
    else:
        rest = sum(second for part, (_, second) in parts.items() if part not in OUR_PARTS)
        spent = [parts.get(p, (0.0, 0.0))[1] for p in OUR_PARTS]
        spent = [spent[0] + rest, spent[1] + spent[2], spent[3]]
    figures = " | ".join(
        f"{outcome.figures[k]:.{digits}f}" if k in outcome.figures else "-"
        for k, digits in (
            ("camera_centre_rms_percent", 3), ("camera_auc_3", 1), ("camera_auc_5", 1), ("camera_auc_30", 1)
        )
    )  # fmt: skip
    times = " | ".join(f"{second:.1f}" for second in spent)
    counts = f"{outcome.registered}/{frames} | {outcome.pairs}"
    return f"| {name} | {engine} | {counts} | {times} | {cpu:.1f} | {wall:.1f} | {figures} |"


def measure(data: Path, names: list[str], grow: bool) -> int:
    """Print the tables."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"CPU-seconds of each part; load {load:.1f} on {os.cpu_count()} cores", flush=True)
    for line in compare(data, names) if names else []:
        print(line, flush=True)
    for line in growth(data) if grow else []:
        print(line, flush=True)
    return 0
