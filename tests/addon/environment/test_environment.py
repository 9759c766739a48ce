# SPDX-License-Identifier: GPL-3.0-or-later
"""States, downloads, what is chosen for a computer, what is refused: all that needs at most one installation."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from turnaround.addon.environment import layout
from turnaround.addon.environment.builder import Builder, Plan
from turnaround.addon.environment.download import Fetcher
from turnaround.addon.environment.lock import File, Lock, LockError
from turnaround.addon.environment.machine import Machine, detect, this_platform
from turnaround.addon.environment.manager import Action, Manager, State
from turnaround.addon.environment.problem import Problem

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_install_from_a_folder_needs_no_network_and_makes_it_ready(ready):
    manager = ready.manager()
    status = manager.status()
    assert (status.state, status.button) == (State.READY, Action.CHECK)
    assert status.python == manager.python()
    assert ready.root in status.python.parents
    assert ready.version(manager) == "1.0"
    assert not ready.leftovers(ready.root)
    now = layout.installed(ready.root)
    assert now.bytes > 3_000_000
    assert (now.build, now.python, now.problem) == ("cpu", PYTHON, "")


def test_nothing_but_the_lock_is_installed(ready):
    site = layout.site_packages(ready.root / layout.installed(ready.root).folder)
    assert {p.name.split("-")[0] for p in site.glob("*.dist-info")} - {"setuptools"} == {"pip", "tiny", "torchlike"}
    assert (site / "torchlike_data.bin").stat().st_size == 3_000_000


def test_the_state_follows_what_lies_on_disk(world, managers):
    manager = world.manager()
    assert (manager.status().state, manager.status().button) == (State.ABSENT, Action.INSTALL)
    world.root.mkdir(parents=True)
    (world.root / "building.json").write_text("{}")
    manager.forget()
    assert (manager.status().state, manager.status().button) == (State.INCOMPLETE, Action.CONTINUE)
    folder = world.root / "0a1b2c3d"
    python = layout.python_in(folder)
    now = layout.Installed(folder="0a1b2c3d", key="other", build="cpu", python=PYTHON, base=sys.executable)
    layout.point_to(world.root, now)
    manager.forget()
    assert (manager.status().state, manager.status().python) == (State.BROKEN, None)
    python.parent.mkdir(parents=True)
    python.touch()
    manager.forget()
    assert (manager.status().state, manager.status().button) == (State.OUTDATED, Action.UPDATE)
    assert manager.status().python == python, "an outdated backend still works"
    layout.point_to(world.root, layout.Installed(**(vars(now) | {"base": "/nowhere/python"})))
    manager.forget()
    assert manager.status().state is State.BROKEN
    (world.root / "environment.json").write_text('{"folder": ')
    manager.forget()
    assert manager.status().state is State.INCOMPLETE


def test_no_network_is_touched_without_leave(world, server, managers):
    manager = world.manager(packages="")
    manager.install()
    manager.wait()
    assert manager.trouble.code == "offline"
    assert "online access" in manager.trouble.hint


def fetch(world: Any, packages: str, online: bool = False) -> list[int]:
    """Fetch all of the lock's files; the bytes that were there each time it said so."""
    heard: list[int] = []
    folder = world.root / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    fetcher = Fetcher(folder, packages, online, wait=lambda _seconds: None)
    machine = Machine(platform=this_platform(), python=PYTHON)
    for file in Lock(world.lock).select(machine).files:
        path = fetcher.fetch(file, heard.append)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    return heard


def test_this_computer_is_never_gated(world, server):
    world.write_lock(f"{server.url}/")
    fetch(world, "")
    assert server.asked == 2
    fetch(world, "")
    assert server.asked == 2, "what is here is not fetched again"


def test_every_broken_connection_is_gone_on_with(world, server):
    server.breaks = 700_000
    heard = fetch(world, server.url)
    assert server.resumes == [700_000, 1_400_000, 2_100_000, 2_800_000]
    assert max(heard) == max(entry[2] for entry in world.files.values())


