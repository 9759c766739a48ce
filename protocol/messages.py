# SPDX-License-Identifier: GPL-3.0-or-later
"""The dataclasses of this package as JSON, strictly read."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from typing import Any


def to_json(value: Any) -> str:
    """Write a dataclass of this file as one line of JSON, leaving out fields that hold their default."""
    return json.dumps(to_dict(value), ensure_ascii=False, separators=(",", ":"))


def to_dict(value: Any) -> dict[str, Any]:
    """A dataclass as a dictionary without the fields that hold their default."""
    kept = {}
    everything = asdict(value)
    for f in fields(value):
        default = (
            f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else MISSING
        )
        if everything[f.name] != default:
            kept[f.name] = everything[f.name]
    return kept


def from_dict(cls: type, data: Any) -> Any:
    """Build ``cls`` from a dictionary; ``ValueError`` for a missing or unknown field. Lists become tuples where due."""
    if not isinstance(data, dict):
        raise ValueError(f"expected an object for {cls.__name__}, got {type(data).__name__}")
    known = {f.name: f for f in fields(cls)}
    if unknown := set(data) - set(known):
        raise ValueError(f"expected fields of {cls.__name__}, got {', '.join(sorted(unknown))}")
    missing = [
        f.name for f in known.values() if f.default is MISSING and f.default_factory is MISSING and f.name not in data
    ]
    if missing:
        raise ValueError(f"expected {cls.__name__} with {', '.join(missing)}, got none")
    values = {
        name: tuple(value) if isinstance(value, list) and str(known[name].type).startswith("tuple") else value
        for name, value in data.items()
    }
    return cls(**values)
