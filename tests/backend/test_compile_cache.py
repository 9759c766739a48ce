# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled kernels lie in a folder of their own for each state of the sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from turnaround.backend import compile_cache


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """No cache chosen yet, and the user's cache folder in a temporary place."""
    monkeypatch.delenv(compile_cache.VARIABLE, raising=False)
    monkeypatch.setenv("TURNAROUND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_key_changes_with_any_kernel(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    first = compile_cache.key(tmp_path)
    assert compile_cache.key(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2")
    second = compile_cache.key(tmp_path)
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "b.py").write_text("")
    assert len({first, second, compile_cache.key(tmp_path)}) == 3


def test_cache_lies_where_the_user_wants(elsewhere):
    assert compile_cache.use() == elsewhere / f"kernels-{compile_cache.key()}"
    assert os.environ[compile_cache.VARIABLE] == str(compile_cache.use())


def test_a_choice_of_the_user_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(compile_cache.VARIABLE, str(tmp_path))
    assert compile_cache.use() == tmp_path


def test_an_unwritable_cache_is_replaced_for_this_process(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.delenv(compile_cache.VARIABLE, raising=False)
    monkeypatch.setenv("TURNAROUND_CACHE", str(tmp_path / "file" / "below"))
    used = compile_cache.use()
    assert used.is_dir()
    assert tmp_path not in used.parents
    used.rmdir()


@pytest.mark.parametrize(
    ("platform", "ending"),
    [("linux", ".cache/turnaround"), ("darwin", "Library/Caches/turnaround"), ("win32", "turnaround/cache")],
)
def test_platforms_keep_caches_in_their_own_places(monkeypatch, platform, ending):
    for name in ("TURNAROUND_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert compile_cache.user_cache().as_posix().endswith(ending)
    assert Path.home() in compile_cache.user_cache().parents


def test_choosing_the_cache_loads_no_numba():
    program = (
        "import sys; from turnaround.backend import compile_cache; compile_cache.use(); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
