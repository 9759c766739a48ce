# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests (JSON-RPC 2.0, one object a line) and their parameters."""

from __future__ import annotations

REQUESTS: dict[str, str] = {
    "hello": "{version} -> {version, product, capabilities}; must be the first request",
    "submit": "{spec: JobSpec} -> {id}; events follow as notifications 'event' with an Event",
    "cancel": "{id} -> {cancelled: bool}",
    "status": "{} -> {jobs: [{id, state, job, capture, last: Event}]}",
    "inspect": "{capture} -> what is in the folder, without writing to it",
    "preview": "{capture, frame, max_side, folder} -> {path, width, height, source_width, source_height}",
    "doctor": "{} -> {checks: [{name, ok, detail, hint}]}",
    "shutdown": "{} -> {}; running jobs are cancelled",
}
