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
from turnaround.backend.tsr import mesher, renderer
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


class PaidBall(nn.Module):
    """The full-size decoder, whose answer is thrown away for a ball's; asked at known places."""

    def __init__(self, decoder: nn.Module, pays: bool) -> None:
        super().__init__()
        self.decoder, self.pays = decoder, pays
        self.asked = 0

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, 3 C) features of ``place_planes`` -> (N, 4)."""
        self.asked += len(features)
        channels = features.shape[1] // 3
        paid = self.decoder(features) if self.pays else features[:, :4]
        # The third channel is one, and fades with the others at the box's faces, where half of a sample is outside.
        xy, xz = features[:, :2] / features[:, 2:3], features[:, channels + 1] / features[:, channels + 2]
        place = torch.cat([xy, xz[:, None]], dim=1)
        ball = torch.cat([(_STEEP * (RADIUS - place.norm(dim=1)) + 4.2)[:, None], 8 * place], dim=1)
        return ball + 0 * paid


def place_planes(model: TripoSR) -> torch.Tensor:
    """Scene codes (3, C, S, S) that hold their own places in two channels, noise in the others."""
    side, radius = 2 * model.config.plane_side, model.config.radius
    planes = 0.1 * torch.randn(3, model.config.plane_channels, side, side)
    along = ((torch.arange(side) + 0.5) * 2 / side - 1) * radius
    planes[:, 0], planes[:, 1], planes[:, 2] = along.expand(side, side), along[:, None].expand(side, side), 1.0
    return planes


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
    planes, decoder = _dense(bench, dtypes)
    for pays in (True, False):
        ball = PaidBall(decoder, pays)
        of = Field(planes, ball, RELEASED.radius, RELEASED.density_bias)
        tail = "" if pays else ", decoder not paid"
        for side in (256, 512):
            ball.asked = 0
            made = bench.step(f"mesh {side}{tail}", lambda of=of, side=side: mesher.mesh(of, side))
            bench.rows[-1].note = f"{ball.asked / 1e6:.2f} M points, {len(made.faces)} triangles"  # type: ignore[attr-defined]
        ball.asked = 0
        bench.step(f"{views} views{tail}", lambda of=of: _views(of, views))
        bench.rows[-1].note = f"{ball.asked / 1e6:.1f} M points"
    tell(bench.rows[-1])
    return bench.rows


def _dense(bench: Bench, dtypes: tuple[torch.dtype, ...]) -> tuple[torch.Tensor, nn.Module]:
    """Measure loading and looking; codes that know their places, and the decoder. The rest is let go."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.ckpt"
        _write_random(path)
        model: TripoSR = bench.step("load", lambda: load(path))  # type: ignore[assignment]
        picture = torch.rand(1, 512, 512, 3)
        for dtype in dtypes:
            rate = product_rate(dtype)
            for part in (model.image_tokenizer, model.tokenizer, model.backbone, model.post_processor):
                part.to(dtype)
            bench.step(f"codes, {str(dtype).removeprefix('torch.')}", lambda: model.scene_codes(picture))
            row = bench.rows[-1]
            row.note = f"{100 * FORWARD_TFLOP / row.cpu / rate:.0f} % of {1000 * rate:.0f} GFLOP/s a core"
        return place_planes(model), model.decoder


def _views(of: Field, count: int) -> None:
    where = renderer.occupied(of)
    for origins, directions in renderer.orbit(count, 0.0, 1.9, 40.0, 256):
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
