# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of models: what lies there, taking a file in, checking it again, removing it.

``TURNAROUND_MODELS`` moves the folder; else it lies where the platform keeps an application's caches. Beside a file of
which no hash is known lies ``<file>.sha256``, written when it first came.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ..compile_cache import user_cache
from ..errors import PipelineError
from . import registry
from .registry import Model

VARIABLE = "TURNAROUND_MODELS"
CHUNK = 1 << 20
Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all; raises to stop."""


def folder() -> Path:
    """Where models lie; it need not exist."""
    if moved := os.environ.get(VARIABLE):
        return Path(moved).expanduser()
    if sys.platform == "win32" and not os.environ.get("TURNAROUND_CACHE"):
        return user_cache().parent / "models"
    return user_cache() / "models"


def path_of(model: Model) -> Path:
    """Where the file of ``model`` lies or would lie."""
    return folder() / model.file


def installed(model: Model) -> bool:
    """Whether the file is there with the right size. Its hash was checked when it came; ``verify`` checks it again."""
    try:
        return path_of(model).stat().st_size == model.size
    except OSError:
        return False


def best(kind: str, wanted: str = "auto") -> Model | None:
    """The installed model to use for ``kind``: the one called ``wanted``, or the largest; None where there is none.

    Raises ``ValueError`` for a name that is no model of this kind.
    """
    if wanted != "auto":
        model = registry.named(wanted)
        if model.kind != kind:
            raise ValueError(f"expected a model for {kind}, got {wanted}, which is for {model.kind}")
        return model if installed(model) else None
    return next((model for model in registry.of_kind(kind) if installed(model)), None)


def expected_hash(model: Model) -> str:
    """The SHA-256 that the file must have: the published one, or that recorded when it came; "" where neither is."""
    if model.sha256:
        return model.sha256
    with contextlib.suppress(OSError):
        return _record(model).read_text(encoding="ascii").strip()
    return ""


def hash_file(path: Path, progress: Progress | None = None) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    size, done = path.stat().st_size, 0
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
            done += len(block)
            if progress:
                progress(done, size)
    return digest.hexdigest()


def take_in(model: Model, partial: Path, progress: Progress | None = None) -> str:
    """Check ``partial``, which must lie in the models' folder, and give it its name. Returns its SHA-256.

    A file with another size or hash is deleted and refused by ``PipelineError``: it would be refused again.
    """
    size = partial.stat().st_size
    if size != model.size:
        partial.unlink()
        message = f"{model.name} should have {model.size} bytes, this file has {size}."
        raise PipelineError(
            "model_refused", "", message, "Install it again, or import the file named by `models list`."
        )
    digest = hash_file(partial, progress)
    wanted = expected_hash(model)
    if wanted and digest != wanted:
        partial.unlink()
        message = f"{model.name} is not the file it should be: its SHA-256 is {digest}, expected {wanted}."
        raise PipelineError("model_refused", "", message, "Install it again; if it goes on, the source has changed.")
    if not wanted:
        _record(model).write_text(digest + "\n", encoding="ascii")
    partial.replace(path_of(model))
    return digest


def take_copy(model: Model, source: Path, progress: Progress | None = None) -> str:
    """Copy a file that the user has into the folder, checked. Returns its SHA-256. Raises ``PipelineError``."""
    if not source.is_file():
        raise PipelineError("model_refused", "", f"There is no file {source}.", "Choose the model's file.")
    if source.stat().st_size != model.size:
        message = f"{model.name} should have {model.size} bytes, {source.name} has {source.stat().st_size}."
        raise PipelineError("model_refused", "", message, f"It is the file called {model.file} at its source.")
    folder().mkdir(parents=True, exist_ok=True)
    partial = path_of(model).with_name(f"{model.file}.importing")
    shutil.copyfile(source, partial)
    return take_in(model, partial, progress)


def verify(model: Model, progress: Progress | None = None) -> None:
    """Check an installed file again. Raises ``PipelineError`` where it is not there or not what it should be."""
    path, hint = path_of(model), f"`turnaround models install {model.name}`"
    if not path.is_file():
        raise PipelineError("model_missing", "", f"{model.name} is not installed.", hint)
    digest, wanted = hash_file(path, progress), expected_hash(model)
    if path.stat().st_size != model.size or (wanted and digest != wanted):
        message = f"{path} is damaged: {path.stat().st_size} bytes, SHA-256 {digest}."
        raise PipelineError("model_refused", "", message, f"`turnaround models remove {model.name}`, then {hint}.")


def remove(model: Model) -> bool:
    """Delete the file and what is left of a broken download; whether there was anything."""
    gone = False
    for name in (model.file, f"{model.file}.partial", f"{model.file}.importing", f"{model.file}.sha256"):
        path = folder() / name
        if path.exists():
            path.unlink()
            gone = True
    return gone


def _record(model: Model) -> Path:
    return folder() / f"{model.file}.sha256"
