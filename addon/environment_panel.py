# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's state with the one button that fits it, in the sidebar while there is something to do, and always in
the preferences.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import environment_runtime
from .environment.manager import Action, Manager, State
from .environment_operators import LABELS, operator_for, reason_not_to_install
from .panels import time_left
from .wrapping import wrapped

_ICONS: dict[State, Any] = {
    State.ABSENT: "INFO",
    State.INSTALLING: "SORTTIME",
    State.INCOMPLETE: "PAUSE",
    State.READY: "CHECKMARK",
    State.OUTDATED: "FILE_REFRESH",
    State.BROKEN: "ERROR",
}
_WILL_INSTALL = frozenset({Action.INSTALL, Action.CONTINUE, Action.UPDATE, Action.REPAIR})


class TURNAROUND_PT_backend(bpy.types.Panel):  # noqa: N801 - Blender's naming rule
    """Shown above the others until the backend is ready."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Set Up"
    bl_order = -1

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only while there is something to do or to see."""
        manager = environment_runtime.manager()
        return manager is not None and (manager.busy or manager.status().state is not State.READY)

    def draw(self, context: Any) -> None:
        """The state and its button."""
        draw_state(self.layout, context)


def draw_state(layout: Any, context: Any) -> None:
    """State, progress, what went wrong, what it will take, and the one button."""
    manager = environment_runtime.manager()
    if manager is None:
        layout.label(text="Not installed as an extension", icon="ERROR")
        return
    status = manager.status()
    if manager.busy:
        progress = manager.progress
        layout.progress(factor=progress.fraction, text=status.text, type="BAR")
        if progress.text:
            layout.label(text=progress.text)
        if progress.seconds_left is not None:
            layout.label(text=f"{time_left(progress.seconds_left)} left", icon="TIME")
        layout.operator("turnaround.backend_cancel", icon="CANCEL")
        return
    wrapped(layout.column(align=True), status.text, context, _ICONS[status.state])
    if manager.trouble is not None:
        column = layout.box().column(align=True)
        column.alert = True
        wrapped(column, manager.trouble.message, context, "ERROR")
        wrapped(column, manager.trouble.hint, context)
    if status.button in _WILL_INSTALL:
        _draw_cost(layout, manager, context)
    text, icon = LABELS[status.button]
    row = layout.row()
    row.scale_y = 1.4 if status.state is not State.READY else 1.0
    row.operator(operator_for(status.button), text=text, icon=icon)
    reason = reason_not_to_install(manager) if status.button in _WILL_INSTALL else ""
    if reason:
        wrapped(layout.column(align=True), reason, context, "INFO")


def _draw_cost(layout: Any, manager: Manager, context: Any) -> None:
    """What a click would download and take, as soon as the builder has said it."""
    if not manager.survey and manager.trouble is None:
        manager.look_around()
        environment_runtime.listen()
    if manager.survey.get("title"):
        facts = manager.survey
        text = f"For {facts['title']}: {facts['download'] / 1e6:.0f} MB to download, {facts['on_disk'] / 1e9:.1f} GB"
        wrapped(layout.column(align=True), text, context)
        if facts.get("note"):
            wrapped(layout.column(align=True), facts["note"], context, "INFO")


def draw_setup(layout: Any, context: Any) -> None:
    """The same in the preferences, with everything else that can be done."""
    box = layout.box()
    box.label(text="Backend", icon="CONSOLE")
    draw_state(box, context)
    manager = environment_runtime.manager()
    if manager is None or manager.busy:
        return
    status = manager.status()
    row = box.row(align=True)
    if status.state is State.READY and manager.settings.chosen is None:
        row.operator("turnaround.backend_install", text="Repair", icon="TOOL_SETTINGS")
    if status.state is not State.ABSENT and manager.settings.chosen is None:
        row.operator("turnaround.backend_remove", text="Remove", icon="TRASH")
    if status.button is not Action.CHOOSE:
        row.operator("turnaround.backend_use", text="Use Existing", icon="FILEBROWSER")
    row.operator("turnaround.backend_diagnostics", icon="COPYDOWN")


CLASSES = (TURNAROUND_PT_backend,)
