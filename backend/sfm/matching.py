# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are compared, and their matches, verified by two-view geometry.

Up to 200 frames every pair is compared. Beyond, neighbours in name order (frames of a video or a walk) at distances 1
to 12 and at the powers of two, and every pair of some hundred frames spread over the capture, which close loops.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .interrupt import interruptible

MOST_EXHAUSTIVE = 200
_NEIGHBOURS = 12
_SPREAD = 100
_CHUNK = 60


def pairs_to_match(count: int) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of frame indices in name order, sorted."""
    if count <= MOST_EXHAUSTIVE:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    steps = set(range(1, _NEIGHBOURS + 1)) | {1 << k for k in range(4, count.bit_length())}
    pairs = {(i, i + step) for step in steps for i in range(count - step)}
    spread = range(0, count, -(-count // _SPREAD))
    return sorted(pairs | {(i, j) for i in spread for j in spread if i < j})


def match(
    database: Path,
    files: list[str],
    pairs: list[tuple[int, int]],
    alive: Callable[[], None],
    progress: Callable[[float], None],
    threads: int = -1,
    seed: int = 0,
) -> None:
    """Match and verify ``pairs`` of ``files`` (picture names as the database knows them)."""
    import pycolmap

    options = pycolmap.FeatureMatchingOptions()
    options.num_threads = threads
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = seed
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = database.parent / "pairs.txt"
    for start in range(0, len(pairs), _CHUNK):
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
        progress(min(1.0, (start + _CHUNK) / len(pairs)))
