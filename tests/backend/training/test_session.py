# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage trains with its options: another strategy, masks whose outside is unknown, cameras refined as well."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.splat_files import load

SMALL = {
    "hull.resolution": 40,
    "splats.count": 1500,
    "splats.method": "trained",
    "splats.steps": 60,
    "splats.minutes": 0.0,
    "splats.side": 96,
}


@pytest.mark.parametrize(
    "options",
    [{}, {"splats.strategy": "classical", "splats.outside": "unknown", "splats.poses": True}],
)
def test_the_stage_trains_as_told(synthetic, tmp_path, options):
    scene = synthetic.scene(tmp_path, synthetic.torus())
    contexts = synthetic.run_stages(scene.spec, ("hull", "splats"), **SMALL, **options)
    facts = contexts["splats"].facts
    assert facts.method == "trained-numba"
    assert facts.details["steps"] == 60
    assert facts.details["strategy"] == options.get("splats.strategy", "mcmc")
    assert ("cameras_turned_by" in facts.details) == ("splats.poses" in options)
    splats = load(Path(scene.spec.job) / "05_splats" / "splats.ply", up="z")
    assert 300 < len(splats) <= 1500
    assert facts.metrics["splats_psnr"] > 18
