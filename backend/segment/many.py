# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on several frames at a time: OpenCV and the kernels release Python's lock while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_MOST = 8
"""Threads at most; each holds a dozen images of a frame's working size."""


def side_by_side(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Results of ``work`` over ``items`` in order, computed on all cores but one where there are more than two.

    When the caller stops early (a cancelled job), what has not begun is not begun.
    """
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    threads = max(1, min(_MOST, (cores or 1) - 1 if (cores or 1) > 2 else (cores or 1)))
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
