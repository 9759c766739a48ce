# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON files by which stages meet: ``frames.json``, ``masks.json`` and ``cameras.json``.

Notation: ``K`` (3, 3) pixels, pixel centres at half integers; ``cam_from_world`` (4, 4), OpenCV camera axes; world as
``protocol.AXES["z_up"]``. Paths are relative to the folder the file lies in. A frame is known by ``name``: the stem of
its source file, made unique; every picture that belongs to it is called ``name`` plus a suffix.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .workspace import write_json

ASSUMED = "assumed"
"""``Cameras.up_from`` of pictures whose cameras were not found but chosen."""


@dataclass(kw_only=True)
class Frame:
    """One image used. ``width`` and ``height`` are of the stored image, ``source_*`` of the oriented source.

    ``gps`` (latitude and longitude in degrees, altitude in metres) and ``gravity`` (unit vector, axes of the oriented
    picture: x right, y down, z forward) are what the file says, None where it says nothing.

    Of a video's picture, ``seconds`` is its time after the first one, ``reason`` why it was chosen, and ``prompts`` are
    the names under which the job's prompts mean it.
    """

    name: str
    source: str
    image: str
    width: int
    height: int
    source_width: int
    source_height: int
    alpha: str = ""
    focal_px: float | None = None
    camera_model: str = ""
    sharpness: float = 0.0
    clipped_dark: float = 0.0
    clipped_bright: float = 0.0
    mean_luma: float = 0.0
    seconds: float | None = None
    reason: str = ""
    prompts: list[str] = field(default_factory=list)
    gps: list[float] | None = None
    gravity: list[float] | None = None

    @property
    def scale(self) -> tuple[float, float]:
        """Frame pixels per source pixel, (x, y); prompts are given in source pixels."""
        return self.width / self.source_width, self.height / self.source_height


@dataclass(kw_only=True)
class Frames:
    """``01_frames/frames.json``: frames in use, sorted by name, and sources left out with the reason.

    ``ordered``: the frames are one shot's, in time (a video): neighbours in the list are neighbours in view. ``video``
    is empty, or what the video is and, under ``looks``, what was made of its pictures (``columns`` names the values).
    """

    frames: list[Frame] = field(default_factory=list)
    dropped: list[dict[str, str]] = field(default_factory=list)
    ordered: bool = False
    video: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write ``folder/frames.json``."""
        write_json(folder / "frames.json", asdict(self))

    @staticmethod
    def load(folder: Path) -> Frames:
        """Read ``folder/frames.json``."""
        data = json.loads((folder / "frames.json").read_text(encoding="utf-8"))
        return Frames(**{**data, "frames": [Frame(**f) for f in data["frames"]]})


@dataclass(kw_only=True)
class Mask:
    """One frame's mask: 8-bit PNG of the frame's size (255 object), and how far it is to be believed, 0 to 1."""

    name: str
    image: str
    confidence: float
    method: str
    area: float = 0.0


@dataclass(kw_only=True)
class Masks:
    """``masks.json`` of ``02_masks`` (in the frames' pixels) and of ``04_masks`` (in the undistorted images')."""

    masks: list[Mask] = field(default_factory=list)
    method: str = ""
    guessed: bool = False

    def save(self, folder: Path) -> None:
        """Write ``folder/masks.json``."""
        write_json(folder / "masks.json", asdict(self))

    @staticmethod
    def load(folder: Path) -> Masks:
        """Read ``folder/masks.json``."""
        data = json.loads((folder / "masks.json").read_text(encoding="utf-8"))
        return Masks(masks=[Mask(**m) for m in data["masks"]], method=data["method"], guessed=data["guessed"])

    def named(self) -> dict[str, Mask]:
        """Masks by frame name."""
        return {m.name: m for m in self.masks}


@dataclass(kw_only=True)
class Camera:
    """One registered frame: an undistorted pinhole camera. ``K`` (3, 3), ``cam_from_world`` (4, 4), float64.

    ``distortion`` says how the frame of ``01_frames`` was undistorted: {"K": (3, 3), "model": OpenCV coefficients
    k1, k2, p1, p2, k3...}; empty when the frame was a pinhole image already.
    """

    name: str
    image: str
    width: int
    height: int
    K: np.ndarray
    cam_from_world: np.ndarray
    held_out: bool = False
    distortion: dict[str, Any] = field(default_factory=dict)

    @property
    def centre(self) -> np.ndarray:
        """Camera centre (3,) in the world."""
        rotation, translation = self.cam_from_world[:3, :3], self.cam_from_world[:3, 3]
        return -rotation.T @ translation

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project ``points`` (N, 3), world, to pixels (N, 2) and depths (N,) along the camera's z axis."""
        in_camera = points @ self.cam_from_world[:3, :3].T + self.cam_from_world[:3, 3]
        depth = in_camera[:, 2]
        safe = np.where(np.abs(depth) > 1e-12, depth, 1e-12)
        pixels = in_camera @ self.K.T
        return pixels[:, :2] / safe[:, None], depth


@dataclass(kw_only=True)
class Cameras:
    """``cameras.json``: the registered frames in the aligned world, and how that world was fixed.

    ``world_from_sfm`` (4, 4) is the similarity from the estimated (or given) cameras' own frame. ``box`` is
    ((x, y, z) least, (x, y, z) greatest) of the object. ``metres_per_unit`` is None while no length is known; a known
    length is applied by ``export`` alone, so that changing it computes nothing again.
    """

    cameras: list[Camera] = field(default_factory=list)
    unregistered: list[dict[str, str]] = field(default_factory=list)
    world_from_sfm: np.ndarray = field(default_factory=lambda: np.eye(4))
    box: np.ndarray = field(default_factory=lambda: np.array([[-0.5, -0.5, 0.0], [0.5, 0.5, 1.0]]))
    unit: str = "relative"
    metres_per_unit: float | None = None
    up_from: str = ""
    given: bool = False
    reprojection_error_px: float | None = None

    def save(self, folder: Path) -> None:
        """Write ``folder/cameras.json``."""
        data = asdict(self)
        for camera in data["cameras"]:
            camera["K"] = np.asarray(camera["K"]).tolist()
            camera["cam_from_world"] = np.asarray(camera["cam_from_world"]).tolist()
        data["world_from_sfm"] = np.asarray(self.world_from_sfm).tolist()
        data["box"] = np.asarray(self.box).tolist()
        write_json(folder / "cameras.json", data)

    @staticmethod
    def load(folder: Path, hold_out: int | None = None) -> Cameras:
        """Read ``folder/cameras.json``.

        ``hold_out``: mark every so-many-th camera as held out, the first included, 0: none. Whoever learns from the
        photos or is scored by them says how many, so that another number finds no cameras again. None: the marks in
        the file. Assumed cameras are too few to spare any.
        """
        data = json.loads((folder / "cameras.json").read_text(encoding="utf-8"))
        for camera in data["cameras"]:
            camera["K"] = np.array(camera["K"], np.float64)
            camera["cam_from_world"] = np.array(camera["cam_from_world"], np.float64)
        data["cameras"] = [Camera(**c) for c in data["cameras"]]
        data["world_from_sfm"] = np.array(data["world_from_sfm"], np.float64)
        data["box"] = np.array(data["box"], np.float64)
        cameras = Cameras(**data)
        if hold_out is not None and cameras.up_from != ASSUMED:
            for index, camera in enumerate(cameras.cameras):
                camera.held_out = hold_out > 0 and index % hold_out == 0
        return cameras
