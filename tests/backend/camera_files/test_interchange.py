# SPDX-License-Identifier: GPL-3.0-or-later
"""From any camera file to any other and back: nothing moves, whoever reads it."""

import json

import numpy as np
import pytest
from PIL import Image
from turnaround.backend import cli
from turnaround.backend.camera_files import read_cameras
from turnaround.backend.camera_files.convert import convert
from turnaround.backend.camera_files.writing import write
from turnaround.backend.geometry import rotation_from_quaternion, transform
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.records import Camera, Cameras

LENSES = {
    "pinhole": ((), False),
    "opencv": ((0.1, -0.02, 0.001, -0.002), False),
    "rational": ((0.1, -0.02, 0.001, -0.002, 0.01, 0.02, -0.01, 0.003), False),
    "fisheye": ((0.05, -0.01, 0.002, 0.001), True),
}


def scene(lens="pinhole", count=4):
    """Cameras about the origin that see twenty points, and what they see of them."""
    random = np.random.default_rng(3)
    coefficients, fisheye = LENSES[lens]
    cameras = []
    for i in range(count):
        turn = rotation_from_quaternion(random.normal(size=4))
        cameras.append(
            LensCamera(
                name=f"photo_{i}",
                width=640 + i,
                height=480,
                K=np.array([[500.0 + i, 0, 322], [0, 505, 236], [0, 0, 1]]),
                cam_from_world=transform(turn, [0.1 * i, -0.2, 4.0]),
                coefficients=np.array([*coefficients, *[0.0] * (8 - len(coefficients))]),
                fisheye=fisheye,
            )
        )
    points = random.uniform(-0.5, 0.5, (20, 3))
    seen = [(p, c, cameras[c].project(points[p : p + 1])[0][0]) for c in range(count) for p in range(20) if (p + c) % 3]
    point, camera, xy = (np.array(column) for column in zip(*seen, strict=True))
    return Scene(
        cameras=cameras,
        points=points,
        colours=random.integers(0, 255, (20, 3), dtype=np.uint8),
        errors=random.uniform(0, 1, 20),
        observed_point=point,
        observed_camera=camera,
        observed_xy=xy,
    )


def assert_same(found, truth, points=True):
    assert [c.name for c in found.cameras] == [c.name for c in truth.cameras]
    for a, b in zip(found.cameras, truth.cameras, strict=True):
        assert (a.width, a.height, a.fisheye) == (b.width, b.height, b.fisheye)
        np.testing.assert_allclose(a.K, b.K, rtol=1e-13)
        np.testing.assert_allclose(a.cam_from_world, b.cam_from_world, atol=1e-12)
        np.testing.assert_allclose(a.coefficients, b.coefficients, atol=1e-15)
    if points:
        np.testing.assert_array_equal(found.points, truth.points)
        np.testing.assert_array_equal(found.colours, truth.colours)
        np.testing.assert_array_equal(found.errors, truth.errors)

        def rows(s):
            return sorted(
                zip(s.observed_point.tolist(), s.observed_camera.tolist(), s.observed_xy.tolist(), strict=True)
            )

        assert rows(found) == rows(truth)


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("form", ["colmap", "colmap-text"])
def test_colmap_models_come_back_with_every_digit(tmp_path, lens, form):
    truth = scene(lens)
    write(tmp_path / "model", truth, form, {c.name: f"{c.name}.jpg" for c in truth.cameras})
    assert_same(read_cameras(tmp_path / "model"), truth)


@pytest.mark.parametrize("form", ["colmap", "colmap-text"])
def test_pycolmap_reads_what_was_written_and_projects_alike(tmp_path, form):
    pycolmap = pytest.importorskip("pycolmap")
    truth = scene("opencv")
    write(tmp_path / "model", truth, form, {c.name: f"{c.name}.jpg" for c in truth.cameras})
    model = pycolmap.Reconstruction(tmp_path / "model")
    assert sorted(image.name for image in model.images.values()) == [f"photo_{i}.jpg" for i in range(4)]
    assert len(model.points3D) == 20
    assert sum(len(p.track.elements) for p in model.points3D.values()) == len(truth.observed_point)
    for image in model.images.values():
        camera = next(c for c in truth.cameras if f"{c.name}.jpg" == image.name)
        ours = camera.project(truth.points)[0]
        theirs = np.array([image.project_point(p) for p in truth.points])
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


