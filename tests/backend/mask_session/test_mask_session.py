# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicking masks: by itself, and over the service's pipe."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.images import read_grey, write_image
from turnaround.backend.mask_session.contour import outlines
from turnaround.backend.mask_session.session import MaskSession
from turnaround.backend.segment.given import read_confidences
from turnaround.protocol import VERSION

COUNT = 5
CLICK = {"type": "point", "xy": [170, 140], "label": 1}


def scene(index: int) -> tuple[np.ndarray, np.ndarray]:
    """An orange ellipse with a blue square above on a grey floor, moving a little; (240, 320)."""
    random = np.random.default_rng(index)
    image = random.normal(120, 6, (240, 320, 3))
    truth = np.zeros((240, 320), np.uint8)
    cv2.ellipse(truth, (165 + 6 * index, 135), (60, 45), 0, 0, 360, 1, -1)
    image[truth > 0] = (230, 130, 20)
    cap = np.zeros_like(truth)
    cv2.rectangle(cap, (145 + 6 * index, 40), (185 + 6 * index, 72), 1, -1)
    image[cap > 0] = (20, 60, 220)
    image += random.normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), truth


@pytest.fixture
def capture(tmp_path):
    folder = tmp_path / "capture"
    folder.mkdir()
    for i in range(COUNT):
        write_image(folder / f"{i:03d}.png", scene(i)[0])
    return folder


@pytest.fixture
def session(capture, tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))
    opened = MaskSession(capture, tmp_path / "session", "auto", "auto", "cpu", 1280)
    yield opened
    opened.close()


def overlap(path: str, truth: np.ndarray) -> float:
    mask = read_grey(Path(path)) > 127
    return float((mask & (truth > 0)).sum() / (mask | (truth > 0)).sum())


def wait(session: MaskSession) -> dict:
    end = time.monotonic() + 120
    while (state := session.state())["state"] == "running" and time.monotonic() < end:
        time.sleep(0.02)
    return state


def test_a_click_gives_a_mask_and_its_outline(session):
    assert session.frames.names == [f"{i:03d}.png" for i in range(COUNT)]
    assert "turnaround models install" in session.note
    answer = session.prompt("000.png", [CLICK])
    truth = scene(0)[1]
    assert overlap(answer["mask"], truth) > 0.95
    drawn = np.zeros_like(truth)
    polygons = [np.round(np.array(p) - 0.5).astype(np.int32) for p in answer["contour"]]
    cv2.fillPoly(drawn, polygons, 1)
    assert overlap(answer["mask"], drawn) > 0.97
    assert 0.5 < answer["confidence"] <= 1


def test_strokes_and_clicks_correct_and_undo_goes_back_exactly(session):
    first = session.prompt("000.png", [CLICK])
    stroke = {"type": "stroke", "points": [[165, 50], [165, 64]], "radius": 6, "label": 1}
    more = session.prompt("000.png", [CLICK, stroke])
    grown = read_grey(Path(more["mask"])) > 127
    assert grown[57, 165]
    assert not (read_grey(Path(first["mask"])) > 127)[57, 165]
    back_and_forth = [[145, 42], [185, 42], [145, 56], [185, 56], [145, 70], [185, 70]]
    away = {"type": "stroke", "points": back_and_forth, "radius": 9, "label": 0}
    less = session.prompt("000.png", [CLICK, stroke, away])
    assert not (read_grey(Path(less["mask"])) > 127)[57, 165]
    assert (read_grey(Path(less["mask"])) > 127)[140, 170]
    assert overlap(less["mask"], scene(0)[1]) > 0.93
    assert session.undo("000.png") == more
    assert session.undo("000.png") == first
    gone = session.undo("000.png")
    assert gone["mask"] == ""
    assert session.state()["frames"] == {}


def test_propagate_correct_and_propagate_again(session):
    session.prompt("000.png", [CLICK])
    assert session.propagate() == {"started": True}
    with pytest.raises(PipelineError, match="being carried"):
        session.prompt("001.png", [CLICK])
    state = wait(session)
    assert state["state"] == "done", state
    assert state["fraction"] == 1
    assert set(state["frames"]) == set(session.frames.names)
    assert [row["prompted"] for row in state["frames"].values()] == [True] + [False] * (COUNT - 1)
    for i, row in enumerate(state["frames"].values()):
        assert overlap(row["mask"], scene(i)[1]) > 0.9
        assert 0 < row["confidence"] <= 1
        # What a job is given: all masks under the photos' names.
        assert (session.final / f"{i:03d}.png.png").read_bytes() == Path(row["mask"]).read_bytes()
    assert "contour" not in state["frames"]["003.png"]
    assert session.state("003.png")["frames"]["003.png"]["contour"]
    before = state["frames"]["003.png"]["mask"]
    # A correction starts from the mask that was carried there: a mark beside the object alone is enough.
    beside = {"type": "stroke", "points": [[140, 130], [140, 150]], "radius": 5, "label": 0}
    corrected = session.prompt("003.png", [beside])
    mask = read_grey(Path(corrected["mask"])) > 127
    assert not mask[140, 140]
    assert mask[140, 200]
    session.propagate()
    state = wait(session)
    assert state["frames"]["003.png"]["mask"] == corrected["mask"] != before
    assert state["frames"]["003.png"]["prompted"]


