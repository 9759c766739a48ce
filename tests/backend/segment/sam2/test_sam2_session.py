# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 with random weights behind the interactive session: click, correct, carry, correct a carried frame, stop."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from turnaround.backend.images import read_grey, write_image
from turnaround.backend.mask_session.session import MaskSession

BOX = {"type": "box", "xyxy": [20, 10, 80, 50]}
AWAY = {"type": "point", "xy": [5, 5], "label": 0}
COUNT = 6


@pytest.fixture
def session(installed, tmp_path):
    capture = tmp_path / "capture"
    capture.mkdir()
    for i in range(COUNT):
        image = np.random.default_rng(i).integers(0, 90, (64, 96, 3)).astype(np.uint8)
        image[20:44, 20 + 3 * i : 50 + 3 * i] = (200, 160, 40)
        write_image(capture / f"{i}.png", image)
    opened = MaskSession(capture, tmp_path / "session", "auto", "auto", "cpu", 1280)
    yield opened
    opened.close()


def carried(session: MaskSession) -> dict:
    session.propagate()
    end = time.monotonic() + 60
    while (state := session.state())["state"] == "running" and time.monotonic() < end:
        time.sleep(0.02)
    return state


def test_click_carry_and_correct(session):
    assert (session.engine, session.note) == ("sam2", "")
    first = session.prompt("2.png", [BOX])
    second = session.prompt("2.png", [BOX, AWAY])
    assert first["mask"] != second["mask"]
    assert session.undo("2.png") == first
    state = carried(session)
    assert state["state"] == "done", state
    assert set(state["frames"]) == {f"{i}.png" for i in range(COUNT)}
    assert state["frames"]["2.png"]["mask"] == first["mask"]
    before = {name: row["mask"] for name, row in state["frames"].items()}
    corrected = session.prompt("4.png", [AWAY])
    assert corrected["mask"] != before["4.png"], "the carried mask is what is corrected"
    state = carried(session)
    assert state["frames"]["4.png"]["mask"] == corrected["mask"]
    assert state["frames"]["5.png"]["mask"] != before["5.png"], "its neighbour remembers the corrected frame"
    assert read_grey(Path(state["frames"]["5.png"]["mask"])).shape == (64, 96)


def test_stop(session, monkeypatch):
    session.prompt("2.png", [BOX])
    shown = session._show

    def stop_after_one(index, step, prompted):
        session.stop()
        return shown(index, step, prompted)

    monkeypatch.setattr(session, "_show", stop_after_one)
    state = carried(session)
    assert state["state"] == "cancelled"
    assert len(state["frames"]) == 2
