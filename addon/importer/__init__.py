# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a finished job into the scene: mesh, points, splats and cameras under one collection and one root empty."""
