# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the result as a COLMAP model (binary): pinhole cameras in the aligned world, for other tools to go on from.

One PINHOLE camera a photo, ids from 1 in the photos' order; a photo's keypoints are its observations alone.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ..geometry import quaternion_from_rotation
from ..records import Camera

_PINHOLE = 1
_POINT2D = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])


def write_model(
    folder: Path,
    cameras: list[Camera],
    points: np.ndarray,
    colours: np.ndarray,
    errors: np.ndarray,
    observed: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Write cameras.bin, images.bin and points3D.bin into ``folder``, which is made.

    ``points`` (N, 3) world, ``colours`` (N, 3) uint8, ``errors`` (N,) pixels. ``observed`` is (point (M,), camera (M,),
    xy (M, 2)): indices into ``points`` and ``cameras``, and pixels of the undistorted images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    point_of, camera_of, xy = observed
    order = np.lexsort((point_of, camera_of))
    point_of, camera_of, xy = point_of[order], camera_of[order], xy[order]
    starts = np.searchsorted(camera_of, np.arange(len(cameras) + 1))
    lenses, images = [struct.pack("<Q", len(cameras))], [struct.pack("<Q", len(cameras))]
    for i, camera in enumerate(cameras):
        K, here = camera.K, slice(starts[i], starts[i + 1])
        lenses.append(
            struct.pack("<IiQQ4d", i + 1, _PINHOLE, camera.width, camera.height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
        )
        pose = [*quaternion_from_rotation(camera.cam_from_world[:3, :3]), *camera.cam_from_world[:3, 3]]
        images.append(struct.pack("<I7dI", i + 1, *pose, i + 1))
        images.append(Path(camera.image).name.encode() + b"\0" + struct.pack("<Q", starts[i + 1] - starts[i]))
        keypoints = np.zeros(starts[i + 1] - starts[i], _POINT2D)
        keypoints["x"], keypoints["y"], keypoints["point"] = xy[here, 0], xy[here, 1], point_of[here] + 1
        images.append(keypoints.tobytes())
    (folder / "cameras.bin").write_bytes(b"".join(lenses))
    (folder / "images.bin").write_bytes(b"".join(images))
    keypoint_of = np.arange(len(camera_of)) - starts[camera_of]
    _write_points(folder / "points3D.bin", points, colours, errors, point_of, camera_of, keypoint_of)


def _write_points(
    path: Path,
    points: np.ndarray,
    colours: np.ndarray,
    errors: np.ndarray,
    point_of: np.ndarray,
    camera_of: np.ndarray,
    keypoint_of: np.ndarray,
) -> None:
    """Write points3D.bin; a track is the (image id, keypoint index) pairs of a point."""
    order = np.argsort(point_of, kind="stable")
    tracks = np.stack([camera_of[order] + 1, keypoint_of[order]], axis=1).astype("<u4")
    ends = np.searchsorted(point_of[order], np.arange(len(points) + 1))
    records = [struct.pack("<Q", len(points))]
    for i, (point, colour, error) in enumerate(zip(points.tolist(), colours.tolist(), errors.tolist(), strict=True)):
        track = tracks[ends[i] : ends[i + 1]]
        records.append(struct.pack("<Q3d3BdQ", i + 1, *point, *colour, error, len(track)) + track.tobytes())
    path.write_bytes(b"".join(records))
