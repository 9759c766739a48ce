# SPDX-License-Identifier: GPL-3.0-or-later
"""``result.json``: what a job folder holds, gathered from the stamps of the results that are current.

It is written anew after every stage, and before the first one when results became outdated, so that it never names a
folder that another run has replaced. ``complete`` says whether every stage of the recipe is there.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..protocol import VERSION, JobSpec, to_dict
from . import device
from .workspace import FOLDERS, Workspace, write_json

NAME = "result.json"
LIBRARIES = ("numpy", "numba", "av", "scipy", "opencv-python-headless", "pillow", "pycolmap", "scikit-image", "trimesh")
_COSTS = ("seconds", "cpu_seconds", "peak_mb", "device")


def write_result(workspace: Workspace, spec: JobSpec, recipe: Iterable[str], current: Iterable[str]) -> Path:
    """Write ``result.json`` for the stages that are ``current``, in the order of ``recipe``; return its path."""
    path = workspace.root / NAME
    write_json(path, gather(workspace, spec, tuple(recipe), frozenset(current)))
    return path


def gather(workspace: Workspace, spec: JobSpec, recipe: tuple[str, ...], current: frozenset[str]) -> dict[str, Any]:
    """All that ``result.json`` says. Later stages' metrics and units win over earlier ones'."""
    stamps = {name: workspace.stamp(name) or {} for name in recipe if name in current}
    metrics: dict[str, float] = {}
    for stamp in stamps.values():
        metrics.update(stamp.get("metrics", {}))
    where = device.choose(spec.device)
    told = [{"stage": "", "code": "fallback", "message": where.note, "hint": ""}] if where.note else []
    return {
        "version": VERSION,
        "product": product_version(),
        "job": str(workspace.root),
        "capture": spec.capture,
        "complete": set(recipe) == set(stamps),
        "recipe": list(recipe),
        **_unit(workspace, stamps),
        "artefacts": _artefacts(stamps),
        "capture_report": stamps.get("cameras", {}).get("details", {}).get("capture_report"),
        "metrics": metrics,
        "methods": {name: stamp.get("method", "") for name, stamp in stamps.items()},
        "fallbacks": [f for s in stamps.values() for f in s.get("fallbacks", [])],
        "warnings": told + [w for s in stamps.values() for w in s.get("warnings", [])],
        "stages": {
            name: {"folder": FOLDERS[name], **{key: stamp.get(key) for key in _COSTS}} for name, stamp in stamps.items()
        },
        "seconds": round(sum(stamp.get("seconds", 0.0) for stamp in stamps.values()), 3),
        "device": where.device,
        "spec": to_dict(spec),
        "versions": versions(),
    }


def _artefacts(stamps: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the stages list, each path once; the later stage knows more of it."""
    listed = [a for stamp in stamps.values() for a in stamp.get("details", {}).get("artefacts", [])]
    return list({(a["kind"], a["path"]): a for a in listed}.values())


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries, without importing them; a missing one is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def product_version() -> str:
    """Turnaround's own version, from the manifest beside the package."""
    manifest = Path(__file__).resolve().parent.parent / "blender_manifest.toml"
    for line in manifest.read_text(encoding="utf-8").splitlines():
        if line.startswith("version ") or line.startswith("version="):
            return line.partition("=")[2].strip().strip('"')
    return "unknown"


def _unit(workspace: Workspace, stamps: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The unit of what is delivered: the export's, or before there is one that of the cameras."""
    exported = stamps.get("export", {}).get("details", {})
    if "unit" in exported:
        return {"unit": exported["unit"], "metres_per_unit": exported.get("metres_per_unit")}
    path = workspace.folder("cameras") / "cameras.json"
    if "cameras" in stamps and path.exists():
        cameras = json.loads(path.read_text(encoding="utf-8"))
        return {"unit": cameras.get("unit", "relative"), "metres_per_unit": cameras.get("metres_per_unit")}
    return {"unit": "relative", "metres_per_unit": None}
