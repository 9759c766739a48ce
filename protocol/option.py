# SPDX-License-Identifier: GPL-3.0-or-later
"""One option of one stage: its default for each preset, its range, and how its text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .names import PRESETS


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of one stage. ``defaults`` follows ``PRESETS``; ``low`` and ``high`` bound a number, inclusive."""

    stage: str
    name: str
    defaults: tuple[Any, Any, Any]
    unit: str
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``stage.name``, as ``--set`` and ``JobSpec.overrides`` spell it."""
        return f"{self.stage}.{self.name}"

    @property
    def kind(self) -> type:
        """``bool``, ``int``, ``float`` or ``str``."""
        return type(self.defaults[1])

    def default(self, preset: str) -> Any:
        """The value under ``preset``."""
        return self.defaults[PRESETS.index(preset)]

    def parse(self, text: str) -> Any:
        """Read a value from the command line; ``ValueError`` names the option and what it takes."""
        if self.kind is bool:
            if text.lower() not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
                raise ValueError(f"expected {self.key} to be true or false, got {text!r}")
            return text.lower() in {"true", "yes", "on", "1"}
        try:
            value = self.kind(text)
        except ValueError:
            raise ValueError(f"expected {self.key} to be {self.kind.__name__}, got {text!r}") from None
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Raise ``ValueError`` if ``value`` has another type than the defaults or lies outside the range."""
        number_for_float = self.kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not self.kind and not number_for_float:
            raise ValueError(f"expected {self.key} to be {self.kind.__name__}, got {value!r}")
        if self.choices and value not in self.choices:
            raise ValueError(f"expected {self.key} to be one of {', '.join(self.choices)}, got {value!r}")
        if self.kind in {int, float}:
            low = self.low if self.low is not None else -float("inf")
            high = self.high if self.high is not None else float("inf")
            if not low <= value <= high:
                raise ValueError(f"expected {self.key} between {low:g} and {high:g} {self.unit}, got {value!r}")
