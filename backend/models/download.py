# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a model's file: resumed where it broke off, checked before it gets its name. Standard library only.

The bytes so far lie in ``<file>.partial``. A server that does not know ranges sends the file from its start again. A
dropped connection is taken up again a few times by itself; after that the next ``install`` goes on where it ended.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from ..errors import PipelineError
from . import store
from .registry import Model
from .store import CHUNK, Progress

ATTEMPTS = 4
TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def install(model: Model, progress: Progress | None = None, pause: float = _PAUSE_SECONDS) -> str:
    """Fetch ``model`` into the models' folder and check it. Returns its SHA-256. Raises ``PipelineError``."""
    if not model.urls:
        message = f"{model.name} has no place to download it from."
        raise PipelineError("model_refused", "", message, f"`turnaround models import {model.name} FILE`.")
    store.folder().mkdir(parents=True, exist_ok=True)
    partial = store.path_of(model).with_name(f"{model.file}.partial")
    said = ""
    for url in model.urls:
        for attempt in range(ATTEMPTS):
            try:
                _fetch(url, partial, model.size, progress)
            except _BROKEN as error:
                said = f"{url}: {error}"
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    break
                time.sleep(pause * 2**attempt)
                continue
            if partial.stat().st_size < model.size:
                # The server closed the connection early without a word: go on from here.
                said = f"{url}: it broke off after {partial.stat().st_size} of {model.size} bytes"
                time.sleep(pause * 2**attempt)
                continue
            return store.take_in(model, partial)
    hint = "Try again later: it goes on where it broke off. Or import a file that you have."
    raise PipelineError("model_download", "", f"{model.name} could not be downloaded ({said}).", hint)


def _fetch(url: str, partial: Path, size: int, progress: Progress | None) -> None:
    """Append what is missing to ``partial``; never more than one chunk above ``size``, whatever the server sends."""
    have = partial.stat().st_size if partial.exists() else 0
    if have > size:
        partial.unlink()
        have = 0
    if progress and have:
        progress(have, size)  # it may have been stopped while it waited
    if have == size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "turnaround"})  # noqa: S310 - from our own table
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=trusted(url))  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink(missing_ok=True)  # the file there is another one: begin again
            raise ConnectionError("the server has no such range") from error
        raise
    with answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT and _starts_at(answer, have)
        done = have if resumed else 0
        with partial.open("ab" if resumed else "wb") as target:
            while done <= size and (block := answer.read(CHUNK)):
                target.write(block)
                done += len(block)
                if progress:
                    progress(min(done, size), size)


def _starts_at(answer: http.client.HTTPResponse, start: int) -> bool:
    """Whether a partial answer begins at byte ``start``."""
    return (answer.headers.get("Content-Range") or "").replace(" ", "").startswith(f"bytes{start}-")


def trusted(url: str) -> ssl.SSLContext | None:
    """Trusted authorities: the system's, and those that come with pip, as Blender's Python may find none of them."""
    if not url.startswith("https"):
        return None
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError, OSError):
        from pip._vendor import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context
