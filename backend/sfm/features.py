# SPDX-License-Identifier: GPL-3.0-or-later
"""SIFT keypoints of every frame, into a COLMAP database: OpenCV's, or COLMAP's with affine shapes.

Frames of one size, one camera model and one focal length share a camera. A focal length from EXIF is a prior that the
mapper refines; without one, COLMAP's guess of 1.2 times the longer side starts it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import read_grey
from ..lens import LensCamera
from ..records import Frame
from .sift import find_affine_keypoints, find_keypoints

FEW_KEYPOINTS = 1500
"""A median below this asks for a lower peak threshold."""
LOW_PEAK = 0.002
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
        import pycolmap

        self.clear()
        threads = settings.threads if settings.threads > 0 else os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool, pycolmap.Database.open(self.database) as database:
            ids = {image.name: image.image_id for image in database.read_all_images()}
            for start in range(0, len(self.frames), threads):
                chunk = self.frames[start : start + threads]
                found = pool.map(lambda frame: self._keypoints(frame, settings, masks.get(frame.name)), chunk)
                for frame, (keypoints, descriptors) in zip(chunk, found, strict=True):
                    if _file(frame) in ids:
                        database.write_keypoints(ids[_file(frame)], keypoints)
                        kind = pycolmap.FeatureExtractorType.SIFT
                        stored = pycolmap.FeatureDescriptors(type=kind, data=descriptors)
                        database.write_descriptors(ids[_file(frame)], stored)
                progress((start + len(chunk)) / len(self.frames))
        return int(np.median(list(self.counts().values()) or [0]))

    def _keypoints(
        self, frame: Frame, settings: FeatureSettings, mask: tuple[Path, float] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints and descriptors of one frame, in its (widened) mask if there is one."""
        grey = read_grey(self.images / _file(frame))
        find = find_affine_keypoints if settings.affine else find_keypoints
        return find(grey, settings.most, settings.peak, settings.side, None if mask is None else _widened(mask))

    def _import(self, group: list[Frame]) -> None:
        """Put frames that share a camera into the database, without keypoints."""
        import pycolmap

        reader = pycolmap.ImageReaderOptions()
        reader.camera_model, reader.camera_params = self._camera(group[0])
        pycolmap.import_images(
            self.database, self.images, pycolmap.CameraMode.SINGLE, [_file(f) for f in group], reader
        )

    def clear(self) -> None:
        """A new database that holds the frames and their cameras, but no keypoints."""
        import pycolmap

        for file in self.database.parent.glob(self.database.name + "*"):
            file.unlink()
        pycolmap.Database.open(self.database).close()  # makes the file
        for group in self._groups():
            self._import(group)

    def counts(self) -> dict[str, int]:
        """Keypoints of each frame, by name; a frame whose picture pycolmap could not read has none."""
        import pycolmap

        with pycolmap.Database.open(self.database) as database:
            found = {i.name: database.num_keypoints_for_image(i.image_id) for i in database.read_all_images()}
        return {f.name: found.get(_file(f), 0) for f in self.frames}

    def described(self) -> bool:
        """Whether the keypoints have descriptors, so that further pairs can be matched."""
        import pycolmap

        with pycolmap.Database.open(self.database) as database:
            return int(database.num_descriptors()) > 0

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


def positions(database: Any, image_id: int) -> np.ndarray:
    """Where the keypoints of an image lie, (N, 2) float64 px, in an open ``pycolmap.Database``."""
    rows = np.asarray(database.read_keypoints(image_id), np.float64)
    return rows[:, :2] if rows.size else np.zeros((0, 2))


def _widened(mask: tuple[Path, float]) -> np.ndarray:
    """Where keypoints may lie: a mask, (H, W) uint8 0 or 255, widened a little."""
    image = (read_grey(mask[0]) > 127).astype(np.uint8) * 255
    reach = max(3, round(_MASK_MARGIN * max(image.shape)) | 1)
    return cv2.dilate(image, np.ones((reach, reach), np.uint8))


def _file(frame: Frame) -> str:
    """A frame's picture below the folder of pictures, which is how the database knows it."""
    return Path(frame.image).name


def lower(settings: FeatureSettings) -> FeatureSettings:
    """The same settings with a lower contrast threshold, for pictures of little texture."""
    return replace(settings, peak=min(settings.peak, LOW_PEAK))