def test_stopping_keeps_what_was_carried(session, monkeypatch):
    session.prompt("000.png", [CLICK])
    shown = session._show

    def stop_after_two(index, step, prompted):
        result = shown(index, step, prompted)
        if len(session.shown) == 3:
            session.stop()
        return result

    monkeypatch.setattr(session, "_show", stop_after_two)
    session.propagate()
    state = wait(session)
    assert state["state"] == "cancelled"
    assert len(state["frames"]) == 3
    session.prompt("000.png", [CLICK])


def test_prompts_outlive_the_process_and_are_offered_again(session, capture, tmp_path):
    assert session.kept == {}
    session.prompt("000.png", [CLICK])
    session.prompt("003.png", [CLICK])
    session.prompt("003.png", [])
    # Nothing is closed: this is what a crash leaves behind.
    again = MaskSession(capture, tmp_path / "session", "auto", "auto", "cpu", 1280)
    assert again.kept == {"000.png": [CLICK]}
    other = tmp_path / "other"
    other.mkdir()
    write_image(other / "000.png", scene(0)[0])
    assert MaskSession(other, tmp_path / "session", "auto", "auto", "cpu", 1280).kept == {}
    (tmp_path / "session" / "prompts.json").write_text('{"capture": 3, "frames": [')
    assert MaskSession(capture, tmp_path / "session", "auto", "auto", "cpu", 1280).kept == {}


def test_a_job_learns_how_sure_the_masks_are(session):
    session.prompt("000.png", [CLICK])
    session.propagate()
    state = wait(session)
    said = read_confidences(session.final)
    assert said == {f"{name}.png": row["confidence"] for name, row in state["frames"].items()}
    assert len(set(said.values())) > 1
    session.prompt("000.png", [])
    assert "000.png.png" not in read_confidences(session.final)


def test_a_mask_is_a_prompt_and_marks_after_it_correct_it(session, tmp_path):
    truth = scene(0)[1] * 255
    truth[:, 165:] = 0  # half of it
    write_image(tmp_path / "half.png", cv2.resize(truth, (160, 120)))
    mask = {"type": "mask", "path": str(tmp_path / "half.png")}
    half = session.prompt("000.png", [mask])
    assert overlap(half["mask"], truth) > 0.95
    stroke = {"type": "stroke", "points": [[185, 120], [200, 150]], "radius": 12, "label": 1}
    more = session.prompt("000.png", [mask, stroke])
    assert (read_grey(Path(more["mask"])) > 127)[135, 195]
    assert session.undo("000.png") == half
    write_image(tmp_path / "wide.png", np.full((50, 300), 255, np.uint8))
    for wrong, part in (("nosuch.png", "cannot be read"), ("wide.png", "proportions")):
        with pytest.raises(PipelineError, match=part):
            session.prompt("000.png", [{"type": "mask", "path": str(tmp_path / wrong)}])


