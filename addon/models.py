# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's learned models: what it says of them, and what can be done with one. It fetches one at a time.

While it does, it is asked how far it is a few times a second: by a timer where there is a window, else in a loop.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import environment_runtime, runtime
from .preferences import backend_python, preferences

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

OFFLINE = "Blender's online access is off: allow it in the preferences (System, Network), or take a file that you have."
NO_BACKEND = "Install the backend first: it knows its models."
_ASK_SECONDS = 0.4
_NAMED = re.compile(r"`?turnaround models install ([a-z0-9][a-z0-9.-]*[a-z0-9])`?")
_said: dict[str, Any] = {}


def said() -> dict[str, Any]:
    """What the backend said last: ``folder``, ``models`` and ``errand``, or ``problem``; empty before it was asked."""
    return _said


def errand() -> dict[str, Any]:
    """What is being fetched, or was last; ``protocol.REQUESTS`` has its fields."""
    return _said.get("errand") or {}


def fetching() -> bool:
    """Whether a model is being fetched."""
    return errand().get("state") == "running"


def row_of(name: str) -> dict[str, Any]:
    """What the backend said of the model called ``name``; empty where it has not been asked."""
    return next((row for row in _said.get("models", ()) if row["name"] == name), {})


def named_in(text: str) -> list[str]:
    """Models that a text for the command line tells to install."""
    return _NAMED.findall(text)


def in_words(text: str) -> str:
    """The text as a panel shows it, beside whose button a command has no place."""
    return _NAMED.sub(r"installing \1", text)


def ask(method: str = "models", **params: Any) -> None:
    """Send a request about models, then ask for the list; both answers are drawn when they come."""
    runtime.session().call(method, params, _keep if method == "models" else _answered)
    runtime.listen()


def ask_once() -> None:
    """Ask as soon as Blender has drawn, where nobody has asked yet and there is a window to show the answer in."""
    if not _said and not bpy.app.background:
        _said["asked"] = True
        bpy.app.timers.register(ask, first_interval=0.05, persistent=True)


def forget() -> None:
    """Take the timer away; the backend stops fetching when it ends, and goes on from there another time."""
    if bpy.app.timers.is_registered(ask):
        bpy.app.timers.unregister(ask)
    _said.clear()


def reason_not_to_ask() -> str:
    """Why the backend cannot be asked; an empty string where it can."""
    return NO_BACKEND if backend_python() is None else ""


def _keep(result: dict[str, Any] | None, problem: Any) -> None:
    """Take the list in."""
    _said.clear()
    _said.update(result or {"problem": f"{problem.message} {problem.hint}".strip()})
    environment_runtime.redraw()
    if fetching() and not bpy.app.background and not bpy.app.timers.is_registered(ask):
        bpy.app.timers.register(ask, first_interval=_ASK_SECONDS, persistent=True)


def _answered(result: dict[str, Any] | None, problem: Any) -> None:
    """Ask for the list again, unless what was wanted was refused."""
    if problem is not None:
        _said["problem"] = f"{problem.message} {problem.hint}".strip()
        environment_runtime.redraw()
        return
    ask()


class _OnModels:
    """An operator on models: asks the backend, and waits for the end where there is no window."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why nothing can be done."""
        reason = reason_not_to_ask()
        if reason:
            cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return not reason

    def request(self, method: str, **params: Any) -> set[OperatorReturnItems]:
        """Send the request; without a window, report how it ended."""
        if not bpy.app.background:
            ask(method, **params)
            return {"FINISHED"}
        operator: Any = self
        session = runtime.session()
        try:
            if method != "models":
                session.ask(method, params)
            _keep(session.ask("models", {}), None)
            while fetching():
                time.sleep(_ASK_SECONDS)
                _keep(session.ask("models", {}), None)
        except ValueError as error:
            operator.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if method == "model_install" and errand().get("state") == "failed":
            operator.report({"ERROR"}, in_words(f"{errand()['message']} {errand()['hint']}".strip()))
            return {"CANCELLED"}
        return {"FINISHED"}


class TURNAROUND_OT_models(_OnModels, bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Ask the backend which learned models there are, and which are installed"""

    bl_idname = "turnaround.backend_models"
    bl_label = "Show Models"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask; the answer is drawn when it comes."""
        return self.request("models")


class _OnModel(_OnModels):
    """An operator on one model, which its tooltip describes."""

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        """What it does, and what the model is for."""
        purpose = row_of(properties.name).get("purpose", "")
        return f"{cls.__doc__}. {properties.name}: {purpose}" if purpose else cls.__doc__ or ""


class TURNAROUND_OT_model_install(_OnModel, bpy.types.Operator):  # noqa: N801
    """Download this model and check it; what has come is kept if it stops"""

    bl_idname = "turnaround.model_install"
    bl_label = "Install Model"

    name: bpy.props.StringProperty(name="Model", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start, from the folder of packages where it has the file, else from the network."""
        file = _in_packages(row_of(self.name).get("file", ""))
        if file is None and not bpy.app.online_access:
            self.report({"ERROR"}, OFFLINE)
            return {"CANCELLED"}
        return self.request("model_install", name=self.name, file=str(file or ""))


class TURNAROUND_OT_model_import(_OnModel, bpy.types.Operator):  # noqa: N801
    """Take in this model from a file that you have; it is copied and checked"""

    bl_idname = "turnaround.model_import"
    bl_label = "Install Model From File"

    name: bpy.props.StringProperty(name="Model", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Let the user choose."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start."""
        return self.request("model_install", name=self.name, file=bpy.path.abspath(self.filepath))


class TURNAROUND_OT_model_remove(_OnModel, bpy.types.Operator):  # noqa: N801
    """Delete this model"""

    bl_idname = "turnaround.model_remove"
    bl_label = "Remove Model"

    name: bpy.props.StringProperty(name="Model", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask first: it would have to be downloaded again."""
        manager: Any = context.window_manager
        return manager.invoke_confirm(self, event)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Delete it."""
        return self.request("model_remove", name=self.name)


class TURNAROUND_OT_model_stop(_OnModels, bpy.types.Operator):  # noqa: N801
    """Stop fetching. What has come stays, and Install goes on from there"""

    bl_idname = "turnaround.model_stop"
    bl_label = "Stop"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask the backend to stop."""
        return self.request("model_stop")


def _in_packages(name: str) -> Path | None:
    """The file called ``name`` in the folder of packages that the preferences name."""
    kept = preferences()
    packages = kept.packages.strip() if kept else ""
    if not name or not packages or "://" in packages:
        return None
    path = Path(bpy.path.abspath(packages)) / name
    return path if path.is_file() else None


CLASSES = (
    TURNAROUND_OT_models,
    TURNAROUND_OT_model_install,
    TURNAROUND_OT_model_import,
    TURNAROUND_OT_model_remove,
    TURNAROUND_OT_model_stop,
)
