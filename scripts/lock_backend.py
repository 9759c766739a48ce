# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``backend/lock.json``: every file of the backend's environment, with its SHA-256, for each system and Python.

    python3 scripts/lock_backend.py            make it anew (needs the network, and uv: pip install uv)
    python3 scripts/lock_backend.py --check    only say whether the lock names the versions of constraints.txt

uv resolves pyproject.toml's dependencies with the exact versions of constraints.txt. PyTorch's builds that are not on
PyPI come from ``_lock/torch.txt``. Sizes are asked of the server, one file at a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK, CONSTRAINTS = ROOT / "backend" / "lock.json", ROOT / "constraints.txt"
TORCH = ROOT / "scripts" / "_lock" / "torch.txt"
PYPI, TORCH_INDEX = "https://files.pythonhosted.org/packages/", "https://download.pytorch.org/whl/"
PYTHONS = ("3.11", "3.12", "3.13")
"""Blender 4.2 to 5.0 has the first, 5.1 and 5.2 the last; 3.12 is what many systems bring."""
EXTRA = ("setuptools", "sam2")
"""setuptools builds the few packages that have no wheel; SAM 2 comes without what it asks for."""
LEFT_OUT = frozenset({"torchvision"})
GRAPHICS = ("nvidia-", "cuda-", "triton")
IMPORTS = (
    "numpy", "numba", "av", "scipy", "cv2", "PIL", "pillow_heif", "isal", "pycolmap", "skimage", "trimesh", "xatlas",
    "zstandard", "fast_simplification", "onnxruntime", "pxr", "torch", "sam2.modeling.sam2_base",
)  # fmt: skip
"""What a new environment must be able to load; numpy before pycolmap, which else finds another zlib."""

Package = dict[str, Any]


class Target:
    """A system: how the lock calls it, its markers, the tags of its wheels."""

    def __init__(self, name: str, markers: dict[str, str], platforms: list[str], builds: tuple[str, ...]) -> None:
        self.name, self.markers, self.platforms, self.builds = name, markers, platforms, builds


def targets() -> list[Target]:
    """The systems for which all libraries have wheels. Linux on ARM is not among them: pycolmap has none there."""
    from packaging.tags import mac_platforms

    manylinux = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
    manylinux += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"}
    windows = {"sys_platform": "win32", "platform_machine": "AMD64", "platform_system": "Windows", "os_name": "nt"}
    macos = {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin", "os_name": "posix"}
    return [
        Target("linux-x86_64", linux, manylinux, ("cpu", "cu126", "cu130")),
        Target("windows-x86_64", windows, ["win_amd64"], ("cpu", "cu126", "cu130")),
        Target("macos-arm64", macos, list(mac_platforms((14, 0), "arm64")), ("mps",)),
    ]


def pins() -> dict[str, str]:
    """Versions of ``constraints.txt`` by normalised name."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if line and not line.startswith("#")]
    return {normal(name): version for name, version in (line.split("==") for line in lines)}


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return name.lower().replace("_", "-").replace(".", "-")


def resolve(scratch: Path) -> dict[str, Package]:
    """What uv resolves for all systems: packages by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["learned"], *EXTRA]
    environments = [
        " and ".join(f"{key} == '{value}'" for key, value in target.markers.items() if key in UV_MARKERS)
        for target in targets()
    ]
    exact = [f"{name}=={version}" for name, version in pins().items()]
    (scratch / "pyproject.toml").write_text(
        f'[project]\nname = "lock"\nversion = "0"\nrequires-python = ">={PYTHONS[0]},<3.14"\n'
        f"dependencies = {json.dumps(wanted)}\n[tool.uv]\noverride-dependencies = {json.dumps(exact)}\n"
        f"environments = {json.dumps(environments)}\n"
    )
    subprocess.run(["uv", "lock", "--no-config", "--directory", str(scratch)], check=True)
    packages = tomllib.loads((scratch / "uv.lock").read_text())["package"]
    return {package["name"]: package for package in packages}


UV_MARKERS = ("sys_platform", "platform_machine")


def needed(packages: dict[str, Package], target: Target, python: str) -> list[str]:
    """Names of all packages that a system needs, found by following the dependencies whose markers hold there."""
    from packaging.markers import Marker

    context = target.markers | {"python_version": python, "python_full_version": f"{python}.7"}
    found: dict[str, set[str]] = {}

    def follow(dependencies: list[dict[str, Any]]) -> None:
        for item in dependencies:
            name, extras = item["name"], set(item.get("extra", ()))
            marker = item.get("marker")
            if name in LEFT_OUT or (marker and not Marker(marker).evaluate({**context, "extra": ""})):
                continue
            if name in found and extras <= found[name]:
                continue
            new = extras - found.get(name, set())
            first = name not in found
            found.setdefault(name, set()).update(extras)
            package = packages[name]
            if first:
                follow(package.get("dependencies", []))
            for extra in new:
                follow(package.get("optional-dependencies", {}).get(extra, []))

    follow(packages["lock"]["dependencies"])
    return sorted(found)


