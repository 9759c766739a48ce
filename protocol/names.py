# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed lists of names that every side spells the same way."""

from __future__ import annotations

VERSION = 1
"""Raised whenever a message changes meaning; both sides refuse another number than their own."""

PRESETS = ("draft", "balanced", "quality")
DEVICES = ("auto", "cpu", "cuda")
RECIPES = ("auto", "object_scan", "scene", "single_picture")
LENGTH_OF = ("height", "longest", "diagonal")
_FEW = ("glb", "stl", "pointcloud", "splats")
_USUAL = ("glb", "obj", "stl", "usdz", "lods", "pointcloud", "splats", "renders", "turntable")
_MORE = ("spz", "splat_renders", "photos")
USUAL_DELIVERABLES = {"draft": _FEW, "balanced": _USUAL, "quality": (*_USUAL, "spz", "splat_renders")}
"""What ``auto`` stands for under each preset."""
DELIVERABLES = ("auto", *_USUAL, *_MORE)
"""What a job can be asked to deliver, beside the mesh with its texture, the cameras, a preview and the figures."""
STAGES = ("frames", "masks", "cameras", "masks_refined", "cutouts", "hull", "splats", "surface", "texture", "export")
"""The stages of the object scan, in the order in which it runs them with a prompt; other recipes run some of them."""

BUDGETS = {"preview": 25_000, "reduced": 50_000, "medium": 100_000, "full": 250_000}
"""Triangles that a mesh of each size stays below, named as Apple's Object Capture names them; the presets ``draft``,
``balanced`` and ``quality`` take the first three."""

STAND_INS = {"assumed_cameras": ("cameras",), "shape": ("hull", "surface")}
"""Stages of the recipe ``single_picture``, and the stages whose place they take: they leave the same files behind."""

ALL_STAGES = (*STAGES, *STAND_INS)
"""Every stage of every recipe."""
