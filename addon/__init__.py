# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side: panel, operators, preferences, importer. Talks to the backend through a pipe, by ``protocol``."""


def register() -> None:
    """Register every class of the addon."""


def unregister() -> None:
    """Remove what ``register`` added."""
