# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, cancel, check, remove, choose: what can be done with the backend's environment, and its models listed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import environment_runtime
from .environment.diagnostics import report
from .environment.manager import Action, Manager, State
from .preferences import PACKAGE, preferences

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

OFFLINE = "Blender's online access is off: allow it in the preferences (System, Network), or choose a Packages folder."
LABELS = {
    Action.INSTALL: ("Install Backend", "IMPORT"),
    Action.CONTINUE: ("Continue Installing", "IMPORT"),
    Action.UPDATE: ("Update Backend", "FILE_REFRESH"),
    Action.REPAIR: ("Repair Backend", "TOOL_SETTINGS"),
    Action.CANCEL: ("Cancel", "CANCEL"),
    Action.CHECK: ("Check", "CHECKMARK"),
    Action.CHOOSE: ("Use an Existing Environment", "FILEBROWSER"),
}


def operator_for(action: Action) -> str:
    """The operator of the one button."""
    special = {Action.CANCEL: "cancel", Action.CHECK: "check", Action.CHOOSE: "use"}
    return f"turnaround.backend_{special.get(action, 'install')}"


def reason_not_to_install(manager: Manager | None) -> str:
    """Why nothing can be installed now; an empty string where it can."""
    if manager is None:
        return "Turnaround is not installed as an extension."
    if manager.busy:
        return "The backend's environment is being worked on."
    if manager.settings.chosen is not None:
        return "An environment of your own is used: take it out of Backend Python (or TURNAROUND_PYTHON) first."
    if not manager.settings.online and not _is_folder(manager.settings.packages):
        return OFFLINE
    return ""


def _is_folder(packages: str) -> bool:
    """Whether packages come from a place that online access does not gate; the builder checks every address again."""
    from .environment.download import is_local

    return bool(packages) and is_local(packages)


def follow(operator: Any, manager: Manager) -> set[OperatorReturnItems]:
    """Follow the builder by a timer where there is a window, else to its end, and report how it ended."""
    if not bpy.app.background:
        environment_runtime.listen()
        environment_runtime.redraw()
        return {"FINISHED"}
    manager.wait()
    if manager.trouble is not None:
        operator.report({"ERROR"}, f"{manager.trouble.message} {manager.trouble.hint}".strip())
        return {"CANCELLED"}
    environment_runtime.release()
    manager.tidy()
    operator.report({"INFO"}, manager.wait().text)
    return {"FINISHED"}