def best_file(package: Package, target: Target, python: str) -> dict[str, Any]:
    """The wheel that pip would take on a system; the source archive of a pure package that has no wheel."""
    from packaging.tags import compatible_tags, cpython_tags
    from packaging.utils import parse_wheel_filename

    version = tuple(int(part) for part in python.split("."))
    order = [*cpython_tags(version, platforms=target.platforms)]
    order += compatible_tags(version, f"cp{version[0]}{version[1]}", target.platforms)
    rank = {tag: number for number, tag in reversed(list(enumerate(order)))}
    ranked = []
    for wheel in package.get("wheels", ()):
        tags = parse_wheel_filename(file_name(wheel["url"]))[3]
        best = min((rank[tag] for tag in tags if tag in rank), default=None)
        if best is not None:
            ranked.append((best, wheel["url"], wheel))
    if ranked:
        return min(ranked)[2]
    if package.get("wheels"):
        raise SystemExit(f"{package['name']} has no wheel for {target.name} and Python {python}")
    return package["sdist"]


def file_name(url: str) -> str:
    """Last part of an address."""
    return urllib.parse.unquote(url.rsplit("/", 1)[1])


def extra_torch(target: Target, python: str) -> dict[str, list[Any]]:
    """Builds of PyTorch that ``_lock/torch.txt`` has for a system: ``{kind: entry}``."""
    ending = {"linux-x86_64": "x86_64.whl", "windows-x86_64": "win_amd64.whl"}.get(target.name, "none")
    found = {}
    for line in TORCH.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        digest, size, path = line.split()
        tag = f"-cp{python.replace('.', '')}-"
        if path.endswith(ending) and tag in path:
            found[path.split("/")[0]] = ["torch", path, int(size), digest]
    return found


def make(packages: dict[str, Package]) -> dict[str, Any]:
    """The lock's content; sizes that uv does not know are 0."""
    files: dict[str, list[Any]] = {}
    platforms: dict[str, dict[str, Any]] = {}

    def note(entry: dict[str, Any]) -> str:
        name = file_name(entry["url"])
        files[name] = ["pypi", entry["url"].removeprefix(PYPI), entry.get("size", 0), entry["hash"].split(":")[1]]
        return name

    for target in targets():
        for python in PYTHONS:
            names = [name for name in needed(packages, target, python) if name != "torch"]
            base = [name for name in names if not name.startswith(GRAPHICS)]
            cuda = [name for name in names if name.startswith(GRAPHICS)]
            torch: dict[str, list[str]] = {}
            for kind, entry in extra_torch(target, python).items():
                name = file_name(entry[1])
                files[name] = entry
                torch[kind] = [name]
            # PyPI's build: CUDA 13 on Linux, the processor's on Windows, Apple's own on macOS.
            own = {"linux-x86_64": "cu130", "windows-x86_64": "cpu", "macos-arm64": "mps"}[target.name]
            first = note(best_file(packages["torch"], target, python))
            torch[own] = [first, *[note(best_file(packages[name], target, python)) for name in cuda]]
            ordered = {kind: torch[kind] for kind in sorted(torch)}
            rows = [note(best_file(packages[name], target, python)) for name in base]
            platforms.setdefault(target.name, {})[python] = {"base": rows, "torch": ordered}
    sources = {"pypi": PYPI, "torch": TORCH_INDEX}
    return {"sources": sources, "imports": IMPORTS, "files": files, "platforms": platforms}


def ask_sizes(lock: dict[str, Any]) -> None:
    """Fill in the sizes of files on PyPI that are not known yet."""

    def ask(name: str) -> None:
        entry = lock["files"][name]
        request = urllib.request.Request(lock["sources"][entry[0]] + entry[1], method="HEAD")  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            entry[2] = int(answer.headers["Content-Length"])

    unknown = [name for name, entry in lock["files"].items() if not entry[2] and entry[0] == "pypi"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, unknown))


def stale(lock: dict[str, Any]) -> list[str]:
    """Packages of the lock whose version is not the one of ``constraints.txt``, and dependencies that it lacks."""
    wanted = pins()
    there: dict[str, set[str]] = {}
    for name in lock["files"]:
        stem = name.removesuffix(".whl").removesuffix(".tar.gz")
        package, version = stem.split("-")[:2] if name.endswith(".whl") else stem.rsplit("-", 1)
        there.setdefault(normal(package), set()).add(version.split("+")[0])
    wrong = [f"{p} is {', '.join(sorted(v))}, not {wanted[p]}" for p, v in there.items() if v != {wanted.get(p, *v)}]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["learned"], *EXTRA]
    names = [normal(text.split(">")[0].split("=")[0].split("<")[0].strip()) for text in asked]
    return wrong + [f"{name} is missing" for name in names if name not in there]


def main() -> int:
    """Make the lock, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare with constraints.txt and pyproject.toml")
    if parser.parse_args().check:
        wrong = stale(json.loads(LOCK.read_text()))
        print("\n".join(wrong) or "the lock has the versions of constraints.txt")
        return 1 if wrong else 0
    with tempfile.TemporaryDirectory(prefix="turnaround-lock-") as scratch:
        lock = make(resolve(Path(scratch)))
    ask_sizes(lock)
    # One file a line, so that a change of one version is a short change of the lock.
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(lock["files"].items()))
    head = {key: lock[key] for key in ("sources", "imports")}
    text = json.dumps(head)[:-1] + ',\n"files": {\n' + rows + '\n},\n"platforms": '
    LOCK.write_text(text + json.dumps(lock["platforms"]) + "}\n")
    print(f"{LOCK}: {len(lock['files'])} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
