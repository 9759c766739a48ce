# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that other programs wrote, against what is known of them."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from turnaround.backend import splat_files
from turnaround.backend.splat_files import activations, quaternions, spz_container

pytestmark = pytest.mark.data


def opacity(splats):
    return activations.opacity_from_logit(splats.opacities.astype(np.float64))


@pytest.fixture(scope="module")
def biker(splat_data):
    return splat_files.load(splat_data / "biker.compressed.ply")


def test_biker_has_its_known_values(biker):
    assert len(biker) == 152746
    assert biker.degree == 0
    mean = biker.means.mean(axis=0, dtype=float)
    assert np.allclose(mean, [-0.0486, -1.6050, 0.0023], atol=6e-5)
    assert np.allclose(biker.means.min(axis=0), [-0.6213, -3.1801, -0.5323], atol=6e-5)
    assert np.allclose(biker.means.max(axis=0), [0.4144, 0, 0.6133], atol=6e-5)
    assert opacity(biker).mean() == pytest.approx(0.2966, abs=6e-5)
    assert np.allclose(biker.sh[:, 0].mean(axis=0, dtype=float), [-0.642, -0.682, -0.706], atol=6e-4)
    assert np.allclose(biker.scales.mean(axis=0, dtype=float), [-6.131, -5.379, -6.048], atol=6e-4)


def test_biker_decodes_as_the_reference_in_its_order(biker, splat_data):
    reference = splat_files.load(splat_data / "biker_first4096_decoded_standard.ply")
    assert len(reference) == 4096
    first = biker.select(np.arange(4096))
    for name in ("means", "quats", "scales", "sh"):
        assert np.allclose(getattr(first, name), getattr(reference, name), atol=1e-6), name
    most = 511 / 512  # where the reference keeps its opacities finite
    assert np.allclose(np.minimum(opacity(first), most), opacity(reference), atol=2e-6)


def test_biker_in_spz_is_the_same_cloud_in_the_same_order(biker, splat_data):
    spz = splat_files.load(splat_data / "biker.spz")
    assert len(spz) == len(biker)
    assert np.allclose(spz.means, biker.means, atol=2.0**-13 + 1e-6)  # 12 fractional bits
    assert np.allclose(spz.scales, np.clip(biker.scales, -10, 255 / 16 - 10), atol=1 / 32 + 1e-6)
    assert np.allclose(spz.sh, biker.sh, atol=0.5 / (0.15 * 255) + 1e-6)
    assert np.allclose(opacity(spz), opacity(biker), atol=2e-6)
    cosine = np.abs((quaternions.unit(spz.quats) * quaternions.unit(biker.quats)).sum(axis=1))
    assert 2 * np.arccos(np.minimum(cosine, 1)).max() < 0.006


def test_biker_in_spz_stands_upright_whatever_is_up(splat_data):
    columns, signs = spz_container.read_spz(splat_data / "biker.spz")
    assert signs == (1, 1, 1)
    assert np.allclose(columns[0].mean(axis=0), [-0.0486, 1.6050, -0.0023], atol=6e-5)
    standing = splat_files.load(splat_data / "biker.spz", up="z")
    assert np.allclose(standing.means.mean(axis=0, dtype=float), [-0.0486, 0.0023, 1.6050], atol=6e-5)


def test_biker_written_again_keeps_its_values(biker, tmp_path):
    """A cloud that was already quantised, through every writer."""
    for suffix in splat_files.WRITTEN:
        path = tmp_path / f"biker{suffix}"
        splat_files.save(path, biker)
        again = splat_files.load(path)
        assert len(again) == len(biker)
        assert np.allclose(again.means.mean(axis=0, dtype=float), biker.means.mean(axis=0, dtype=float), atol=1e-5)
        assert opacity(again).mean() == pytest.approx(0.2966, abs=6e-5)
    assert (tmp_path / "biker.compressed.ply").stat().st_size < 1.03 * 16.3 * len(biker)
    assert (tmp_path / "biker.spz").stat().st_size < 18 * len(biker)


def test_harmonics_of_supersplat_are_read(splat_data, tmp_path):
    splats = splat_files.load(splat_data / "test64_sh.compressed.ply")
    assert len(splats) == 64
    assert splats.degree == 3
    assert 0.05 < np.abs(splats.sh[:, 1:]).max() < 4
    splat_files.save(tmp_path / "again.compressed.ply", splats)
    again = splat_files.load(tmp_path / "again.compressed.ply")
    old = splats.sh[:, 1:].reshape(64, -1)
    new = again.sh[:, 1:].reshape(64, -1)
    assert {row.tobytes() for row in old} == {row.tobytes() for row in new}


