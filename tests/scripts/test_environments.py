# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments are made once, made again when their wishes change, and from nothing after an interruption."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def environments(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with its folder in a temporary place and a pip that only notes what it was asked for."""
    monkeypatch.syspath_prepend(str(repository / "scripts"))
    module = importlib.import_module("_setup.environments")
    monkeypatch.setattr(module, "FOLDER", tmp_path / ".environments")
    module.calls = []

    def pretend(environment, command):
        module.calls.append(command)
        if "venv" in command:
            environment.executable().parent.mkdir(parents=True)
            environment.executable().touch()

    monkeypatch.setattr(module, "_run", pretend)
    return module


def small(environments: ModuleType, *requirements: str):
    return environments.Environment(name="small", requirements=requirements or ("thing==1",))


def test_a_finished_environment_is_left_alone(environments: ModuleType) -> None:
    environments.ensure(small(environments))
    assert len(environments.calls) == 2
    environments.ensure(small(environments))
    assert len(environments.calls) == 2


def test_other_wishes_install_again_in_place(environments: ModuleType) -> None:
    environments.ensure(small(environments))
    environments.ensure(small(environments, "thing==2"))
    assert [("venv" in c) for c in environments.calls] == [True, False, False]
    assert "thing==2" in environments.calls[-1]


def test_an_interrupted_one_is_made_from_nothing(environments: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    working = environments._run

    def breaks(environment, command):
        if "pip" in command:
            raise KeyboardInterrupt
        working(environment, command)

    monkeypatch.setattr(environments, "_run", breaks)
    with pytest.raises(KeyboardInterrupt):
        environments.ensure(small(environments))
    left = small(environments).folder / "left over"
    left.touch()
    monkeypatch.setattr(environments, "_run", working)
    environments.ensure(small(environments))
    assert not left.exists()
    assert (small(environments).folder / environments.STAMP).exists()


def test_a_failed_step_says_what_pip_said(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "scripts"))
    module = importlib.import_module("_setup.environments")
    monkeypatch.setattr(module, "FOLDER", tmp_path / ".environments")
    with pytest.raises(module.SetUpError, match="no such thing") as caught:
        module._run(small(module), ["sh", "-c", "echo no such thing; exit 7"])
    assert "7" in str(caught.value) and "small.log" in str(caught.value)


def test_every_requirement_of_the_backend_is_pinned(repository: Path, environments: ModuleType) -> None:
    pins = (repository / "constraints.txt").read_text().lower().replace("_", "-")
    for requirement in environments._project_requirements():
        name = requirement.split("=")[0].split(">")[0].split("<")[0].lower().replace("_", "-")
        assert f"\n{name}==" in pins, f"{name} has no pin"
