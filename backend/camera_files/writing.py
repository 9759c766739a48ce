# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a ``Scene`` for other tools: a COLMAP model (binary or text), transforms.json, or cameras in Blender's terms.

``files`` maps a camera's name to its picture's file name; a camera without an entry is called by its name alone.
"""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..geometry import quaternion_from_rotation
from ..lens import LensCamera, Scene
from .blender import write_cameras
from .checks import COLMAP_MODELS

FORMATS = ("colmap", "colmap-text", "transforms", "blender")
_POINT2D = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])
_GL = np.diag([1.0, -1.0, -1.0, 1.0])


def write(target: Path, scene: Scene, form: str, files: dict[str, str]) -> None:
    """Write ``scene`` as ``form``, one of ``FORMATS``: a folder for COLMAP, else a file.

    Raises ``ValueError`` for a lens that the format cannot hold.
    """
    if any(camera.relative for camera in scene.cameras):
        raise ValueError("expected cameras with a picture size, got a file that gives only a field of view")
    if form in {"colmap", "colmap-text"}:
        target.mkdir(parents=True, exist_ok=True)
        (_write_text if form == "colmap-text" else _write_binary)(target, scene, files)
    elif form in {"transforms", "blender"}:
        target.parent.mkdir(parents=True, exist_ok=True)
        (_write_transforms if form == "transforms" else write_cameras)(target, scene, files)
    else:
        raise ValueError(f"expected one of {', '.join(FORMATS)}, got {form!r}")


def _lens(camera: LensCamera) -> tuple[str, list[float]]:
    """COLMAP's model and parameters."""
    fx, fy, cx, cy = (float(camera.K[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    k = [float(v) for v in camera.coefficients]
    if camera.fisheye:
        return "OPENCV_FISHEYE", [fx, fy, cx, cy, *k[:4]]
    if not any(k):
        return "PINHOLE", [fx, fy, cx, cy]
    return ("FULL_OPENCV", [fx, fy, cx, cy, *k]) if any(k[4:]) else ("OPENCV", [fx, fy, cx, cy, *k[:4]])


def _pose(camera: LensCamera) -> list[float]:
    """Quaternion (w, x, y, z) and translation of cam_from_world."""
    return [float(v) for v in (*quaternion_from_rotation(camera.cam_from_world[:3, :3]), *camera.cam_from_world[:3, 3])]


def _keypoints(scene: Scene) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each camera its keypoints (structured), and for each point its track (T, 2): image id, keypoint index."""
    order = np.lexsort((scene.observed_point, scene.observed_camera))
    camera, point, xy = scene.observed_camera[order], scene.observed_point[order], scene.observed_xy[order]
    starts = np.searchsorted(camera, np.arange(len(scene.cameras) + 1))
    tables = []
    for a, b in pairwise(starts):
        table = np.zeros(b - a, _POINT2D)
        table["x"], table["y"], table["point"] = xy[a:b, 0], xy[a:b, 1], point[a:b] + 1
        tables.append(table)
    index = np.arange(len(camera)) - starts[camera]
    by_point = np.argsort(point, kind="stable")
    ends = np.searchsorted(point[by_point], np.arange(len(scene.points) + 1))
    pairs = np.stack([camera[by_point] + 1, index[by_point]], axis=1)
    return tables, [pairs[a:b] for a, b in pairwise(ends)]


def _write_binary(folder: Path, scene: Scene, files: dict[str, str]) -> None:
    """cameras.bin, images.bin, points3D.bin (COLMAP's documentation, "Output format")."""
    ids = {name: number for number, (name, _) in COLMAP_MODELS.items()}
    keypoints, tracks = _keypoints(scene)
    lenses, images = [struct.pack("<Q", len(scene.cameras))], [struct.pack("<Q", len(scene.cameras))]
    for i, (camera, table) in enumerate(zip(scene.cameras, keypoints, strict=True), 1):
        model, values = _lens(camera)
        lenses.append(struct.pack(f"<IiQQ{len(values)}d", i, ids[model], camera.width, camera.height, *values))
        name = files.get(camera.name, camera.name).encode() + b"\0"
        images.append(
            struct.pack("<I7dI", i, *_pose(camera), i) + name + struct.pack("<Q", len(table)) + table.tobytes()
        )
    (folder / "cameras.bin").write_bytes(b"".join(lenses))
    (folder / "images.bin").write_bytes(b"".join(images))
    points = [struct.pack("<Q", len(scene.points))]
    for i, track in enumerate(tracks):
        head = struct.pack("<Q3d3BdQ", i + 1, *scene.points[i], *scene.colours[i].tolist(), scene.errors[i], len(track))
        points.append(head + track.astype("<u4").tobytes())
    (folder / "points3D.bin").write_bytes(b"".join(points))


def _write_text(folder: Path, scene: Scene, files: dict[str, str]) -> None:
    """cameras.txt, images.txt, points3D.txt; numbers in full precision."""
    names = [files.get(camera.name, camera.name) for camera in scene.cameras]
    if spaced := [name for name in names if " " in name]:
        raise ValueError(f"expected names without spaces in COLMAP's text (its binary takes any), got {spaced[0]!r}")
    keypoints, tracks = _keypoints(scene)
    lenses = ["# id, model, width, height, parameters"]
    images = ["# id, quaternion w x y z, translation, camera id, name; then x, y, point id of its keypoints"]
    for i, (camera, table) in enumerate(zip(scene.cameras, keypoints, strict=True), 1):
        model, values = _lens(camera)
        lenses.append(f"{i} {model} {camera.width} {camera.height} {_words(values)}")
        images.append(f"{i} {_words(_pose(camera))} {i} {files.get(camera.name, camera.name)}")
        images.append(" ".join(f"{row['x']!r} {row['y']!r} {row['point']}" for row in _plain(table)))
    points = ["# id, x, y, z, red, green, blue, error; then image id, keypoint index of its track"]
    for i, track in enumerate(tracks):
        colour = " ".join(str(v) for v in scene.colours[i].tolist())
        seen = " ".join(f"{image} {key}" for image, key in track.tolist())
        points.append(f"{i + 1} {_words(scene.points[i].tolist())} {colour} {float(scene.errors[i])!r} {seen}")
    for name, lines in (("cameras", lenses), ("images", images), ("points3D", points)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(table: np.ndarray) -> list[dict[str, Any]]:
    """Rows of a structured array as Python's own numbers."""
    return [dict(zip(("x", "y", "point"), row, strict=True)) for row in table.tolist()]


def _words(values: list[float]) -> str:
    """Numbers with as many digits as they need."""
    return " ".join(repr(float(v)) for v in values)


def _write_transforms(path: Path, scene: Scene, files: dict[str, str]) -> None:
    """transforms.json (nerfstudio, instant-ngp): camera-to-world, OpenGL axes, intrinsics a frame."""
    frames = []
    for camera in scene.cameras:
        k = [float(v) for v in camera.coefficients]
        if any(k[6:]):
            raise ValueError(f"expected a lens that transforms.json can hold, got k5 or k6 of {camera.name}")
        names = ("k1", "k2", "k3", "k4") if camera.fisheye else ("k1", "k2", "p1", "p2", "k3", "k4")
        frames.append({
            "file_path": files.get(camera.name, camera.name),
            "transform_matrix": (np.linalg.inv(camera.cam_from_world) @ _GL).tolist(),
            "camera_model": "OPENCV_FISHEYE" if camera.fisheye else "OPENCV" if any(k) else "PINHOLE",
            "w": camera.width, "h": camera.height, "fl_x": float(camera.K[0, 0]), "fl_y": float(camera.K[1, 1]),
            "cx": float(camera.K[0, 2]), "cy": float(camera.K[1, 2]),
            **dict(zip(names, k, strict=False)),
        })  # fmt: skip
    model = frames[0]["camera_model"] if frames else "PINHOLE"
    path.write_text(json.dumps({"camera_model": model, "frames": frames}, indent=1) + "\n", encoding="utf-8")
