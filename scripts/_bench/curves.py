# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a known capture for some minutes and print held-out figures over time.

``curves.py lego`` known cameras and alpha, from points carved by the masks; ``curves.py fox`` undistorted, without
masks, from points drawn within the cameras' view, or with ``--job`` from a finished job's own cameras and sparse
points. Every eighth photo by name is held out. Data: ``--data``, or ``TURNAROUND_DATA``, or ``../shared/data``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from turnaround.backend import compile_cache

compile_cache.use()  # before numba is imported: as a job runs, with threads that sleep while they wait

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from turnaround.backend.images import write_image  # noqa: E402
from turnaround.backend.splat_files import Splats  # noqa: E402
from turnaround.backend.training import model, optimiser, rasterisers, starts, trainer, views  # noqa: E402
from turnaround.backend.training.cpu import render_image  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
COLUMNS = ("minutes", "step", "gaussians", "psnr", "psnr_inside", "ssim", "iou")


def data_folder() -> Path:
    """Where the captures lie."""
    return Path(os.environ.get("TURNAROUND_DATA", ROOT.parent / "shared" / "data"))


def camera_from(matrix: list[list[float]]) -> np.ndarray:
    """``cam_from_world`` with OpenCV axes from a camera-to-world matrix with OpenGL axes."""
    world_from_cam = np.array(matrix, float)
    world_from_cam[:3, 1:3] *= -1
    return np.linalg.inv(world_from_cam)


def lego(data: Path, side: int) -> list[views.View]:
    """``lego_synthetic``: 36 RGBA pictures and exact cameras."""
    folder = data / "lego_synthetic"
    told = json.loads((folder / "transforms_train.json").read_text())
    made = []
    for index, frame in enumerate(sorted(told["frames"], key=lambda f: f["file_path"])):
        picture = cv2.imread(str(folder / (frame["file_path"] + ".png")), cv2.IMREAD_UNCHANGED)
        photo = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255
        size = photo.shape[0]
        focal = 0.5 * size / np.tan(0.5 * told["camera_angle_x"])
        K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]])
        weight = np.ones(photo.shape[:2], np.float32)
        camera = camera_from(frame["transform_matrix"])
        view = views.View(frame["file_path"], photo, weight, K, camera, index % 8 == 0, index)
        made.append(views.reduced(view, side / size))
    return made


