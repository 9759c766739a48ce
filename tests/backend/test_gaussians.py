# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.gaussians import Gaussians, quats_from_rotations
from turnaround.backend.geometry import rotation_from_quaternion
from turnaround.backend.ply import read_ply, table, write_ply


def some(count, bands, seed=0):
    random = np.random.default_rng(seed)
    quats = random.normal(size=(count, 4)).astype(np.float32)
    return Gaussians(
        random.normal(size=(count, 3)).astype(np.float32),
        quats / np.linalg.norm(quats, axis=1, keepdims=True),
        np.exp(random.normal(size=(count, 3))).astype(np.float32),
        random.uniform(0.05, 0.95, count).astype(np.float32),
        random.normal(size=(count, bands, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("bands", [1, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_round_trip(tmp_path, count, bands):
    before = some(count, bands)
    before.save(tmp_path / "s.ply")
    after = Gaussians.load(tmp_path / "s.ply")
    for name in ("means", "quats", "scales", "opacities", "harmonics"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-4, atol=1e-6)


def test_the_file_is_that_of_gaussian_splatting(tmp_path):
    splats = some(3, 4)
    splats.save(tmp_path / "s.ply")
    rows, _ = read_ply(tmp_path / "s.ply")
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{k}" for k in range(9)] + ["opacity", "scale_0", "scale_1", "scale_2"]
    names += [f"rot_{k}" for k in range(4)]
    assert list(rows.dtype.names) == names
    np.testing.assert_allclose(rows["scale_1"], np.log(splats.scales[:, 1]), rtol=1e-6)
    np.testing.assert_allclose(rows["f_rest_4"], splats.harmonics[:, 2, 1])  # green, second of its three
    np.testing.assert_allclose(1 / (1 + np.exp(-rows["opacity"])), splats.opacities, rtol=1e-5)


def test_a_missing_property_is_named(tmp_path):
    write_ply(tmp_path / "p.ply", table({"x": np.zeros(1, np.float32)}))
    with pytest.raises(ValueError, match="f_dc_0"):
        Gaussians.load(tmp_path / "p.ply")


def test_quaternions_give_back_their_rotations():
    random = np.random.default_rng(2)
    rotations = [np.diag(d) for d in ([1.0, 1, 1], [1.0, -1, -1], [-1.0, 1, -1], [-1.0, -1, 1])]
    rotations += [rotation_from_quaternion(q) for q in random.normal(size=(50, 4))]
    for rotation, quat in zip(rotations, quats_from_rotations(np.array(rotations)), strict=True):
        np.testing.assert_allclose(rotation_from_quaternion(quat), rotation, atol=1e-12)


def test_scaled_grows_places_and_sizes_alike():
    splats = some(4, 1)
    np.testing.assert_allclose(splats.scaled(3.0).means, splats.means * 3)
    np.testing.assert_allclose(splats.scaled(3.0).scales, splats.scales * 3)
