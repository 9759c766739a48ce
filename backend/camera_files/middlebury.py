# SPDX-License-Identifier: GPL-3.0-or-later
"""Read NAME_par.txt of the Middlebury multi-view sets (Seitz et al. 2006).

The first line is the number of photos, each further one ``name K(9) R(9) t(3)`` row by row: world-to-camera, OpenCV
axes, no distortion. The file gives no picture sizes; they are taken to be 640 x 480, as all sets of that page are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..lens import LensCamera, Scene
from .checks import matrix, rigid, stem

_SIZE = (640, 480)


def read_cameras(path: Path) -> Scene:
    """Read the file. Raises ``ValueError`` with the line that makes no sense."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ValueError(f"expected text in {path.name}, got something else") from None
    if lines and len(lines[0]) == 1:
        del lines[0]
    cameras = []
    for words in lines:
        if len(words) != 22:
            raise ValueError(f"expected a name and 21 numbers a line in {path.name}, got {len(words)} words")
        values = matrix(words[1:], (21,), words[0])
        K = values[:9].reshape(3, 3)
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"expected positive focal lengths for {words[0]}, got {K[0, 0]:g} and {K[1, 1]:g}")
        K = np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1.0]])
        cam_from_world = rigid(values[9:18].reshape(3, 3), values[18:], words[0])
        cameras.append(
            LensCamera(name=stem(words[0]), width=_SIZE[0], height=_SIZE[1], K=K, cam_from_world=cam_from_world)
        )
    if not cameras:
        raise ValueError(f"expected cameras in {path.name}, got none")
    return Scene(cameras=cameras)
