# SPDX-License-Identifier: GPL-3.0-or-later
"""The squares that geometry nodes draw for splats, against the formulas written down again in numpy."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"
COUNT = 300
SIZE = (320, 240)
FOCAL = 400.0
REST = tuple(f"f_rest_{i}" for i in range(45))


@pytest.fixture
def splats(tmp_path, write_table):
    """Random splats around the origin with harmonics to degree 3; the file's columns."""
    rng = np.random.default_rng(11)
    names = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", *REST, "opacity")
    names += ("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
    parts = (
        rng.uniform(-1, 1, (COUNT, 3)), rng.normal(0, 1, (COUNT, 3)), rng.normal(0, 0.2, (COUNT, 45)),
        rng.normal(1, 2, (COUNT, 1)), rng.uniform(-5, -1.5, (COUNT, 3)), rng.normal(0, 3, (COUNT, 4)),
    )  # fmt: skip
    values = np.concatenate(parts, axis=1).astype(np.float32)
    table = {name: values[:, i] for i, name in enumerate(names)}
    write_table(tmp_path / "a.ply", table)
    return table


@pytest.fixture
def item(scene, splats, tmp_path):
    """The splats as an object, seen by a camera of 400 pixels of focal length from (0.5, -4, 1)."""
    import bpy
    from mathutils import Vector

    bpy.ops.turnaround.import_splats(filepath=str(tmp_path / "a.ply"), up="z")
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", 36.0, FOCAL * 36 / SIZE[0]
    stand = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(stand)
    stand.location = (0.5, -4.0, 1.0)
    stand.rotation_euler = (Vector((0, 0, 0)) - stand.location).to_track_quat("-Z", "Y").to_euler()
    scene.camera = stand
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    setting("splat_nodes").camera_changed()
    return bpy.context.object


def setting(name):
    return importlib.import_module(f"{MODULE}.addon.importer.{name}")


def drawn(item):
    """The evaluated squares in the object's frame: corners (M, 4, 3), colours (M, 3), opacities (M,)."""
    import bpy

    bpy.context.view_layer.update()
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    corners = np.zeros(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    colours = np.zeros(len(mesh.vertices) * 4, np.float32)
    mesh.attributes["Col"].data.foreach_get("color", colours)
    opacities = np.zeros(len(mesh.vertices), np.float32)
    mesh.attributes["opacity"].data.foreach_get("value", opacities)
    return corners.reshape(-1, 4, 3), colours.reshape(-1, 4, 4)[:, 0, :3], opacities.reshape(-1, 4)[:, 0]


def harmonics(directions):
    """Real spherical harmonics (N, 16) as 3D Gaussian splatting orders and signs them."""
    x, y, z = directions.T
    return np.stack(
        [
            np.full_like(x, 0.28209479), -0.48860251 * y, 0.48860251 * z, -0.48860251 * x,
            1.09254843 * x * y, -1.09254843 * y * z, 0.31539157 * (2 * z * z - x * x - y * y),
            -1.09254843 * x * z, 0.54627422 * (x * x - y * y), -0.59004359 * y * (3 * x * x - y * y),
            2.89061144 * x * y * z, -0.45704579 * y * (4 * z * z - x * x - y * y),
            0.37317633 * z * (2 * z * z - 3 * x * x - 3 * y * y), -0.45704579 * x * (4 * z * z - x * x - y * y),
            1.44530572 * z * (x * x - y * y), -0.59004359 * x * (x * x - 3 * y * y),
        ],
        axis=1,
    )  # fmt: skip


def rotations(quaternions):
    """Matrices (N, 3, 3) of quaternions of any length."""
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def expected(table, world_from_camera, blur=0.3):
    """What a rasteriser makes of the splats: order, covariances on screen (pixels²), sRGB colours, opacities."""
    stacked = {k: np.stack([table[n] for n in names], 1).astype(float) for k, names in {
        "means": ("x", "y", "z"), "scales": ("scale_0", "scale_1", "scale_2"),
        "quaternions": ("rot_0", "rot_1", "rot_2", "rot_3"),
    }.items()}  # fmt: skip
    camera = np.linalg.inv(world_from_camera @ np.diag([1, -1, -1, 1]))
    seen = stacked["means"] @ camera[:3, :3].T + camera[:3, 3]
    axes = rotations(stacked["quaternions"]) * np.exp(stacked["scales"])[:, None, :]
    covariances = camera[:3, :3] @ axes @ axes.transpose(0, 2, 1) @ camera[:3, :3].T
    jacobian = np.zeros((COUNT, 2, 3))
    jacobian[:, 0, 0] = jacobian[:, 1, 1] = FOCAL / seen[:, 2]
    jacobian[:, 0, 2], jacobian[:, 1, 2] = (-FOCAL * seen[:, :2] / seen[:, 2:] ** 2).T
    on_screen = jacobian @ covariances @ jacobian.transpose(0, 2, 1) + blur * np.eye(2)
    directions = stacked["means"] - world_from_camera[:3, 3]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    dc = np.stack([table[f"f_dc_{c}"] for c in range(3)], 1)[:, None]
    rest = np.stack([table[n] for n in REST], 1).reshape(COUNT, 3, 15).transpose(0, 2, 1)
    srgb = 0.5 + (harmonics(directions)[..., None] * np.concatenate([dc, rest], 1)).sum(axis=1)
    return seen, on_screen, np.maximum(srgb, 0), 1 / (1 + np.exp(-table["opacity"].astype(float)))


def linear(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def on_screen_of(corners, camera):
    """Covariances (M, 2, 2) in pixels that the squares stand for, for known reaches (M,)."""
    seen = corners @ camera[:3, :3].T + camera[:3, 3]
    pixels = FOCAL * seen[..., :2] / seen[..., 2:]
    x, y = (pixels[:, 1] - pixels[:, 0]) / 2, (pixels[:, 2] - pixels[:, 0]) / 2
    return np.einsum("ni,nj->nij", x, x) + np.einsum("ni,nj->nij", y, y), pixels.mean(axis=1)


def test_squares_are_the_rasterisers_ellipses_farthest_first(item, splats):
    import bpy

    bpy.context.view_layer.update()
    stand = np.array(bpy.context.scene.camera.matrix_world)
    seen, covariances, srgb, opacities = expected(splats, stand)
    shown = np.flatnonzero(opacities >= 1 / 255)
    order = shown[np.argsort(-seen[shown, 2], kind="stable")]
    corners, colours, drawn_opacities = drawn(item)
    assert len(corners) == len(order)
    assert 0.8 * COUNT < len(order) <= COUNT
    assert np.allclose(drawn_opacities, opacities[order], atol=1e-5)
    assert np.allclose(colours, linear(srgb[order]), rtol=2e-3, atol=2e-4)
    camera = np.linalg.inv(stand @ np.diag([1, -1, -1, 1]))
    squares, centres = on_screen_of(corners, camera)
    reach = 2 * np.log(255 * opacities[order])
    truth = covariances[order] * reach[:, None, None]
    error = np.abs(squares - truth).max(axis=(1, 2)) / np.trace(truth, axis1=1, axis2=2)
    assert error[reach > 0.05].max() < 2e-3
    assert np.allclose(centres, (FOCAL * seen[:, :2] / seen[:, 2:])[order], atol=0.02)


def test_a_turned_and_scaled_object_shows_the_same_colours_from_the_same_side(item, splats):
    import bpy
    from mathutils import Matrix

    before = drawn(item)
    move = Matrix.Translation((3, 1, -2)) @ Matrix.Rotation(1.1, 4, (1, 2, 3)) @ Matrix.Scale(2.5, 4)
    item.matrix_world = move
    camera = bpy.context.scene.camera
    camera.matrix_world = move @ camera.matrix_world
    after = drawn(item)
    assert len(before[0]) == len(after[0])
    # A camera's scale is no part of how it sees.
    assert np.allclose(before[1], after[1], rtol=1e-2, atol=1e-3)
    assert np.allclose(np.sort(before[0].ravel()), np.sort(after[0].ravel()), atol=2e-3)


def test_a_told_eye_draws_what_the_camera_at_its_place_draws(item):
    import bpy

    follow = importlib.import_module(f"{MODULE}.addon.follow")
    by_camera = drawn(item)
    stand = bpy.context.scene.camera.matrix_world.copy()
    bpy.context.scene.camera.location.x += 1.5
    follow.tell(item, stand, 1 / FOCAL, True)
    told = drawn(item)
    for one, other in zip(by_camera, told, strict=True):
        assert np.allclose(one, other, atol=1e-4)
    compat = importlib.import_module(f"{MODULE}.addon.compat")
    modifier = setting("splats").modifier_of(item)
    compat.set_input(modifier, "Follow View", False)
    item.update_tag()
    from_camera = drawn(item)
    assert from_camera[0].shape != told[0].shape or not np.allclose(from_camera[0], told[0], atol=1e-2)


def test_a_view_without_perspective_is_told_too(item, splats):
    import bpy
    from mathutils import Matrix

    follow = importlib.import_module(f"{MODULE}.addon.follow")
    bpy.context.view_layer.update()
    follow.tell(item, Matrix.Translation((0, 0, 50)), 0.01, False)
    corners, _, opacities = drawn(item)
    axes = (
        rotations(np.stack([splats[f"rot_{i}"] for i in range(4)], 1))
        * np.exp(np.stack([splats[f"scale_{i}"] for i in range(3)], 1))[:, None, :]
    )
    covariance = (axes @ axes.transpose(0, 2, 1))[:, :2, :2] + 0.3 * 0.01**2 * np.eye(2)
    logits = splats["opacity"].astype(float)
    keep = 1 / (1 + np.exp(-logits)) >= 1 / 255
    order = np.flatnonzero(keep)[np.argsort(splats["z"][keep], kind="stable")]
    x, y = (corners[:, 1] - corners[:, 0])[:, :2] / 2, (corners[:, 2] - corners[:, 0])[:, :2] / 2
    squares = np.einsum("ni,nj->nij", x, x) + np.einsum("ni,nj->nij", y, y)
    truth = covariance[order] * (2 * np.log(255 * opacities))[:, None, None]
    assert np.abs(squares - truth).max() < 2e-3


def test_fewer_splats_are_the_most_important_ones(item, splats):
    compat = importlib.import_module(f"{MODULE}.addon.compat")
    modifier = setting("splats").modifier_of(item)
    everything = len(drawn(item)[0])
    compat.set_input(modifier, "Viewport Share", 0.25)
    item.update_tag()
    corners, _, opacities = drawn(item)
    assert len(corners) == pytest.approx(COUNT / 4, abs=2)
    assert len(corners) < everything
    sizes = np.sort(np.stack([splats[f"scale_{i}"] for i in range(3)], 1), axis=1)
    importance = np.log(1 / (1 + np.exp(-splats["opacity"]))) + sizes[:, 1] + sizes[:, 2]
    kept = np.sort(1 / (1 + np.exp(-splats["opacity"][np.argsort(-importance)[: len(corners)]])))
    assert np.allclose(np.sort(opacities), kept, atol=1e-4)


def test_the_cap_is_told_with_its_numbers(item):
    assert setting("splats").caps_of(item) == (COUNT, COUNT, COUNT)


def test_everything_in_the_file_is_kept_to_the_bit(item, splats):
    mesh = item.data
    spherical = setting("spherical")
    fields = {"FLOAT": ("value", 1), "FLOAT_VECTOR": ("vector", 3), "QUATERNION": ("value", 4)}
    attributes = {"rotation": "QUATERNION", "log_scale": "FLOAT_VECTOR", "opacity_logit": "FLOAT"}
    attributes |= dict.fromkeys(spherical.HARMONICS, "FLOAT_VECTOR")
    found = {}
    for name, kind in attributes.items():
        field, width = fields[kind]
        flat = np.zeros(COUNT * width, np.float32)
        assert mesh.attributes[name].data_type == kind
        mesh.attributes[name].data.foreach_get(field, flat)
        found[name] = flat.reshape(COUNT, width)
    truth = {
        "rotation": [f"rot_{i}" for i in range(4)],
        "log_scale": [f"scale_{i}" for i in range(3)],
        "opacity_logit": ["opacity"],
        "sh_00": [f"f_dc_{i}" for i in range(3)],
    } | {f"sh_{k:02d}": [f"f_rest_{k - 1 + 15 * c}" for c in range(3)] for k in range(1, 16)}
    for name, names in truth.items():
        assert (found[name] == np.stack([splats[n] for n in names], 1)).all(), name


def test_the_panel_says_how_many_are_drawn_and_why_not_all(item, monkeypatch):
    import bpy

    panel = importlib.import_module(f"{MODULE}.addon.splat_panel").TURNAROUND_PT_splats
    compat = importlib.import_module(f"{MODULE}.addon.compat")
    texts, shown = [], []

    class Layout:
        def column(self, **_):
            return self

        def label(self, text="", **_):
            texts.append(text)

        def operator(self, name, **_):
            assert name == "turnaround.export_splats"

        def prop(self, owner, path, **_):
            shown.append(owner.path_resolve(path) if path.startswith("[") else getattr(owner, path))

    def draw():
        texts.clear()
        shown.clear()
        panel.draw(type("Panel", (), {"layout": Layout()})(), bpy.context)
        return " ".join(texts)

    assert panel.poll(bpy.context)
    assert draw() == f"{COUNT} splats"
    assert shown[:4] == [1.0, 1.0, True, True]
    compat.set_input(setting("splats").modifier_of(item), "Viewport Share", 0.5)
    assert f"Views draw the {COUNT // 2} most important" in draw()


def test_solid_views_show_each_splat_in_its_colour(item, splats):
    import bpy

    bpy.context.view_layer.update()
    shown = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.attributes
    assert shown.active_color_name == "Col", "what Solid views show with Color: Attribute"
    colours = np.zeros(len(shown["Col"].data) * 4, np.float32)
    shown["Col"].data.foreach_get("color", colours)
    assert colours.reshape(-1, 4)[:, :3].std(axis=0).max() > 0, "the splats' colours, not the square's one"
    square = next(o for o in bpy.data.objects if o.get("turnaround_square"))
    assert not square.users_collection, "it stands in no scene"
