# SPDX-License-Identifier: GPL-3.0-or-later
"""From frames to cameras in the world of the object.

1. ``features``, ``preselect``, ``matching``: SIFT keypoints and their verified matches, by pycolmap.
2. ``standing_still``: does the background move with the camera, or does the object turn in front of it?
3. ``mapping``, ``final_adjustment``: incremental mapping, and a last adjustment; ``ladder``: what is tried when that
   registers too little.
4. ``triangulation``: sparse points for cameras that were given without.
5. ``silhouettes``, ``hull``: what the masks say of where the object is.
6. ``up``, ``ground``, ``object_box``, ``alignment``: the similarity into the upright, centred world of unit size.
7. ``delivery``: the undistorted images, cameras.json, points.ply and the COLMAP model.

``given`` takes the place of 1 to 3 where the user has cameras.

``interrupt`` lets the user cancel pycolmap's long calls. pycolmap is imported inside functions alone.
"""
