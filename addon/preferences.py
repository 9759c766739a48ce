# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences: which Python runs the backend, where it computes, where jobs are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..protocol import DEVICES
from . import process

PACKAGE = (__package__ or "").rpartition(".")[0]
"""The extension's own module name, under which Blender keeps its preferences and its folder."""

_DEVICE_TEXTS = {
    "auto": ("Automatic", "The graphics card where the backend can use it, else the processor"),
    "cpu": ("Processor", "Always the processor"),
    "cuda": ("NVIDIA GPU", "The graphics card; an error where there is none that the backend can use"),
}


def _device_items() -> list[tuple[str, str, str]]:
    """The devices of the contract, with their texts."""
    return [(device, *_DEVICE_TEXTS.get(device, (device, ""))) for device in DEVICES]


class TurnaroundPreferences(bpy.types.AddonPreferences):
    """Settings that belong to the computer, not to a scene."""

    bl_idname = PACKAGE

    python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Backend Python",
        description=(
            f"Interpreter of the environment in which the backend is installed. Empty: {process.PYTHON_VARIABLE} "
            "from the environment, else the folder 'environment' among this extension's own files"
        ),
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Device",
        description="Where the backend computes",
        items=_device_items(),
    )
    folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Jobs Folder",
        description="Where jobs keep what they compute, so that they can go on. Empty: this extension's own folder",
        subtype="DIR_PATH",
    )

    def draw(self, context: Any) -> None:
        """Draw the settings, and say which Python is used."""
        layout = self.layout
        if layout is None:
            return
        layout.use_property_split = True
        layout.prop(self, "python")
        found = backend_python()
        if found is None:
            layout.label(text="No Python is there: choose the backend's interpreter", icon="ERROR")
        elif not self.python:
            layout.label(text=f"Uses {found}", icon="CHECKMARK")
        layout.prop(self, "device")
        layout.prop(self, "folder")


def preferences() -> Any:
    """The extension's preferences, or None where the package is not enabled as an extension."""
    addons: Any = bpy.context.preferences.addons if bpy.context.preferences else {}
    entry = addons.get(PACKAGE)
    return entry.preferences if entry else None


def user_folder() -> Path | None:
    """The extension's own writable folder, or None where the package is not installed as an extension."""
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE, create=True))
    except ValueError:
        return None


def backend_python() -> Path | None:
    """The interpreter to start the backend with, or None where there is none."""
    settings = preferences()
    chosen = settings.python if settings else ""
    return process.find_python(bpy.path.abspath(chosen) if chosen else "", user_folder())


def jobs_folder() -> Path:
    """Where job folders lie."""
    settings = preferences()
    if settings and settings.folder:
        return Path(bpy.path.abspath(settings.folder))
    return (user_folder() or Path(bpy.app.tempdir)) / "jobs"
