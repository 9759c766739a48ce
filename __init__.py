# SPDX-License-Identifier: GPL-3.0-or-later
"""Turnaround: from a capture of a real object to a Blender scene.

This folder is two things at once: a Blender extension (``bl_ext.<repository>.turnaround``) and the Python package
``turnaround`` of the backend. Neither half is imported here, so that the backend never loads ``bpy`` and Blender never
loads the backend; ``register`` fetches the addon only when Blender calls it.
"""


def register() -> None:
    """Register the addon's classes with Blender."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Remove the addon's classes, timers and the backend process."""
    from . import addon

    addon.unregister()
