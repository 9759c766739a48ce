# SPDX-License-Identifier: GPL-3.0-or-later
"""Work through many pictures on several threads with only a few of them in memory."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MEMORY = 2_000_000_000
"""Bytes that the pictures in flight may take together: a job should run beside Blender on 8 GB."""


def worker_count() -> int:
    """Threads to use: one a core, at most 8 (more only wait for the disk)."""
    return max(1, min(os.cpu_count() or 1, 8))


class Budget:
    """Bytes that workers may hold at once. A request above the limit is served alone rather than never."""

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """Wait until ``count`` bytes are free, and hold them inside the ``with`` block."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + count <= self._limit)
            self._held += count
        try:
            yield
        finally:
            with self._changed:
                self._held -= count
                self._changed.notify_all()


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` in the order of ``items``; at most ``workers`` + 1 results exist at a time.

    An exception of ``function`` is raised where its result was due. Wrap the iterator in ``contextlib.closing`` so
    that leaving early (the user cancels) drops what has not begun and waits for what has.
    """
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pictures")
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
