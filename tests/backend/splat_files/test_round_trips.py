# SPDX-License-Identifier: GPL-3.0-or-later
"""Every format written and read again: exact where the format is, else within half a step of it."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from turnaround.backend import splat_files
from turnaround.backend.splat_files import activations, morton, quaternions, spz_container, standard_ply
from turnaround.backend.splat_files.files import detect

COUNTS = [0, 1, 2, 255, 256, 257, 1000]
ROUNDING = 2e-6

TURN = 0.0048
"""Radians. Three components, each off by half a step h = 1 / 1445, put the fourth, which is a half at least, off by up
to sqrt(3) times their length; a rotation is off by twice the length of all four: 4 sqrt(3) h."""


def opacity(splats):
    return activations.opacity_from_logit(splats.opacities.astype(np.float64))


def angle_between(first, second):
    """Largest angle between rotations, radians."""
    cosine = np.abs((quaternions.unit(first.quats.astype(float)) * quaternions.unit(second.quats.astype(float))).sum(1))
    return 2 * np.arccos(np.minimum(cosine, 1)).max(initial=0)


def through(path, splats, up="-y"):
    splat_files.save(path, splats, up)
    return splat_files.load(path, up)


@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("count", COUNTS)
def test_standard_ply_loses_nothing(cloud, tmp_path, count, degree):
    splats = cloud(count, degree)
    again = through(tmp_path / "a.ply", splats)
    for name in ("means", "quats", "scales", "opacities", "sh"):
        assert np.array_equal(getattr(again, name), getattr(splats, name)), name


def test_standard_ply_has_the_columns_of_the_trainer(cloud, tmp_path):
    splats = cloud(3, 3)
    splat_files.save(tmp_path / "a.ply", splats)
    raw = (tmp_path / "a.ply").read_bytes()
    header, _, body = raw.partition(b"end_header\n")
    names = [line.split()[2].decode() for line in header.splitlines() if line.startswith(b"property float")]
    rest = [f"f_rest_{i}" for i in range(45)]
    quats = ["rot_0", "rot_1", "rot_2", "rot_3"]
    first = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    assert names == [*first, *rest, "opacity", "scale_0", "scale_1", "scale_2", *quats]
    rows = np.frombuffer(body, "<f4").reshape(3, 62)
    assert np.array_equal(rows[:, 9 + 15 + 4], splats.sh[:, 5, 1])  # f_rest_19: green of the fifth harmonic of 15


@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("count", COUNTS)
def test_compressed_ply_is_within_half_a_step(cloud, tmp_path, count, degree):
    splats = cloud(count, degree)
    again = through(tmp_path / "a.compressed.ply", splats)
    splats = splats.select(morton.order(splats.means))
    assert len(again) == count
    assert again.degree == degree
    for start in range(0, count, 256):
        part = slice(start, min(start + 256, count))
        for name, steps in (("means", (2047, 1023, 2047)), ("scales", (2047, 1023, 2047))):
            old, new = getattr(splats, name)[part], getattr(again, name)[part]
            bound = np.ptp(old, axis=0) / (2 * np.array(steps)) + ROUNDING
            assert (np.abs(new - old) <= bound).all(), name
        old, new = splats.sh[part, 0], again.sh[part, 0]
        assert (np.abs(new - old) <= np.ptp(old, axis=0) / 510 + ROUNDING).all()
    assert np.abs(opacity(again) - opacity(splats)).max(initial=0) <= 1 / 510 + ROUNDING
    assert np.abs(again.sh[:, 1:] - splats.sh[:, 1:]).max(initial=0) <= 1 / 64 + ROUNDING
    assert angle_between(again, splats) <= TURN


@pytest.mark.parametrize("up", ["-y", "y", "z"])
@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("count", COUNTS)
def test_spz_is_within_half_a_step(cloud, tmp_path, count, degree, up):
    splats = cloud(
        count, degree, sh_range=0.9 if up != "z" else 0.35
    )  # seven may add up in a turned harmonic; 1 is the most
    check_spz(through(tmp_path / "a.spz", splats, up), splats, sh=(up != "z"))


@pytest.mark.parametrize("version", [3, 4])
def test_both_written_versions_of_spz_hold_the_same(cloud, tmp_path, version):
    splats = cloud(300, 3)
    spz_container.write_spz(tmp_path / "a.spz", splats, version)
    head = (tmp_path / "a.spz").read_bytes()
    head = gzip.decompress(head) if version == 3 else head
    assert struct.unpack_from("<4sII", head) == (b"NGSP", version, 300)
    check_spz(splat_files.load(tmp_path / "a.spz", "y"), splats)


def check_spz(again, splats, sh=True):
    assert len(again) == len(splats)
    assert again.degree == splats.degree
    assert np.abs(again.means - splats.means).max(initial=0) <= np.abs(splats.means).max(initial=0) / 2**18 + 3e-7
    assert np.abs(again.scales - splats.scales).max(initial=0) <= 1 / 32 + ROUNDING
    assert np.abs(again.sh[:, 0] - splats.sh[:, 0]).max(initial=0) <= 0.5 / (0.15 * 255) + ROUNDING
    assert np.abs(opacity(again) - opacity(splats)).max(initial=0) <= 1 / 510 + ROUNDING
    assert angle_between(again, splats) <= TURN
    error = np.abs(again.sh[:, 1:] - splats.sh[:, 1:])
    # Turned by a quarter, harmonics of a band mix before they are quantised: the error stays below sqrt(2 l + 1) steps.
    bound = np.array([4 / 128] * 3 + [8 / 128] * 12) * (1 if sh else np.sqrt(7))
    assert (error.max(axis=(0, 2), initial=0) <= bound[: error.shape[1]] + ROUNDING).all()


def test_spz_takes_as_many_fractional_bits_as_reach_the_farthest_splat(cloud, tmp_path):
    splats = cloud(10)
    far = splat_files.transform(splats, np.diag([5000.0, 5000, 5000, 1]))
    again = through(tmp_path / "far.spz", far)
    step = 2.0 ** -np.floor(np.log2((2**23 - 1) / np.abs(far.means).max()))
    assert step > 2.0**-12  # fewer than are usual
    assert np.abs(again.means - far.means).max() <= step / 2 + 1e-3
    lost = splat_files.transform(splats, np.diag([1e9, 1e9, 1e9, 1]))
    with pytest.raises(ValueError, match="within"):
        splat_files.save(tmp_path / "lost.spz", lost)
    assert not list(tmp_path.glob(".lost*"))
    assert not (tmp_path / "lost.spz").exists()


@pytest.mark.parametrize("up", ["-y", "z"])
@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("count", COUNTS)
def test_glb_keeps_float_precision(cloud, tmp_path, count, degree, up):
    splats = cloud(count, degree)
    again = through(tmp_path / "a.glb", splats, up)
    assert again.degree == (degree if count else 0)
    assert np.allclose(again.means, splats.means, atol=3e-7)
    assert np.allclose(again.scales, splats.scales, atol=ROUNDING)
    assert np.allclose(again.sh, splats.with_degree(again.degree).sh, atol=ROUNDING)
    assert np.abs(opacity(again) - opacity(splats)).max(initial=0) <= 1e-6
    assert angle_between(again, splats) <= 2e-3


def test_extreme_values_are_clipped_to_what_the_formats_hold(tmp_path):
    wild = splat_files.from_columns(
        [[0, 0, 0], [1, 1, 1]],
        [[0, 0, 0, -9], [1, 1, 1, 1]],
        [[-40, 3, 40], [-12, 0, 7]],
        [80, -80],
        np.full((2, 4, 3), 50.0),
    )
    compressed = through(tmp_path / "a.compressed.ply", wild)
    assert np.allclose(compressed.scales[0], [-20, 3, 20], atol=0.01)
    assert np.allclose(compressed.sh[:, 1:], 4.0)
    assert np.allclose(compressed.sh[:, 0], 50.0, atol=1e-4)
    packed = through(tmp_path / "a.spz", wild)
    assert np.allclose(packed.scales[0], [-10, 3, 255 / 16 - 10], atol=0.04)
    assert np.allclose(np.abs(packed.sh[:, 0]), 0.5 / 0.15, atol=0.02)
    for again in (compressed, packed):
        assert np.allclose(opacity(again), [1, 0], atol=2e-6)


@pytest.mark.parametrize("suffix", splat_files.WRITTEN)
def test_the_format_is_told_by_content_not_by_name(cloud, tmp_path, suffix):
    splat_files.save(tmp_path / f"a{suffix}", cloud(20, 1))
    expected = splat_files.load(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").rename(tmp_path / "no suffix")
    assert np.array_equal(splat_files.load(tmp_path / "no suffix").means, expected.means)
    assert detect(tmp_path / "no suffix") == {".spz": "spz", ".glb": "gltf"}.get(suffix, "ply")


def test_unknown_names_and_directions_are_refused(cloud, tmp_path):
    with pytest.raises(ValueError, match=r"\.spz"):
        splat_files.save(tmp_path / "a.obj", cloud(1))
    with pytest.raises(ValueError, match="is up"):
        splat_files.save(tmp_path / "a.ply", cloud(1), up="x")
    with pytest.raises(ValueError, match="none at"):
        splat_files.load(tmp_path / "missing.ply")
    assert not list(tmp_path.iterdir())


def test_formats_without_axes_are_taken_as_they_are_whatever_is_up(cloud, tmp_path):
    splats = cloud(30, 1)
    splat_files.save(tmp_path / "a.ply", splats, "z")
    assert np.array_equal(splat_files.load(tmp_path / "a.ply", "y").means, splats.means)
    splat_files.save(tmp_path / "a.spz", splats, "z")
    lying = splat_files.load(tmp_path / "a.spz", "y").means
    assert np.allclose(lying, splats.means[:, [0, 2, 1]] * [1, 1, -1], atol=1e-6)


@pytest.mark.parametrize("up", ["-y", "y", "z"])
@pytest.mark.parametrize("suffix", [".ply", ".compressed.ply"])
def test_files_without_axes_say_in_a_comment_what_is_up(cloud, tmp_path, suffix, up):
    splat_files.save(tmp_path / f"a{suffix}", cloud(3), up)
    assert splat_files.stated_up(tmp_path / f"a{suffix}") == up


def test_what_is_up_is_taken_from_comments_of_jobs_and_is_down_y_else(cloud, tmp_path):
    path = tmp_path / "a.ply"
    standard_ply.write_standard(path, cloud(3), "untrained: laid on the surface; z up, relative unit")
    assert splat_files.stated_up(path) == "z"
    standard_ply.write_standard(path, cloud(3), "looked up elsewhere")
    assert splat_files.stated_up(path) == splat_files.USUAL_UP == "-y"
    splat_files.save(tmp_path / "a.spz", cloud(3), "z")
    assert splat_files.stated_up(tmp_path / "a.spz") == "-y"
    assert splat_files.stated_up(tmp_path) == "-y"


def test_broken_splats_are_named_or_left_out(cloud, tmp_path):
    splats = cloud(10)
    broken = splats.means.copy()
    broken[3, 1], broken[7, 0] = np.nan, np.inf
    path = tmp_path / "a.ply"
    standard_ply.write_standard(path, splats)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(splats.means[3, 1].tobytes(), broken[3, 1].tobytes()))
    with pytest.raises(ValueError, match="1 broken ones of 10"):
        splat_files.load(path)
    told = []
    kept = splat_files.load(path, on_broken=told.append)
    assert told == [1]
    assert np.array_equal(kept.means, np.delete(splats.means, 3, axis=0))


def test_infinite_logits_and_flat_splats_of_trainers_are_kept(cloud, tmp_path):
    splats = cloud(2)
    path = tmp_path / "a.ply"
    standard_ply.write_standard(path, splats)
    raw = path.read_bytes()
    raw = raw.replace(splats.opacities[0].tobytes(), np.float32(np.inf).tobytes())
    raw = raw.replace(splats.scales[1, 2].tobytes(), np.float32(-np.inf).tobytes())
    path.write_bytes(raw)
    again = splat_files.load(path)
    assert opacity(again)[0] == pytest.approx(1)
    assert again.scales[1, 2] == -30


def test_big_endian_and_double_columns_are_read(cloud, tmp_path):
    splats = cloud(6)
    names = ["x", "y", "z", "opacity", "rot_0", "rot_1", "rot_2", "rot_3", "scale_0", "scale_1", "scale_2"]
    names += ["f_dc_0", "f_dc_1", "f_dc_2"]
    columns = np.column_stack([splats.means, splats.opacities, splats.quats, splats.scales, splats.sh[:, 0]])
    header = ["ply", "format binary_big_endian 1.0", "comment by hand", "obj_info none", "element vertex 6"]
    header += [f"property double {name}" for name in names] + [
        "element face 1",
        "property list uchar int vertex_indices",
    ]
    body = columns.astype(">f8").tobytes() + b"\3" + struct.pack(">iii", 0, 1, 2)
    (tmp_path / "a.ply").write_bytes("\r\n".join([*header, "end_header", ""]).encode() + body)
    again = splat_files.load(tmp_path / "a.ply")
    assert np.array_equal(again.means, splats.means)
    assert np.array_equal(again.quats, splats.quats)
    assert np.array_equal(again.sh, splats.sh)


def test_saving_over_a_file_replaces_it_whole(cloud, tmp_path):
    path = tmp_path / "a.ply"
    splat_files.save(path, cloud(50))
    splat_files.save(path, cloud(2))
    assert len(splat_files.load(path)) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]