def test_a_video_is_marked_and_its_masks_are_shown_but_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))
    film = tmp_path / "clip.mp4"
    write_film(film, [scene(i // 4)[0] for i in range(24)])
    opened = MaskSession(film, tmp_path / "session", "auto", "auto", "cpu", 1280)
    names = opened.frames.names
    assert len(names) == 12
    assert (names[0], names[6]) == ("clip.mp4#0.000", "clip.mp4#0.500")
    answer = opened.prompt(names[6], [{**CLICK, "xy": [185, 135]}])
    assert overlap(answer["mask"], scene(3)[1]) > 0.9
    opened.propagate()
    state = wait(opened)
    assert state["state"] == "done", state
    for i, name in enumerate(names):
        assert overlap(state["frames"][name]["mask"], scene(i // 2)[1]) > 0.85
    assert list(opened.final.glob("*")) == []
    with pytest.raises(PipelineError, match="no picture called"):
        opened.prompt("clip.mp4#77.000", [CLICK])
    opened.close()
    (tmp_path / "torn.mp4").write_bytes(film.read_bytes()[:200])
    with pytest.raises(PipelineError, match="cannot be used"):
        MaskSession(tmp_path / "torn.mp4", tmp_path / "session", "auto", "auto", "cpu", 1280)


def write_film(path: Path, pictures: list[np.ndarray]) -> None:
    """An H.264 video at 24 pictures a second."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("frame", "prompts", "error", "part"),
    [
        ("nosuch.png", [CLICK], PipelineError, "nosuch"),
        ("000.png", [{**CLICK, "label": 0}], PipelineError, "cannot be used"),
        ("000.png", [{**CLICK, "xy": [9000, 0]}], PipelineError, "picture"),
        ("000.png", [{"type": "lasso"}], ValueError, "expected type"),
    ],
)
def test_what_cannot_be_used_is_said(session, frame, prompts, error, part):
    with pytest.raises(error, match=part):
        session.prompt(frame, prompts)
    assert session.prompts == {}


def test_nothing_to_propagate_and_bad_captures(session, tmp_path, capture):
    with pytest.raises(PipelineError, match="Nothing is marked"):
        session.propagate()
    with pytest.raises(PipelineError, match="no capture"):
        MaskSession(tmp_path / "none", tmp_path / "s", "auto", "auto", "cpu", 640)
    with pytest.raises(PipelineError, match="in the capture"):
        MaskSession(capture, capture / "s", "auto", "auto", "cpu", 640)
    with pytest.raises(PipelineError, match="cannot run"):
        MaskSession(capture, tmp_path / "s", "sam2", "auto", "cpu", 640)


def test_outlines_have_holes_and_a_bound():
    mask = np.zeros((100, 100), np.uint8)
    cv2.circle(mask, (50, 50), 30, 255, -1)
    cv2.circle(mask, (50, 50), 10, 0, -1)
    polygons = outlines(mask, (0.5, 0.5))
    assert len(polygons) == 2
    assert np.mean(polygons[0], 0) == pytest.approx([101, 101], abs=1.5)
    noise = (np.random.default_rng(0).random((400, 400)) > 0.5).astype(np.uint8) * 255
    assert sum(len(p) for p in outlines(noise, (1, 1))) <= 4000
    assert outlines(np.zeros((5, 5), np.uint8), (1, 1)) == []


def test_over_the_pipe_with_a_process_that_may_die(capture, tmp_path, repository):
    """The real service and the real process: open, click, propagate, death of the process, opened again."""
    command = [sys.executable, "-P", str(repository / "backend" / "__main__.py"), "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:

        def ask(method, **params):
            line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            service.stdin.write(line.encode() + b"\n")
            service.stdin.flush()
            return json.loads(service.stdout.readline())

        try:
            ask("hello", version=VERSION)
            assert ask("masks_state", session="1")["error"]["data"]["message"] == "No mask session is open."
            opening = {"capture": str(capture), "folder": str(tmp_path / "s"), "engine": "photos"}
            opened = ask("masks_open", **opening)["result"]
            answer = ask("masks_prompt", session=opened["session"], frame="000.png", prompts=[CLICK])["result"]
            assert overlap(answer["mask"], scene(0)[1]) > 0.95
            wrong = ask("masks_prompt", session=opened["session"], frame="000.png", prompts=[{"type": "x"}])
            assert "expected type" in wrong["error"]["message"]
            ask("masks_propagate", session=opened["session"])
            end = time.monotonic() + 60
            state = {"state": "running"}
            while state["state"] == "running" and time.monotonic() < end:
                state = ask("masks_state", session=opened["session"])["result"]
                time.sleep(0.05)
            assert len(state["frames"]) == COUNT
            assert ask("masks_close", session=opened["session"])["result"] == {"closed": True}
            closed = ask("masks_state", session=opened["session"])["error"]["data"]
            assert "Open the capture again" in closed["hint"]
            assert ask("masks_open", **opening)["result"]["session"] != opened["session"]
        finally:
            service.stdin.close()
            service.wait(timeout=20)
    assert service.returncode == 0


@pytest.mark.data
def test_a_box_on_the_first_picture_of_a_real_video(data, tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))
    opened = MaskSession(data / "video_apple" / "apple.mp4", tmp_path / "session", "auto", "auto", "cpu", 1296)
    answer = opened.prompt("apple.mp4#0.000", [{"type": "box", "xyxy": [318, 129, 642, 453]}])
    mask, truth = read_grey(Path(answer["mask"])), read_grey(next((data / "video_apple").glob("*.png")))
    assert mask.shape == truth.shape == (720, 1296)
    assert overlap(answer["mask"], (truth > 127).astype(np.uint8)) >= 0.97
    assert answer["confidence"] > 0.8
    opened.close()
