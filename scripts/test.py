# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every check of the project: ``python3 scripts/test.py``. It makes the environments that it needs.

Lanes: ruff, mypy (backend and kernels; the add-on against the stubs of the oldest and the newest Blender), the default
tests, tests on real data (skipped where there is none), the extension built and validated, the add-on in three Blender
modules, and the sample capture from one click to its result. ``--slow`` adds the tests that take minutes each.
The last line is the total; the exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _setup import environments, lanes
from _setup.environments import ROOT
from _setup.lanes import Lane

BLENDER_TESTS = "tests/addon"
END_TO_END = "tests/scripts/test_end_to_end.py"
PLAIN = "not bpy and not slow and not data"


def static_lanes(scratch: Path) -> Iterator[Lane]:
    """Style and types."""
    backend = environments.backend()
    ruff = str(backend.executable("ruff"))
    yield Lane(name="ruff", commands=((ruff, "check", "."), (ruff, "format", "--check", ".")), seconds=120)
    (scratch / "turnaround").symlink_to(ROOT)
    rooms = ("-p", "turnaround.backend", "-p", "turnaround.kernels", "-m", "turnaround.protocol")
    yield _mypy("mypy", backend, scratch, rooms)


def _mypy(name: str, environment: environments.Environment, scratch: Path, rooms: tuple[str, ...]) -> Lane:
    mypy = (str(environment.executable("mypy")), "--config-file", str(ROOT / "pyproject.toml"))
    cache = ("--cache-dir", str(ROOT / ".mypy_cache" / environment.name))
    return Lane(
        name=name,
        commands=((*mypy, *cache, *rooms),),
        seconds=400,
        folder=scratch,
        environment={"MYPYPATH": str(scratch)},
    )


def type_lanes(scratch: Path) -> Iterator[Lane]:
    """The add-on against Blender's stubs."""
    for version in environments.STUB_VERSIONS:
        environment = environments.ensure(environments.types(version))
        yield _mypy(f"mypy addon {version}", environment, scratch, ("-p", "turnaround.addon"))


def pytest_lane(name: str, *arguments: str, seconds: float) -> Lane:
    """Tests in the backend's environment."""
    pytest = str(environments.backend().executable("pytest"))
    return Lane(name=name, commands=((pytest, "-rs", *arguments),), seconds=seconds, pytest=True)


def blender_lanes(scratch: Path) -> Iterator[Lane]:
    """Build the extension, validate it with Blender's own tool, and test it in each Blender module."""
    python = str(environments.backend().executable())
    modules = [environments.ensure(environments.blender_module(v)) for v in environments.BPY_VERSIONS]
    tool = next(
        modules[-1].folder.glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    )
    dist = scratch / "dist"
    build = (python, "scripts/build_extension.py", "--output", str(dist))
    check = (python, "-c", CHECK_ZIP, str(tool), str(dist))
    yield Lane(name="extension", commands=(build, check), seconds=120)
    for module in modules:
        pytest = str(module.executable("pytest"))
        resources = scratch / f"{module.name} resources"
        resources.mkdir()
        yield Lane(
            name=f"addon {module.name}",
            commands=((pytest, "-rs", "-m", "bpy", BLENDER_TESTS),),
            seconds=420,
            pytest=True,
            environment={"BLENDER_USER_RESOURCES": str(resources)},
        )


CHECK_ZIP = """
import pathlib, subprocess, sys
tool, folder = sys.argv[1:]
zips = list(pathlib.Path(folder).glob("*.zip"))
if len(zips) != 1 or zips[0].stat().st_size >= 1_000_000:
    sys.exit(f"expected one zip under 1 MB, got {[(z.name, z.stat().st_size) for z in zips]}")
sys.exit(subprocess.run([sys.executable, tool, "validate", str(zips[0])]).returncode)
"""


def selected(args: argparse.Namespace, scratch: Path) -> Iterator[Lane]:
    """The lanes to run, cheapest first."""
    environments.ensure(environments.backend())
    if not args.fast:
        yield from static_lanes(scratch)
        yield from type_lanes(scratch)
    yield pytest_lane("tests", "-m", PLAIN, seconds=900)
    if args.fast:
        return
    yield pytest_lane("data", "-m", "data and not slow and not bpy", seconds=600)
    yield from blender_lanes(scratch)
    yield pytest_lane("end to end", "-m", "slow", END_TO_END, seconds=900)
    if args.slow:
        yield pytest_lane("slow", "-m", "slow and not bpy", f"--ignore={END_TO_END}", seconds=5400)


def summary(outcomes: list[lanes.Outcome], seconds: float) -> int:
    """Print the table and the total; the exit status."""
    print(f"\n{'lane':<22}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for o in outcomes:
        print(f"{o.name:<22}{o.passed:>8}{o.failed:>8}{o.skipped:>9}{o.seconds:>9.0f}  {o.reason}")
    passed, failures, skipped = (sum(getattr(o, k) for o in outcomes) for k in ("passed", "failed", "skipped"))
    print(f"\n{passed} passed, {failures} failed, {skipped} skipped in {seconds:.0f} s")
    return 1 if failures else 0


def main() -> int:
    """Run the lanes one after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="only the default tests")
    parser.add_argument("--slow", action="store_true", help="also the tests that take minutes each")
    args = parser.parse_args()
    start, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="turnaround-test-") as scratch:
        try:
            for lane in selected(args, Path(scratch)):
                outcomes.append(lanes.run(lane))  # one by one: a failed set-up must not lose what ran before
        except environments.SetUpError as error:
            outcomes.append(lanes.failed("set-up", str(error)))
    return summary(outcomes, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
