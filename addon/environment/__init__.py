# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's own Python environment: how it comes, is renewed, checked and removed. No Blender in this package.

Two processes: Blender holds a ``manager.Manager`` and pumps it; all that takes time happens in a *builder*
(``__main__.py``, standard library only), which Blender's Python runs and which ends when Blender does. What they share
lies in one folder (``layout``): a new environment is made beside the old one and takes its place by one rename.
"""
