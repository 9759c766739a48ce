# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stages ``masks`` and ``masks_refined`` share: prompts, colour models, cuts, flow and agreement of views.

All of it works on small copies of the frames ("working size"): (h, w, 3) uint8 sRGB pictures and (h, w) float32 masks
in [0, 1], 1 the object.
"""
