# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera files: what is written is read, conventions are as documented, damaged files are errors and nothing worse."""

import json
import shutil
import struct

import numpy as np
import pytest
from turnaround.backend.camera_files import read_cameras
from turnaround.backend.camera_files.checks import stem
from turnaround.backend.camera_files.colmap_writer import write_model
from turnaround.backend.geometry import quaternion_from_rotation, rotation_from_quaternion, transform
from turnaround.backend.records import Camera


def cameras(count=3):
    random = np.random.default_rng(0)
    return [
        Camera(
            name=f"p{i}",
            image=f"images/p{i}.jpg",
            width=640,
            height=480 + i,
            K=np.array([[500.0 + i, 0, 320], [0, 505, 240], [0, 0, 1]]),
            cam_from_world=transform(rotation_from_quaternion(random.normal(size=4)), random.normal(size=3)),
        )
        for i in range(count)
    ]


@pytest.fixture
def model(tmp_path):
    random = np.random.default_rng(1)
    points, colours = random.normal(size=(5, 3)), random.integers(0, 255, (5, 3), dtype=np.uint8)
    observed = (np.array([0, 4, 2, 0]), np.array([2, 0, 2, 1]), random.uniform(0, 400, (4, 2)))
    write_model(tmp_path / "sparse", cameras(), points, colours, np.arange(5.0), observed)
    return tmp_path / "sparse", points, colours, observed


def test_a_written_model_is_read_back(model):
    folder, points, colours, observed = model
    scene = read_cameras(folder)
    for found, written in zip(scene.cameras, cameras(), strict=True):
        assert (found.name, found.width, found.height) == (written.name, written.width, written.height)
        np.testing.assert_array_equal(found.K, written.K)
        np.testing.assert_allclose(found.cam_from_world, written.cam_from_world, atol=1e-12)
        assert not found.distorted
    np.testing.assert_array_equal(scene.points, points)
    np.testing.assert_array_equal(scene.colours, colours)
    np.testing.assert_array_equal(scene.errors, np.arange(5.0))

    def rows(point, camera, xy):
        return sorted(zip(point.tolist(), camera.tolist(), xy.tolist(), strict=True))

    assert rows(scene.observed_point, scene.observed_camera, scene.observed_xy) == rows(*observed)


def test_pycolmap_reads_the_written_model(model):
    pycolmap = pytest.importorskip("pycolmap")
    folder, points, _, observed = model
    found = pycolmap.Reconstruction(str(folder))
    assert found.num_reg_images() == 3
    assert found.num_points3D() == 5
    image = found.image(3)
    assert image.name == "p2.jpg"
    np.testing.assert_allclose(image.cam_from_world().matrix(), cameras()[2].cam_from_world[:3], atol=1e-12)
    seen = {p.point3D_id - 1: p.xy for p in image.points2D}
    np.testing.assert_allclose(seen[0], observed[2][0])
    np.testing.assert_allclose(seen[2], observed[2][2])
    np.testing.assert_allclose(found.point3D(5).xyz, points[4])


def test_the_model_is_found_in_a_project_folder_and_by_file(model):
    folder = model[0]
    (folder.parent / "project" / "sparse").mkdir(parents=True)
    shutil.move(folder, folder.parent / "project" / "sparse" / "0")
    assert len(read_cameras(folder.parent / "project").cameras) == 3
    assert len(read_cameras(folder.parent / "project/sparse/0/cameras.bin").cameras) == 3


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_every_cut_off_binary_file_is_an_error(model, name):
    path = model[0] / name
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="expected"):
            read_cameras(model[0])


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_a_false_count_takes_no_memory(model, name):
    path = model[0] / name
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="records in"):
        read_cameras(model[0])


def test_false_counts_inside_records_take_no_memory(model):
    path = model[0] / "images.bin"
    data = bytearray(path.read_bytes())
    at = data.index(b"p0.jpg\0") + len(b"p0.jpg\0")
    data[at : at + 8] = struct.pack("<Q", 1 << 58)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"more bytes in images\.bin"):
        read_cameras(model[0])


def test_random_damage_is_an_error_or_a_model_never_anything_else(model):
    random = np.random.default_rng(2)
    for name in ("cameras.bin", "images.bin", "points3D.bin"):
        path = model[0] / name
        whole = path.read_bytes()
        for _ in range(150):
            data = bytearray(whole)
            for at in random.integers(0, len(data), 3):
                data[at] = random.integers(256)
            path.write_bytes(data)
            try:
                scene = read_cameras(model[0])
            except ValueError:
                continue
            assert all(np.isfinite(c.K).all() and np.isfinite(c.cam_from_world).all() for c in scene.cameras)
            assert np.isfinite(scene.points).all()
        path.write_bytes(whole)


