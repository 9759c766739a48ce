# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a capture as a mask session needs them: upright copies of a bounded size, made when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PipelineError
from ..images import shrink, write_image
from ..segment.engines import Picture

if TYPE_CHECKING:
    from .film import FilmFrames


def open_capture(capture: Path, folder: Path, side: int) -> CaptureFrames | FilmFrames:
    """The frames of a folder of photos or of a video. Raises ``PipelineError``."""
    from .. import sources
    from .film import FilmFrames

    if capture.is_dir():
        if film := sources.film_of(sources.list_capture(capture)):
            return FilmFrames(film, folder, side)
    elif capture.is_file() and sources.sniff(capture) == "video":
        return FilmFrames(capture, folder, side)
    return CaptureFrames(capture, folder, side)


class CaptureFrames:
    """Photos of ``capture`` in natural order, and their upright copies in ``folder``, longer side at most ``side``."""

    carried_by_job = False
    """Whether masks are shown only, and a job carries the marks itself."""

    def __init__(self, capture: Path, folder: Path, side: int) -> None:
        from .. import single

        if not capture.exists():
            raise PipelineError(
                "capture_missing", "", f"There is no capture at {capture}.", "Choose a folder of photos."
            )
        if capture.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise PipelineError("bad_request", "", f"The folder {folder} lies in the capture.", "Choose another.")
        self._paths = single.list_pictures(capture).photos
        if not self._paths:
            raise PipelineError("capture_empty", "", f"There is no photo in {capture}.", "Choose a folder of photos.")
        self.names = [path.name for path in self._paths]
        self._folder, self._side = folder, side
        self._made: dict[int, Picture] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def index(self, name: str) -> int:
        """Which frame is called ``name``. Raises ``PipelineError``."""
        if name not in self.names:
            message = f"No photo of the capture is called {name}."
            raise PipelineError("prompt_frame_missing", "", message, "Choose a photo of the capture.")
        return self.names.index(name)

    def prepare(self, progress: Callable[[float], None]) -> list[Picture]:
        """All frames; ``progress`` may raise to stop it."""
        pictures = []
        for index in range(len(self.names)):
            progress(index / len(self.names))
            pictures.append(self.picture(index))
        return pictures

    def picture(self, index: int) -> Picture:
        """The frame at ``index``; its copy is made on first use. Raises ``PipelineError`` where it is unreadable."""
        from .. import photo

        if index not in self._made:
            source = self._paths[index]
            try:
                rgb = photo.decode(source.read_bytes()).rgb
            except (photo.PhotoError, OSError) as error:
                message = f"{source.name} cannot be read: {error}."
                raise PipelineError(
                    "capture_unsupported", "", message, "Take this photo out of the capture."
                ) from error
            small, _ = shrink(rgb, None, self._side)
            # Numbered, since two photos may differ by their suffix alone.
            path = self._folder / f"{source.stem}-{index:04d}.png"
            write_image(path, small)
            self._made[index] = Picture(
                name=source.stem,
                source=source.name,
                path=path,
                width=small.shape[1],
                height=small.shape[0],
                source_width=rgb.shape[1],
                source_height=rgb.shape[0],
            )
        return self._made[index]
