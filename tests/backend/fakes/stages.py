# SPDX-License-Identifier: GPL-3.0-or-later
"""Small stages that behave as a test's capture folder says: ``behaviour.json`` maps a stage to what it shall do.

Every stage writes ``out.txt``, a hash of its name, options, seed and inputs, so that equal results have equal files.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from turnaround.protocol import OPTIONS, STAGES


def load(name: str) -> SimpleNamespace:
    """A stage module in all that the pipeline looks at."""
    rows = [(o.name, type(o.default("balanced")), o.default("balanced")) for o in OPTIONS if o.stage == name]
    return SimpleNamespace(
        NAME=name,
        VERSION=1,
        INPUTS=tuple(s for s in STAGES if s != name),
        OUTPUTS=("out.txt",),
        SPEC=("capture", "seed") if name == "frames" else ("length",) if name == "export" else (),
        Options=dataclasses.make_dataclass("Options", rows, frozen=True, kw_only=True),
        run=run,
    )


def run(context) -> None:
    behaviour = {}
    path = Path(context.spec.capture).with_name("behaviour.json")
    if path.exists():
        behaviour = json.loads(path.read_text())
    (Path(context.spec.capture).with_name("runs.txt")).open("a").write(context.stage + "\n")
    context.progress(0.1, "working")
    ACTIONS[behaviour.get(context.stage, "work")](context)
    said = [context.stage, context.spec.seed, context.options.__dict__, context.spec.length]
    said += [(context.folder(n) / "out.txt").read_text() for n in context.inputs]
    context.facts.method = "fake"
    context.facts.metrics[f"{context.stage}_metric"] = 1.0
    if context.stage == "export":
        context.facts.details["artefacts"] = [{"kind": "mesh", "path": "07_export/out.txt"}]
    (context.output / "out.txt").write_text(hashlib.sha256(repr(said).encode()).hexdigest())


def _work(context) -> None:
    for i in range(3):
        context.progress(i / 3, f"{i} of 3")


def _slow(context) -> None:
    for i in range(600):
        context.progress(i / 600, "slowly")
        time.sleep(0.05)


def _deaf(context) -> None:
    """Ignore cancelling; a child process of the stage's own must not outlive the job either."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(context.spec.capture).with_name("child.txt").write_text(str(child.pid))
    time.sleep(60)


def _print(context) -> None:
    os.write(1, b'a library says {"kind": "done"} without asking\n')
    sys.stdout.write("so does Python\n")
    subprocess.run([sys.executable, "-c", "print('and a child')"], check=True)


def _fail(context) -> None:
    raise context.error("mask_empty", "The mask is empty.", "Click on the object.")


def _crash(context) -> None:
    raise KeyError("nobody expected this")


def _no_memory(context) -> None:
    raise MemoryError("Unable to allocate 9 TiB")


def _disk_full(context) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _segfault(context) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


ACTIONS = {
    "work": _work,
    "slow": _slow,
    "deaf": _deaf,
    "print": _print,
    "fail": _fail,
    "crash": _crash,
    "no_memory": _no_memory,
    "disk_full": _disk_full,
    "segfault": _segfault,
    "nothing": lambda context: None,
}
