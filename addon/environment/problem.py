# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong while an environment was made: a code for programs, cause and way out for people."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - it is shown as it is, with its way out
    """An installation ended; nothing of the environment in use has changed."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Cancelled(Exception):  # noqa: N818 - no error
    """The user, or Blender's end, stopped it."""