@pytest.mark.parametrize(("ranges", "resumed"), [(True, [1_000_000]), (False, [])])
def test_what_was_damaged_or_cannot_be_resumed_is_fetched_anew(world, server, ranges, resumed):
    server.ranges = ranges
    folder = world.root / "packages"
    folder.mkdir(parents=True)
    entry = world.files["torchlike-1.0-py3-none-any.whl"]
    (folder / f"torchlike-1.0-py3-none-any.whl.{entry[3][:8]}.part").write_bytes(bytes(1_000_000))
    fetch(world, server.url)
    assert server.resumes == resumed


def test_a_server_that_is_down_ends_in_words(world, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(Problem, match=r"could not be downloaded from 127\.0\.0\.1: .*refused") as caught:
        fetch(world, server.url)
    assert "what has come so far is kept" in caught.value.hint


def test_a_disk_that_fills_up_ends_in_words_and_keeps_what_came(world, monkeypatch):
    plan = Plan(root=str(world.root), lock=str(world.lock), backend=str(world.backend), pythons=[sys.executable],
                packages=str(world.packages))  # fmt: skip

    def full(self: Fetcher, file: File, heard: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Fetcher, "fetch", full)
    with pytest.raises(Problem) as caught:
        Builder(plan, lambda event: None, lambda: False).install()
    assert caught.value.code == "disk_full"
    assert world.leftovers(world.root) == {"packages", "building.json"}


@pytest.mark.parametrize(
    ("driver", "capability", "kinds"),
    [
        ("", 0.0, ("cpu",)),
        ("580.95.05", 12.0, ("cu130", "cpu")),
        ("581.15", 8.9, ("cu130", "cu126", "cpu")),
        ("560.94", 8.6, ("cu126", "cpu")),
        ("580.10", 6.1, ("cu126", "cpu")),
        ("470.82", 7.5, ("cpu",)),
        ("560.94", 12.0, ("cpu",)),
    ],
)
def test_the_driver_and_the_card_decide_on_cuda(driver, capability, kinds):
    assert Machine(platform="linux-x86_64", python="3.11", driver=driver, capability=capability).kinds() == kinds


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the driver's tool")
@pytest.mark.parametrize(
    ("says", "card", "note"),
    [
        ("Big, 580.1, 9.0\nSmall, 580.1, 7.5", "Small", ""),
        ("", "", "NVIDIA's driver does not answer, so the build for the processor is chosen."),
    ],
)
def test_the_weakest_card_decides(tmp_path, says, card, note):
    tool = tmp_path / "smi"
    tool.write_text(f"#!/bin/sh\n[ -n '{says}' ] && echo '{says}' || exit 9\n")
    tool.chmod(0o755)
    machine = detect("3.11", str(tool))
    assert (machine.card, machine.note) == (card, note)


def test_the_lock_serves_every_system_and_says_what_it_lacks():
    lock = Lock()
    for platform, best in (("linux-x86_64", "cu130"), ("windows-x86_64", "cpu"), ("macos-arm64", "mps")):
        assert lock.pythons(platform) == ["3.11", "3.12", "3.13"]
        for python in lock.pythons(platform):
            builds = {build.kind: build for build in lock.builds(platform, python)}
            assert best in builds
            for build in builds.values():
                names = {file.requirement.split("==")[0].lower().replace("_", "-") for file in build.files}
                assert {"torch", "numba", "pycolmap", "sam2", "onnxruntime", "setuptools"} <= names
                assert not names & {"torchvision", "pytest", "ruff"}
                assert all(len(file.sha256) == 64 and file.url.startswith("https://") for file in build.files)
    card = Machine(platform="windows-x86_64", python="3.11", card="RTX 5090", driver="580.1", capability=12.0)
    assert lock.select(card).kind == "cpu"
    assert lock.select(card).note.startswith("There is no build for RTX 5090 with driver 580.1")
    assert lock.select(Machine(platform="windows-x86_64", python="3.13", driver="580.1")).kind == "cu130"
    with pytest.raises(LockError, match="There are no packages for linux-arm64"):
        lock.select(Machine(platform="linux-arm64", python="3.11"))


def test_the_lock_has_the_versions_of_the_constraints(repository):
    script = repository / "scripts" / "lock_backend.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}: make it anew by scripts/lock_backend.py"


def test_windows_gets_a_root_whose_paths_are_short_enough(monkeypatch):
    deep = Path(
        "C:/Profiles/somebody/AppData/Roaming/Blender Foundation/Blender/5.2/extensions/.user/blender_org/turnaround"
    )
    assert layout.default_root(deep) == deep / "backend"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "C:/Profiles/somebody/AppData/Local")
    assert layout.default_root(deep) == Path("C:/Profiles/somebody/AppData/Local/Turnaround")
    assert layout.default_root(Path("D:/t")) == Path("D:/t/backend")


