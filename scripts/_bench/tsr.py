# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and memory of TripoSR at its full size, with random weights: they have no surface, so two things are measured.

The dense steps (picture to codes, density queries) as they are, and as a share of the rate of plain matrix products
measured just before; then mesh and views of a ball of usual size, for which the decoder's answer is replaced by the
ball's after the full-size decoder was paid for, so that what is skipped is what would be skipped with a real object.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from turnaround.backend.tsr import mesher, occupancy, renderer
from turnaround.backend.tsr.checkpoint import load
from turnaround.backend.tsr.config import RELEASED
from turnaround.backend.tsr.field import Field
from turnaround.backend.tsr.model import TripoSR

FORWARD_TFLOP = 2.96
RADIUS = 0.4
"""Of the ball: its box fills 0.46 of the model's, as an object of usual size does."""

_STEEP = 60.0


@dataclass
class Row:
    """One step: seconds on the clock, seconds of all cores, largest resident size in megabytes, what else was found."""

    name: str
    wall: float = 0.0
    cpu: float = 0.0
    peak_mb: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class PaidBall(Field):
    """A field whose answers are paid for in full, where ``pays``, and thrown away for a ball's."""

    pays: bool = True
    asked: list[int] = field(default_factory=list)

    def raw(self, points: torch.Tensor) -> torch.Tensor:
        """(N, 4) of the ball at ``points`` (N, 3)."""
        self.asked.append(len(points))
        ball = torch.cat([(_STEEP * (RADIUS - points.norm(dim=1)) + 4.2)[:, None], 8 * points], dim=1)
        return ball + 0 * super().raw(points) if self.pays else ball


@contextmanager
def measured(row: Row) -> Iterator[Row]:
    """Fill in what the block took; memory is looked at fifty times a second."""
    stop, highest = threading.Event(), [resident_mb()]

    def watch() -> None:
        while not stop.wait(0.02):
            highest[0] = max(highest[0], resident_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield row
    finally:
        row.wall, row.cpu = time.perf_counter() - wall, time.process_time() - cpu
        stop.set()
        watcher.join()
        row.peak_mb = max(highest[0], resident_mb())


def resident_mb() -> float:
    """Memory that this process holds now, megabytes; the most it ever held where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def product_rate(dtype: torch.dtype, side: int = 3072, seconds: float = 2.0) -> float:
    """TFLOP in a CPU-second of matrix products of the sizes that the transformer multiplies."""
    a, b = torch.randn(side, 1024).to(dtype), torch.randn(1024, 4096).to(dtype)
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        a @ b
        done += 1
    return 2 * side * 1024 * 4096 * done / (time.process_time() - start) / 1e12


@dataclass
class Bench:
    """All rows, in the order measured; each is told when the next one begins."""

    tell: Callable[[Row], None]
    rows: list[Row] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], object]) -> object:
        """Measure ``work``."""
        if self.rows:
            self.tell(self.rows[-1])
        row = Row(name)
        with measured(row):
            result = work()
        self.rows.append(row)
        return result


@torch.inference_mode()
def run(
    tell: Callable[[Row], None], views: int = 30, dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
) -> list[Row]:
    """Measure everything once. Needs 4 GB of disk in the temporary folder, and 4 GB of memory."""
    bench = Bench(tell)
    planes, decoder, rate = _dense(bench, dtypes)
    for pays in (True, False):
        ball = PaidBall(planes, decoder, RELEASED.radius, RELEASED.density_bias, pays=pays)
        mesher.mesh(ball, 64)  # kernels are compiled, and the decoder folded, before anything is measured
        _views(ball, 1, 16)
        tail = "" if pays else ", decoder not paid"
        for side in (256, 512):
            ball.asked.clear()
            made = bench.step(f"mesh {side}{tail}", lambda ball=ball, side=side: mesher.mesh(ball, side))
            bench.rows[-1].note = f"{sum(ball.asked) / 1e6:.2f} M points, {len(made.faces)} triangles"  # type: ignore[attr-defined]
        ball.asked.clear()
        bench.step(f"{views} views{tail}", lambda ball=ball: _views(ball, views, 256))
        bench.rows[-1].note = _of_the_floor(bench.rows[-1], sum(ball.asked), rate) if pays else ""
    tell(bench.rows[-1])
    return bench.rows


def _dense(bench: Bench, dtypes: tuple[torch.dtype, ...]) -> tuple[torch.Tensor, nn.Module, float]:
    """Measure loading and looking; random codes, the decoder and the rate of float32. The rest is let go."""
    rates = {torch.float32: product_rate(torch.float32)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.ckpt"
        _write_random(path)
        model: TripoSR = bench.step("load", lambda: load(path))  # type: ignore[assignment]
        picture = torch.rand(1, 512, 512, 3)
        for dtype in dtypes:
            rates[dtype] = rate = product_rate(dtype)
            for part in (model.image_tokenizer, model.tokenizer, model.backbone, model.post_processor):
                part.to(dtype)
            bench.step(f"codes, {str(dtype).removeprefix('torch.')}", lambda: model.scene_codes(picture))
            row = bench.rows[-1]
            row.note = f"{100 * FORWARD_TFLOP / row.cpu / rate:.0f} % of {1000 * rate:.0f} GFLOP/s a core"
        side = 2 * RELEASED.plane_side
        return 0.1 * torch.randn(3, RELEASED.plane_channels, side, side), model.decoder, rates[torch.float32]


def _of_the_floor(row: Row, asked: int, rate: float) -> str:
    """How long the products of the decoder's layers, but the folded first, would take at ``rate`` TFLOP/s a core."""
    width = RELEASED.decoder_width
    products = 2 * width * (width * (RELEASED.decoder_layers - 1) + 4) * asked / 1e12
    return f"{asked / 1e6:.1f} M points: {products / rate:.1f} CPU-s of products, {row.cpu * rate / products:.2f} times"


def _views(of: Field, count: int, side: int) -> None:
    where = occupancy.occupied(of)
    for origins, directions in renderer.orbit(count, 0.0, 1.9, 40.0, side):
        renderer.render(of, torch.from_numpy(origins), torch.from_numpy(directions), 128, where)


def _write_random(path: Path) -> None:
    """A checkpoint of the released sizes."""
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in TripoSR(RELEASED).state_dict().items()}
    torch.save({name: torch.randn(shape) * 0.02 for name, shape in shapes.items()}, path)


def measure() -> int:
    """Print the rows as a table, each as soon as it is known."""
    print("| step | seconds | CPU-seconds | peak MB | |\n|---|---|---|---|---|", flush=True)

    def tell(r: Row) -> None:
        print(f"| {r.name} | {r.wall:.1f} | {r.cpu:.1f} | {r.peak_mb:.0f} | {r.note} |", flush=True)

    run(tell)
    print(f"\nload {_load():.1f}, {torch.get_num_threads()} threads")
    return 0


def _load() -> float:
    """How busy the machine is, processes over the last minute."""
    text = Path("/proc/loadavg")
    return float(text.read_text(encoding="ascii").split()[0]) if text.exists() else 0.0
