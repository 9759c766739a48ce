# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the background stand still while the object moves? Then it is a turntable, and the background would lie.

Told by the unverified matches between frames (verification would already have believed the larger side): where the
object's matches move and most of the background's stay in their place in the picture, the camera stood still.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import read_grey
from ..records import Frame
from .features import positions

_STILL = 0.004
_MOVED = 0.01
"""Shares of the picture's diagonal: a match that moved less stands still, a median above the second moves."""
_FEWEST = 100
_LEAST_SHARE = 0.5
_ROOM_SHARE = 0.3
"""Share of all matches, in pairs of which many are far apart, that a moving camera never leaves in their place."""


@dataclass(frozen=True)
class Motion:
    """How the matches moved, all pairs together.

    ``static_outside`` is the still share of the background's matches in pairs whose object moves, ``outside`` their
    number, ``static_all`` the still share of all matches.
    """

    static_outside: float
    outside: int
    static_all: float

    @property
    def turntable(self) -> bool:
        """Whether keypoints should be taken from the object alone."""
        return self.outside >= _FEWEST and self.static_outside >= _LEAST_SHARE

    @property
    def room_stands_still(self) -> bool:
        """Whether so much stays in its place that it would outvote what moves, with or without masks to tell why."""
        return self.static_all >= _ROOM_SHARE

    @property
    def nothing_moves(self) -> bool:
        """Whether the pictures are all but the same, so that there is no depth in them."""
        return self.static_all >= 0.9


def measure_motion(database: Path, frames: list[Frame], masks: dict[str, tuple[Path, float]]) -> Motion:
    """Compare motion inside and outside the masks, over all matched pairs of the database."""
    import pycolmap

    points, inside = {}, {}
    by_file = {Path(f.image).name: f for f in frames}
    still_outside = outside = still = total = 0
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            frame = by_file[image.name]
            xy = positions(opened, image.image_id)
            points[image.image_id] = xy / np.hypot(frame.width, frame.height)
            inside[image.image_id] = _inside(xy, masks.get(frame.name))
        pair_ids, all_matches = opened.read_all_matches()
        for pair_id, matches in zip(pair_ids, all_matches, strict=True):
            a, b = pycolmap.pair_id_to_image_pair(pair_id)
            if len(matches) < 10:
                continue
            moved = np.linalg.norm(points[a][matches[:, 0]] - points[b][matches[:, 1]], axis=1)
            still, total = still + int(np.count_nonzero(moved < _STILL)), total + len(moved)
            both_in = inside[a][matches[:, 0]] & inside[b][matches[:, 1]]
            both_out = ~inside[a][matches[:, 0]] & ~inside[b][matches[:, 1]]
            if np.count_nonzero(both_in) >= 8 and np.median(moved[both_in]) > _MOVED:
                outside += int(np.count_nonzero(both_out))
                still_outside += int(np.count_nonzero(moved[both_out] < _STILL))
    return Motion(still_outside / max(outside, 1), outside, still / max(total, 1))


def _inside(xy: np.ndarray, mask: tuple[Path, float] | None) -> np.ndarray:
    """Which keypoints ``xy`` (N, 2) lie in the mask; none where there is no mask."""
    if mask is None or not len(xy):
        return np.zeros(len(xy), bool)
    image = read_grey(mask[0])
    x = np.clip(xy[:, 0].astype(int), 0, image.shape[1] - 1)
    y = np.clip(xy[:, 1].astype(int), 0, image.shape[0] - 1)
    return image[y, x] > 127
