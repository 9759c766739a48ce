# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small pieces of work shared out to the cores, each piece done by one of them.

PyTorch shares out every single operation instead, and waits for all cores after each: with operations as short as the
decoder's layers, and another program on one of the cores, the waiting takes many times longer than the work.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch


def on_cores(work: Callable[..., None], pieces: list[tuple[Any, ...]], device: torch.device) -> None:
    """Call ``work`` with each of ``pieces``; on the CPU at once on as many threads as PyTorch has, in any order."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or len(pieces) < 2:
        for piece in pieces:
            work(*piece)
        return
    try:
        # Set in a thread, the number holds for that thread, and for threads begun later: hence the second time.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for done in [pool.submit(work, *piece) for piece in pieces]:
                done.result()
    finally:
        torch.set_num_threads(threads)
