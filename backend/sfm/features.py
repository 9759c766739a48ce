# SPDX-License-Identifier: GPL-3.0-or-later
"""SIFT keypoints (Lowe 2004) of every frame, into a COLMAP database.

Frames of one size, one camera model and one focal length share a camera. A focal length from EXIF is a prior that the
mapper refines; without one, COLMAP's guess of 1.2 times the longer side starts it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import read_grey, write_image
from ..lens import LensCamera
from ..records import Frame
from .interrupt import interruptible

FEW_KEYPOINTS = 1500
"""A median below this asks for a lower peak threshold."""
LOW_PEAK = 0.002
_CHUNK = 4
_MASK_MARGIN = 0.02
"""How far a mask is widened for keypoints, in longer sides: the rim of the object carries many of them."""


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """How keypoints are found. ``peak`` is SIFT's contrast threshold (COLMAP: 0.02 / 3), ``side`` in pixels."""

    most: int = 8192
    side: int = 1600
    peak: float = 0.02 / 3
    affine: bool = False
    threads: int = -1


class Keypoints:
    """The database being filled. ``images`` holds the frames' pictures, ``lenses`` are those known already."""

    def __init__(
        self,
        database: Path,
        images: Path,
        frames: list[Frame],
        alive: Callable[[], None],
        lenses: dict[str, LensCamera] | None = None,
    ) -> None:
        self.lenses = lenses or {}
        self.database = database
        self.images = images
        self.frames = frames
        self.alive = alive

    def extract(
        self,
        settings: FeatureSettings,
        masks: dict[str, tuple[Path, float]],
        progress: Callable[[float], None],
    ) -> int:
        """Find keypoints in all frames, replacing what the database held; return the median number a frame.

        Where ``masks`` has a frame, keypoints outside its (widened) mask are left out; pass {} for the whole photos.
        """
        for file in self.database.parent.glob(self.database.name + "*"):
            file.unlink()
        mask_folder = self._write_masks(masks) if masks else None
        done = 0
        for group in self._groups():
            camera_id = -1
            for start in range(0, len(group), _CHUNK):
                chunk = group[start : start + _CHUNK]
                self._extract_chunk(chunk, settings, mask_folder, camera_id)
                camera_id = self._camera_of(chunk, camera_id)
                done += len(chunk)
                progress(done / len(self.frames))
        return int(np.median(list(self.counts().values()) or [0]))

    def counts(self) -> dict[str, int]:
        """Keypoints of each frame, by name; a frame whose picture pycolmap could not read has none."""
        import pycolmap

        with pycolmap.Database.open(self.database) as database:
            found = {i.name: database.num_keypoints_for_image(i.image_id) for i in database.read_all_images()}
        return {f.name: found.get(_file(f), 0) for f in self.frames}

    def _camera_of(self, chunk: list[Frame], otherwise: int) -> int:
        """The database's camera of frames just extracted; ``otherwise`` where none of them could be read."""
        import pycolmap

        with pycolmap.Database.open(self.database) as database:
            cameras = {i.name: i.camera_id for i in database.read_all_images()}
        return next((cameras[_file(f)] for f in chunk if _file(f) in cameras), otherwise)

    def _extract_chunk(
        self, chunk: list[Frame], settings: FeatureSettings, mask_folder: Path | None, camera_id: int
    ) -> None:
        """Extract a few frames that share a camera; ``camera_id`` is -1 for the first of them."""
        import pycolmap

        options = pycolmap.FeatureExtractionOptions()
        options.num_threads = settings.threads
        options.max_image_size = settings.side
        options.sift.max_num_features = settings.most
        options.sift.peak_threshold = settings.peak
        options.sift.estimate_affine_shape = settings.affine
        options.sift.domain_size_pooling = settings.affine
        reader = pycolmap.ImageReaderOptions()
        reader.existing_camera_id = camera_id
        if mask_folder is not None:
            reader.mask_path = mask_folder
        if camera_id < 0:
            reader.camera_model, reader.camera_params = self._camera(chunk[0])
        interruptible(
            lambda token: pycolmap.extract_features(
                self.database,
                self.images,
                [_file(f) for f in chunk],
                pycolmap.CameraMode.SINGLE,
                reader_options=reader,
                extraction_options=options,
                device=pycolmap.Device.cpu,
                cancellation_token=token,
            ),
            self.alive,
        )

    def _camera(self, frame: Frame) -> tuple[str, str]:
        """COLMAP's model and parameters for a frame; no parameters let COLMAP guess them."""
        if frame.name in self.lenses:
            lens = self.lenses[frame.name]
            K, k = lens.K, lens.coefficients
            values = [K[0, 0], K[1, 1], K[0, 2], K[1, 2], *(k[:4] if lens.fisheye else k)]
            return ("OPENCV_FISHEYE" if lens.fisheye else "FULL_OPENCV"), ",".join(f"{v:.17g}" for v in values)
        if frame.focal_px is None:
            return "SIMPLE_RADIAL", ""
        return "SIMPLE_RADIAL", f"{frame.focal_px},{frame.width / 2},{frame.height / 2},0"

    def _groups(self) -> list[list[Frame]]:
        """Frames that share a camera: of one known lens, or of one size and model and much the same focal length."""
        groups: dict[Any, list[Frame]] = {}
        for frame in self.frames:
            # two per cent steps: the rounding in EXIF must not part the photos of one lens
            focal = 0 if not frame.focal_px else round(float(np.log(frame.focal_px)) / 0.02)
            known = self._camera(frame) if frame.name in self.lenses else focal
            groups.setdefault((frame.width, frame.height, frame.camera_model, known), []).append(frame)
        return list(groups.values())

    def _write_masks(self, masks: dict[str, tuple[Path, float]]) -> Path:
        """Masks as COLMAP wants them: ``PICTURE.png`` with the picture's full name, black where to look away."""
        folder = self.database.parent / "keypoint_masks"
        folder.mkdir(exist_ok=True)
        for frame in self.frames:
            if frame.name in masks:
                mask = (read_grey(masks[frame.name][0]) > 127).astype(np.uint8) * 255
                reach = max(3, round(_MASK_MARGIN * max(mask.shape)) | 1)
                write_image(folder / f"{_file(frame)}.png", cv2.dilate(mask, np.ones((reach, reach), np.uint8)))
        return folder


def _file(frame: Frame) -> str:
    """A frame's picture below the folder of pictures, which is how the database knows it."""
    return Path(frame.image).name


def lower(settings: FeatureSettings) -> FeatureSettings:
    """The same settings with a lower contrast threshold, for pictures of little texture."""
    return replace(settings, peak=min(settings.peak, LOW_PEAK))
