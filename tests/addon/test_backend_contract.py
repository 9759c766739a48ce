# SPDX-License-Identifier: GPL-3.0-or-later
"""The session with the real backend, as far as that takes seconds: both sides keep the same contract."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from turnaround.addon.session import Session, State
from turnaround.protocol import DEVICES, ERRORS, JobSpec

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None or importlib.util.find_spec("bpy") is not None,
    reason="the backend's own environment is needed, not Blender's",
)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    session = Session(Path(sys.executable), tmp_path_factory.mktemp("logs") / "backend.log")
    yield session
    session.stop()
    assert not session.running


@pytest.fixture
def photo(tmp_path):
    """A capture of one photo that lies on its side: 400 x 300 pixels stored, 300 x 400 upright."""
    from PIL import Image

    folder = tmp_path / "capture"
    folder.mkdir()
    image = Image.new("RGB", (400, 300), (200, 50, 50))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "a.jpg", exif=exif)
    return folder


def test_the_preview_is_upright_and_knows_the_photos_size(backend, photo, tmp_path):
    params = {"capture": str(photo), "frame": "a.jpg", "max_side": 200, "folder": str(tmp_path / "previews")}
    answer = backend.ask("preview", params)
    assert (answer["source_width"], answer["source_height"]) == (300, 400)
    assert answer["height"] == 200
    assert Path(answer["path"]).is_file()
    assert backend.capabilities["devices"]
    assert set(backend.capabilities["devices"]) <= set(DEVICES)


def test_what_the_panel_draws_of_an_inspection_is_there(backend, photo):
    (photo / "cut.jpg").write_bytes((photo / "a.jpg").read_bytes()[:200])
    found = backend.ask("inspect", {"capture": str(photo)})
    assert [entry["name"] for entry in found["unreadable"]] == ["cut.jpg"]
    assert all(entry["reason"] for entry in found["unreadable"])
    assert all(isinstance(text, str) for text in found["advice"])
    for row in found["presets"]:
        assert {"preset", "frames", "seconds", "disk_mb"} <= set(row)


def test_an_error_has_its_hint(backend, tmp_path):
    with pytest.raises(ValueError, match="no capture at"):
        backend.ask("inspect", {"capture": str(tmp_path / "absent")})


def test_a_job_on_a_hopeless_capture_fails_with_cause_and_remedy(backend, tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "a.txt").write_text("no photo")
    backend.submit(JobSpec(capture=str(folder), job=str(tmp_path / "job"), preset="draft"))
    assert backend.wait() is State.FAILED
    problem = backend.job.problem
    assert problem.code in ERRORS
    assert problem.code.startswith("capture_")
    assert problem.hint
    assert problem.remedy == "choose_capture"
    assert backend.running, "a failed job does not end the backend"
