# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences: the backend's environment and models, where it computes, where jobs are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from ..protocol import DEVICES
from . import process
from .environment import layout as place

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
            f"Interpreter of an environment of your own in which the backend is installed. Empty: "
            f"{process.PYTHON_VARIABLE} from the system's environment, else the one that Install makes"
        ),
        subtype="FILE_PATH",
    )
    packages: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Packages",
        description=(
            "Where Install looks for packages first: a folder that has them, or the address of a mirror. "
            "With a folder that has all of them it needs no network. Empty: PyPI and PyTorch's own server"
        ),
        subtype="DIR_PATH",
    )
    backend_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Backend Folder",
        description=(
            "Where Install puts the backend, some gigabytes. Empty: this extension's own folder, or on Windows the "
            "local application data where that would make paths too long"
        ),
        subtype="DIR_PATH",
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
        """Draw the backend with the button that fits it, then the settings."""
        from . import environment_panel, models_panel

        layout = self.layout
        if layout is None:
            return
        environment_panel.draw_setup(layout, context)
        layout.use_property_split = True
        layout.prop(self, "python")
        layout.prop(self, "packages")
        layout.prop(self, "backend_folder")
        layout.prop(self, "device")
        layout.prop(self, "folder")
        box = layout.box()
        box.label(text="Models", icon="OUTLINER_OB_POINTCLOUD")
        models_panel.draw_models(box, context)


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


def environment_root() -> Path | None:
    """The folder of the backend's environment, or None where the package is not installed as an extension."""
    settings = preferences()
    if settings and settings.backend_folder:
        return Path(bpy.path.abspath(settings.backend_folder))
    folder = user_folder()
    return place.default_root(folder) if folder else None


def backend_python() -> Path | None:
    """The interpreter to start the backend with, or None where there is none.

    One that is named (here or by ``TURNAROUND_PYTHON``) and is not there is none: never silently another.
    """
    settings = preferences()
    named = (settings.python if settings else "") or os.environ.get(process.PYTHON_VARIABLE, "")
    if named.strip():
        return process.find_python(bpy.path.abspath(named), None)
    root = environment_root()
    return (place.interpreter(root) if root else None) or process.find_python("", user_folder())


def jobs_folder() -> Path:
    """Where job folders lie."""
    settings = preferences()
    if settings and settings.folder:
        return Path(bpy.path.abspath(settings.folder))
    return (user_folder() or Path(bpy.app.tempdir)) / "jobs"
