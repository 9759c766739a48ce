# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangle meshes: what carving, colouring, rendering and measuring a surface share. Importing it loads nothing."""
