# SPDX-License-Identifier: GPL-3.0-or-later
"""How finely an object is carved: as its photos show it."""

import numpy as np
import pytest
from turnaround.backend.mesh.carving import voxels
from turnaround.backend.mesh.rendering import looking_at
from turnaround.backend.records import Cameras


def seen_from(distance, side):
    """Cameras with ``side`` pixels around a box two units long, at ``distance``."""
    around = [looking_at(np.array([0.0, 0, 0.5]), azimuth, 20, distance, side) for azimuth in range(0, 360, 60)]
    return Cameras(cameras=around, box=np.array([[-1.0, -0.5, 0], [1, 0.5, 1]]))


def test_a_voxel_covers_two_pixels_within_the_limits():
    cameras = seen_from(6.0, 400)
    shown = 2 * cameras.cameras[0].K[0, 0] / 6.0
    assert voxels(cameras, 10, 1000) == pytest.approx(shown / 2, abs=1)
    assert voxels(seen_from(6.0, 800), 10, 1000) == pytest.approx(shown, abs=1)
    assert voxels(seen_from(12.0, 400), 10, 1000) == pytest.approx(shown / 4, abs=1)
    assert voxels(cameras, 300, 400) == 300
    assert voxels(cameras, 10, 40) == 40
    # Who asks for more than the most gets what was asked for.
    assert voxels(cameras, 300, 100) == 300
    assert voxels(Cameras(cameras=[], box=cameras.box), 176, 320) == 176


def test_one_camera_far_off_does_not_matter():
    cameras = seen_from(6.0, 400)
    cameras.cameras[0] = seen_from(60.0, 400).cameras[0]
    assert voxels(cameras, 10, 1000) == voxels(seen_from(6.0, 400), 10, 1000)
