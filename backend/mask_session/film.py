# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a video as a mask session needs them: pictures evenly over it, made when they are needed.

Their masks show whether the marks will do; a job takes the marks, and carries them through the frames it chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import PipelineError
from ..images import shrink, write_image
from ..segment.engines import Picture
from ..video import pixels
from ..video.inspecting import describe
from ..video.names import source_of
from ..video.reading import VideoError, open_film

_STEP = 0.12
"""Seconds between two pictures that flow can still bridge; a longer video has ``_MOST`` of them all the same."""

_MOST = 96
_ANOTHER = "Choose another video, or a folder of photos."


class FilmFrames:
    """Pictures of the video ``capture``, and their copies in ``folder``, longer side at most ``side``."""

    carried_by_job = True

    def __init__(self, capture: Path, folder: Path, side: int) -> None:
        try:
            found = describe(capture)
        except (VideoError, OSError) as error:
            message = f"{capture.name} cannot be used: {error}."
            raise PipelineError("capture_unsupported", "", message, _ANOTHER) from error
        # Between those that the panel offers, so that a mark on one of them is a mark on one of these.
        seconds = float(found.facts["seconds"])
        offered = len(found.names)
        between = max(1, min(round(seconds / offered / _STEP), _MOST // offered)) if seconds else 1
        self._times = [i * seconds / (offered * between) for i in range(offered * between)]
        self.names = [source_of(capture.name, time) for time in self._times]
        self._film, self._folder, self._side = capture, folder, side
        self._made: dict[int, Picture] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def index(self, name: str) -> int:
        """Which picture is called ``name``. Raises ``PipelineError``."""
        if name not in self.names:
            message = f"The session shows no picture called {name}."
            raise PipelineError("prompt_frame_missing", "", message, "Choose a picture from the list.")
        return self.names.index(name)

    def picture(self, index: int) -> Picture:
        """The picture at ``index``; what lies before it is made on the way. Raises ``PipelineError``."""
        if index not in self._made:
            self._make([i for i in range(index + 1) if i not in self._made], lambda share: None)
        return self._made[index]

    def prepare(self, progress: Callable[[float], None]) -> list[Picture]:
        """All pictures, in one pass over the video; ``progress`` may raise to stop it."""
        missing = [i for i in range(len(self.names)) if i not in self._made]
        if missing:
            self._make(missing, progress)
        return [self._made[i] for i in range(len(self.names))]

    def _make(self, missing: list[int], progress: Callable[[float], None]) -> None:
        """Decode up to the last of ``missing`` (sorted), each being the first picture at or after its time."""
        waiting = list(missing)
        try:
            with open_film(self._film) as film:
                last = None
                for last in film.pictures:
                    # Half a millisecond: names are rounded to one.
                    while waiting and self._times[waiting[0]] <= last.seconds + 5e-4:
                        self._write(waiting.pop(0), pixels.rgb(last.frame, film.header))
                        progress(1 - len(waiting) / len(missing))
                    if not waiting:
                        return
                if last is None:
                    raise VideoError("no_picture", "no picture in it can be decoded")
                for index in waiting:  # the video ends before its header says so
                    self._write(index, pixels.rgb(last.frame, film.header))
        except (VideoError, OSError) as error:
            message = f"{self._film.name} cannot be used: {error}."
            raise PipelineError("capture_unsupported", "", message, _ANOTHER) from error

    def _write(self, index: int, rgb: np.ndarray) -> None:
        """Store one picture, (H, W, 3) uint8."""
        small, _ = shrink(rgb, None, self._side)
        path = self._folder / f"{self._film.stem}-{index:04d}.png"
        write_image(path, small)
        height, width = rgb.shape[:2]
        self._made[index] = Picture(
            name=path.stem,
            source=self.names[index],
            path=path,
            width=small.shape[1],
            height=small.shape[0],
            source_width=width,
            source_height=height,
        )
