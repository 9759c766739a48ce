# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask board: what it asks for and what it shows, against a caller that answers when told to."""

from __future__ import annotations

import pytest
from turnaround.addon.masking import DOUBTFUL, MaskBoard, Phase
from turnaround.addon.session import Problem

CLICK = {"type": "point", "xy": [10, 20], "label": 1}
AWAY = {"type": "point", "xy": [1, 2], "label": 0}
OPENED = {"session": "1", "frames": ["a", "b", "c", "d"], "masks": "/final", "note": "no model", "engine": "photos"}


class Caller:
    """Keeps requests until ``reply``."""

    def __init__(self):
        self.waiting = []

    def call(self, method, params, answer):
        self.waiting.append((method, params, answer))

    def reply(self, result=None, problem=None):
        method, params, answer = self.waiting.pop(0)
        answer(result, problem)
        return method, params


@pytest.fixture
def caller():
    return Caller()


@pytest.fixture
def board(caller):
    made = MaskBoard(lambda: caller)
    made.open("/capture", "/folder")
    assert made.phase is Phase.OPENING
    assert made.active
    assert caller.reply(OPENED) == (
        "masks_open", {"capture": "/capture", "folder": "/folder", "device": "auto"}
    )  # fmt: skip
    return made


def cut(frame: str, mask: str = "m1", confidence: float = 0.9) -> dict:
    return {"frame": frame, "mask": mask, "contour": [[[0, 0], [4, 0], [4, 4]]], "confidence": confidence}


def row(mask: str, confidence: float, prompted: bool = False, **more) -> dict:
    return {"mask": mask, "confidence": confidence, "prompted": prompted, **more}


def test_a_mark_is_asked_for_once_and_shown(board, caller):
    assert (board.phase, board.folder, board.note) == (Phase.READY, "/final", "no model")
    assert not board.pump({})
    assert board.pump({"a": [CLICK]})
    assert not board.pump({"a": [CLICK]}), "it is on its way"
    assert board.active
    assert caller.reply(cut("a")) == ("masks_prompt", {"session": "1", "frame": "a", "prompts": [CLICK]})
    assert board.shown["a"].prompted
    assert board.shown["a"].contour
    assert not board.pump({"a": [CLICK]})
    assert not board.active


def test_an_undo_is_fewer_marks(board, caller):
    board.pump({"a": [CLICK, AWAY]})
    caller.reply(cut("a", "m2"))
    assert board.pump({"a": [CLICK]})
    assert caller.reply(cut("a", "m1"))[1]["prompts"] == [CLICK]
    assert board.shown["a"].mask == "m1"
    board.pump({})
    assert caller.reply({"frame": "a", "mask": "", "contour": [], "confidence": 0.0})[1]["prompts"] == []
    assert board.shown == {}


def test_clicks_made_while_one_is_answered_are_asked_for_together(board, caller):
    board.pump({"a": [CLICK]})
    board.pump({"a": [CLICK, AWAY]})
    board.pump({"a": [CLICK, AWAY, CLICK], "b": [CLICK]})
    assert [params["frame"] for _, params, _ in caller.waiting] == ["a", "b"]
    caller.reply(cut("a"))
    caller.reply(cut("b"))
    board.pump({"a": [CLICK, AWAY, CLICK], "b": [CLICK]})
    assert [params["prompts"] for _, params, _ in caller.waiting] == [[CLICK, AWAY, CLICK]]


def test_a_refused_mark_is_said_and_not_asked_for_again(board, caller):
    board.pump({"a": [AWAY]})
    caller.reply(problem=Problem(code="prompt_bad", message="only beside", hint="click on it"))
    assert board.problem.message == "only beside"
    assert not board.pump({"a": [AWAY]})
    board.pump({"a": [AWAY, CLICK]})
    caller.reply(cut("a"))
    assert board.problem is None


@pytest.mark.parametrize("code", ["worker_died", "backend_died"])
def test_where_the_process_dies_all_marks_are_sent_again_once_it_is_open(board, caller, code):
    board.pump({"a": [CLICK], "b": [CLICK]})
    caller.reply(cut("a"))
    caller.reply(problem=Problem(code=code, message="died", hint="open again"))
    assert (board.phase, board.active, board.problem.message) == (Phase.CLOSED, False, "died")
    assert not board.pump({"a": [CLICK], "b": [CLICK]})
    board.open("/capture", "/folder")
    caller.reply({**OPENED, "session": "2", "kept": {"a": [CLICK]}})
    assert board.kept == {"a": [CLICK]}
    board.pump({"a": [CLICK], "b": [CLICK]})
    assert [(params["session"], params["frame"]) for _, params, _ in caller.waiting] == [("2", "a"), ("2", "b")]


