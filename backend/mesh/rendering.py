# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a mesh through a camera: depth, colours, and pictures from all sides for people.

Notation: ``K`` (3, 3) pixels, ``cam_from_world`` (4, 4), OpenCV axes; images (H, W, ...).
"""

from __future__ import annotations

import math

import numpy as np

from ...kernels.depth_raster import interpolate, rasterise
from ..records import Camera
from .triangles import Mesh, vertex_normals


def depth_and_face(mesh: Mesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) float32, inf where nothing is, and face (H, W) int32, -1 where nothing is."""
    pixels, depth = camera.project(mesh.vertices)
    out_depth = np.zeros((camera.height, camera.width), np.float32)
    out_face = np.zeros((camera.height, camera.width), np.int32)
    rasterise(pixels, depth, np.ascontiguousarray(mesh.faces, np.int32), out_depth, out_face)
    return out_depth, out_face


def attributes_seen(mesh: Mesh, camera: Camera, attributes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertex ``attributes`` (N, C) at the camera's pixels: (H, W, C) float32 and where the mesh is (H, W) bool."""
    _, face = depth_and_face(mesh, camera)
    return attributes_of_faces(mesh, camera, attributes, face), face >= 0


def attributes_of_faces(mesh: Mesh, camera: Camera, attributes: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Vertex ``attributes`` (N, C) at the pixels of ``face`` (H, W) from ``depth_and_face``: (H, W, C) float32."""
    pixels, depth = camera.project(mesh.vertices)
    out = np.zeros((*face.shape, attributes.shape[1]), np.float32)
    faces = np.ascontiguousarray(mesh.faces, np.int32)
    interpolate(pixels, depth, faces, np.ascontiguousarray(attributes, np.float32), face, out)
    return out


def colours_seen(mesh: Mesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The mesh's colours as the camera sees them: (H, W, 3) uint8, black beside it, and where it is (H, W) bool."""
    image, covered = attributes_seen(mesh, camera, mesh.colours.astype(np.float32))
    return np.clip(np.round(image), 0, 255).astype(np.uint8), covered


def clay(mesh: Mesh, camera: Camera) -> np.ndarray:
    """The mesh's shape alone, lit from the camera: (H, W, 3) uint8 on white."""
    normals = vertex_normals(mesh.vertices, mesh.faces) @ camera.cam_from_world[:3, :3].T
    image, covered = attributes_seen(mesh, camera, normals)
    light = np.clip(-image[..., 2] * 0.75 - image[..., 1] * 0.25 + 0.15, 0.0, 1.0)
    grey = np.where(covered, 30 + 200 * light, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def looking_at(
    centre: np.ndarray, azimuth: float, elevation: float, distance: float, size: int, field_of_view: float = 35.0
) -> Camera:
    """A camera of ``size`` × ``size`` pixels that looks at ``centre`` with z up; angles in degrees."""
    a, e = math.radians(azimuth), math.radians(elevation)
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = np.stack([right, -np.cross(back, right), -back])
    cam_from_world[:3, 3] = -cam_from_world[:3, :3] @ (np.asarray(centre) + distance * back)
    focal = size / 2 / math.tan(math.radians(field_of_view) / 2)
    intrinsics = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Camera(
        name=f"{azimuth:g}", image="", width=size, height=size, K=intrinsics, cam_from_world=cam_from_world
    )  # fmt: skip


def around(mesh: Mesh, size: int = 320) -> np.ndarray:
    """Six sides of the mesh in two rows, colours above, shape below, as one picture for people to look at."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    distance = 1.9 * float(np.linalg.norm(high - low))
    views = [(30, 20), (120, 20), (210, 20), (300, 20), (30, 70), (30, -40)]
    cameras = [looking_at((low + high) / 2, a, e, distance, size) for a, e in views]
    rows = [np.concatenate([clay(mesh, c) for c in cameras], axis=1)]
    if len(mesh.colours):
        rows.insert(0, np.concatenate([colours_seen(mesh, c)[0] for c in cameras], axis=1))
    return np.concatenate(rows)
