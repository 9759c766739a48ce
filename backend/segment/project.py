# SPDX-License-Identifier: GPL-3.0-or-later
"""Where points of the world lie in a frame as it was stored, before undistortion."""

from __future__ import annotations

import cv2
import numpy as np

from ..records import Camera


def project_to_frame(camera: Camera, points_in_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project (N, 3) world points into the stored frame: pixels (N, 2), and whether each lies in front (N,) bool.

    Uses the camera's distortion where the frame was undistorted. Pixel centres are at half integers on both sides: the
    matrices are the records' own, and OpenCV's projection adds no offset to them.
    """
    in_camera = points_in_world @ camera.cam_from_world[:3, :3].T + camera.cam_from_world[:3, 3]
    front = in_camera[:, 2] > 1e-6
    if not camera.distortion:
        return camera.project(points_in_world)[0], front
    safe = np.where(front[:, None], in_camera, [0.0, 0.0, 1.0])
    K = np.asarray(camera.distortion["K"], np.float64)
    model = np.asarray(camera.distortion["model"], np.float64)
    pixels, _ = cv2.projectPoints(safe[:, None], np.zeros(3), np.zeros(3), K, model)
    return pixels[:, 0], front
