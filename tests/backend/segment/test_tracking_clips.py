# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker on two clips of DAVIS 2016, from the box and from the click on the first frame, as a job runs it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.images import read_grey, read_rgb
from turnaround.backend.metrics.masks import boundary_f, intersection_over_union
from turnaround.backend.segment import engines
from turnaround.backend.segment.settle import enlarge
from turnaround.backend.segment.tracking import engine

PROMPTS = {
    "vos_blackswan": ([272, 319], [127, 73, 509, 384]),
    "vos_car_shadow": ([568, 177], [313, 99, 654, 281]),
}


def scores(folder, prompt, count):
    """J and F of the first ``count`` frames, (count, 2)."""
    pictures = []
    for path in sorted((folder / "frames").glob("*.jpg"))[:count]:
        height, width = read_rgb(path).shape[:2]
        size = {"width": width, "height": height, "source_width": width, "source_height": height}
        pictures.append(engines.Picture(name=path.stem, source=path.name, path=path, **size))
    task = engines.Task(pictures=pictures, ordered=True, prompts={0: [prompt]})
    rows = {}
    for found in engine.segment(task):
        picture = pictures[found.index]
        mask = enlarge(found.mask, picture.read(), 2.0) if not found.settled else enlarged(found.mask, picture)
        true = read_grey(folder / "masks" / f"{picture.name}.png") > 127
        rows[found.index] = intersection_over_union(mask > 127, true), boundary_f(mask > 127, true)
    return np.array([rows[i] for i in range(count)])


def enlarged(mask, picture):
    """The mask at the frame's size, as the stage writes it."""
    return np.round(np.clip(cv2.resize(mask, (picture.width, picture.height)), 0, 1) * 255)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "count", "box", "least_j", "least_f"),
    [
        ("vos_blackswan", 50, True, 0.92, 0.91),
        ("vos_car_shadow", 40, True, 0.87, 0.86),
        ("vos_blackswan", 50, False, 0.86, 0.85),
        ("vos_car_shadow", 40, False, 0.86, 0.84),
    ],
)
def test_clips_are_tracked_from_their_first_frame(data, clip, count, box, least_j, least_f):
    point, corners = PROMPTS[clip]
    prompt = {"type": "box", "xyxy": corners} if box else {"type": "point", "xy": point}
    mean_j, mean_f = scores(data / clip, prompt, count).mean(0)
    assert mean_j >= least_j
    assert mean_f >= least_f
