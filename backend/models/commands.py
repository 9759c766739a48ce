# SPDX-License-Identifier: GPL-3.0-or-later
"""``turnaround models``: what each action does, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...protocol import Event
from . import download, registry, store
from .registry import Model


@dataclass(kw_only=True)
class Said:
    """Lines for a person, and the same as ``facts`` for a program."""

    lines: list[str]
    facts: dict[str, Any]


def run(action: str, name: str, file: Path | None, show: Callable[[Event], None]) -> Said:
    """Do ``action`` on the model called ``name`` (``list`` needs none).

    Raises ``ValueError`` for a name that is missing or unknown, ``PipelineError`` where it cannot be done.
    """
    if action == "list":
        return listed()
    model = registry.named(name)
    if action == "remove":
        gone = store.remove(model)
        return _say(model, "removed" if gone else "was not installed", removed=gone)
    if action == "verify":
        store.verify(model, _bar(model, "Checking", show))
        return _say(model, f"is whole ({store.path_of(model)})", verified=True)
    known = bool(store.expected_hash(model))
    if action == "import":
        if file is None:
            raise ValueError("expected the file to import: turnaround models import NAME FILE")
        digest = store.take_copy(model, file, _bar(model, "Checking", show))
    elif store.installed(model):
        return _say(model, f"is installed already ({store.path_of(model)})", installed=True)
    else:
        digest = download.install(model, _bar(model, "Downloading", show))
    said = _say(model, f"installed as {store.path_of(model)}", installed=True, sha256=digest)
    if not known:
        said.lines.append(
            f"  Nobody has published the hash of this file where it was looked for; it is recorded now as {digest} and "
            "will be held to from now on. Compare it with another source if you can."
        )
    return said


def listed() -> Said:
    """All models, installed ones marked."""
    rows, lines = [], [f"Models lie in {store.folder()} (move it with {store.VARIABLE})."]
    for model in registry.MODELS:
        here = store.installed(model)
        rows.append(
            {
                "name": model.name,
                "installed": here,
                "kind": model.kind,
                "purpose": model.purpose,
                "licence": model.licence,
                "size": model.size,
                "sha256": store.expected_hash(model),
                "file": model.file,
                "urls": list(model.urls),
            }
        )
        mark = (
            "installed" if here else f"{model.size / 1e6:.0f} MB" if model.size >= 1e7 else f"{model.size / 1e6:.1f} MB"
        )
        lines.append(f"  {model.name:26} {mark:>10}  {model.licence:11} {model.purpose}")
        lines.append(f"  {'':26} {'':>10}  {model.file}  {store.expected_hash(model) or 'hash to be recorded'}")
    return Said(lines=lines, facts={"folder": str(store.folder()), "models": rows})


def _say(model: Model, text: str, **facts: Any) -> Said:
    return Said(lines=[f"{model.name} {text}"], facts={"name": model.name, **facts})


def _bar(model: Model, verb: str, show: Callable[[Event], None]) -> store.Progress:
    """Progress in bytes as a terminal's bar."""

    def progress(done: int, size: int) -> None:
        text = f"{verb}: {done / 1e6:.0f} of {size / 1e6:.0f} MB"
        show(Event(kind="progress", job="", stage=model.name, fraction=done / max(size, 1), message=text))

    return progress
