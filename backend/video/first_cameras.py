# SPDX-License-Identifier: GPL-3.0-or-later
"""A first, quick camera pass over the key frames, to find where frames are missing.

Small pictures, few keypoints, neighbours in time only: good enough to see where the chain of cameras breaks and where
the angle between neighbours is large. Angles are at the point the cameras look at in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..sfm.interrupt import interruptible

SIDE, KEYPOINTS, OVERLAP = 640, 1000, 3
LARGE = 1.6
"""Angles larger than so many medians are gaps, if they are also ``LEAST_GAP`` degrees."""
LEAST_GAP = 6.0


@dataclass(frozen=True)
class Breaks:
    """What the pass found: ``registered`` (n,) bool, ``angles`` (n - 1,) degrees between neighbours (NaN where one has
    no camera).
    """

    registered: np.ndarray
    angles: np.ndarray

    def gaps(self) -> list[tuple[int, str]]:
        """(i, why): between the frames i and i + 1 another should stand."""
        known = self.angles[np.isfinite(self.angles)]
        bound = max(LARGE * float(np.median(known)), LEAST_GAP) if len(known) else np.inf
        found = []
        for i, angle in enumerate(self.angles):
            if not (self.registered[i] and self.registered[i + 1]):
                found.append((i, "registration broke here"))
            elif angle > bound:
                found.append((i, f"the angle was {angle:.0f} degrees"))
        return found


def first_pass(images: Path, names: list[str], work: Path, progress: Callable[[float], None]) -> Breaks:
    """Estimate cameras for the files ``names`` (in time) of the folder ``images``; ``work`` is empty and stays so."""
    import pycolmap

    database, models = work / "first.db", work / "models"
    models.mkdir()
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu, options.max_image_size = False, SIDE
    options.sift.max_num_features = KEYPOINTS
    pairing = pycolmap.SequentialPairingOptions()
    pairing.overlap, pairing.quadratic_overlap = OVERLAP, False
    mapping = pycolmap.IncrementalPipelineOptions()
    mapping.multiple_models, mapping.random_seed, mapping.num_threads = False, 0, 1
    # cameras to a degree will do: half the default's rounds of adjustment
    mapping.ba_local_max_num_iterations, mapping.ba_global_max_num_iterations = 10, 20
    mapping.ba_global_max_refinements = 2
    mapping.ba_global_frames_ratio = mapping.ba_global_points_ratio = 1.4
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False

    def alive(fraction: float) -> Callable[[], None]:
        return lambda: progress(fraction)

    reader = pycolmap.ImageReaderOptions(camera_model="SIMPLE_RADIAL")
    single = pycolmap.CameraMode.SINGLE
    _call(
        alive(0.1),
        lambda token: pycolmap.extract_features(
            database, images, image_names=names, camera_mode=single, reader_options=reader,
            extraction_options=options, device=pycolmap.Device.cpu, cancellation_token=token,
        ),
    )  # fmt: skip
    _call(
        alive(0.4),
        lambda token: pycolmap.match_sequential(
            database, matching_options=matching, pairing_options=pairing, device=pycolmap.Device.cpu,
            cancellation_token=token,
        ),
    )  # fmt: skip
    found = _call(
        alive(0.7),
        lambda token: pycolmap.incremental_mapping(database, images, models, mapping, cancellation_token=token),
    )
    return _breaks(found, names)


def _call(alive: Callable[[], None], work: Callable) -> dict:
    """Run one of pycolmap's long calls so that cancelling reaches it."""
    return interruptible(work, alive)  # type: ignore[no-any-return]


def _breaks(models: dict, names: list[str]) -> Breaks:
    """Read the largest model."""
    registered = np.zeros(len(names), bool)
    centres, axes = np.full((len(names), 3), np.nan), np.full((len(names), 3), np.nan)
    if models:
        best = max(models.values(), key=lambda m: m.num_reg_images())
        place = {name: i for i, name in enumerate(names)}
        for image in best.images.values():
            if image.has_pose:
                i = place[image.name]
                registered[i] = True
                centres[i] = image.projection_center()
                axes[i] = image.viewing_direction()
    return Breaks(registered, _angles(centres, axes))


def _angles(centres: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Degrees between neighbours at the point nearest to all viewing axes, (n - 1,); NaN where a camera is missing."""
    known = np.isfinite(centres[:, 0])
    if known.sum() < 3:
        return np.full(max(len(centres) - 1, 0), np.nan)
    across = np.eye(3) - np.einsum("ni,nj->nij", axes[known], axes[known])
    right = np.einsum("nij,nj->i", across, centres[known])
    focus = np.linalg.lstsq(across.sum(0), right, rcond=None)[0]
    rays = centres - focus
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    cosine = np.clip((rays[:-1] * rays[1:]).sum(1), -1, 1)
    return np.degrees(np.arccos(cosine))
