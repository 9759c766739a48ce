# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a video picture by picture, whatever container and codec: PyAV (FFmpeg's libraries) decodes.

Headers are believed in nothing that can be counted: length and number of pictures come from decoding. A file that
breaks off gives what lies before the break; damaged packets are skipped, and both are said. The file is handed to the
library as an open stream without access to others, so that a playlist in disguise reads no other file and no network.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_PIXELS = 64_000_000
"""A larger picture is refused by its header (8K has 33 million pixels)."""
LEAST_SIDE = 32
_HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of ITU-T H.273 that are high dynamic range."""
_IDLE_CORES = 1


class VideoError(Exception):
    """A video that cannot be used. ``str()`` completes "NAME cannot be used: ..."; ``code`` is a short word for it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the file says of itself, and what its first picture shows.

    ``width`` and ``height`` are of the upright picture with square pixels. ``turn`` is how far the stored picture is
    turned counter-clockwise to be upright, in quarter turns. ``rate`` (pictures a second), ``seconds`` and ``count``
    are claims, 0 where there is none. ``hdr`` is "", "PQ" or "HLG". ``stretch`` is the shape of a stored pixel.
    """

    container: str
    codec: str
    width: int
    height: int
    turn: int
    stretch: float
    rate: float
    seconds: float
    count: int
    hdr: str
    interlaced: bool


@dataclass(kw_only=True)
class Picture:
    """One decoded picture; ``frame`` is PyAV's ``VideoFrame``, not yet upright."""

    index: int
    seconds: float
    frame: Any


@dataclass
class Tally:
    """What reading has met so far: pictures, packets and pictures that could not be decoded, the last picture's time
    in seconds, and the library's word on why reading ended early.
    """

    count: int = 0
    damaged: int = 0
    seconds: float = 0.0
    broke_off: str = ""


@dataclass
class Film:
    """An open video. ``pictures`` may be walked once; ``tally`` is complete when that is done."""

    header: Header
    pictures: Iterator[Picture]
    tally: Tally


@contextlib.contextmanager
def open_film(path: Path) -> Iterator[Film]:
    """Open the video at ``path``. Raises ``VideoError``; an ``OSError`` where the file may not be read."""
    import av

    av.logging.set_level(av.logging.PANIC)
    with path.open("rb") as stream:
        if path.stat().st_size == 0:
            raise VideoError("unreadable", "it is empty")
        try:
            container = av.open(
                stream, mode="r", metadata_errors="replace", container_options={"protocol_whitelist": "none"}
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError("unreadable", _why_closed(error)) from error
        with contextlib.closing(container):
            yield _film(container)


def _why_closed(error: Exception) -> str:
    """Say in plain words why a file cannot be opened."""
    text = str(getattr(error, "strerror", "") or error).split("\n", maxsplit=1)[0][:100]
    return f"it is no video, or its index is missing because a copy or a recording broke off ({text})"


def _film(container: Any) -> Film:
    """The first real video track of ``container`` with its first picture decoded."""
    tracks = [s for s in container.streams.video if not int(s.disposition) & 0x400]  # 0x400: a cover picture
    if not tracks:
        heard = "only sound" if container.streams.audio else "no video track"
        raise VideoError("no_video", f"it holds {heard}")
    tracks = [s for s in tracks if s.codec_context is not None]
    if not tracks:
        raise VideoError("unsupported", "its codec is not known to this version")
    track = max(tracks, key=lambda s: (s.width or 0) * (s.height or 0))
    if (track.width or 0) * (track.height or 0) > MAX_PIXELS:
        raise VideoError("too_large", f"its pictures have more than {MAX_PIXELS // 1_000_000} megapixels")
    track.thread_type = "AUTO"
    track.codec_context.thread_count = max((os.cpu_count() or 1) - _IDLE_CORES, 1)
    tally = Tally()
    decoded = _decoded(container, track, tally)
    first = next(decoded, None)
    if first is None:
        raise VideoError("unreadable", f"no picture in it can be decoded ({tally.broke_off or 'it ends too early'})")
    header = _header(container, track, first)
    return Film(header, _numbered(itertools.chain([first], decoded), header.rate, tally), tally)


def _decoded(container: Any, track: Any, tally: Tally) -> Iterator[Any]:
    """All pictures that can be decoded, in display order; what cannot is counted."""
    import av

    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            tally.broke_off = str(error.strerror or error)[:100]
            packet = None
        try:
            frames = track.codec_context.decode(packet) if packet is None else packet.decode()
        except av.error.EOFError:
            frames = []
        except av.error.FFmpegError:
            tally.damaged += 1
            frames = []
        for frame in frames:
            if frame.is_corrupt:
                tally.damaged += 1
            else:
                yield frame
        if packet is None:
            return


def _numbered(frames: Iterator[Any], rate: float, tally: Tally) -> Iterator[Picture]:
    """Count pictures and tell their times; a picture without a time, or with one that runs back, follows the last."""
    start: float | None = None
    step = 1.0 / rate if rate else 0.04
    for frame in frames:
        start = frame.time if start is None else start
        time = frame.time - start if frame.time is not None and start is not None else None
        if tally.count and (time is None or time <= tally.seconds):
            time = tally.seconds + step
        tally.seconds = float(time or 0.0)
        tally.count += 1
        yield Picture(index=tally.count - 1, seconds=tally.seconds, frame=frame)


def _header(container: Any, track: Any, first: Any) -> Header:
    """Gather what is claimed and what the ``first`` picture shows."""
    turn = round((first.rotation or 0) / 90) % 4
    aspect = float(track.sample_aspect_ratio or 1) or 1.0
    stretch = aspect if 0.25 < aspect < 4 else 1.0
    width, height = max(round(first.width * stretch), 1), first.height
    if min(width, height) < LEAST_SIDE:
        raise VideoError("too_small", f"its pictures have only {width} x {height} pixels")
    claimed = float(track.duration * track.time_base) if track.duration else (container.duration or 0) / 1e6
    return Header(
        container=container.format.name,
        codec=track.codec_context.name,
        width=height if turn % 2 else width,
        height=width if turn % 2 else height,
        turn=turn,
        stretch=stretch,
        rate=float(track.average_rate or track.base_rate or 0),
        seconds=max(claimed, 0.0),
        count=track.frames or 0,
        hdr=_HDR.get(int(first.color_trc), ""),
        interlaced=bool(first.interlaced_frame),
    )
