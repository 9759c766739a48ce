# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the Blender extension: ``python3 scripts/build_extension.py [--output dist]``.

One zip for Blender 4.2 and later, pure Python, with the backend's source inside. The same files give the same bytes:
the entries are sorted and carry no time of their own.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ("__init__.py", "blender_manifest.toml", "pyproject.toml", "LICENSE", "constraints.txt")
"""``constraints.txt`` pins the backend's libraries; a tree without it builds all the same."""
FOLDERS = ("addon", "backend", "kernels", "protocol")
SUFFIXES = frozenset({".py", ".toml", ".json", ".txt", ".md", ".png"})
MAX_BYTES = 1_000_000
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def contents(root: Path) -> list[Path]:
    """The files that go in, relative to ``root``, sorted."""
    inside = [path for folder in FOLDERS for path in (root / folder).rglob("*") if _wanted(path, root)]
    named = [root / name for name in FILES if (root / name).is_file()]
    # By their names in the zip: the order of paths differs between systems.
    return sorted((path.relative_to(root) for path in [*named, *inside]), key=lambda path: path.as_posix())


def build(root: Path, output: Path) -> Path:
    """Write ``output/turnaround-<version>.zip`` and return its path.

    Raises ``ValueError`` where the zip grows beyond ``MAX_BYTES`` or a file that it must have is missing.
    """
    version = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    packed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if version != packed:
        raise ValueError(f"expected one version, got {version} in the manifest and {packed} in pyproject.toml")
    paths = contents(root)
    required = ["__init__.py", "blender_manifest.toml", "protocol/__init__.py", "LICENSE"]
    if missing := {*required} - {p.as_posix() for p in paths}:
        raise ValueError(f"expected {', '.join(sorted(missing))} in {root}, got none")
    output.mkdir(parents=True, exist_ok=True)
    target = output / f"turnaround-{version}.zip"
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            entry = zipfile.ZipInfo(path.as_posix(), _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = _MODE
            archive.writestr(entry, (root / path).read_bytes())
    size = partial.stat().st_size
    if size > MAX_BYTES:
        partial.unlink()
        raise ValueError(f"expected at most {MAX_BYTES} bytes, got {size}")
    partial.replace(target)
    return target


def _wanted(path: Path, root: Path) -> bool:
    """Source and small data; no caches, no hidden files, nothing compiled."""
    parts = path.relative_to(root).parts
    hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
    return path.is_file() and path.suffix in SUFFIXES and not hidden


def main() -> int:
    """Build and say where and how large."""
    parser = argparse.ArgumentParser(description="Build the Blender extension.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the zip (default: dist)")
    try:
        target = build(ROOT, parser.parse_args().output)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target} ({target.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
