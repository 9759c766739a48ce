# SPDX-License-Identifier: GPL-3.0-or-later
"""The RGBA kernels at three sizes, interleaved with streams that only move memory and the same work done otherwise.

On a shared machine times say little: each round measures everything once, one after the other, and what is reported
is the median over the rounds of the ratios within a round.
"""

from __future__ import annotations

import ctypes
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from turnaround.backend import png
from turnaround.kernels import compositing, cutouts

from . import rgba_chains as chains

SIZES = {2: (1200, 1600), 12: (3000, 4000), 48: (6000, 8000)}
ROUNDS = 9
SLOW_ROUNDS = 2
CPU = False
"""Whether CPU seconds of all threads are taken in place of time: on a busy machine they alone mean something."""

COLOUR = (255, 0, 255)
STREAMS = {1: ("stream_copy", "stream_loop", "stream_past"), 2: ("stream_add", "stream_add_past")}


@dataclass(kw_only=True)
class Row:
    """One task: milliseconds of ours (median), and the median ratio of every other's time to ours."""

    task: str
    milliseconds: float = 0.0
    ratios: dict[str, float] = field(default_factory=dict)


def rows(megapixels: int) -> Iterator[Row]:
    """All tasks at one size."""
    height, width = SIZES[megapixels]
    rgb, mask = scene(height, width)
    library = chains.compiled()
    yield from pointwise(rgb, mask, library)
    yield from chain(rgb, mask, library)
    if megapixels < 48:
        yield writing(rgb, mask)


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A textured picture (H, W, 3) and the soft mask (H, W) of a lobed object that covers a third of it, uint8."""
    y, x = np.ogrid[:height, :width]
    away, angle = np.hypot(y - height / 2, x - width / 2), np.arctan2(y - height / 2, x - width / 2)
    edge = height * 0.36 * (1 + 0.08 * np.sin(7 * angle)) - away
    mask = (np.clip(edge / 1.5 + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), mask


def measure(task: str, contenders: dict[str, Callable[[], object]], rounds: int, slow: tuple[str, ...] = ()) -> Row:
    """Time ``contenders`` in turn, the first being ours; those in ``slow`` in a few rounds only."""
    clock = time.process_time if CPU else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for name, work in contenders.items():
        if name not in slow:
            work()  # compiles, and touches its memory
    for i in range(rounds):
        for name, work in contenders.items():
            if name in slow and i >= SLOW_ROUNDS:
                continue
            if name not in slow:
                # Small pictures stay in the last cache, and some streams write past it: without a run of its own
                # before, each would be measured with the caches as its predecessor left them.
                work()
            start = clock()
            work()
            times[name].append(clock() - start)
    ours, *others = contenders
    row = Row(task=task, milliseconds=1e3 * statistics.median(times[ours]))
    for name in others:
        row.ratios[name] = statistics.median(t / o for t, o in zip(times[name], times[ours], strict=False))
    streams = [name for name in others if name.startswith("stream")]
    if streams:
        # The best of medians, not the median of bests: the least of several noisy times is too small.
        row.ratios["floor"] = min(row.ratios[name] for name in streams)
    return row


def pointwise(rgb: np.ndarray, mask: np.ndarray, library: ctypes.CDLL | None) -> Iterator[Row]:
    """One kernel a row, with the floor of its own ratio of reads to writes."""
    rgba, below = np.zeros((*mask.shape, 4), np.uint8), np.zeros((*mask.shape, 4), np.uint8)
    compositing.pack(rgb, mask, rgba)
    compositing.pack(np.ascontiguousarray(rgb[::-1]), np.full_like(mask, 255), below)
    rgba[::3, ::2, 3] //= 2
    out, colour = np.zeros_like(rgba), np.array(COLOUR, np.uint8)
    tasks: dict[str, tuple[int, Callable[[], object], Callable[[], object] | None]] = {
        "premultiply": (
            1,
            lambda: compositing.premultiply(rgba, out),
            lambda: cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA, dst=out),
        ),
        "unpremultiply": (
            1,
            lambda: compositing.unpremultiply(rgba, out),
            lambda: cv2.cvtColor(rgba, cv2.COLOR_mRGBA2RGBA, dst=out),
        ),
        "composite_over_colour": (1, lambda: compositing.composite_over_colour(rgba, colour, out), None),
        "composite_over_image": (2, lambda: compositing.composite_over_image(rgba, below, out), None),
        "pack": (1, lambda: compositing.pack(rgb, mask, out), None),
    }
    for task, (reads, ours, opencv) in tasks.items():
        contenders = {"ours": ours} | _streams(library, [rgba, below][:reads], out, task)
        if opencv:
            contenders["OpenCV"] = opencv
        yield measure(task, contenders, ROUNDS)


def _streams(
    library: ctypes.CDLL | None, sources: list[np.ndarray], out: np.ndarray, task: str
) -> dict[str, Callable[[], object]]:
    """What moves as many bytes: numpy's copy (one read), and compiled loops where there is a compiler."""
    found: dict[str, Callable[[], object]] = {}
    if len(sources) == 1:
        found["stream_numpy"] = lambda: np.copyto(out, sources[0])
    if library is None:
        return found
    arguments = [ctypes.c_void_p(a.ctypes.data) for a in (*sources, out)] + [ctypes.c_long(out.size // 4)]
    for name in STREAMS[len(sources)]:
        if hasattr(library, name):
            found[name] = functools.partial(getattr(library, name), *arguments)
    same = {"premultiply": "premultiply", "composite_over_image": "over_image"}.get(task)
    if same:
        found["C++"] = functools.partial(getattr(library, same), *arguments)
    return found


def chain(rgb: np.ndarray, mask: np.ndarray, library: ctypes.CDLL | None) -> Iterator[Row]:
    """The whole cutout: straight at full size, and halved over a colour."""
    packed = int(compositing.packed_colour(np.array(COLOUR)))
    for task, factor, colour in (("cutout, straight", 1, None), ("cutout, halved, over a colour", 2, COLOUR)):
        size = (mask.shape[0] // factor, mask.shape[1] // factor)
        out = np.zeros((*size, 4), np.uint8)
        over = None if colour is None else np.array(colour, np.uint8)
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda out=out, over=over: cutouts.cut_out(rgb, mask, out, colour=over)
        }
        contenders |= _streams(
            library, [np.zeros((*mask.shape, 4), np.uint8)], np.zeros((*mask.shape, 4), np.uint8), ""
        )
        if library is not None:
            number = packed if colour else 0
            contenders["C++"] = lambda size=size, number=number: chains.cpp(library, rgb, mask, size, number)
            check(out, contenders["ours"], contenders["C++"])
        contenders["OpenCV"] = lambda size=size, colour=colour: chains.opencv(rgb, mask, size, colour)
        contenders["Pillow"] = lambda size=size, colour=colour: chains.pillow(rgb, mask, size, colour)
        contenders["NumPy"] = lambda size=size, colour=colour: chains.numpy(rgb, mask, size, colour)
        yield measure(task, contenders, ROUNDS, slow=("OpenCV", "Pillow", "NumPy"))


def check(out: np.ndarray, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Raise ``RuntimeError`` unless both do the same: else a ratio of times means nothing."""
    ours()
    worst = int(cv2.absdiff(out, theirs()).max())
    if worst > 2:
        raise RuntimeError(f"expected the reference to give the same cutout, it differs by {worst} levels")


def writing(rgb: np.ndarray, mask: np.ndarray) -> Row:
    """Encoding the cutout as PNG, ours and OpenCV's."""
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    cutouts.cut_out(rgb, mask, rgba)
    return measure(
        "PNG of the cutout",
        {
            "ours": lambda: png.encode(rgba),
            "OpenCV": lambda: cv2.imencode(".png", rgba, [cv2.IMWRITE_PNG_COMPRESSION, 3]),
        },
        SLOW_ROUNDS,
    )
