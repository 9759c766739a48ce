# SPDX-License-Identifier: GPL-3.0-or-later
"""However the photos move the surface, it keeps within what bounds it: the ground, a flat base, a given box."""

from dataclasses import replace

import numpy as np
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.records import Cameras
from turnaround.backend.texture import build as built
from turnaround.backend.texture.align import Aligned
from turnaround.backend.texture.photos import Source


def test_the_surface_is_not_moved_through_its_bounds(synthetic, tmp_path, monkeypatch):
    scene = synthetic.scene(tmp_path, synthetic.superquadric((0.8, 0.6, 1.0), steps=24), count=8, size=64)
    folder = tmp_path / "04_cameras"
    sources = [
        Source(c, folder / c.image, tmp_path / "04_masks" / f"{c.name}.png", 1.0) for c in Cameras.load(folder).cameras
    ]
    mesh = scene.truth
    dense = Mesh(np.repeat(mesh.vertices, 2, axis=0), mesh.faces * 2, np.repeat(mesh.colours, 2, axis=0))
    away = np.array([0.04, 0.0, -0.03])

    def sunk(mesh, *ignored):
        return Aligned(replace(mesh, vertices=mesh.vertices + away), 1, 0.05, 1.0, 1.0)

    monkeypatch.setattr(built, "align", sunk)
    limit = mesh.vertices[:, 0].max() + 0.01
    bounds = np.array([[0.0, 0, -1, 0.0], [1.0, 0, 0, limit]])
    result = built.build(mesh, dense, sources, 64, 0.01, lambda *_: None, bounds=bounds).mesh.vertices
    free = built.build(mesh, dense, sources, 64, 0.01, lambda *_: None).mesh.vertices
    assert free[:, 2].min() < -0.029
    assert result[:, 2].min() > -1e-9
    assert result[:, 0].max() < limit + 1e-9
    np.testing.assert_allclose(
        result, np.stack([np.minimum(free[:, 0], limit), free[:, 1], np.maximum(free[:, 2], 0)], 1)
    )