@pytest.mark.parametrize(("name", "count"), [("4_0", 8406), ("6_0", 1873)])
def test_sog_2_has_its_known_values(splat_data, tmp_path, name, count):
    folder = splat_data / "playbot_sog_v2" / name
    splats = splat_files.load(folder)
    assert len(splats) == count
    assert splats.degree == 2
    assert np.allclose(splats.means.min(axis=0), [-1.02, -1.08, -1.03], atol=0.02)  # a robot of 2 by 1.1 by 2, y down
    assert np.allclose(splats.means.max(axis=0), [1.02, 0.037, 1.03], atol=0.02)
    assert np.allclose(np.linalg.norm(splats.quats, axis=1), 1, atol=1e-5)
    colour = activations.colour_from_dc(splats.sh[:, 0])
    assert ((colour > -0.2) & (colour < 1.3)).mean() > 0.99
    with zipfile.ZipFile(tmp_path / "a.sog", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    for same in (tmp_path / "a.sog", folder / "meta.json"):
        again = splat_files.load(same)
        assert np.array_equal(again.means, splats.means)
        assert np.array_equal(again.sh, splats.sh)


def test_sog_1_has_its_known_values(splat_data):
    splats = splat_files.load(splat_data / "playcanvas_logo_sog_v1")
    assert len(splats) == 307128
    assert splats.degree == 0
    logs = np.array([[-0.9301150, -1.3301652, -0.4554138], [0.9301150, 0.2590265, 0.4554133]])
    bounds = np.sign(logs) * np.expm1(np.abs(logs))
    assert np.allclose([splats.means.min(axis=0), splats.means.max(axis=0)], bounds, atol=1e-4)
    assert np.allclose(splats.scales.min(axis=0), [-12.921275, -15.451733, -13.233880], atol=1e-4)
    assert splats.opacities.min() == pytest.approx(-4.139159, abs=1e-4)
    assert splats.opacities.max() == pytest.approx(5.537334, abs=1e-4)


def test_antimatter_splats_have_their_known_values(splat_data):
    splats = splat_files.load(splat_data / "minimal" / "minimal.splat")
    assert np.array_equal(splats.means, [[-1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 0]])
    assert np.allclose(np.exp(splats.scales), 0.1, atol=1e-6)
    assert np.allclose(opacity(splats), 230 / 255, atol=1e-6)
    assert splats.degree == 0


@pytest.mark.parametrize(("name", "away"), [("v2", 1), ("raw", 1), ("v3", -1), ("v4", -1)])
def test_every_version_of_spz_is_read(splat_data, name, away):
    """Versions 2 and 3 of the fixture were made by different programs, which disagree about where its z points."""
    splats = splat_files.load(splat_data / "minimal" / f"minimal-{name}.spz")
    assert np.array_equal(splats.means, [[-1, 0, away], [0, 0, away], [-1, 0, 0], [0, 0, 0]])
    assert np.allclose(np.exp(splats.scales), 0.1, atol=0.1 / 32)
    assert np.allclose(opacity(splats), 230 / 255, atol=1e-6)
    assert np.allclose(np.abs(splats.quats[:, 0]), 1, atol=1e-4)


def test_khr_conformance_matrix_is_read(splat_data):
    """Fifteen meshes of one splat; sizes are logarithms, as in the draft it was made for, and colours linear."""
    splats = splat_files.load(splat_data / "khr_conformance_matrix.glb", up="y")
    assert len(splats) == 15
    assert np.allclose(splats.means, [1, 2, 3])
    assert np.allclose(splats.quats[:3], [0, 1, 0, 0], atol=1e-6)  # float, byte and short, x y z w in the file
    sizes = [[0, 0.5, -0.5]] * 3 + [[0.2, -0.1, 0.7], [1, -2, 3], [1, 0, -1], [2, -3, 4], [1, 0, -1]]
    assert np.allclose(splats.scales[:8], sizes, atol=1e-6)
    assert np.allclose(opacity(splats)[[0, 8]], [0.25, 0.75], atol=1e-6)
    assert np.allclose(opacity(splats)[9:11], [64 / 255, 16384 / 65535], atol=1e-3)
    assert [int((np.abs(s).sum(axis=1) > 0).sum()) for s in splats.sh[11:]] == [1, 4, 9, 16]
    assert np.allclose(splats.sh[3, 0], [0.1, 0.2, 0.3], atol=1e-6)  # the one that says sRGB
    linear = 0.5 + activations.BAND_0 * np.array([0.1, 0.2, 0.3])
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    assert np.allclose(activations.colour_from_dc(splats.sh[0, 0]), curved, atol=1e-6)
