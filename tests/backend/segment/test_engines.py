# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mask engine runs, and how the order of frames is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.segment import engines, sequence


def scenery(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (300, 400)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def test_a_slow_pan_is_a_sequence_and_its_shuffle_is_not():
    ground = scenery(0)
    pan = [ground[20 + i : 164 + i, 3 * i : 3 * i + 192].copy() for i in range(30)]
    assert sequence.is_sequence(pan)
    shuffled = [pan[i] for i in np.random.default_rng(1).permutation(30)]
    assert not sequence.is_sequence(shuffled)
    assert not sequence.is_sequence([scenery(i)[:144, :192].copy() for i in range(6)])
    assert not sequence.is_sequence(pan[:2])
    assert not sequence.is_sequence([*pan[:-1], pan[-1][:100]])


def test_no_more_pairs_are_compared_than_needed():
    assert sequence.pairs_to_compare(0) == sequence.pairs_to_compare(1) == []
    assert sequence.pairs_to_compare(2) == [0]
    assert sequence.pairs_to_compare(5) == [0, 1, 2, 3]
    spread = sequence.pairs_to_compare(1000)
    assert (spread[0], spread[-1]) == (0, 998)
    assert len(spread) <= 48


@pytest.mark.parametrize(
    ("absent", "ordered", "name", "instead"),
    [
        (set(), True, "sam2", ""),
        (set(), False, "sam2", ""),
        ({"sam2"}, True, "tracker", "SAM 2"),
        ({"sam2"}, False, "photos", "SAM 2"),
        ({"sam2", "tracker"}, True, "photos", "SAM 2"),
    ],
)
def test_the_best_engine_that_is_there_is_chosen(monkeypatch, absent, ordered, name, instead):
    monkeypatch.setattr(engines, "missing", lambda engine: "it is not installed" if engine in absent else "")
    choice = engines.choose("auto", ordered)
    assert (choice.name, choice.instead_of) == (name, instead)
    assert bool(choice.reason) == bool(choice.hint) == bool(instead)
    assert engines.choose("photos", ordered) == engines.Choice(name="photos")


def test_an_engine_that_cannot_run_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(engines, "missing", lambda engine: "no model is installed")
    with pytest.raises(PipelineError, match="no model is installed") as caught:
        engines.load("sam2")
    assert caught.value.code == "engine_missing"
    assert "turnaround models install" in caught.value.hint
    monkeypatch.undo()
    assert engines.load("photos").METHOD
    with pytest.raises(ValueError, match="sam2, tracker, photos, fixed, salient, automatic"):
        engines.missing("magic")


def test_sam_2_is_built_for_the_device_that_the_job_was_given(monkeypatch):
    from turnaround.backend.segment.sam2 import engine, model

    asked = []

    class StopError(Exception):
        pass

    def network(wanted, device):
        asked.append((wanted, device))
        raise StopError

    monkeypatch.setattr(model, "network", network)
    with pytest.raises(StopError):
        engines.clicker("sam2", "cuda", "sam2.1-tiny")
    with pytest.raises(StopError):
        list(engine.segment(engines.Task(pictures=[], device="cuda", model="sam2.1-tiny")))
    assert asked == [("sam2.1-tiny", "cuda")] * 2
