# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the models into which a capture fell apart show different things? Then no further rung will join them.

Two parts of one capture that only failed to grow together still share verified pairs; photos of two objects share next
to none, though the best of all pairs between them were compared.
"""

from __future__ import annotations

from .estimate import Estimator
from .mapping import Mapped

_TOGETHER = 0.9
"""Share of all frames that the models must hold together."""
_MOST_TIES = 2
_FEWEST_INLIERS = 20


def apart(mapped: Mapped, estimator: Estimator) -> bool:
    """Whether nearly all frames lie in models that share nothing with the largest."""
    held = {c.name for c in mapped.scene.cameras}
    rest = [group - held for group in mapped.others if len(group - held) >= 3]
    everything = held.union(*rest)
    if not rest or len(everything) < _TOGETHER * len(estimator.frames):
        return False
    return ties(held, set().union(*rest), estimator) <= _MOST_TIES


def ties(one: set[str], other: set[str], estimator: Estimator) -> int:
    """Number of verified pairs with a frame in ``one`` and the other in ``other``."""
    import pycolmap

    count = 0
    with pycolmap.Database.open(estimator.keypoints.database) as database:
        names = {i.image_id: estimator.name_of_file[i.name] for i in database.read_all_images()}
        for pair_id, geometry in zip(*database.read_two_view_geometries(), strict=True):
            a, b = (names[i] for i in pycolmap.pair_id_to_image_pair(pair_id))
            across = (a in one and b in other) or (a in other and b in one)
            count += across and len(geometry.inlier_matches) >= _FEWEST_INLIERS
    return count
