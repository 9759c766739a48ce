# SPDX-License-Identifier: GPL-3.0-or-later
"""Read ``protocol.FLAGS`` from a command line into a ``JobSpec``. Standard library only; Blender reads it too."""

from __future__ import annotations

import argparse
import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..protocol import BUDGETS, FLAGS, Flag, JobSpec, option_named


def add_flags(parser: argparse.ArgumentParser, leave_out: frozenset[str] = frozenset()) -> None:
    """Add every flag of ``protocol.FLAGS`` but those named in ``leave_out``."""
    for flag in FLAGS:
        if flag.name in leave_out:
            continue
        where: dict[str, Any] = {"dest": flag.name, "default": None, "help": _help(flag)}
        if flag.kind == "switch":
            parser.add_argument(flag.name, action="store_true", **where)
        elif flag.choices:
            parser.add_argument(flag.name, choices=flag.choices, metavar=flag.metavar or None, **where)
        else:
            repeated = "append" if flag.kind in {"set", "point", "box", "segment"} else "store"
            parser.add_argument(flag.name, action=repeated, metavar=flag.metavar, **where)


def spec_from(arguments: argparse.Namespace, capture: Path, job: Path, first: str | None = None) -> JobSpec:
    """The job that parsed ``arguments`` describe. ``first`` is the photo that prompts lie on without ``--frame``.

    Raises ``ValueError`` ("expected ..., got ...") for a value that cannot be read or is out of range.
    """
    given = vars(arguments)
    values: dict[str, Any] = {"capture": str(capture.resolve()), "job": str(job.resolve())}
    for flag in FLAGS:
        text = given.get(flag.name)
        if text is not None and flag.field not in {"prompts", "job"} and flag.kind != "triangles":
            values[flag.field] = _value(flag, text)
    if text := given.get("--triangles"):
        values["overrides"] = _budget(text) | values.get("overrides", {})
    if prompts := _prompts(given, first):
        values["prompts"] = prompts
    spec = JobSpec(**values)
    spec.check()
    return spec


def needs_first(arguments: argparse.Namespace) -> bool:
    """Whether a prompt is given without the photo it lies on."""
    given = vars(arguments)
    return bool((given.get("--point") or given.get("--box")) and not given.get("--frame"))


def _help(flag: Flag) -> str:
    """The flag's help with its default, where a person would want to know it."""
    defaults = {f.name: f.default for f in fields(JobSpec)}
    value = defaults.get(flag.field)
    shown = flag.kind not in {"switch", "list", "segment"} and value is not MISSING and value is not None
    return f"{flag.help} (default: {value})" if shown else flag.help


def _value(flag: Flag, text: Any) -> Any:
    """Read one flag's text."""
    if flag.kind == "path":
        path = Path(text).resolve()
        if not path.exists():
            raise ValueError(f"expected {flag.name} to be a path that exists, got {text}")
        return str(path)
    if flag.kind in {"int", "float"}:
        kind = int if flag.kind == "int" else float
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"expected {flag.name} to be a number, got {text!r}") from None
    if flag.kind == "list":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if flag.kind == "set":
        return _overrides(text)
    if flag.kind == "segment":
        return _segments(flag.name, text)
    return text


def _overrides(texts: list[str]) -> dict[str, Any]:
    """``STAGE.OPTION=VALUE`` pairs."""
    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"expected --set STAGE.OPTION=VALUE, got {text!r}")
        option = option_named(key.strip())
        values[option.key] = option.parse(value.strip())
    return values


def _budget(text: str) -> dict[str, Any]:
    """The options that ``--triangles`` stands for: a number, or a name of ``protocol.BUDGETS``."""
    if not text.isdigit() and text not in BUDGETS:
        raise ValueError(f"expected --triangles to be a number or one of {', '.join(BUDGETS)}, got {text!r}")
    number = str(BUDGETS.get(text, text))
    options = [option_named(f"{stage}.triangles") for stage in ("surface", "shape")]
    return {option.key: option.parse(number) for option in options}


def _segments(flag: str, texts: list[str]) -> dict[str, list[float]]:
    """``NAME:X,Y,X,Y``: the ends of one segment by photo."""
    segments = {}
    for text in texts:
        name, colon, numbers = text.rpartition(":")
        if not colon or not name:
            raise ValueError(f"expected {flag} NAME:X,Y,X,Y, got {text!r}")
        segments[name] = _numbers(flag, numbers, 4)
    return segments


def _prompts(given: dict[str, Any], first: str | None) -> dict[str, list[dict[str, Any]]]:
    """The prompts of ``--prompts``, ``--point`` and ``--box`` together."""
    prompts: dict[str, list[dict[str, Any]]] = {}
    if path := given.get("--prompts"):
        prompts.update(_prompts_file(Path(path)))
    new: list[dict[str, Any]] = [
        {"type": "point", "xy": _numbers("--point", text, 2), "label": 1} for text in given.get("--point") or ()
    ]
    new += [{"type": "box", "xyxy": _numbers("--box", text, 4)} for text in given.get("--box") or ()]
    if new:
        frame = given.get("--frame") or first
        if not frame:
            raise ValueError("expected --frame NAME with --point or --box, got none and no photo to take")
        prompts[frame] = [*prompts.get(frame, []), *new]
    elif given.get("--frame"):
        raise ValueError("expected --point or --box with --frame, got none")
    return prompts


def _prompts_file(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read a prompts file: ``{"frames": {name: [prompt, ...]}}``."""
    try:
        frames = json.loads(path.read_text(encoding="utf-8"))["frames"]
    except OSError as error:
        raise ValueError(f"expected a readable --prompts file, got {path} ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'expected {{"frames": {{NAME: [prompt, ...]}}}} in {path}, got other content') from error
    if not isinstance(frames, dict) or not all(isinstance(p, list) for p in frames.values()):
        raise ValueError(f"expected a list of prompts a frame in {path}, got other content")
    for prompt in (p for listed in frames.values() for p in listed):
        if isinstance(prompt, dict) and prompt.get("type") == "mask" and isinstance(prompt.get("path"), str):
            prompt["path"] = str((path.resolve().parent / prompt["path"]).resolve())  # as if beside the file
    return frames


def _numbers(flag: str, text: str, count: int) -> list[float]:
    """``count`` numbers separated by commas."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count:
        raise ValueError(f"expected {flag} to be {count} numbers with commas between, got {text!r}")
    return values
