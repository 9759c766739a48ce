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
    "convert": "{source, target, up, turn, transform} -> {splats, degree, left_out, up}: a splat file written again in "
    "the format of the target's suffix; up (z, y or -y; empty: as the file says) is up in files that fix no axes; "
    "moved by the similarity transform (4 x 4; optional), turned until turn (z, y or -y; empty: as it is) is up",
    "masks_open": "{capture, folder, engine, model, device, max_side} -> {session, engine, note, frames, masks, kept}; "
    "masks: folder for a job's masks (empty for a video: its job takes the prompts); kept: prompts by frame that the "
    "last session in folder left",
    "masks_prompt": "{session, frame, prompts} -> {frame, mask, contour, confidence}; all prompts of the frame",
    "masks_undo": "{session, frame} -> as masks_prompt, without the frame's last prompt",
    "masks_propagate": "{session} -> {started}; masks_state tells how far it is",
    "masks_state": "{session, frame} -> {state, fraction, message, hint, frames: {name: {mask, confidence, prompted}}}"
    "; the row of frame has its contour",
    "masks_stop": "{session} -> {stopped}; what was carried so far stays",
    "masks_close": "{session} -> {closed}",
    "doctor": "{} -> {checks: [{name, ok, detail, hint}]}",
    "models": "{} -> {folder, models: [{name, installed, kind, purpose, licence, size, sha256, file, urls}], errand}; "
    "errand is what model_install was asked for last: {name, action, state, fraction, text, message, hint}",
    "model_install": "{name, file} -> errand; fetches a model from its source, or takes in file (empty: the network)",
    "model_stop": "{} -> errand; what has come stays",
    "model_remove": "{name} -> {removed}",
    "shutdown": "{} -> {}; running jobs are cancelled",
}
