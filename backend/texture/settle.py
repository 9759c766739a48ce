# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface moved to where its texture is the same in all photos.

A surface that lies a little wrong shows its pattern beside itself: painted from one photo, it is shifted in the others.
The shifts of all photos against the painted surface (``flow``) are rays to where the pattern really is; their point of
closest approach is solved for at each vertex, and the vertex moves along its normal by what that says, smoothed over
the surface where the photos say little. This is mesh refinement by photo-consistency (Vu et al. 2012) with the image
matching left to an optical flow, as colour maps are aligned by Zhou and Koltun (2014), whose photos yield instead.

Notation: N vertices; ``shift`` (N, 2) pixels, ``say`` (N, 2, 2), ``slope`` (N, 2, 3) pixels a unit of the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.colours import sample_image
from ..mesh.triangles import Mesh
from ..mesh.visibility import visible
from ..records import Camera
from .flow import Flow
from .outline import Rim, agreement

_LEAST_COSINE = 0.25
"""A photo that grazes the surface more says nothing: its pattern is squeezed, and occlusions are near."""

_SLIDE = 0.02
"""How much a pattern that slides along the surface is resisted: sliding moves no surface, and is solved for only so
that it is not taken for depth."""

_STIFF = 0.1
"""Of the surface against what the photos say: a vertex that one photo sees well yields about as much as its six
neighbours hold it. Measured on the sample with three rounds: 25.5 dB, and 25.4 with three times as much."""

_STAYS = 0.003
"""Of a vertex against moving at all: what no photo sees follows its surroundings for some ten triangles."""

_RIM = 0.4
"""Of a mask's outline, where all masks agree, against a pattern that one photo shows well."""

_ROUNDS = 3
_OFF = 1.0
"""Pixels off the solution at which an observation counts half."""


@dataclass(frozen=True)
class Seen:
    """What one photo says of each vertex: ``shift`` (N, 2), ``say`` (N, 2, 2), ``slope`` (N, 2, 3), all float32.

    ``rim``: where its mask's outline lies.
    """

    shift: np.ndarray
    say: np.ndarray
    slope: np.ndarray
    rim: Rim


def observe(
    mesh: Mesh, normals: np.ndarray, camera: Camera, depth: np.ndarray, flow: Flow, rim: Rim, tolerance: float
) -> Seen:  # fmt: skip
    """The flow at the vertices that ``camera`` sees, at most ``tolerance`` behind the mesh's ``depth`` (H, W)."""
    pixels, _ = camera.project(mesh.vertices)
    sight = camera.centre - mesh.vertices
    cosine = (sight * normals).sum(axis=1) / np.maximum(np.linalg.norm(sight, axis=1), 1e-12)
    seen = visible(mesh.vertices, camera, depth, tolerance) & (cosine > _LEAST_COSINE)
    pixels = np.where(seen[:, None], pixels, 0.0)
    xx, xy, yy = (sample_image(flow.say, pixels) * np.where(seen, cosine, 0.0)[:, None]).T
    say = np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)
    shift = np.where(seen[:, None], sample_image(flow.shift, pixels), 0.0)
    return Seen(shift.astype(np.float32), say.astype(np.float32), _slopes(mesh.vertices, camera), rim)


def _slopes(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Derivatives (N, 2, 3) float32 of the pixels of ``points`` (N, 3) by the points."""
    rotation, offset = camera.cam_from_world[:3, :3], camera.cam_from_world[:3, 3]
    x, y, z = (points @ rotation.T + offset).T
    z = np.where(z > 0, z, np.inf)
    inner = np.zeros((len(points), 2, 3))
    inner[:, 0, 0], inner[:, 0, 2] = camera.K[0, 0] / z, -camera.K[0, 0] * x / z**2
    inner[:, 1, 1], inner[:, 1, 2] = camera.K[1, 1] / z, -camera.K[1, 1] * y / z**2
    return (inner @ rotation).astype(np.float32)


def moves(faces: np.ndarray, normals: np.ndarray, seen: list[Seen]) -> np.ndarray:
    """How far (N,) float64 each vertex moves along its normal, in the unit of the slopes' world.

    Iteratively reweighted least squares for a displacement in space of each vertex's pattern; of it, the part along
    the normal is smoothed over the mesh, each vertex counting by how sure it is.
    """
    scale = _pixels_a_unit(seen)
    if scale <= 0:
        return np.zeros(len(normals))
    across = np.eye(3) - normals[:, :, None] * normals[:, None]
    hold = scale**2 * (_SLIDE * across + 1e-4 * np.eye(3))
    believed = _RIM * agreement([one.rim for one in seen])
    found = np.zeros((len(normals), 3))
    matrix = hold
    for _ in range(_ROUNDS):
        matrix, target = hold.copy(), np.zeros((len(normals), 3))
        for one in seen:
            rest = one.shift - np.einsum("nij,nj->ni", one.slope, found)
            say = one.say / (1.0 + (rest**2).sum(axis=1) / _OFF**2)[:, None, None]
            turned = np.swapaxes(one.slope, 1, 2) @ say
            matrix += turned @ one.slope
            target += (turned @ one.shift[..., None])[..., 0]
            _add_rim(one, normals, believed, found, matrix, target)
        found = np.linalg.solve(matrix, target[..., None])[..., 0]
    along = np.einsum("ni,nij,nj->n", normals, np.linalg.inv(matrix), normals)
    sure = np.clip(1.0 / (along * scale**2), 0.0, 2.0)
    return _smoothed((found * normals).sum(axis=1), sure, faces)


def _add_rim(
    one: Seen, normals: np.ndarray, believed: float, found: np.ndarray, matrix: np.ndarray, target: np.ndarray
) -> None:
    """Add to ``matrix`` (N, 3, 3) and ``target`` (N, 3) that vertices on an outline move along their normals to the
    mask's; those that are far off ``found`` (N, 3) count less.
    """
    on = np.nonzero(one.rim.on)[0]
    gap, along = one.rim.gap[on].astype(np.float64), normals[on]
    outwards = np.linalg.norm(np.einsum("nij,nj->ni", one.slope[on], along), axis=1)
    rest = gap - outwards * (found[on] * along).sum(axis=1)
    pull = believed * outwards / (1.0 + (rest / _OFF) ** 2)
    matrix[on] += (pull * outwards)[:, None, None] * along[:, :, None] * along[:, None]
    target[on] += (pull * gap)[:, None] * along


def _pixels_a_unit(seen: list[Seen]) -> float:
    """Median over the photos of how many pixels a unit across the line of sight is, where they see anything."""
    scales = []
    for one in seen:
        used = one.say[:, 0, 0] + one.say[:, 1, 1] > 0
        if used.any():
            scales.append(float(np.linalg.norm(one.slope[used, 0], axis=1).mean()))
    return float(np.median(scales)) if scales else 0.0


def _smoothed(values: np.ndarray, sure: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The (N,) that is near ``values`` where they are ``sure``, and even over the edges of ``faces``."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import cg

    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    joined = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(values), len(values))).tocsr()
    joined.data[:] = 1.0
    around = np.asarray(joined.sum(axis=1)).ravel()
    system = diags(sure + _STAYS + _STIFF * around) - _STIFF * joined
    return cg(system, sure * values, rtol=1e-4, maxiter=400)[0]
