# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC 2.0 over the backend's pipes, one object a line. No Blender here.

A thread reads lines into a queue, so that whoever asks (Blender's main thread) never waits for the pipe.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from typing import IO, Any


class Closed(Exception):  # noqa: N818 - the other end is gone; what that means is for the caller to say
    """The pipe to the backend is closed."""


class Client:
    """Writes requests to ``sink`` and reads answers and events from ``source`` (both binary streams)."""

    def __init__(self, sink: IO[bytes], source: IO[bytes]) -> None:
        self._sink = sink
        self._source = source
        self._next = 0
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.ended = False
        self._reader = threading.Thread(target=self._read, name="turnaround-reader", daemon=True)
        self._reader.start()

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Write one request and return its id. Raises ``Closed`` where the backend reads no more."""
        self._next += 1
        request = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}
        try:
            self._sink.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            self._sink.flush()
        except (OSError, ValueError) as error:
            raise Closed(str(error)) from error
        return self._next

    def receive(self) -> Iterator[dict[str, Any]]:
        """All messages that have come so far; sets ``ended`` when the backend has closed its end.

        A line that is no JSON object cannot come from our backend; it is passed over, as the pipe has no other use.
        """
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self.ended = True
                return
            try:
                message = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError):
                continue
            if isinstance(message, dict):
                yield message

    def close(self) -> None:
        """Close our end, which tells the backend to stop."""
        try:
            self._sink.close()
        except OSError:
            # The backend went first and a buffered line could not be written: closed all the same.
            return

    def _read(self) -> None:
        """Run in the thread: lines into the queue, then None."""
        try:
            for line in self._source:
                self._lines.put(line)
        except (OSError, ValueError):
            # The stream was closed under the thread while Blender shut down.
            pass
        finally:
            self._lines.put(None)