@pytest.mark.parametrize("lens", ["pinhole", "opencv", "fisheye"])
def test_transforms_come_back(tmp_path, lens):
    truth = scene(lens)
    write(tmp_path / "t.json", truth, "transforms", {})
    assert_same(read_cameras(tmp_path / "t.json"), truth, points=False)


def test_blender_cameras_come_back_and_say_what_blender_shows(tmp_path):
    truth = scene()
    write(tmp_path / "blender_cameras.json", truth, "blender", {})
    assert_same(read_cameras(tmp_path / "blender_cameras.json"), truth, points=False)
    assert_same(read_cameras(tmp_path), truth, points=False)
    # Blender's own projection, spelled out: sensor fit horizontal, shifts in widths, y scaled by the pixel aspect
    for entry, camera in zip(
        json.loads((tmp_path / "blender_cameras.json").read_text())["cameras"], truth.cameras, strict=True
    ):
        inside = np.linalg.inv(entry["matrix_world"]) @ np.c_[truth.points, np.ones(20)].T
        x, y = inside[0] / -inside[2], inside[1] / -inside[2]
        width, height = entry["resolution"]
        reach = entry["lens"] / entry["sensor_width"]
        shape = entry["pixel_aspect"][0] / entry["pixel_aspect"][1]
        pixels = np.c_[
            width * (0.5 + reach * x - entry["shift_x"]), height / 2 - width * shape * (reach * y - entry["shift_y"])
        ]
        np.testing.assert_allclose(pixels, camera.project(truth.points)[0], atol=1e-9)


def test_lenses_that_a_format_cannot_hold_are_errors(tmp_path):
    with pytest.raises(ValueError, match="pinhole cameras for Blender"):
        write(tmp_path / "b.json", scene("opencv"), "blender", {})
    with pytest.raises(ValueError, match="names without spaces"):
        write(tmp_path / "s", scene(), "colmap-text", {"photo_1": "photo 1.jpg"})
    with pytest.raises(ValueError, match="k5 or k6"):
        write(tmp_path / "t.json", scene("rational"), "transforms", {})
    with pytest.raises(ValueError, match="expected one of colmap"):
        write(tmp_path / "t.json", scene(), "gltf", {})


def bundle(folder, truth, unsolved=()):
    """Write ``truth`` as Bundler would, after its documentation, with photos of the right sizes."""
    flip = np.diag([1.0, -1.0, -1.0])
    (folder / "images").mkdir(parents=True)
    lines = ["# Bundle file v0.3", f"{len(truth.cameras)} {len(truth.points)}"]
    for i, camera in enumerate(truth.cameras):
        Image.new("RGB", (camera.width, camera.height)).save(folder / "images" / f"{camera.name}.png")
        focal = 0.0 if i in unsolved else camera.K[0, 0]
        lines.append(
            f"{focal!r} {camera.coefficients[0]} {camera.coefficients[1]}".replace("np.float64(", "").replace(")", "")
        )
        for row in [*(flip @ camera.cam_from_world[:3, :3]), flip @ camera.cam_from_world[:3, 3]]:
            lines.append(" ".join(repr(float(v)) for v in row))
    for p, point in enumerate(truth.points):
        lines.append(" ".join(repr(float(v)) for v in point))
        lines.append(" ".join(str(v) for v in truth.colours[p]))
        seen = np.flatnonzero(truth.observed_point == p)
        words = [str(len(seen))]
        for m in seen:
            camera = truth.cameras[truth.observed_camera[m]]
            x, y = truth.observed_xy[m] - (camera.width / 2, camera.height / 2)
            words += [str(truth.observed_camera[m]), "0", repr(float(x)), repr(float(-y))]
        lines.append(" ".join(words))
    (folder / "bundle.out").write_text("\n".join(lines) + "\n")
    return folder / "bundle.out"


def radial():
    """A scene whose lenses Bundler can hold: one focal length, middle of the picture, k1 and k2."""
    truth = scene()
    for camera in truth.cameras:
        camera.K = np.array([[510.0, 0, camera.width / 2], [0, 510.0, camera.height / 2], [0, 0, 1]])
        camera.coefficients[:2] = 0.05, -0.01
    for m in range(len(truth.observed_point)):
        point = truth.points[truth.observed_point[m]][None]
        truth.observed_xy[m] = truth.cameras[truth.observed_camera[m]].project(point)[0][0]
    return truth


