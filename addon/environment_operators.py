# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, cancel, check, remove, choose: what can be done with the backend's environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import environment_runtime
from .environment import layout
from .environment.manager import Action, Manager, State
from .preferences import preferences

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

NO_EXTENSION = "Turnaround is not installed as an extension."
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
        return NO_EXTENSION
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


def repair() -> tuple[str, str]:
    """Operator and text of the button that mends the backend; the preferences where a click alone cannot."""
    manager = environment_runtime.manager()
    if manager is not None and manager.settings.chosen is not None:
        return operator_for(Action.CHOOSE), "Use Another Environment"
    if manager is None or reason_not_to_install(manager):
        return "turnaround.preferences", "Open Preferences"
    button = manager.status().button
    action = Action.REPAIR if button is Action.CHECK else button
    return operator_for(action), LABELS[action][0]


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


class _OnEnvironment:
    """An operator that begins something with the environment: its ``begin`` raises ``ValueError`` where it cannot."""

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Start; without a window also finish."""
        operator: Any = self
        manager = environment_runtime.manager()
        try:
            if manager is None:
                raise ValueError(NO_EXTENSION)
            operator.begin(manager)
        except ValueError as error:
            operator.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return follow(operator, environment_runtime.manager() or manager)


class TURNAROUND_OT_backend_install(_OnEnvironment, bpy.types.Operator):  # noqa: N801 - Blender's naming rule
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

    def begin(self, manager: Manager) -> None:
        """Install, go on, update or repair."""
        manager.install()


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


class TURNAROUND_OT_backend_check(_OnEnvironment, bpy.types.Operator):  # noqa: N801
    """Load every library of the backend and ask it whether it is well"""

    bl_idname = "turnaround.backend_check"
    bl_label = "Check Backend"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only where there is something to check."""
        manager = environment_runtime.manager()
        return manager is not None and not manager.busy and manager.status().state is not State.ABSENT

    def begin(self, manager: Manager) -> None:
        """Check."""
        manager.check()


class TURNAROUND_OT_backend_remove(_OnEnvironment, bpy.types.Operator):  # noqa: N801
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

    def begin(self, manager: Manager) -> None:
        """Delete it."""
        environment_runtime.release()
        manager.remove()


class TURNAROUND_OT_backend_use(_OnEnvironment, bpy.types.Operator):  # noqa: N801
    """Use an environment of your own in which the backend is installed: choose its interpreter or its folder"""

    bl_idname = "turnaround.backend_use"
    bl_label = "Use an Existing Environment"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Let the user choose."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def begin(self, manager: Manager) -> None:
        """Set the preference, then check."""
        path = Path(bpy.path.abspath(self.filepath))
        if path.is_dir():
            path = layout.python_in(path)
        kept = preferences()
        if kept is None or not path.is_file():
            raise ValueError(f"There is no Python at {path}: choose the interpreter of an environment.")
        if manager.busy:
            raise ValueError("The backend's environment is being worked on.")
        kept.python = str(path)
        chosen = environment_runtime.manager() or manager
        chosen.check()


class TURNAROUND_OT_backend_diagnostics(bpy.types.Operator):  # noqa: N801
    """Copy what someone who helps you needs to know: versions, state, the end of the log. It names no private folder"""

    bl_idname = "turnaround.backend_diagnostics"
    bl_label = "Copy Diagnostics"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Put the text on the clipboard; without a window there is none, so it is reported."""
        # Read by few, and never when the extension is enabled.
        import tomllib

        from .environment.diagnostics import report

        manager = environment_runtime.manager()
        if manager is None:
            self.report({"ERROR"}, NO_EXTENSION)
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


CLASSES = (
    TURNAROUND_OT_backend_install,
    TURNAROUND_OT_backend_cancel,
    TURNAROUND_OT_backend_check,
    TURNAROUND_OT_backend_remove,
    TURNAROUND_OT_backend_use,
    TURNAROUND_OT_backend_diagnostics,
)