class TURNAROUND_OT_backend_install(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Make the backend's own Python environment in your extension folder. It needs no admin rights and changes nothing
    else on this computer; the one in use is kept until the new one works. What has been downloaded is kept if it stops
    """

    bl_idname = "turnaround.backend_install"
    bl_label = "Install Backend"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why nothing can be installed."""
        reason = reason_not_to_install(environment_runtime.manager())
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start; without a window also finish."""
        manager = environment_runtime.manager()
        if manager is None:
            return {"CANCELLED"}
        manager.install()
        return follow(self, manager)


class TURNAROUND_OT_backend_cancel(bpy.types.Operator):  # noqa: N801
    """Stop. What has been downloaded stays, and Continue goes on from there"""

    bl_idname = "turnaround.backend_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only while something is done."""
        manager = environment_runtime.manager()
        return manager is not None and manager.busy

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask the builder to stop; it is killed if it does not within seconds."""
        manager = environment_runtime.manager()
        if manager is None:
            return {"CANCELLED"}
        manager.cancel()
        if bpy.app.background:
            manager.wait()
        return {"FINISHED"}


class TURNAROUND_OT_backend_check(bpy.types.Operator):  # noqa: N801
    """Load every library of the backend and ask it whether it is well"""

    bl_idname = "turnaround.backend_check"
    bl_label = "Check Backend"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only where there is something to check."""
        manager = environment_runtime.manager()
        return manager is not None and not manager.busy and manager.status().state is not State.ABSENT

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start; without a window also finish."""
        manager = environment_runtime.manager()
        if manager is None:
            return {"CANCELLED"}
        manager.check()
        return follow(self, manager)


class TURNAROUND_OT_backend_remove(bpy.types.Operator):  # noqa: N801
    """Delete the backend's environment and its downloads. Your jobs and models stay"""

    bl_idname = "turnaround.backend_remove"
    bl_label = "Remove Backend"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why it cannot be removed."""
        manager = environment_runtime.manager()
        if manager is None or manager.busy:
            return False
        if manager.settings.chosen is not None:
            cls.poll_message_set("An environment of your own is never deleted; clear Backend Python instead.")
            return False
        if environment_runtime.in_use():
            cls.poll_message_set("The backend is at work: cancel the job first.")
            return False
        return manager.status().state is not State.ABSENT

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask first: some gigabytes would have to be downloaded again."""
        manager: Any = context.window_manager
        return manager.invoke_confirm(self, event)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start; without a window also finish."""
        manager = environment_runtime.manager()
        if manager is None:
            return {"CANCELLED"}
        environment_runtime.release()
        try:
            manager.remove()
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return follow(self, manager)


class TURNAROUND_OT_backend_use(bpy.types.Operator):  # noqa: N801
    """Use an environment of your own in which the backend is installed: choose its interpreter or its folder"""

    bl_idname = "turnaround.backend_use"
    bl_label = "Use an Existing Environment"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Let the user choose."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Set the preference, then check."""
        from .environment import layout

        path = Path(bpy.path.abspath(self.filepath))
        if path.is_dir():
            path = layout.python_in(path)
        kept, manager = preferences(), environment_runtime.manager()
        if kept is None or manager is None or not path.is_file():
            self.report({"ERROR"}, f"There is no Python at {path}: choose the interpreter of an environment.")
            return {"CANCELLED"}
        if manager.busy:
            self.report({"ERROR"}, "The backend's environment is being worked on.")
            return {"CANCELLED"}
        kept.python = str(path)
        chosen = environment_runtime.manager()
        if chosen is None:
            return {"CANCELLED"}
        chosen.check()
        return follow(self, chosen)


class TURNAROUND_OT_backend_diagnostics(bpy.types.Operator):  # noqa: N801
    """Copy what someone who helps you needs to know: versions, state, the end of the log. It names no private folder"""

    bl_idname = "turnaround.backend_diagnostics"
    bl_label = "Copy Diagnostics"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Put the text on the clipboard; without a window there is none, so it is reported."""
        manager = environment_runtime.manager()
        if manager is None:
            self.report({"ERROR"}, "Turnaround is not installed as an extension.")
            return {"CANCELLED"}
        manifest = Path(__file__).resolve().parents[1] / "blender_manifest.toml"
        version = tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]
        text = report(manager, bpy.app.version_string, version)
        if bpy.app.background:
            self.report({"INFO"}, text)
        else:
            context.window_manager.clipboard = text
            self.report({"INFO"}, "Copied to the clipboard.")
        return {"FINISHED"}


class TURNAROUND_OT_backend_models(bpy.types.Operator):  # noqa: N801
    """Ask the backend which learned models there are, and which are installed"""

    bl_idname = "turnaround.backend_models"
    bl_label = "Show Models"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why the models cannot be listed."""
        manager = environment_runtime.manager()
        if manager is None or manager.status().python is None:
            cls.poll_message_set("Install the backend first: it knows its models.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask; the answer is drawn when it comes."""
        from . import runtime

        session, found = runtime.session(), environment_runtime.models()

        def keep(result: dict[str, Any] | None, problem: Any) -> None:
            found.clear()
            found.update(result or {"problem": f"{problem.message} {problem.hint}".strip()})
            environment_runtime.redraw()

        if bpy.app.background:
            try:
                keep(session.ask("models", {}), None)
            except ValueError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            return {"FINISHED"}
        session.call("models", {}, keep)
        runtime.listen()
        return {"FINISHED"}


CLASSES = (
    TURNAROUND_OT_backend_install,
    TURNAROUND_OT_backend_cancel,
    TURNAROUND_OT_backend_check,
    TURNAROUND_OT_backend_remove,
    TURNAROUND_OT_backend_use,
    TURNAROUND_OT_backend_diagnostics,
    TURNAROUND_OT_backend_models,
)
__all__ = ["CLASSES", "LABELS", "OFFLINE", "PACKAGE", "operator_for", "reason_not_to_install"]
