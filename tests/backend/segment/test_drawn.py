# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks as prompts on their way into a job: the prompts file, the stamp, a video's regions."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest
from turnaround.backend import flags, stamps
from turnaround.backend.stages import masks
from turnaround.backend.video import regions
from turnaround.backend.video.reading import Header
from turnaround.protocol import JobSpec


@pytest.fixture
def spec(tmp_path):
    """A job whose prompts file names a mask beside it."""
    painted = np.zeros((60, 80), np.uint8)
    painted[10:40, 20:50] = 255
    (tmp_path / "mine").mkdir()
    cv2.imwrite(str(tmp_path / "mine" / "a.png"), painted)
    frames = {"a.jpg": [{"type": "mask", "path": "mine/a.png"}]}
    (tmp_path / "prompts.json").write_text(json.dumps({"frames": frames}))
    parser = argparse.ArgumentParser()
    flags.add_flags(parser)
    said = parser.parse_args(["--prompts", str(tmp_path / "prompts.json")])
    return flags.spec_from(said, tmp_path / "photos", tmp_path / "job")


def test_a_path_in_a_prompts_file_is_beside_the_file(spec, tmp_path):
    assert spec.prompts == {"a.jpg": [{"type": "mask", "path": str((tmp_path / "mine" / "a.png").resolve())}]}


@pytest.mark.parametrize("path", [None, "", 3])
def test_a_mask_without_a_file_is_refused(path):
    with pytest.raises(ValueError, match="'path' of its file"):
        JobSpec(capture="/a", job="/b", prompts={"a.jpg": [{"type": "mask", "path": path}]}).check()


def test_a_mask_that_was_painted_anew_makes_its_masks_anew(spec, tmp_path):
    before = stamps.digest_of(masks, spec, {}, {})
    assert stamps.digest_of(masks, spec, {}, {}) == before
    cv2.imwrite(str(tmp_path / "mine" / "a.png"), np.full((60, 80), 255, np.uint8))
    assert stamps.digest_of(masks, spec, {}, {}) != before


def test_a_mask_says_where_the_object_of_a_video_is(spec):
    header = Header(
        container="mp4", codec="h264", width=160, height=120, turn=0, stretch=1.0, rate=24.0, seconds=1.0, count=24,
        hdr="", interlaced=False,
    )  # fmt: skip
    weights = regions._marks(spec.prompts["a.jpg"], (30, 40), header)
    assert weights[12, 17] == 1
    assert weights[2, 2] == 0
    assert weights.sum() == pytest.approx(15 * 15, rel=0.05)
