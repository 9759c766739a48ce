# SPDX-License-Identifier: GPL-3.0-or-later
"""What the importer reads, without Blender: PLY, axes and the job's record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from turnaround.addon.importer import axes, ply
from turnaround.addon.importer.result import load_result
from turnaround.backend import ply as backend_ply


def rotation(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) of a unit quaternion wxyz."""
    w, v = quaternion[0], quaternion[1:]
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


class TestPly:
    @pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
    def test_reads_what_the_backend_writes(self, tmp_path, count):
        rng = np.random.default_rng(count)
        table = backend_ply.table(
            {"x": rng.normal(size=count), "red": rng.integers(0, 256, count).astype(np.uint8),
             "y": rng.normal(size=count).astype(np.float32)}
        )  # fmt: skip
        faces = rng.integers(0, max(count, 1), (count, 3)).astype(np.int32)
        backend_ply.write_ply(tmp_path / "a.ply", table, faces, comment="made by a test")
        vertices, triangles = ply.read_ply(tmp_path / "a.ply")
        assert vertices.dtype == table.dtype
        assert (vertices == table).all()
        assert (triangles == faces).all()

    def test_a_cut_file_is_an_error_before_memory_is_taken(self, tmp_path):
        header = b"ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n"
        (tmp_path / "a.ply").write_bytes(header + bytes(100))
        with pytest.raises(ValueError, match=r"expected 16000000000 bytes .*, got 100"):
            ply.read_ply(tmp_path / "a.ply")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"solid stl\n", "expected a PLY file"),
            (b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n", "got ascii"),
            (b"ply\nformat binary_little_endian 1.0\nend_header\n", "expected vertices"),
            (b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty half x\nend_header\n00", "half"),
            (b"ply\nformat binary_little_endian 1.0\nelement vertex -1\nproperty float x\nend_header\n", "vertex -1"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, text, reason):
        (tmp_path / "a.ply").write_bytes(text)
        with pytest.raises(ValueError, match=reason):
            ply.read_ply(tmp_path / "a.ply")

    def test_quads_are_refused(self, tmp_path):
        header = (
            b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty uchar x\n"
            b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
        )
        (tmp_path / "a.ply").write_bytes(header + b"\x00" + b"\x04" + bytes(16))
        with pytest.raises(ValueError, match="triangles"):
            ply.read_ply(tmp_path / "a.ply")

    def test_a_missing_column_is_named(self, tmp_path):
        with pytest.raises(ValueError, match="called b"):
            ply.columns(np.zeros(3, [("a", "f4")]), ("a", "b"))


class TestAxes:
    def test_the_camera_looks_along_minus_z_with_y_up(self):
        cam_from_world = np.array([[1, 0, 0, 0], [0, 0, -1, 1], [0, 1, 0, 2], [0, 0, 0, 1]], float)
        matrix = axes.world_from_camera(cam_from_world)
        assert np.allclose(matrix[:3, 3], [0, -2, 1])
        assert np.allclose(-matrix[:3, 2], [0, 1, 0]), "forward"
        assert np.allclose(matrix[:3, 1], [0, 0, 1]), "up"

    @pytest.mark.parametrize("bad", [np.diag([2.0, 1, 1, 1]), np.diag([-1.0, 1, 1, 1]), np.full((4, 4), np.nan)])
    def test_other_matrices_are_refused(self, bad):
        with pytest.raises(ValueError, match="cam_from_world"):
            axes.world_from_camera(bad)

    def test_a_centred_camera_has_no_shift_and_square_pixels(self):
        lens = axes.lens_of(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480)
        assert lens == axes.Lens(500 * 36 / 640, 0.0, 0.0, 1.0, 1.0)

    @pytest.mark.parametrize(("fx", "fy"), [(640.0, 720.0), (720.0, 640.0)])
    def test_the_aspect_is_never_below_one(self, fx, fy):
        lens = axes.lens_of(np.array([[fx, 0, 300], [0, fy, 200], [0, 0, 1]]), 640, 480)
        assert min(lens.aspect_x, lens.aspect_y) == 1.0
        assert np.isclose(lens.aspect_y / lens.aspect_x, fx / fy)


class TestResult:
    def test_names_kinds_and_unit(self, job):
        result = load_result(job.folder)
        assert result.name == "small cube"
        assert set(result.artefacts) == {"mesh", "points", "splats", "cameras"}
        assert (result.unit, result.metres_per_unit) == ("relative", None)
        assert len(result.job) == 12

    def test_a_link_to_the_folder_is_the_same_job(self, job, tmp_path):
        (tmp_path / "link").symlink_to(job.folder)
        assert load_result(tmp_path / "link").job == load_result(job.folder).job

    @pytest.mark.parametrize(
        ("artefact", "reason"),
        [
            ({"kind": "mesh", "path": "07_export/absent.ply"}, "missing"),
            ({"kind": "mesh", "path": "../outside.ply"}, "outside"),
            ({"kind": "mesh", "path": "07_export/mesh.ply", "axes": "y_up"}, "axes"),
            ({"kind": "stl", "path": "07_export/mesh.ply"}, "nothing that can stand in a scene"),
            ({"kind": "mesh"}, "path"),
        ],
    )
    def test_bad_records_are_refused(self, job, artefact, reason):
        (job.folder.parent / "outside.ply").touch()
        job.write_result(artefacts=[artefact])
        with pytest.raises(ValueError, match=reason):
            load_result(job.folder)

    def test_an_unfinished_job_says_so(self, tmp_path):
        with pytest.raises(ValueError, match="has not finished"):
            load_result(tmp_path)

    @pytest.mark.parametrize("text", ["{", "[]", json.dumps({"artefacts": 3})])
    def test_a_broken_record_is_refused(self, job, text):
        (job.folder / "result.json").write_text(text)
        with pytest.raises(ValueError, match=r"result\.json"):
            load_result(job.folder)


class TestColumns:
    @pytest.mark.parametrize("count", [0, 1, 2, 4095, 4096, 4097])
    def test_columns_are_those_of_the_table(self, tmp_path, write_table, count):
        rng = np.random.default_rng(count)
        table = {name: rng.normal(size=count).astype(np.float32) for name in ("x", "y", "z", "a", "b")}
        write_table(tmp_path / "a.ply", table)
        near, far = ply.read_columns(tmp_path / "a.ply", [("x", "y", "z"), ("b", "x")])
        assert (near == np.stack([table[n] for n in "xyz"], 1)).all()
        assert (far == np.stack([table["b"], table["x"]], 1)).all()

    def test_what_is_missing_or_cut_is_an_error(self, tmp_path, write_table):
        path = tmp_path / "a.ply"
        write_table(path, {"x": np.zeros(3, np.float32), "red": np.zeros(3, np.float32)})
        with pytest.raises(ValueError, match="none called y"):
            ply.read_columns(path, [("x", "y")])
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ValueError, match="expected 24 bytes after the header"):
            ply.read_columns(path, [("x",)])
        write_table(path, {"x": np.zeros(3, np.float32), "red": np.zeros(3, np.uint8)})
        with pytest.raises(ValueError, match="floats alone"):
            ply.read_columns(path, [("x",)])
