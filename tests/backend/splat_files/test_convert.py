# SPDX-License-Identifier: GPL-3.0-or-later
"""``turnaround convert``: any file in, four out, standing as it stood."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from turnaround.backend import cli, splat_files
from turnaround.backend.splat_files import standard_ply


@pytest.mark.parametrize("suffix", splat_files.WRITTEN)
def test_a_job_with_z_up_stands_in_formats_with_y_up(cloud, tmp_path, capsys, suffix):
    """The job's own file says in a comment that z is up."""
    splats = cloud(50, 1)
    standard_ply.write_standard(tmp_path / "splats.ply", splats, "z up, unit metres")
    target = tmp_path / f"out{suffix}"
    assert cli.main(["convert", str(tmp_path / "splats.ply"), str(target), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["splats"] == 50
    assert facts["degree"] == 1
    assert facts["left_out"] == 0
    assert facts["up"] == "z"
    heights = np.sort(splats.means[:, 2])
    axis = 1 if suffix in (".spz", ".glb") else 2
    assert np.allclose(np.sort(splat_files.load(target, "y").means[:, axis]), heights, atol=2e-3)
    assert cli.main(["convert", str(target), str(tmp_path / "back.ply"), "--up", "z"]) == 0
    assert "50 splats" in capsys.readouterr().out
    assert np.allclose(np.sort(splat_files.load(tmp_path / "back.ply").means[:, 2]), heights, atol=2e-3)


def test_what_is_up_may_be_said(cloud, tmp_path):
    splat_files.save(tmp_path / "a.ply", cloud(9), "z")
    for up, axis, sign in (("-y", 1, -1), ("y", 1, 1), ("z", 2, 1)):
        assert cli.main(["convert", str(tmp_path / "a.ply"), str(tmp_path / "a.glb"), f"--up={up}"]) == 0
        heights = splat_files.load(tmp_path / "a.glb", "y").means[:, 1]
        assert np.allclose(heights, sign * cloud(9).means[:, axis], atol=1e-6)
    assert cli.main(["convert", str(tmp_path / "a.ply"), str(tmp_path / "a.glb"), "--up", "x"]) == 2


@pytest.mark.parametrize("suffix", [".ply", ".spz", ".glb"])
def test_splats_may_be_turned_upright_for_another_world(cloud, tmp_path, capsys, suffix):
    """A file with y down, into one with z up: height is what was minus y, and it says so."""
    splats = cloud(20, 1, sh_range=0.3)
    splat_files.save(tmp_path / f"a{suffix}", splats)
    words = ["convert", str(tmp_path / f"a{suffix}"), str(tmp_path / "b.ply"), "--turn", "z"]
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["up"] == splat_files.stated_up(tmp_path / "b.ply") == "z"
    again = splat_files.load(tmp_path / "b.ply")
    assert np.allclose(again.means, splats.means[:, [0, 2, 1]] * [1, 1, -1], atol=1e-5)
    assert cli.main([*words[:-1], "sideways"]) == 2


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("missing.ply", "out.spz", "none at"),
        ("a.ply", "out.obj", "ending in"),
        ("a.ply", "a.ply", "another file"),
        ("a.ply", "no/such/folder/out.spz", "existing folder"),
        ("text.txt", "out.spz", "another kind of file"),
        (".", "out.spz", "meta.json"),
    ],
)
def test_what_cannot_be_converted_is_bad_usage_with_a_reason(cloud, tmp_path, capsys, source, target, reason):
    splat_files.save(tmp_path / "a.ply", cloud(3))
    (tmp_path / "text.txt").write_text("no splats here")
    before = sorted(p.name for p in tmp_path.iterdir())
    assert cli.main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 2
    assert reason in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("biker_first4096_decoded_standard.ply", 4096),
        ("test64_sh.compressed.ply", 64),
        ("playbot_sog_v2/6_0", 1873),
        ("playbot_sog_v2/6_0/meta.json", 1873),
        ("khr_conformance_matrix.glb", 15),
        ("minimal/minimal.splat", 4),
        ("minimal/minimal-v2.spz", 4),
        ("minimal/minimal-v4.spz", 4),
    ],
)
def test_any_file_becomes_each_of_the_four(splat_data, tmp_path, capsys, name, count):
    for suffix in splat_files.WRITTEN:
        target = tmp_path / f"out{suffix}"
        assert cli.main(["convert", str(splat_data / name), str(target)]) == 0
        assert capsys.readouterr().out.startswith(f"{count} splats")
        assert len(splat_files.load(target)) == count


@pytest.mark.data
def test_a_sog_archive_is_taken(splat_data, tmp_path):
    made = shutil.make_archive(str(tmp_path / "robot"), "zip", splat_data / "playbot_sog_v2" / "6_0")
    assert cli.main(["convert", made, str(tmp_path / "robot.spz")]) == 0
    assert len(splat_files.load(tmp_path / "robot.spz")) == 1873
