# SPDX-License-Identifier: GPL-3.0-or-later
"""The headless backend: job description in, job folder out. Never imports ``bpy`` or the addon."""