def test_a_server_without_the_file_is_named(world, server, managers):
    (world.packages / "tiny-1.0-py3-none-any.whl").unlink()
    manager = world.manager(packages=server.url)
    manager.install()
    assert manager.wait().state is State.INCOMPLETE
    assert manager.trouble.code == "download_failed"
    assert "tiny-1.0-py3-none-any.whl could not be downloaded from 127.0.0.1: the server answered 404" in (
        manager.trouble.message
    )


@pytest.mark.parametrize("over", ["folder", "server"])
def test_a_file_with_another_hash_is_refused(world, server, managers, over):
    path = world.packages / "tiny-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    manager = world.manager(packages=server.url if over == "server" else str(world.packages))
    manager.install()
    manager.wait()
    assert manager.trouble.code == "hash_wrong"
    assert server.asked == (2 if over == "server" else 0), "fetched anew once"
    assert not [p for p in (world.root / "packages").iterdir() if p.name.startswith("tiny")]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_the_builder_ends_with_blender(world, server):
    server.pause = 0.05
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from turnaround.addon.environment.manager import Manager, Settings\n"
        "root, lock, backend, url = sys.argv[1:]\n"
        "m = Manager(Settings(root=Path(root), pythons=[sys.executable], packages=url), lock=Path(lock),"
        " backend=Path(backend))\n"
        "m.install()\n"
        "while m.progress.done < 300000: m.pump(); time.sleep(0.01)\n"
        "print('half way', flush=True); time.sleep(60)\n"
    )
    arguments = [str(world.root), str(world.lock), str(world.backend), server.url]
    blender = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    assert blender.stdout.readline() == b"half way\n"
    script = "environment/__main__.py"
    assert world.alive(script)
    blender.kill()
    blender.wait()
    blender.stdout.close()
    end = time.monotonic() + 5
    while world.alive(script):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_disk_that_cannot_hold_it_is_refused_before_anything_is_downloaded(world, server, managers):
    for entry in world.files.values():
        entry[2] = 10**15
    world.write_lock("x")
    manager = world.manager(packages=server.url)
    manager.install()
    manager.wait()
    assert manager.trouble.code == "disk_full"
    assert server.asked == 0
    assert str(world.root) in manager.trouble.message


def test_remove_waits_for_the_job(ready):
    manager = Manager(ready.manager().settings, in_use=lambda: True, lock=ready.lock, backend=ready.backend)
    with pytest.raises(ValueError, match="cancel the job first"):
        manager.remove()
    manager.tidy()
    assert not manager.running


def test_the_cost_is_known_before_the_click(world, managers):
    manager = world.manager(packages="")
    manager.look_around()
    assert manager.status().state is State.ABSENT, "looking is not installing"
    manager.wait()
    assert manager.survey["download"] == sum(entry[2] for entry in world.files.values())
    assert (manager.survey["title"], manager.survey["python"]) == ("processor", PYTHON)
    assert not world.root.exists()


def test_without_a_python_that_can_make_it_the_way_out_is_named(world, managers, monkeypatch):
    bad = world.base / "python-without-venv"
    bad.write_text("#!/bin/sh\nexit 1\n")
    bad.chmod(0o755)
    fine = Path(sys.executable)
    monkeypatch.setenv("PATH", str(world.base))
    manager = world.manager(pythons=[str(bad), str(fine)])
    manager._plan = lambda action: Manager._plan(manager, action) | {"pythons": [str(bad)]}
    manager.settings.pythons = [str(fine)]
    manager.install()
    manager.wait()
    assert manager.trouble.code == "no_python"
    assert str(bad) in manager.trouble.message
