# SPDX-License-Identifier: GPL-3.0-or-later
"""How a picture of a video is named, by the user and by us.

A prompt names one as ``clip.mp4#2.5`` (or ``clip#2.5``): seconds after the first picture, or as its number, counted
from 0: ``clip.mp4#n75``, ``n75`` or ``75``; the video's own name means the first picture. A frame's ``source`` is
``clip.mp4#2.500``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The picture a prompt means: by ``index``, or the nearest to ``seconds``. ``key`` is the prompt's own name."""

    key: str
    index: int | None = None
    seconds: float | None = None


def parse(key: str, video: str) -> Wanted | None:
    """What ``key`` means on the video with the file name ``video``; None where it names no picture of it."""
    stem = PurePath(video).stem
    if key in {video, stem}:
        return Wanted(key=key, index=0)
    name, hash_sign, rest = key.rpartition("#")
    if hash_sign and name not in {video, stem}:
        return None
    if number := re.fullmatch(r"n?(\d{1,9})" if not hash_sign else r"n(\d{1,9})", rest):
        return Wanted(key=key, index=int(number[1]))
    if hash_sign and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", rest):
        return Wanted(key=key, seconds=float(rest))
    return None


def source_of(video: str, seconds: float) -> str:
    """The name by which a picture is known in ``frames.json``."""
    return f"{video}#{seconds:.3f}"


def frame_name(video: str, index: int) -> str:
    """The stem of a picture's files; it sorts in time."""
    stem = PurePath(video).stem.encode("utf-8", "replace").decode("utf-8").replace("?", "_")
    return f"{stem}_{index:06d}"