TEXT_CAMERAS = "# comment\n1 SIMPLE_RADIAL 640 480 500 320 240 0.1\n2 OPENCV_FISHEYE 640 480 500 501 320 240 1 2 3 4\n"
TEXT_IMAGES = "# comment\n1 1 0 0 0 0 0 4 1 sub folder/a b.jpg\n10 20 7 30 40 -1\n2 0 1 0 0 1 2 3 2 c.png\n\n"
TEXT_POINTS = "7 1 2 3 255 128 0 0.5 1 0\n"


@pytest.fixture
def text(tmp_path):
    (tmp_path / "cameras.txt").write_text(TEXT_CAMERAS)
    (tmp_path / "images.txt").write_text(TEXT_IMAGES)
    (tmp_path / "points3D.txt").write_text(TEXT_POINTS)
    return tmp_path


def test_text_model(text):
    scene = read_cameras(text)
    a, c = scene.cameras
    assert (a.name, c.name) == ("a b", "c")
    np.testing.assert_array_equal(a.coefficients, [0.1, 0, 0, 0, 0, 0, 0, 0])
    assert not a.fisheye
    assert c.fisheye
    np.testing.assert_array_equal(c.K, [[500, 0, 320], [0, 501, 240], [0, 0, 1]])
    np.testing.assert_array_equal(a.cam_from_world, transform(np.eye(3), [0, 0, 4]))
    np.testing.assert_allclose(c.cam_from_world, transform(np.diag([1.0, -1, -1]), [1, 2, 3]), atol=1e-15)
    np.testing.assert_array_equal(scene.observed_xy, [[10, 20]])
    np.testing.assert_array_equal(scene.points, [[1, 2, 3]])
    np.testing.assert_array_equal(scene.colours, [[255, 128, 0]])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cameras.txt", "1 SIMPLE_RADIAL 640\n"),
        ("cameras.txt", "1 WIDE 640 480 1 2 3\n2 PINHOLE 640 480 1 1 2 2\n"),
        ("cameras.txt", "1 PINHOLE 640 480 -500 500 320 240\n2 PINHOLE 640 480 1 1 2 2\n"),
        ("cameras.txt", "1 PINHOLE 640 480 nan 500 320 240\n2 PINHOLE 640 480 1 1 2 2\n"),
        ("cameras.txt", "1 PINHOLE 0 480 500 500 320 240\n2 PINHOLE 640 480 1 1 2 2\n"),
        ("cameras.txt", ""),
        ("images.txt", "1 1 0 0 0 0 0\n\n"),
        ("images.txt", "1 0 0 0 0 0 0 4 1 a.jpg\n\n"),
        ("images.txt", "1 one 0 0 0 0 0 4 1 a.jpg\n\n"),
        ("images.txt", "1 1 0 0 0 0 0 4 1 a.jpg\n1 2\n"),
        ("points3D.txt", "7 1 2\n"),
    ],
)
def test_text_that_makes_no_sense_is_an_error(text, name, content):
    (text / name).write_text(content)
    with pytest.raises(ValueError, match="expected"):
        read_cameras(text)


def gl(cam_from_world):
    return (np.linalg.inv(cam_from_world) @ np.diag([1.0, -1, -1, 1])).tolist()


