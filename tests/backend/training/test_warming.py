# SPDX-License-Identifier: GPL-3.0-or-later
"""Compilation is a step of its own: all of it is done, shown and left before training begins."""

import pytest

pytest.importorskip("torch", reason="training needs torch")

import numba.core.event as numba_event
from turnaround.backend.errors import JobCancelled
from turnaround.backend.training import warming


def shapes(dispatchers):
    return {d.py_func.__name__: set(d.signatures) for d in dispatchers}


def test_training_needs_no_kernel_that_was_not_compiled_before(scenes):
    warming.compile_kernels(lambda done, of: None)
    before = shapes(warming.KERNELS)
    assert all(before.values())
    for options in ({}, {"strategy": "classical", "poses": True, "masked": False}):
        scenes.make_trainer(steps=12, **options).run()
    assert shapes(warming.KERNELS) == before
    assert warming.compile_kernels(lambda done, of: pytest.fail("all is compiled")) == 0


@pytest.fixture
def slow_kernels(monkeypatch):
    """A little training that compiles three functions, of which the second compiles one of its own."""

    class Data:
        pass

    def compiles(inner=()):
        with numba_event.trigger_event("numba:compile", data={"dispatcher": Data()}):
            for one in inner:
                compiles(one)

    monkeypatch.setattr(warming, "_train_a_little", lambda: [compiles(), compiles([()]), compiles()])


def test_compilation_is_counted_kernel_by_kernel(slow_kernels):
    told = []
    assert warming.compile_kernels(lambda done, of: told.append((done, of))) == 3
    assert told == [(0, len(warming.KERNELS)), (1, len(warming.KERNELS)), (2, len(warming.KERNELS))]


def test_cancelling_ends_compilation_and_stops_listening(slow_kernels):
    def cancelled(done, of):
        if done == 1:
            raise JobCancelled("splats")

    with pytest.raises(JobCancelled):
        warming.compile_kernels(cancelled)
    told = []
    with numba_event.trigger_event("numba:compile", data={}):
        pass
    assert warming.compile_kernels(lambda done, of: told.append(done)) == 3
    assert told == [0, 1, 2]