def test_carrying_that_dies_is_over(board, caller):
    board.pump({"a": [CLICK]})
    caller.reply(cut("a"))
    board.propagate()
    caller.reply({"started": True})
    board.pump({"a": [CLICK]}, "a")
    caller.reply(problem=Problem(code="worker_died", message="died", hint=""))
    assert board.phase is Phase.CLOSED


def test_carrying_is_followed_to_its_end_and_doubtful_photos_are_found(board, caller, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("turnaround.addon.masking.time.monotonic", lambda: now[0])
    assert board.next_doubtful("a") == ""
    board.pump({"a": [CLICK]})
    caller.reply(cut("a"))
    board.propagate()
    assert board.phase is Phase.CARRYING
    assert caller.reply({"started": True})[0] == "masks_propagate"
    now[0] = 1.0
    assert board.pump({"a": [CLICK]}, "b")
    assert not board.pump({"a": [CLICK]}, "b"), "one question at a time"
    rows = {"a": row("m1", 0.9, True), "b": row("m3", 0.3, contour=[[[1, 1], [2, 2], [3, 1]]])}
    asked = caller.reply({"state": "running", "fraction": 0.5, "message": "x", "hint": "", "frames": rows})
    assert asked == ("masks_state", {"session": "1", "frame": "b"})
    assert (board.fraction, board.message) == (0.5, "x")
    assert board.shown["b"].contour
    assert board.shown["a"].contour, "the outline that is known stays"
    assert not board.pump({}), "not more often than a few times a second"
    now[0] = 2.0
    board.pump({"a": [CLICK]}, "b")
    rows |= {"c": row("m4", DOUBTFUL + 0.1), "d": row("m5", DOUBTFUL - 0.1)}
    caller.reply({"state": "done", "fraction": 1.0, "message": "", "hint": "", "frames": rows})
    assert board.phase is Phase.READY
    assert [board.next_doubtful(f) for f in ("a", "b", "d", "nosuch")] == ["b", "d", "b", "b"]
    # A corrected photo is doubtful no more.
    board.pump({"a": [CLICK], "b": [AWAY]}, "b")
    caller.reply(cut("b", "m9"))
    assert board.next_doubtful("a") == "d"
    # The outline of a carried photo is asked for when it is shown.
    now[0] = 3.0
    assert board.pump({"a": [CLICK], "b": [AWAY]}, "c")
    rows["c"]["contour"] = [[[1, 1], [2, 2], [3, 1]]]
    rows["b"] = row("m9", 0.9, True)
    caller.reply({"state": "done", "fraction": 1.0, "message": "", "hint": "", "frames": rows})
    assert board.shown["c"].contour
    now[0] = 4.0
    assert not board.pump({"a": [CLICK], "b": [AWAY]}, "c")


def test_stopping_and_failing(board, caller):
    board.pump({"a": [CLICK]})
    caller.reply(cut("a"))
    board.stop()
    assert not caller.waiting
    board.propagate()
    caller.reply({"started": True})
    board.stop()
    assert caller.reply({"stopped": True})[0] == "masks_stop"
    board.pump({}, "a")
    caller.reply({"state": "failed", "fraction": 0.2, "message": "no memory", "hint": "close others", "frames": {}})
    assert (board.phase, board.problem.message, board.problem.hint) == (Phase.READY, "no memory", "close others")
    board.propagate()
    caller.reply(problem=Problem(code="prompt_bad", message="nothing marked"))
    assert board.phase is Phase.READY


def test_answers_for_a_closed_capture_are_not_believed(board, caller):
    board.pump({"a": [CLICK]})
    _, _, late = caller.waiting.pop()
    board.open("/other", "/folder")
    late(cut("a"), None)
    assert board.shown == {}
    caller.reply(problem=Problem(code="capture_missing", message="gone"))
    assert (board.phase, board.problem.message) == (Phase.CLOSED, "gone")
    assert not board.pump({"a": [CLICK]})
    board.close()
    assert board.problem is None
