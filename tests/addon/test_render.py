# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cycles makes of an import: the file's colours, where the file's cameras say they are."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.bpy


def render(folder, size=None, samples=8):
    """Render the scene with Cycles; sRGB (H, W, 4) in [0, 1], top row first."""
    import bpy

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.film_transparent = True
    scene.render.resolution_percentage = 25
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(folder / "render.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.zeros(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def show(kind):
    """Show only this kind of object."""
    import bpy

    for item in bpy.context.scene.objects:
        if item.get("turnaround_kind") in {"mesh", "splats", "points"}:
            item.hide_render = item.hide_viewport = item["turnaround_kind"] != kind


def test_a_splat_has_its_colour_at_the_centre_and_fades_as_a_gaussian(scene, job, tmp_path):
    import bpy

    bpy.ops.turnaround.import_result(job=str(job.folder))
    show("splats")
    picture = render(tmp_path, samples=64)
    assert picture.shape == (120, 160, 4)
    centre = picture[58:62, 78:82].reshape(-1, 4)
    assert np.allclose(centre[:, :3].mean(axis=0), [0.9, 0.4, 0.2], atol=0.02)
    assert centre[:, 3].mean() > 0.98
    # 0.15 in the world, 2 away, 200 px of focal length at a quarter of the size: one standard deviation is 15 px.
    for pixels, tolerance in ((15, 0.05), (30, 0.04)):
        ring = picture[60 - 2 : 60 + 2, [80 - pixels, 79 + pixels], 3].mean()
        assert ring == pytest.approx(np.exp(-0.5 * (pixels / 15) ** 2), abs=tolerance)
    assert picture[5, 5, 3] == 0


def test_an_oriented_splat_is_long_where_the_file_says(scene, job, tmp_path):
    import bpy

    # A needle along x, turned by 90 degrees about y, stands upright in a picture taken along y.
    half = np.sqrt(0.5)
    job.write_splats(np.array([[0, 0, 0.25]]), np.array([[0.2, 0.8, 0.2]]), (0.2, 0.001, 0.02), (half, 0, half, 0))
    bpy.ops.turnaround.import_result(job=str(job.folder))
    show("splats")
    alpha = render(tmp_path, samples=16)[..., 3]
    rows, columns = np.nonzero(alpha > 0.3)
    assert np.ptp(rows) > 5 * np.ptp(columns)


def test_the_mesh_shows_the_photos_colours_where_the_camera_says(scene, job, tmp_path):
    import bpy

    job.colours[:] = (200, 120, 40)
    from importlib import import_module

    bpy.ops.turnaround.import_result(job=str(job.folder))
    mesh = next(o for o in scene_objects() if o.get("turnaround_kind") == "mesh").data
    import_module("bl_ext.user_default.turnaround.addon.importer.mesh").set_byte_colours(mesh, job.colours)
    show("mesh")
    picture = render(tmp_path)
    inside = picture[..., 3] > 0.999
    assert np.abs(picture[inside][:, :3] * 255 - [200, 120, 40]).max() < 1.01
    corners = job.project(job.cameras[0], job.vertices) / 4
    rows, columns = np.nonzero(picture[..., 3] > 0.5)
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(found - [*corners.min(axis=0), *corners.max(axis=0)]).max() <= 1


def test_points_are_round_and_coloured(scene, job, tmp_path):
    import bpy

    bpy.ops.turnaround.import_result(job=str(job.folder))
    show("points")
    picture = render(tmp_path)
    covered = picture[..., 3] > 0.999
    assert covered.mean() > 0.005
    spread = picture[covered][:, :3].std(axis=0)
    assert (spread > 0.1).all(), "points have colours of their own"


def scene_objects():
    import bpy

    return bpy.context.scene.objects