def test_transforms_with_shared_and_own_intrinsics(tmp_path):
    truth = cameras(2)
    frames = [{"file_path": f"./images/p{i}", "transform_matrix": gl(c.cam_from_world)} for i, c in enumerate(truth)]
    frames[1] |= {"fl_x": 700, "fl_y": 701, "cx": 1, "cy": 2, "w": 100, "h": 50, "k1": 0.5}
    shared = {"fl_x": 500, "w": 640, "h": 480, "p2": 0.01, "k3": 0.2, "camera_angle_x": 3.0, "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(shared))
    a, b = read_cameras(tmp_path).cameras
    assert (a.name, b.name) == ("p0", "p1")
    np.testing.assert_array_equal(a.K, [[500, 0, 320], [0, 500, 240], [0, 0, 1]])
    np.testing.assert_array_equal(a.coefficients, [0, 0, 0, 0.01, 0.2, 0, 0, 0])
    np.testing.assert_array_equal(b.K, [[700, 0, 1], [0, 701, 2], [0, 0, 1]])
    np.testing.assert_array_equal(b.coefficients, [0.5, 0, 0, 0.01, 0.2, 0, 0, 0])
    assert (b.width, b.height) == (100, 50)
    for found, written in zip((a, b), truth, strict=True):
        np.testing.assert_allclose(found.cam_from_world, written.cam_from_world, atol=1e-9)


def test_an_opengl_camera_at_the_origin_looks_along_minus_z(tmp_path):
    data = {"camera_angle_x": 1.0, "frames": [{"file_path": "a", "transform_matrix": np.eye(4).tolist()}]}
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    camera = read_cameras(tmp_path / "transforms.json").cameras[0].for_size(400, 300)
    pixels, depth = camera.project(np.array([[0.0, 0, -2], [0, 1, -2]]))
    np.testing.assert_allclose(pixels[0], [200, 150])
    np.testing.assert_allclose(depth, 2)
    assert pixels[1, 1] < 150  # y is up in the world, down in the picture
    assert camera.K[0, 0] == pytest.approx(200 / np.tan(0.5))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "{",
        '{"frames": []}',
        '{"frames": [3], "fl_x": 1, "w": 1, "h": 1}',
        '{"frames": [{"file_path": "a"}], "fl_x": 1, "w": 1, "h": 1}',
        '{"frames": [{"file_path": "a", "transform_matrix": [[1, 2], [3, 4]]}], "fl_x": 1, "w": 1, "h": 1}',
        '{"frames": [{"file_path": "a", "transform_matrix": "x"}], "fl_x": 1, "w": 1, "h": 1}',
        '{"images": {}}',
        '{"images": {"a": 3}}',
        '{"other": 1}',
        "[" * 100000,
    ],
)
def test_json_that_makes_no_sense_is_an_error(tmp_path, content):
    (tmp_path / "transforms.json").write_text(content)
    with pytest.raises(ValueError, match="expected"):
        read_cameras(tmp_path / "transforms.json")


@pytest.mark.parametrize(
    "change",
    [
        {"transform_matrix": (2 * np.eye(4)).tolist()},
        {"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()},
        {"transform_matrix": np.full((4, 4), np.nan).tolist()},
        {"fl_x": "wide"},
        {"fl_x": -3},
        {"w": 1e30},
        {"w": -4},
        {"k1": [1]},
    ],
)
def test_cameras_that_cannot_be_are_errors(tmp_path, change):
    frame = {"file_path": "a", "transform_matrix": np.eye(4).tolist(), "fl_x": 500, "w": 640, "h": 480} | change
    (tmp_path / "t.json").write_text(json.dumps({"frames": [frame]}))
    with pytest.raises(ValueError, match="expected"):
        read_cameras(tmp_path / "t.json")


def test_camera_list(tmp_path):
    R = rotation_from_quaternion(np.array([0.9, 0.1, 0.2, 0.3]))
    entry = {"w": 640, "h": 480, "K": [[500, 0, 3], [0, 501, 4], [0, 0, 1]], "R": R.tolist(), "t": [1, 2, 3]}
    (tmp_path / "cameras_gt.json").write_text(json.dumps({"images": {"a.png": entry}}))
    camera = read_cameras(tmp_path).cameras[0]
    assert camera.name == "a"
    np.testing.assert_allclose(camera.cam_from_world, transform(R, [1, 2, 3]), atol=1e-12)
    np.testing.assert_allclose(
        quaternion_from_rotation(camera.cam_from_world[:3, :3]), np.array([9, 1, 2, 3]) / np.sqrt(95)
    )


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read_cameras(tmp_path / "none")
    with pytest.raises(ValueError, match="got none of them"):
        read_cameras(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        read_cameras(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.jpg", "a"),
        ("./train/r_0", "r_0"),
        ("C:\\photos\\IMG_1.HEIC", "IMG_1"),
        ("v1.2/clip.0001", "clip.0001"),
        ("x.y.png", "x.y"),
    ],
)
def test_stems(path, name):
    assert stem(path) == name


@pytest.mark.data
def test_binary_and_text_of_a_real_model_agree(data):
    binary = read_cameras(data / "colmap_sceaux" / "colmap_example_model_bin")
    text = read_cameras(data / "colmap_sceaux" / "colmap_example_model_txt")
    assert [c.name for c in binary.cameras] == [c.name for c in text.cameras]
    assert len(binary.points) == len(text.points) == 7862
    assert len(binary.observed_point) == len(text.observed_point) == 37123
    for b, t in zip(binary.cameras, text.cameras, strict=True):
        np.testing.assert_allclose(b.cam_from_world, t.cam_from_world, atol=1e-4)
        np.testing.assert_allclose(b.K, t.K, atol=0.01)
    for i, camera in enumerate(binary.cameras):
        seen = binary.observed_camera == i
        pixels, _ = camera.project(binary.points[binary.observed_point[seen]])
        assert np.median(np.linalg.norm(pixels - binary.observed_xy[seen], axis=1)) < 0.7
