# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that a job or a request can end in, and what the panel can offer to do about each."""

from __future__ import annotations

ERRORS: dict[str, str] = {
    "capture_missing": "choose_capture",
    "capture_empty": "choose_capture",
    "capture_too_few": "choose_capture",
    "capture_too_many": "choose_capture",
    "capture_unsupported": "choose_capture",
    "no_motion": "choose_capture",
    "prompt_bad": "edit_prompts",
    "prompt_frame_missing": "edit_prompts",
    "mask_empty": "edit_prompts",
    "masks_unreadable": "choose_masks",
    "cameras_unreadable": "choose_cameras",
    "cameras_unmatched": "choose_cameras",
    "cameras_failed": "show_log",
    "cameras_too_few": "show_log",
    "surface_empty": "edit_prompts",
    "engine_missing": "repair_backend",
    "model_missing": "open_models",
    "model_refused": "open_models",
    "model_download": "run_again",
    "disk_full": "open_job_folder",
    "job_busy": "open_job_folder",
    "job_unwritable": "choose_job_folder",
    "job_foreign": "choose_job_folder",
    "worker_died": "run_again",
    "out_of_memory": "use_draft",
    "cancelled": "run_again",
    "version_mismatch": "repair_backend",
    "splats_unreadable": "",
    "bad_request": "",
    "internal": "show_log",
}
"""Code -> id of the remedy that the panel can offer as a button ("" where there is none)."""
