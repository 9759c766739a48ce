# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole installations that are updated, repaired, cancelled, killed: seconds to a minute each."""

from __future__ import annotations

import sys
import time

import pytest
from turnaround.addon.environment import layout
from turnaround.addon.environment.diagnostics import report
from turnaround.addon.environment.manager import Action, State

pytestmark = pytest.mark.slow
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_a_check_finds_a_damage_and_a_repair_mends_it(world, managers):
    manager = world.manager()
    manager.install()
    assert manager.wait().state is State.READY
    site = layout.site_packages(world.root / layout.installed(world.root).folder)
    (site / "tiny.py").unlink()
    manager.check()
    status = manager.wait()
    assert (status.state, status.button) == (State.BROKEN, Action.REPAIR)
    assert manager.trouble.message.startswith("tiny does not load in the environment: ModuleNotFoundError")
    assert world.manager().status().state is State.BROKEN, "known after a restart as well"
    manager.install()
    assert manager.wait().state is State.READY
    assert world.version(manager) == "1.0"
    manager.tidy()
    manager.wait()
    assert not world.leftovers(world.root)


def test_an_update_keeps_the_old_until_the_new_one_works(world, managers):
    manager = world.manager()
    manager.install()
    manager.wait()
    old = manager.python()
    world.release("2.0", "raise RuntimeError('this release is bad')\n")
    manager = world.manager()
    assert manager.status().state is State.OUTDATED
    manager.install()
    status = manager.wait()
    assert status.state is State.OUTDATED
    assert manager.trouble.message == "tiny does not load in the environment: RuntimeError: this release is bad"
    assert manager.python() == old
    assert world.version(manager) == "1.0", "it went back"
    assert world.leftovers(world.root) == {"packages", "building.json"}
    world.release("2.1")
    manager = world.manager()
    manager.install()
    assert manager.wait().state is State.READY
    assert world.version(manager) == "2.1"
    assert old.exists(), "a job may still run from it"
    manager.tidy()
    manager.wait()
    assert not old.exists()
    assert not world.leftovers(world.root)


def test_a_backend_that_is_not_well_is_not_taken(world, managers):
    world.well(False)
    manager = world.manager()
    manager.install()
    assert manager.wait().state is State.INCOMPLETE
    assert (manager.trouble.message, manager.trouble.hint) == ("tiny: 1.0", "Do this.")
    assert manager.python() is None


def test_a_server_that_breaks_off_is_asked_again_for_the_rest(world, server, managers):
    server.breaks = 700_000
    manager = world.manager(packages=server.url)
    manager.install()
    assert manager.wait().state is State.READY
    assert world.version(manager) == "1.0"
    assert server.resumes == [700_000, 1_400_000, 2_100_000, 2_800_000]


def test_a_server_that_cannot_resume_is_asked_for_all_of_it(world, server, managers):
    server.ranges = False
    world.release("1.0", size=200_000)
    folder = world.root / "packages"
    folder.mkdir(parents=True)
    entry = world.files["torchlike-1.0-py3-none-any.whl"]
    (folder / f"torchlike-1.0-py3-none-any.whl.{entry[3][:8]}.part").write_bytes(bytes(1000))
    manager = world.manager(packages=server.url)
    manager.install()
    assert manager.wait().state is State.READY


def test_a_part_that_was_damaged_on_disk_is_fetched_anew(world, server, managers):
    folder = world.root / "packages"
    folder.mkdir(parents=True)
    entry = world.files["torchlike-1.0-py3-none-any.whl"]
    (folder / f"torchlike-1.0-py3-none-any.whl.{entry[3][:8]}.part").write_bytes(bytes(1_000_000))
    manager = world.manager(packages=server.url)
    manager.install()
    assert manager.wait().state is State.READY
    assert server.resumes == [1_000_000]


def test_progress_counts_bytes_and_cancel_keeps_them(world, server, managers):
    server.pause = 0.02
    manager = world.manager(packages=server.url)
    manager.install()
    assert manager.status().state is State.INSTALLING
    world.until(manager, lambda: manager.progress.done > 1_000_000)
    progress = manager.progress
    assert (progress.step, progress.steps, progress.title) == (2, 5, "Downloading")
    assert progress.total == sum(entry[2] for entry in world.files.values())
    assert progress.text == "torchlike (2 of 2)"
    assert progress.line == f"2 of 5  Downloading: {progress.done / 1e6:.0f} of 3 MB"
    began = time.monotonic()
    manager.cancel()
    status = manager.wait(20)
    assert time.monotonic() - began < 6
    assert (status.state, manager.trouble) == (State.INCOMPLETE, None)
    server.pause = 0.0
    manager.install()
    assert manager.wait().state is State.READY
    assert server.resumes
    assert server.resumes[0] >= 1_000_000, "it went on where it was"


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("step", [2, 4])
def test_killed_in_the_middle_it_goes_on_and_leaves_no_process(world, server, managers, step):
    server.pause = 0.02 if step == 2 else 0.0
    manager = world.manager(packages=server.url)
    manager.install()
    world.until(manager, lambda: manager.progress.step == step and (step == 4 or manager.progress.done > 500_000))
    if step == 4:
        world.until(manager, lambda: world.alive(str(world.root)))
    manager._child.kill()
    world.until(manager, lambda: not manager.running)
    assert manager.trouble.code == "died"
    world.until(manager, lambda: not world.alive(str(world.root)), 5.0)
    assert manager.status().state is State.INCOMPLETE
    server.pause = 0.0
    manager.install()
    assert manager.wait().state is State.READY
    assert not world.leftovers(world.root)


def test_a_second_blender_is_kept_out(world, server, managers):
    server.pause = 0.02
    first, second = (world.manager(packages=server.url) for _ in range(2))
    first.install()
    world.until(first, lambda: first.progress.done > 300_000)
    second.install()
    second.wait()
    assert second.trouble.code == "busy"
    server.pause = 0.0
    assert first.wait().state is State.READY


def test_remove_leaves_only_what_is_not_ours(world, managers):
    manager = world.manager()
    manager.install()
    manager.wait()
    (world.root / "notes.txt").write_text("mine")
    manager.remove()
    status = manager.wait()
    assert (status.state, manager.python()) == (State.ABSENT, None)
    assert {p.name for p in world.root.iterdir()} == {"notes.txt", "install.lock"}


def test_an_environment_of_ones_own_is_checked_and_never_changed(world, ready, managers):
    python = ready.manager().python()
    manager = world.manager(chosen=python)
    assert (manager.status().state, manager.status().python) == (State.READY, python)
    manager.check()
    assert manager.wait().state is State.READY
    assert manager.trouble is None
    world.well(False)
    manager.check()
    status = manager.wait()
    assert (status.state, status.button) == (State.BROKEN, Action.CHOOSE)
    gone = world.manager(chosen=world.base / "no" / "python")
    assert (gone.status().state, gone.status().python) == (State.BROKEN, None)


def test_diagnostics_say_what_matters_and_not_who(world, managers, monkeypatch):
    monkeypatch.setenv("HOME", str(world.base / "Benutzer Müller"))
    manager = world.manager()
    manager.install()
    manager.wait()
    text = report(manager, "5.0.1", "0.1.0")
    assert "Blender: 5.0.1" in text
    assert "State: ready: Ready: processor" in text
    assert "Müller" not in text
    assert "ensurepip" in text, "the end of the log is there"
