# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera files that a user may already have: COLMAP models, transforms.json, cameras_gt.json, Bundler's
bundle.out, Middlebury's par.txt, cameras in Blender's terms, and our own cameras.json.

``read_cameras`` finds out which kind a path is. Every reader raises ``ValueError`` with the cause for a file that is
missing, truncated, of another kind or makes no sense; none takes memory because a file claims to need it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..lens import Scene
from . import blender, bundler, camera_list, colmap_binary, colmap_text, job, middlebury, transforms

_MODEL_PLACES = (".", "sparse/0", "sparse", "0")
_JSON_NAMES = ("transforms.json", "transforms_train.json", "cameras_gt.json", "cameras.json", "blender_cameras.json")
_BUNDLES = ("bundle.out", "bundle/bundle.out")
_LARGEST_JSON = 256 << 20


def read_cameras(path: Path) -> Scene:
    """Read the cameras at ``path``, a file or a folder; names are the stems of the photos' file names.

    In a folder a COLMAP model comes first (here, or in ``sparse/0``, ``sparse``, ``0``), then the JSON files.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ValueError(f"expected a file or folder with cameras, got {path}, which does not exist")
    if path.suffix.lower() == ".json":
        return _read_json(path)
    if path.suffix.lower() == ".bin":
        return colmap_binary.read_model(path.parent)
    if path.name.endswith("_par.txt"):
        return middlebury.read_cameras(path)
    if path.suffix.lower() == ".out":
        return bundler.read_cameras(path)
    if path.suffix.lower() == ".txt" and (path.parent / "images.txt").is_file():
        return colmap_text.read_model(path.parent)
    raise ValueError(f"expected a COLMAP model, a transforms.json or a cameras_gt.json, got {path.name}")


def _read_folder(folder: Path) -> Scene:
    """The first kind of camera file that lies in ``folder``."""
    for place in _MODEL_PLACES:
        if (folder / place / "cameras.bin").is_file() and (folder / place / "images.bin").is_file():
            return colmap_binary.read_model(folder / place)
        if (folder / place / "cameras.txt").is_file() and (folder / place / "images.txt").is_file():
            return colmap_text.read_model(folder / place)
    for name in _JSON_NAMES:
        if (folder / name).is_file():
            return _read_json(folder / name)
    for path in sorted(folder.glob("*_par.txt")):
        return middlebury.read_cameras(path)
    for name in _BUNDLES:
        if (folder / name).is_file():
            return bundler.read_cameras(folder / name)
    raise ValueError(f"expected a COLMAP model or one of {', '.join(_JSON_NAMES)} in {folder}, got none of them")


def _read_json(path: Path) -> Scene:
    """Tell the JSON kinds apart by what they contain."""
    data = load_json(path)
    if isinstance(data.get("frames"), list):
        return transforms.parse(data, path.name)
    if isinstance(data.get("images"), dict):
        return camera_list.parse(data, path.name)
    if isinstance(data.get("cameras"), list):
        return (blender if data.get("format") == blender.FORMAT else job).parse(data, path.name)
    raise ValueError(f"expected 'frames' (transforms.json) or 'images' (cameras_gt.json) in {path.name}, got neither")


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; ``ValueError`` for anything else, including a file that is absurdly large."""
    if path.stat().st_size > _LARGEST_JSON:
        raise ValueError(f"expected a camera file of at most {_LARGEST_JSON >> 20} MB, got {path.name}")
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as e:
        raise ValueError(f"expected JSON in {path.name}, got something else ({e})") from None
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object in {path.name}, got {type(data).__name__}")
    return data
