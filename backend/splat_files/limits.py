# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file may make us allocate: nothing is taken for a claim that the bytes at hand cannot fill."""

from __future__ import annotations

import json
from typing import Any

MOST_EXPANSION = 200
"""Largest ratio of decoded to stored bytes; real splats stay under 20."""

FREE = 4 << 20
"""Bytes that any file may expand to: tiny and uniform clouds compress without bound."""

MOST_META = 16 << 20
"""Largest JSON description, in bytes; SOG's codebooks take some 20 kB, a glTF's node tree rarely a megabyte."""


_MOST_NUMBER = 1e30


def check_expansion(decoded: int, stored: int, what: str, most: int = MOST_EXPANSION) -> None:
    """Raise ``ValueError`` where ``what`` claims ``decoded`` bytes out of ``stored`` ones and that cannot be honest."""
    if decoded > FREE + most * stored:
        raise ValueError(f"expected {what} that its {stored} bytes can hold, got a claim of {decoded} decoded bytes")


def parse_json(raw: bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object; ``ValueError`` for anything else, too long or nested too deeply."""
    if len(raw) > MOST_META:
        raise ValueError(f"expected {what} under {MOST_META} bytes, got {len(raw)}")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected {what} as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected {what} as a JSON object, got {type(found).__name__}")
    return found


def whole(value: object, what: str, most: int = 1 << 53) -> int:
    """``value`` as an int of 0 to ``most``; ``ValueError`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"expected {what} as a whole number of 0 to {most}, got {str(value)[:40]}")
    return value


def numbers(value: object, count: int, what: str) -> list[float]:
    """``value`` as a list of ``count`` numbers that float32 can work with; ``ValueError`` for anything else."""
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"expected {what} as {count} numbers")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < _MOST_NUMBER:
            raise ValueError(f"expected {what} as {count} numbers under {_MOST_NUMBER:g}, got {str(number)[:40]}")
    return [float(number) for number in value]
