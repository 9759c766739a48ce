# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's hold on the one mask board: opened when marking begins, pumped by a timer, seen by panel and overlay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .masking import Marks, MaskBoard, Phase
from .preferences import backend_python, jobs_folder, preferences
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_QUICK_SECONDS, _SLOW_SECONDS = 0.1, 0.4
board = MaskBoard(runtime.session)


def follow(context: Any) -> None:
    """Open the scene's capture on the board, where it is not open yet, and follow its marks from now on."""
    settings = settings_of(context)
    if board.capture != settings.capture_path or board.phase is Phase.CLOSED:
        machine = preferences()
        folder = str(jobs_folder() / "masks" / settings.own_job.replace("\\", "/").rsplit("/", 1)[-1])
        board.open(settings.capture_path, folder, machine.device if machine else "auto")
    runtime.listen()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_QUICK_SECONDS, persistent=True)


def forget() -> None:
    """Close the board and take its timer away."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    board.close()


def marks_of(settings: Any) -> Marks:
    """The scene's marks by photo."""
    grouped: Marks = {}
    for prompt in settings.prompts:
        grouped.setdefault(prompt.frame, []).append(prompt.as_protocol())
    return grouped


def pump(context: Any) -> None:
    """Let the board ask for what has changed; the scene learns where its masks lie."""
    settings = settings_of(context)
    if board.capture != settings.capture_path:
        return
    if board.pump(marks_of(settings), settings.shown_frame):
        runtime.listen()
    if board.folder and settings.masks != board.folder:
        settings.masks = board.folder


def _tick() -> float | None:
    """The timer: often while something happens, and not at all once the board is closed."""
    if board.phase is Phase.CLOSED:
        return None
    pump(bpy.context)
    if board.active:
        runtime.redraw()
        return _QUICK_SECONDS
    return _SLOW_SECONDS


def _wait(context: Any, done: Any, seconds: float = 3600.0) -> None:
    """Without a window: pump until ``done()``."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        runtime.session().pump()
        pump(context)
        time.sleep(0.02)


class TURNAROUND_OT_propagate_masks(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Carry the masks of the marked photos to all photos"""

    bl_idname = "turnaround.propagate_masks"
    bl_label = "Propagate"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to carry."""
        settings = settings_of(context)
        reason = ""
        if not settings.prompts:
            reason = "Mark the object on one photo first."
        elif backend_python() is None:
            reason = "The backend's Python was not found: set it in the preferences of Turnaround."
        elif board.phase is Phase.CARRYING:
            reason = "Masks are being carried already."
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Begin; without a window, wait for the end."""
        follow(context)
        if not bpy.app.background and board.phase is Phase.READY:
            board.propagate()
            runtime.listen()
            return {"FINISHED"}
        # The board opens first, and the marks are cut before they are carried.
        _wait(context, lambda: board.phase is not Phase.OPENING)
        pump(context)
        _wait(context, lambda: not board.active)
        if board.problem is None:
            board.propagate()
            runtime.listen()
            if bpy.app.background:
                _wait(context, lambda: not board.active)
        if board.problem is not None:
            self.report({"ERROR"}, f"{board.problem.message} {board.problem.hint}".strip())
            return {"CANCELLED"}
        return {"FINISHED"}


class TURNAROUND_OT_restore_marks(bpy.types.Operator):  # noqa: N801
    """Bring back the marks that were on this capture when Blender or the backend last ended"""

    bl_idname = "turnaround.restore_marks"
    bl_label = "Bring Back Marks"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only where there are some, and none on the scene."""
        return bool(board.kept) and not settings_of(context).prompts

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Put them on the scene; the board then asks for their masks."""
        settings = settings_of(context)
        for frame, listed in board.kept.items():
            for prompt in listed:
                if prompt["type"] != "mask":
                    settings.prompts.add().take(frame, prompt)
        runtime.redraw()
        return {"FINISHED"}


class TURNAROUND_OT_stop_masks(bpy.types.Operator):  # noqa: N801
    """Stop carrying masks; those that have been carried stay"""

    bl_idname = "turnaround.stop_masks"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only while masks are carried."""
        return board.phase is Phase.CARRYING

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask the backend to stop."""
        board.stop()
        runtime.listen()
        return {"FINISHED"}


class TURNAROUND_OT_next_doubtful(bpy.types.Operator):  # noqa: N801
    """Show the next photo whose mask is missing or doubtful"""

    bl_idname = "turnaround.next_doubtful"
    bl_label = "Next Doubtful Photo"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is none to show."""
        if not board.next_doubtful(settings_of(context).shown_frame):
            cls.poll_message_set("No mask is doubtful." if board.shown else "Propagate the masks first.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Turn to it."""
        settings = settings_of(context)
        settings.frame = board.next_doubtful(settings.shown_frame)
        runtime.redraw()
        return {"FINISHED"}
