# SPDX-License-Identifier: GPL-3.0-or-later
"""``turnaround masks`` is ``turnaround run`` that ends after the masks."""

from __future__ import annotations

import numpy as np
from turnaround.backend import cli
from turnaround.backend.images import write_image
from turnaround.protocol import Event


def test_masks_takes_the_flags_of_run_and_stops_after_the_masks(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    seen = []

    def run_here(spec, as_json):
        seen.append(spec)
        return Event(kind="done", job=spec.job)

    monkeypatch.setattr(cli, "run_here", run_here)
    job = str(tmp_path.parent / "job")
    command = ["masks", str(tmp_path), "--job", job, "--point", "3,4", "--set", "masks.engine=photos"]
    assert cli.main(command) == 0
    assert seen[0].until_stage == "masks"
    assert seen[0].prompts == {"a.png": [{"type": "point", "xy": [3, 4], "label": 1}]}
    assert seen[0].overrides == {"masks.engine": "photos"}
