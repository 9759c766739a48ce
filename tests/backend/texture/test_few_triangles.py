# SPDX-License-Identifier: GPL-3.0-or-later
"""Few triangles carry as fine a texture: what vertex colours cannot hold, held-out photos show."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def scored(repository, images, truth, masks, job):
    """Metrics of a job with given cameras and masks at 5000 triangles."""
    done = subprocess.run(
        [
            sys.executable, "-P", str(repository / "backend" / "__main__.py"), "run", str(images), "--job", str(job),
            "--masks", str(masks), "--cameras", str(truth), "--triangles", "5000", "--deliverables", "glb",
            "--set", "splats.method=untrained", "--set", "splats.count=2000", "--set", "texture.size=1024",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((job / "result.json").read_text())["metrics"]


@pytest.mark.slow
def test_the_sample_gains_three_decibels_at_5000_triangles(repository, tmp_path):
    sample = repository / "samples" / "elephant"
    metrics = scored(repository, sample / "images", sample / "transforms.json", sample / "masks", tmp_path / "job")
    assert metrics["texture_psnr"] > metrics["mesh_psnr"] + 3
    assert metrics["texture_psnr"] > 23.5
