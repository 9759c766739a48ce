# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed lists of names that every side spells the same way."""

from __future__ import annotations

VERSION = 1
"""Raised whenever a message changes meaning; both sides refuse another number than their own."""

PRESETS = ("draft", "balanced", "quality")
DEVICES = ("auto", "cpu", "cuda")
RECIPES = ("auto", "object_scan", "scene")
LENGTH_OF = ("height", "longest", "diagonal")
DELIVERABLES = ("glb", "obj", "stl", "pointcloud", "splats")
STAGES = ("frames", "masks", "cameras", "masks_refined", "cutouts", "hull", "splats", "surface", "texture", "export")
"""Every stage of every recipe, in the order in which the object scan with a prompt runs them."""
