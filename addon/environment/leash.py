# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module or a script that ends with its parent: ``leash.py PARENT module NAME …`` or ``… script PATH …``.

The tools that make an environment (ensurepip, pip) would go on for minutes after whoever started them was killed.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time

_SYNCHRONIZE, _FOREVER = 0x00100000, 0xFFFFFFFF


def _wait_for(parent: int) -> None:
    """Return when the parent has ended."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, parent)
        if handle:
            kernel.WaitForSingleObject(handle, _FOREVER)
        return
    while os.getppid() == parent:
        time.sleep(0.25)


def _watch(parent: int) -> None:
    _wait_for(parent)
    os._exit(1)


def main() -> None:
    """Tie this process to its parent and run what the arguments name."""
    parent, kind, target, *rest = sys.argv[1:]
    threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()
    sys.argv = [target, *rest]
    if kind == "module":
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(target, run_name="__main__")


if __name__ == "__main__":
    main()
