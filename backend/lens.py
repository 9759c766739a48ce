# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera as it took the photo: pinhole plus lens distortion, before undistortion.

Notation: ``K`` (3, 3) pixels without skew, pixel centres at half integers. ``coefficients`` (8,) are OpenCV's k1, k2,
p1, p2, k3, k4, k5, k6 (rational model; Brown 1966 when k4 to k6 are 0) for a perspective lens, and k1, k2, k3, k4, 0,
0, 0, 0 of the equidistant model (Kannala and Brandt 2006) for a fisheye. World: whatever the cameras' source used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np


@dataclass(kw_only=True)
class LensCamera:
    """One posed photo. ``name`` is the stem by which it is matched to a frame; ``width`` and ``height`` belong to K.

    ``relative``: the source gave no size, only a field of view; ``K`` is then in units of the photo's width, and
    width and height are 0 until ``for_size`` is called.
    """

    name: str
    width: int
    height: int
    K: np.ndarray
    cam_from_world: np.ndarray
    coefficients: np.ndarray = field(default_factory=lambda: np.zeros(8))
    fisheye: bool = False
    relative: bool = False

    @property
    def centre(self) -> np.ndarray:
        """Camera centre (3,) in the world."""
        return -self.cam_from_world[:3, :3].T @ self.cam_from_world[:3, 3]

    @property
    def distorted(self) -> bool:
        """Whether the photo is anything but a pinhole image."""
        return self.fisheye or bool(np.any(self.coefficients != 0))

    def for_size(self, width: int, height: int) -> LensCamera:
        """The same camera for its photo resized to ``width`` x ``height``.

        Raises ``ValueError`` when the shapes differ by more than 2 per cent: the photo was cropped or turned.
        """
        if self.relative:
            K = np.diag([width, width, 1.0]) @ self.K
            K[0, 2], K[1, 2] = width / 2, height / 2
            return replace(self, width=width, height=height, K=K, relative=False)
        sx, sy = width / self.width, height / self.height
        if abs(sx / sy - 1) > 0.02:
            raise ValueError(
                f"expected a photo shaped like {self.width} x {self.height} for {self.name}, got {width} x {height}"
            )
        return replace(self, width=width, height=height, K=np.diag([sx, sy, 1.0]) @ self.K)

    def distort(self, normalised: np.ndarray) -> np.ndarray:
        """Photo pixels (N, 2) of directions given as (x/z, y/z), (N, 2)."""
        x, y = np.asarray(normalised, np.float64).T
        if not self.distorted:
            return np.stack([self.K[0, 0] * x + self.K[0, 2], self.K[1, 1] * y + self.K[1, 2]], axis=1)
        r2 = x * x + y * y
        if self.fisheye:
            r = np.sqrt(r2)
            theta = np.arctan(r)
            t2 = theta * theta
            k1, k2, k3, k4 = self.coefficients[:4]
            bent = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
            factor = np.where(r > 1e-9, bent / np.maximum(r, 1e-9), 1.0)
            dx, dy = x * factor, y * factor
        else:
            k1, k2, p1, p2, k3, k4, k5, k6 = self.coefficients
            radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
            dx = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
            dy = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([self.K[0, 0] * dx + self.K[0, 2], self.K[1, 1] * dy + self.K[1, 2]], axis=1)

    def undistort(self, pixels: np.ndarray) -> np.ndarray:
        """Directions (x/z, y/z), (N, 2), that photo ``pixels`` (N, 2) look along; the inverse of ``distort``."""
        points = np.asarray(pixels, np.float64).reshape(-1, 1, 2)
        if not len(points):
            return np.zeros((0, 2))
        if self.fisheye:
            return cv2.fisheye.undistortPoints(points, self.K, self.coefficients[:4]).reshape(-1, 2)
        done = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-12)
        return cv2.undistortPointsIter(points, self.K, self.coefficients, np.eye(3), np.eye(3), done).reshape(-1, 2)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Photo pixels (N, 2) and depths (N,) of ``points`` (N, 3), world. Behind the camera: NaN pixels."""
        R, t = self.cam_from_world[:3, :3], self.cam_from_world[:3, 3]
        # spelled out: a matrix product would wake the linear algebra library's threads for next to no work
        px, py, pz = np.ascontiguousarray(points.T)
        x, y, depth = (R[i, 0] * px + R[i, 1] * py + R[i, 2] * pz + t[i] for i in range(3))
        inverse = np.full(len(points), np.nan)
        np.divide(1.0, depth, out=inverse, where=depth > 1e-9)
        normalised = np.stack([x * inverse, y * inverse], axis=1)
        return self.distort(normalised), depth


@dataclass(kw_only=True)
class Scene:
    """Posed photos and the sparse points they share, in the world of their source.

    ``points`` (N, 3) float64, ``colours`` (N, 3) uint8 sRGB, ``errors`` (N,) mean reprojection error in pixels.
    An observation says that ``cameras[camera]`` saw ``points[point]`` at photo pixel ``xy``: ``observed_point`` (M,)
    and ``observed_camera`` (M,) int64, ``observed_xy`` (M, 2) float64; M may be 0 where the source kept none.
    """

    cameras: list[LensCamera]
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    colours: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    observed_point: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    observed_camera: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    observed_xy: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def centres(self) -> np.ndarray:
        """Camera centres (C, 3)."""
        return np.array([c.centre for c in self.cameras]).reshape(-1, 3)
