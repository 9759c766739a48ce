# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos as captures: reading any of them, choosing key frames, and what the panel asks about one.

Notation: ``index`` counts the decoded pictures from 0; ``seconds`` is a picture's display time after the first one.
Pictures are upright, of square pixels, 8-bit sRGB. *step*: mean optical flow where something moves, between one looked
at picture and the next, in shares of the picture's diagonal.
"""