def fox(data: Path, size: tuple[int, int]) -> list[views.View]:
    """``fox``: 50 photos with the cameras of its file, undistorted to what every pixel is known of, at ``size``."""
    folder = data / "fox"
    told = json.loads((folder / "transforms.json").read_text())
    # OpenCV counts pixels from their centres, everything here from their corners: half a pixel apart.
    K = np.array([[told["fl_x"], 0, told["cx"] - 0.5], [0, told["fl_y"], told["cy"] - 0.5], [0, 0, 1.0]])
    lens = np.array([told["k1"], told["k2"], told["p1"], told["p2"]])
    full = (int(told["w"]), int(told["h"]))
    plain, _ = cv2.getOptimalNewCameraMatrix(K, lens, full, 0)
    maps = cv2.initUndistortRectifyMap(K, lens, None, plain, full, cv2.CV_32FC1)
    scaled = plain.copy()
    scaled[:2, 2] += 0.5
    scaled[0] *= size[0] / full[0]
    scaled[1] *= size[1] / full[1]
    made = []
    # The file tells of more photos than there are.
    there = [f for f in told["frames"] if (folder / f["file_path"]).is_file()]
    for index, frame in enumerate(sorted(there, key=lambda f: f["file_path"])):
        photo = cv2.remap(cv2.imread(str(folder / frame["file_path"])), *maps, cv2.INTER_LINEAR)
        small = cv2.cvtColor(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        rgba, weight = views.masked(small.astype(np.float32) / 255, None, "segment", 0)
        camera = camera_from(frame["transform_matrix"])
        made.append(views.View(frame["file_path"], rgba, weight, scaled.copy(), camera, index % 8 == 0, index))
    return made


def start_of(kind: str, pictures: list[views.View], count: int, job: Path | None) -> Splats:
    """Where training starts."""
    training = [v for v in pictures if not v.held_out]
    if kind == "lego":
        return starts.carved_start(training, count, np.zeros(3), 1.3, 0)
    if job:
        return starts.start_from_points(*starts.sparse_points(job / "04_cameras" / "points.ply"))
    radius = trainer.extent_of(pictures)
    return starts.random_start(training, count, 0.3 * radius, 3 * radius, 0)


def learner_of(
    pictures: list[views.View], start: Splats, schedule: trainer.Schedule, rasteriser: object | None = None
) -> trainer.Trainer:
    """A trainer of ``start`` on ``pictures``, on the CPU unless another rasteriser is given."""
    drawn_by = rasteriser or rasterisers.Numba()
    colours = np.clip(0.5 + 0.28209479177387814 * start.sh[:, 0], 0, 1)
    arrays = (start.means, start.scales, start.quats, start.opacities, colours)
    begun = model.model_from_arrays(*arrays, 3, drawn_by.device)
    return trainer.Trainer(trainer.fresh_state(begun, pictures), pictures, schedule, optimiser.Rates(), drawn_by)


def print_row(figures: dict[str, float]) -> None:
    """One line of the table."""
    row = {**figures, "minutes": figures["seconds"] / 60}
    print("  ".join(f"{row[name]:>9.3f}" if isinstance(row[name], float) else f"{row[name]:>9}" for name in COLUMNS))
    sys.stdout.flush()


def picture_of(learner: trainer.Trainer, path: Path) -> None:
    """The first held-out view on black and on magenta, beside its photo."""
    view = learner.held_out[0]
    image = render_image(learner.state.model.arrays(), view.cam_from_world, view.K, *view.size, learner.degree).image
    empty = 1 - image[..., 3:]
    magenta = np.array([1, 0, 1], np.float32)
    panels = [image[..., :3], image[..., :3] + empty * magenta, view.photo[..., :3] * view.photo[..., 3:]]
    write_image(path, np.round(np.clip(np.concatenate(panels, 1), 0, 1) * 255).astype(np.uint8))


def train(learner: trainer.Trainer) -> None:
    """Run to the end of the budget, printing each new row of the history."""
    printed = 0

    def report(one: trainer.Trainer) -> None:
        nonlocal printed
        for figures in one.state.history[printed:]:
            print_row(figures)
        printed = len(one.state.history)

    learner.run(report)
    report(learner)


def main() -> int:
    """Load, compile, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", choices=("lego", "fox"))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--job", type=Path, help="a finished job of fox: its cameras and sparse points")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--side", type=int, default=400, help="lego: side of the pictures in pixels")
    parser.add_argument("--start", type=int, default=10_000, help="Gaussians at the start")
    parser.add_argument("--cap", type=int, default=30_000)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two rows")
    parser.add_argument("--strategy", choices=trainer.STRATEGIES, default="mcmc")
    parser.add_argument("--poses", action="store_true", help="refine the cameras")
    parser.add_argument("--picture", type=Path, help="where to write a held-out view on black and on magenta")
    args = parser.parse_args()
    if args.capture == "lego":
        pictures = lego(args.data, args.side)
    else:
        pictures = views.load_views(args.job / "04_cameras", None, 478, 0) if args.job else fox(args.data, (269, 478))
    start = start_of(args.capture, pictures, args.start, args.job)
    schedule = trainer.Schedule(
        steps=10**7, minutes=args.minutes, cap=args.cap, masked=args.capture == "lego", strategy=args.strategy,
        poses=args.poses, score_seconds=args.every,
    )  # fmt: skip
    began = time.perf_counter()
    learner_of(pictures, start, schedule).step()
    seconds = time.perf_counter() - began
    print(f"{len(pictures)} photos, {pictures[0].size}; {len(start)} Gaussians; compiled in {seconds:.0f} s")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; torch {torch.get_num_threads()} threads")
    print("  ".join(f"{name:>9}" for name in COLUMNS))
    learner = learner_of(pictures, start, schedule)
    learner.score()
    cpu = time.process_time()
    train(learner)
    cpu = (time.process_time() - cpu) / learner.state.step
    wall = learner.state.seconds / learner.state.step
    print(f"{learner.state.step} steps; {1e3 * wall:.1f} ms and {1e3 * cpu:.1f} CPU-ms a step (scoring in the latter)")
    if args.picture:
        picture_of(learner, args.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
