# SPDX-License-Identifier: GPL-3.0-or-later
"""The matches of chosen pairs of frames, verified by two-view geometry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .interrupt import interruptible

_CHUNK = 250
"""Pairs a call: each call builds its search trees anew, and between calls progress is told."""


def match(
    database: Path,
    files: list[str],
    pairs: list[tuple[int, int]],
    alive: Callable[[], None],
    progress: Callable[[float], None],
    threads: int = -1,
    seed: int = 0,
    moving_only: bool = False,
    guided: bool = False,
) -> None:
    """Match and verify ``pairs`` of ``files`` (picture names as the database knows them).

    ``moving_only``: matches that stay in their place in the picture are left out, as those of a turntable's room.
    ``guided``: match once more along the epipolar lines of what was verified, where a keypoint has fewer rivals.
    """
    import pycolmap

    options = pycolmap.FeatureMatchingOptions()
    options.num_threads = threads
    options.guided_matching = guided
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = seed
    verification.filter_stationary_matches = moving_only
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = database.parent / "pairs.txt"
    for start in range(0, len(pairs), _CHUNK):
        progress(start / len(pairs))
        lines = [f"{files[i]} {files[j]}" for i, j in pairs[start : start + _CHUNK]]
        pairing.match_list_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        interruptible(
            lambda token: pycolmap.match_image_pairs(
                database,
                matching_options=options,
                pairing_options=pairing,
                verification_options=verification,
                device=pycolmap.Device.cpu,
                cancellation_token=token,
            ),
            alive,
        )
    progress(1.0)


def verify(
    database: Path, alive: Callable[[], None], threads: int = -1, seed: int = 0, moving_only: bool = False
) -> None:
    """Verify the matches of ``database`` anew; see ``match``."""
    import pycolmap

    options = pycolmap.GeometricVerifierOptions()
    options.num_threads = threads
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = seed
    verification.filter_stationary_matches = moving_only
    with pycolmap.Database.open(database) as opened:
        opened.clear_two_view_geometries()
    interruptible(
        lambda token: pycolmap.geometric_verification(
            database,
            verifier_options=options,
            two_view_geometry_options=verification,
            cancellation_token=token,
        ),
        alive,
    )
