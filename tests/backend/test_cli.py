# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: flags into a job, exit statuses, and what goes to which stream."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from turnaround.backend import cli, flags, folder, worker
from turnaround.backend.terminal import Display, time_left
from turnaround.protocol import DELIVERABLES, FLAGS, Event, JobSpec, from_dict


@pytest.fixture
def spec_of(tmp_path):
    """The job that a command line describes; ``first`` is the photo that prompts lie on without --frame."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()

    def read(*words: str, first: str | None = "000.jpg") -> JobSpec:
        parser = argparse.ArgumentParser()
        flags.add_flags(parser)
        return flags.spec_from(parser.parse_args(list(words)), tmp_path / "photos", tmp_path / "job", first)

    return read


def test_without_flags_the_defaults_hold(spec_of, tmp_path):
    assert spec_of() == JobSpec(capture=str(tmp_path / "photos"), job=str(tmp_path / "job"))


@pytest.mark.parametrize(("word", "number"), [("4321", 4321), ("full", 250_000), ("preview", 25_000), ("0", 0)])
def test_triangles_are_a_number_or_a_size_by_name(spec_of, word, number):
    assert spec_of("--triangles", word).overrides == {"surface.triangles": number, "shape.triangles": number}
    more = spec_of("--triangles", word, "--set", "surface.triangles=99").overrides
    assert more == {"surface.triangles": 99, "shape.triangles": number}


@pytest.mark.parametrize("word", ["many", "-4", "1.5", "99999999999"])
def test_triangles_that_are_none_are_refused(spec_of, word):
    with pytest.raises(ValueError, match="expected"):
        spec_of(f"--triangles={word}")


def test_every_flag_reaches_its_field(spec_of, tmp_path):
    (tmp_path / "prompts.json").write_text('{"frames": {"1.jpg": [{"type": "point", "xy": [5, 6], "label": 0}]}}')
    spec = spec_of(
        *f"--recipe object_scan --preset quality --point 1,2 --box 3,4,5,6 --frame 1.jpg --masks {tmp_path}/masks "
        f"--cameras {tmp_path}/masks --device cpu --length 0.5 --length-of longest --hold-out 4 --deterministic "
        f"--segment a.mp4#1.5:1,2,3,4 --segment 2.jpg:5,6,7,8.5 "
        f"--seed 9 --deliverables glb,stl --from masks --until export --set frames.max_frames=9".split(),
        "--set",
        "frames.subfolders=yes",
        "--prompts",
        str(tmp_path / "prompts.json"),
    )
    assert spec == JobSpec(
        capture=str(tmp_path / "photos"),
        job=str(tmp_path / "job"),
        recipe="object_scan",
        preset="quality",
        device="cpu",
        prompts={
            "1.jpg": [
                {"type": "point", "xy": [5, 6], "label": 0},
                {"type": "point", "xy": [1.0, 2.0], "label": 1},
                {"type": "box", "xyxy": [3.0, 4.0, 5.0, 6.0]},
            ]
        },
        masks=str(tmp_path / "masks"),
        cameras=str(tmp_path / "masks"),
        length=0.5,
        length_of="longest",
        segment={"a.mp4#1.5": [1, 2, 3, 4], "2.jpg": [5, 6, 7, 8.5]},
        hold_out=4,
        deterministic=True,
        seed=9,
        deliverables=("glb", "stl"),
        from_stage="masks",
        until_stage="export",
        overrides={"frames.max_frames": 9, "frames.subfolders": True},
    )


def test_prompts_lie_on_the_first_photo_by_themselves(spec_of):
    assert list(spec_of("--point", "1,2").prompts) == ["000.jpg"]
    assert [p["xy"] for p in spec_of("--point", "1,2", "--point", "3,4").prompts["000.jpg"]] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--point 1", "expected --point to be 2 numbers"),
        ("--point 1,x", "expected --point to be 2 numbers"),
        ("--box 1,2,3", "expected --box to be 4 numbers"),
        ("--box 5,5,1,1", "x0 < x1"),
        ("--frame a.jpg", "expected --point or --box with --frame"),
        ("--length tall", "expected --length to be a number"),
        ("--length -1", "expected length to be a positive number"),
        ("--length 1 --segment 1,2,3,4", "expected --segment NAME:X,Y,X,Y"),
        ("--length 1 --segment a.jpg:1,2,3", "expected --segment to be 4 numbers"),
        ("--segment a.jpg:1,2,3,4", "expected a length with the segment"),
        ("--hold-out 1", "expected hold_out"),
        ("--seed x", "expected --seed to be a number"),
        ("--masks /nowhere/at/all", "expected --masks to be a path that exists"),
        ("--set frames.max_frames", "expected --set STAGE.OPTION=VALUE"),
        ("--set frames.max_frames=many", "expected frames.max_frames to be int"),
        ("--set frames.max_frames=1", "between 3 and 5000 frames"),
        ("--set frames.max=1", "expected an option such as frames.max_frames"),
        ("--set soup.salt=1", "expected an option such as"),
        ("--deliverables glb,fbx", "expected deliverables from"),
        ("--prompts /nowhere.json", "expected a readable --prompts file"),
    ],
)
def test_bad_values_say_what_was_expected(spec_of, words, message):
    with pytest.raises(ValueError, match=message):
        spec_of(*words.split())


@pytest.mark.parametrize("text", ["", "[]", '{"frames": []}', '{"frames": {"a": 1}}', '{"other": {}}', "\x00"])
def test_bad_prompt_files_are_told(spec_of, tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ValueError, match="expected"):
        spec_of("--prompts", str(tmp_path / "p.json"))


def test_a_prompt_without_any_photo_is_refused(spec_of):
    with pytest.raises(ValueError, match="expected --frame NAME"):
        spec_of("--point", "1,2", first=None)


def test_help_names_every_flag_once(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    lines = [
        line.split()[0].rstrip(",") for line in text.split("positional arguments")[1].splitlines() if "  --" in line
    ]
    assert [name for name in lines if name != "--json"] == [f.name for f in FLAGS]
    assert all(d in text for d in DELIVERABLES)


@pytest.mark.parametrize(
    ("capture", "expected"),
    [("duck", "duck"), ("duck/images", "duck"), ("duck/IMAGES", "duck"), ("images of a duck", "images of a duck")],
)
def test_default_job_folder(tmp_path, capture, expected):
    assert folder.default_folder(tmp_path / capture, tmp_path) == tmp_path / "turnaround-jobs" / expected


@pytest.fixture
def turnaround(monkeypatch, fake_worker, fake_capture, capsys):
    """Run a command line on the fake capture with fake stages; return status, standard output and error."""
    monkeypatch.setattr(worker, "command", lambda: fake_worker)
    monkeypatch.chdir(fake_capture.root)

    def run(*words: str):
        status = cli.main(["run", str(fake_capture.folder), "--frame", "photo.jpg", "--point", "1,1", *words])
        return status, *capsys.readouterr()

    return run


def test_done_is_zero_and_the_default_folder_is_here(turnaround, fake_capture):
    status, out, err = turnaround()
    assert status == 0
    assert out == ""
    assert "done: " in err
    assert "100%" in err
    assert (fake_capture.root / "turnaround-jobs" / "capture" / "result.json").exists()


def test_json_is_events_and_nothing_else(turnaround, fake_capture):
    fake_capture.behave(masks="print")
    status, out, err = turnaround("--json")
    events = [from_dict(Event, json.loads(line)) for line in out.splitlines()]
    assert status == 0
    assert err == ""
    assert (events[0].kind, events[-1].kind) == ("started", "done")


def test_a_failed_stage_is_three_with_cause_and_way_out(turnaround, fake_capture):
    fake_capture.behave(masks="fail")
    status, _, err = turnaround()
    assert status == 3
    assert "failed: masks: The mask is empty." in err
    assert "Click on the object." in err


def test_bad_usage_is_two(turnaround, capsys):
    status, out, err = turnaround("--length", "-3")
    assert (status, out) == (2, "")
    assert "expected length to be a positive number" in err
    assert turnaround("--from", "export", "--until", "masks")[0] == 2
    with pytest.raises(SystemExit) as ended:
        turnaround("--preset", "best")
    assert ended.value.code == 2


def test_missing_capture_is_three(capsys, tmp_path):
    assert cli.main(["run", str(tmp_path / "nowhere"), "--point", "1,1"]) == 3
    assert "There is no capture at" in capsys.readouterr().err
    assert cli.main(["inspect", str(tmp_path / "nowhere"), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "capture_missing"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupt_cancels_and_is_130(fake_capture, fake_worker, name):
    fake_capture.behave(masks="slow")
    words = ["run", str(fake_capture.folder), "--frame", "photo.jpg", "--point", "1,1", "--json"]
    words += ["--job", str(fake_capture.root / "job")]
    program = (
        "import sys; from turnaround.backend import cli, worker;"
        f"worker.command = lambda: {fake_worker!r}; sys.exit(cli.main({words!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    events = []
    for line in process.stdout:
        events.append(from_dict(Event, json.loads(line)))
        if events[-1].message == "slowly" and sum(e.message == "slowly" for e in events) == 1:
            os.kill(process.pid, getattr(signal, name))
    assert process.wait(timeout=10) == 130
    assert (events[-1].kind, events[-1].code) == ("failed", "cancelled")


def test_doctor_tells_each_thing(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert {"python", "numpy", "numba", "pycolmap", "cores", "memory", "cuda", "cache", "disk"} <= {
        c["name"] for c in answer["checks"]
    }
    assert cli.main(["doctor"]) == 0
    assert "ok      python" in capsys.readouterr().out


def test_started_by_its_file_alone(tmp_path, repository):
    """As Blender starts it: another folder, no installed package on the path, isolated from the user's settings."""
    command = [sys.executable, "-P", str(repository / "backend" / "__main__.py"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert json.loads(done.stdout)["ok"] is True


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_has_one_bar_with_stage_and_time_left():
    stream = Terminal()
    display = Display(stream)
    display.show(Event(kind="progress", job="", stage="masks", fraction=0.5, message="12 of 30", seconds_left=61))
    assert stream.getvalue() == "\r\033[K[############------------]  50%  masks: 12 of 30  about 61 s left"[:82]
    display.show(Event(kind="warning", job="", stage="masks", message="Careful.", hint="Look."))
    assert stream.getvalue().endswith("\r\033[Kwarning: masks: Careful. Look.\n")
    assert stream.getvalue().count("\n") == 1


def test_plain_lines_without_a_terminal():
    stream = io.StringIO()
    display = Display(stream)
    for fraction in (0.1, 0.2, 0.3):
        display.show(Event(kind="progress", job="", stage="masks", fraction=fraction))
    display.show(Event(kind="stage_finished", job="", stage="masks", fraction=0.4, message="reused"))
    assert stream.getvalue() == " 10%  masks ...\n 40%  masks: reused\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "about 1 s left"), (89, "about 89 s left"), (100, "about 2 min left"), (7200, "about 2.0 h left")],
)
def test_time_left_is_said_as_people_say_it(seconds, text):
    assert time_left(seconds) == text


def test_evaluate_without_a_job_is_bad_usage_or_a_failure(tmp_path, repository):
    command = [sys.executable, "-P", str(repository / "backend" / "__main__.py"), "evaluate", str(tmp_path), "--json"]
    done = subprocess.run([*command, "--truth", str(Path(tmp_path))], capture_output=True, text=True, check=False)
    assert done.returncode in {2, 3}
    assert "Traceback" not in done.stderr
