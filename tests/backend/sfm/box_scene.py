# SPDX-License-Identifier: GPL-3.0-or-later
"""A textured box on a textured ground, photographed from a ring: photos, masks, cameras and box, all known exactly.

World: z up, ground z = 0, box centred above the origin. Rendered by homographies, four samples a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from turnaround.backend.images import write_image
from turnaround.backend.records import Frame, Frames, Mask, Masks
from turnaround.backend.workspace import Workspace

SIZE = np.array([1.2, 0.7, 0.9])
BOX = np.array([-SIZE / 2 * [1, 1, 0], SIZE / 2 * [1, 1, 2]])
WIDTH, HEIGHT, FOCAL = 400, 300, 430.0
K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])


def texture(random: np.random.Generator, side: int = 700) -> np.ndarray:
    """Coloured noise of several scales, (side, side, 3) float32, 0 to 255."""
    total = np.zeros((side, side, 3), np.float32)
    for cells in (6, 16, 40, 100, 220):
        coarse = random.normal(size=(cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 40 * total, 0, 255)


def camera_at(azimuth: float, elevation: float, distance: float, roll: float = 0.0) -> np.ndarray:
    """cam_from_world (4, 4) that looks at the box's middle; angles in degrees."""
    a, e = np.radians([azimuth, elevation])
    target = np.array([0, 0, SIZE[2] / 2])
    centre = target + distance * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    forward = (target - centre) / distance
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ R
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = R, -R @ centre
    return pose


def rectangles(random: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The box's five visible faces: (corner, edge u, edge v, texture); u x v points outwards."""
    x, y, z = SIZE / 2 * [1, 1, 2]
    ex, ey, ez = np.diag([2 * x, 2 * y, z])
    return [
        (np.array(corner), u, v, texture(random))
        for corner, u, v in [
            ([-x, -y, z], ex, ey),
            ([-x, -y, 0], ex, ez),
            ([x, y, 0], -ex, ez),
            ([x, -y, 0], ey, ez),
            ([-x, y, 0], -ey, ez),
        ]
    ]


@lru_cache
def pictures(seed: int) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], np.ndarray]:
    """Textures of the ground and the faces, and the backdrop of a turntable."""
    random = np.random.default_rng(seed)
    return texture(random, 1400), rectangles(random), cv2.resize(texture(random), (2 * WIDTH, 2 * HEIGHT))


@dataclass
class BoxScene:
    """Photos (H, W, 3) uint8, masks (H, W) uint8 and cam_from_world (4, 4), by name."""

    photos: dict[str, np.ndarray] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    truth: dict[str, np.ndarray] = field(default_factory=dict)

    def write_frames(self, job: Path, with_masks: bool = True) -> None:
        """Write the folders of the stages ``frames`` and, if asked, ``masks`` into ``job``."""
        workspace = Workspace(job)
        folder = workspace.begin("frames")
        (folder / "images").mkdir()
        frames = []
        for name, photo in self.photos.items():
            write_image(folder / "images" / f"{name}.png", photo)
            frames.append(
                Frame(
                    name=name,
                    source=f"{name}.PNG",
                    image=f"images/{name}.png",
                    width=WIDTH,
                    height=HEIGHT,
                    source_width=WIDTH,
                    source_height=HEIGHT,
                )
            )
        Frames(frames=frames).save(folder)
        workspace.commit("frames", {})
        if with_masks:
            folder = workspace.begin("masks")
            for name, mask in self.masks.items():
                write_image(folder / f"{name}.png", mask)
            Masks(
                masks=[Mask(name=n, image=f"{n}.png", confidence=1.0, method="true") for n in self.masks], method="true"
            ).save(folder)
            workspace.commit("masks", {})


def render(poses: list[np.ndarray], seed: int = 0, standing_still: bool = False) -> BoxScene:
    """Photograph the scene. ``standing_still``: a turntable; the background is one picture in all photos."""
    ground, faces, backdrop = pictures(seed)
    random = np.random.default_rng(seed)
    scene = BoxScene()
    for index, pose in enumerate(poses):
        if standing_still:
            image = backdrop.copy()
        else:
            image = np.full((2 * HEIGHT, 2 * WIDTH, 3), 90, np.float32)
            _paint(image, pose, np.array([-5.0, -5, 0]), np.array([10.0, 0, 0]), np.array([0, 10.0, 0]), ground)
        mask = np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32)
        centre = -pose[:3, :3].T @ pose[:3, 3]
        for corner, u, v, face in faces:
            if np.cross(u, v) @ (centre - corner) > 0:
                _paint(image, pose, corner, u, v, face)
                _paint(mask, pose, corner, u, v, np.full(face.shape[:2], 255, np.float32))
        noise = random.normal(scale=1.5, size=(HEIGHT, WIDTH, 3))
        photo = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) + noise
        name = f"v{index:02d}"
        scene.photos[name] = np.clip(np.rint(photo), 0, 255).astype(np.uint8)
        scene.masks[name] = np.rint(cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)).astype(np.uint8)
        scene.truth[name] = pose
    return scene


def _paint(
    image: np.ndarray, pose: np.ndarray, corner: np.ndarray, u: np.ndarray, v: np.ndarray, picture: np.ndarray
) -> None:
    """Draw ``picture`` over the parallelogram from ``corner`` along ``u`` and ``v`` into ``image`` (twice the size)."""
    side = picture.shape[0]
    plane = np.stack([u / side, v / side, corner], axis=1)
    twice = np.diag([2.0, 2.0, 1.0]) @ K
    H = twice @ (pose[:3, :3] @ plane + np.outer(pose[:3, 3], [0, 0, 1]))
    shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])  # cv2 counts from the first pixel's centre
    H = shift @ H @ np.linalg.inv(shift)
    size = image.shape[1::-1]
    cover = cv2.warpPerspective(np.full((side, side), 1, np.float32), H, size, flags=cv2.INTER_LINEAR)
    drawn = cv2.warpPerspective(picture, H, size, flags=cv2.INTER_LINEAR)
    inside = cover > 0.5
    image[inside] = drawn[inside]


def ring(count: int = 18, elevation: float = 35.0, distance: float = 3.2) -> list[np.ndarray]:
    """Poses all around, with a little variation in height, distance and roll."""
    random = np.random.default_rng(7)
    return [
        camera_at(
            360 * i / count,
            elevation + random.uniform(-5, 5),
            distance * random.uniform(0.95, 1.05),
            random.uniform(-3, 3),
        )
        for i in range(count)
    ]
