# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch one file: from a folder, from a mirror or from where the lock says. A broken download goes on where it broke.

A file gets its name only after its SHA-256 has been checked. The network is touched only if the user's Blender allows
it; a folder, ``file:`` and this very computer are never gated.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import sysconfig
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .lock import File
from .problem import Problem

CHUNK = 1 << 18
ATTEMPTS = 5
"""Tries in a row that bring nothing new; one that brings bytes starts the count again."""
_TIMEOUT = 30.0
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_AGENT = {"User-Agent": "turnaround"}
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
Heard = Callable[[int], None]
"""Called with the bytes of this file that are there; raises to stop."""


def is_local(url: str) -> bool:
    """Whether an address is a file or on this computer."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in {"", "file"} or (parts.hostname or "") in _LOCAL


class Fetcher:
    """Gets files into ``folder``. ``packages``: a folder or a mirror's address to look in first; may be empty."""

    def __init__(self, folder: Path, packages: str, online: bool, wait: Callable[[float], None] = time.sleep) -> None:
        self._folder = folder
        self._packages = packages
        self._online = online
        self._wait = wait
        self._trusted: ssl.SSLContext | None = None

    def have(self, file: File) -> int:
        """Bytes of ``file`` that are here already."""
        for path in (self._folder / file.name, self._partial(file)):
            with suppress(OSError):
                return path.stat().st_size
        return 0

    def fetch(self, file: File, heard: Heard) -> Path:
        """The file, checked. Raises ``Problem`` with cause and way out; ``OSError`` where the disk is at fault."""
        target = self._folder / file.name
        if target.is_file():
            if _digest(target, heard).hexdigest() == file.sha256:
                return target
            target.unlink()
        given = self._in_folder(file)
        if given is not None:
            return self._take(given, file, heard)
        url = self._address(file)
        if not self._online and not is_local(url):
            message = f"{file.name} must be downloaded, and Blender's online access is off."
            hint = "Allow online access in Blender's preferences (System, Network), or give a folder of packages."
            raise Problem("offline", message, hint)
        for again in (True, False):
            self._download(url, file, heard)
            if self._accept(file, heard):
                return target
            if not again:
                break
        message = f"{file.name} is not the file that belongs to this version: its SHA-256 is another."
        hint = "Try again; if it goes on, something between here and the server changes files (a proxy, a scanner)."
        raise Problem("hash_wrong", message, hint)

    def _partial(self, file: File) -> Path:
        # The hash in its name: what is left of another file by this name is never gone on with.
        return self._folder / f"{file.name}.{file.sha256[:8]}.part"

    def _in_folder(self, file: File) -> Path | None:
        """The file in the folder of packages that the user gave."""
        if not self._packages or "://" in self._packages:
            return None
        base = Path(self._packages)
        return next((p for p in (base / file.name, *base.glob(f"*/{_escaped(file.name)}")) if p.is_file()), None)

    def _address(self, file: File) -> str:
        """Where to download it."""
        if "://" in self._packages:
            return f"{self._packages.rstrip('/')}/{urllib.parse.quote(file.name)}"
        return file.url

    def _take(self, source: Path, file: File, heard: Heard) -> Path:
        """Copy a file that the user has, checked."""
        partial = self._partial(file)
        digest, done = hashlib.sha256(), 0
        with source.open("rb") as read, partial.open("wb") as write:
            while block := read.read(CHUNK):
                write.write(block)
                digest.update(block)
                done += len(block)
                heard(done)
        if digest.hexdigest() != file.sha256:
            partial.unlink()
            message = f"{source} is not the file that belongs to this version: its SHA-256 is another."
            raise Problem("hash_wrong", message, "Take it out of the folder of packages, or put the right one there.")
        return partial.replace(self._folder / file.name)

    def _accept(self, file: File, heard: Heard) -> bool:
        """Give a finished download its name if it is what it should be, else delete it."""
        partial = self._partial(file)
        if _digest(partial, heard).hexdigest() != file.sha256:
            partial.unlink()
            return False
        partial.replace(self._folder / file.name)
        return True

    def _download(self, url: str, file: File, heard: Heard) -> None:
        """Bring ``.part`` to its end, over as many broken connections as it takes."""
        tries = 0
        while True:
            before = self.have(file)
            try:
                if self._read(url, file, heard):
                    return
                cause = "the connection broke off"
            except urllib.error.HTTPError as error:
                cause = f"the server answered {error.code} {error.reason}"
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    self._partial(file).unlink(missing_ok=True)
                elif error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise _unreachable(file, url, cause) from error
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                cause = str(getattr(error, "reason", error)) or type(error).__name__
            tries = 1 if self.have(file) > before else tries + 1
            if tries >= ATTEMPTS:
                raise _unreachable(file, url, cause)
            self._wait(min(2.0 ** (tries - 1), 8.0))

    def _read(self, url: str, file: File, heard: Heard) -> bool:
        """One connection; whether the whole file is there now."""
        partial = self._partial(file)
        done = partial.stat().st_size if partial.is_file() else 0
        if file.size and done == file.size:
            return True
        headers = _AGENT | ({"Range": f"bytes={done}-"} if done else {})
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - addresses are the lock's or the user's
        with urllib.request.urlopen(request, timeout=_TIMEOUT, context=self._context(url)) as answer:  # noqa: S310
            if done and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                done = 0
            left = answer.headers.get("Content-Length")
            total = done + int(left) if left and left.isdigit() else file.size
            with partial.open("ab" if done else "wb") as write:
                while block := answer.read(CHUNK):
                    write.write(block)
                    done += len(block)
                    heard(done)
        return done == total or not total

    def _context(self, url: str) -> Any:
        """Trusted authorities: the system's, and those that come with pip where Blender's Python finds none."""
        if not url.startswith("https"):
            return None
        if self._trusted is None:
            self._trusted = ssl.create_default_context()
            for bundle in filter(os.path.isfile, _BUNDLES):
                with suppress(ssl.SSLError, OSError):
                    self._trusted.load_verify_locations(cafile=bundle)
            if authorities := pip_authorities():
                with suppress(ssl.SSLError):
                    self._trusted.load_verify_locations(cadata=authorities)
        return self._trusted


def pip_authorities() -> str:
    """The certificate authorities in the pip that every Python brings along; empty where it brings none."""
    folder = Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled"
    for archive in folder.glob("pip-*.whl"):
        with suppress(OSError, KeyError, zipfile.BadZipFile), zipfile.ZipFile(archive) as wheel:
            return wheel.read("pip/_vendor/certifi/cacert.pem").decode("ascii", "ignore")
    return ""


def _digest(path: Path, heard: Heard) -> Any:
    """SHA-256 of a file that is here; ``heard`` may stop it."""
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as stream:
        while block := stream.read(CHUNK * 4):
            digest.update(block)
            heard(size)
    return digest


def _unreachable(file: File, url: str, cause: str) -> Problem:
    host = urllib.parse.urlsplit(url).hostname or url
    message = f"{file.name} could not be downloaded from {host}: {cause}."
    hint = "Check the network and continue: what has come so far is kept. Or give a folder of packages."
    return Problem("download_failed", message, hint)


def _escaped(name: str) -> str:
    """A file's name as a pattern that fits it alone."""
    return name.replace("[", "[[]")