def test_bundler_files_are_read_with_their_points(tmp_path):
    truth = radial()
    found = read_cameras(bundle(tmp_path, truth))
    for a, b in zip(found.cameras, truth.cameras, strict=True):
        assert (a.name, a.width, a.height) == (b.name, b.width, b.height)
        np.testing.assert_allclose(a.K, b.K)
        np.testing.assert_allclose(a.cam_from_world, b.cam_from_world, atol=1e-12)
        np.testing.assert_allclose(a.coefficients, b.coefficients)
    for camera, point, xy in zip(found.observed_camera, found.observed_point, found.observed_xy, strict=True):
        np.testing.assert_allclose(found.cameras[camera].project(found.points[point][None])[0][0], xy, atol=1e-6)
    assert len(found.observed_point) == len(truth.observed_point)


def test_unsolved_cameras_truncated_files_and_missing_photos(tmp_path):
    truth = radial()
    path = bundle(tmp_path / "a", truth, unsolved=(1,))
    found = read_cameras(path)
    assert [c.name for c in found.cameras] == ["photo_0", "photo_2", "photo_3"]
    assert len(found.observed_point) == np.count_nonzero(truth.observed_camera != 1)
    text = path.read_text()
    for end in (30, len(text) // 3, len(text) - 30):
        path.write_text(text[:end])
        with pytest.raises(ValueError, match=r"truncated|expected"):
            read_cameras(path)
    path.write_text(text)
    (tmp_path / "a" / "list.txt").write_text("".join(f"./somewhere/lost_{3 - i}.png 0 500\n" for i in range(4)))
    with pytest.raises(ValueError, match=r"lost_3\.png"):
        read_cameras(path)
    (tmp_path / "a" / "list.txt").unlink()
    (tmp_path / "a" / "images" / "photo_2.png").unlink()
    with pytest.raises(ValueError, match="the 4 photos"):
        read_cameras(path)


def test_a_job_is_exported_by_the_command_line(tmp_path, capsys):
    job = tmp_path / "job" / "04_cameras"
    job.mkdir(parents=True)
    truth = scene()
    Cameras(
        cameras=[
            Camera(
                name=c.name,
                image=f"images/{c.name}.png",
                width=c.width,
                height=c.height,
                K=c.K,
                cam_from_world=c.cam_from_world,
            )
            for c in truth.cameras
        ]
    ).save(job)
    assert_same(read_cameras(job / "cameras.json"), truth, points=False)
    write(job / "sparse", truth, "colmap", {c.name: f"{c.name}.png" for c in truth.cameras})
    for target, kind in (("model", []), ("text", ["--as", "colmap-text"]), ("t.json", []), ("blender.json", [])):
        out = tmp_path / "out" / target
        assert cli.main(["cameras", str(tmp_path / "job"), str(out), *kind]) == 0
        assert_same(read_cameras(out), truth, points=not target.endswith("json"))
    assert "4 cameras and 20 points" in capsys.readouterr().out
    frames = json.loads((tmp_path / "out" / "t.json").read_text())["frames"]
    assert frames[0]["file_path"] == "images/photo_0.png"
    assert cli.main(["cameras", str(tmp_path / "job"), str(tmp_path / "x.gltf")]) == cli.BAD_USAGE


@pytest.mark.data
def test_third_party_files_survive_the_round_trip(data, tmp_path):
    for source in (
        "colmap_sceaux/colmap_example_model_bin",
        "fox/transforms.json",
        "rendered_duck",
        "temple_ring",
        "herzjesu_p8",
        "kermit/bundle.out",
    ):
        truth = read_cameras(data / source)
        for form in ("colmap", "colmap-text", "transforms"):
            target = tmp_path / source.replace("/", "_") / (form + (".json" if form == "transforms" else ""))
            made = convert(data / source, target, form, None)
            assert made.cameras == len(truth.cameras)
            assert_same(read_cameras(target), truth, points=form != "transforms")


@pytest.mark.data
def test_kermits_bundle_fits_its_own_points(data):
    found = read_cameras(data / "kermit" / "bundle.out")
    assert (len(found.cameras), len(found.points)) == (9, 634)
    for i, camera in enumerate(found.cameras):
        seen = found.observed_camera == i
        pixels, depth = camera.project(found.points[found.observed_point[seen]])
        assert (depth > 0).all()
        assert np.median(np.linalg.norm(pixels - found.observed_xy[seen], axis=1)) < 0.4
