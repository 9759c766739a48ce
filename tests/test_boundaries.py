# SPDX-License-Identifier: GPL-3.0-or-later
"""Which room may import what (docs: the table of rooms), read from the sources by ``ast``; and what starting loads."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("addon", "backend", "kernels")
STANDARD = sys.stdlib_module_names
BLENDER = {
    "bpy",
    "mathutils",
    "bl_ui",
    "gpu",
    "gpu_extras",
    "blf",
    "bpy_extras",
    "bmesh",
    "idprop",
    "bl_operators",
    "_bpy",
}
HEAVY = {"torch", "numba", "cv2", "scipy", "pycolmap", "skimage", "trimesh", "PIL", "pillow_heif", "rawpy", "av"}
IMAGES = {"cv2", "PIL", "pillow_heif"}
SERVICE = {"backend.service", "backend.jobs", "backend.worker", "backend.cli"}


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path, only_at_load: bool = False) -> set[tuple[str, bool]]:
    """Modules that ``path`` imports as (name, whether ours), ours relative to the root; perhaps only when loaded."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in _walk(ast.parse(path.read_text(encoding="utf-8")), only_at_load):
        if isinstance(node, ast.Import):
            found |= {(alias.name, False) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module, False))
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            base = [part for part in base if part]
            names = [".".join([*base, alias.name]) for alias in node.names]
            # "from . import x" names a module, "from .x import y" a thing in one.
            found |= {(n if _is_module(n) else ".".join(base), True) for n in names}
    return found


def _walk(node: ast.AST, only_at_load: bool):
    for child in ast.iter_child_nodes(node):
        if only_at_load and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            continue
        yield child
        yield from _walk(child, only_at_load)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def wrong(path: Path, allowed_outside: set[str], allowed_rooms: set[str]) -> list[str]:
    """Imports of ``path`` that are neither standard library, nor allowed, nor of an allowed room."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for name, ours in sorted(imports(path))
        if (top(name) not in allowed_rooms if ours else top(name) not in STANDARD and top(name) not in allowed_outside)
    ]


def collect(problems: list[list[str]]) -> list[str]:
    return [text for group in problems for text in group]


def test_the_reader_of_imports_sees_all_forms(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "backend" / "stages").mkdir(parents=True)
    (tmp_path / "backend" / "jobs.py").touch()
    (tmp_path / "backend" / "stages" / "frames.py").touch()
    path = tmp_path / "backend" / "stages" / "x.py"
    path.write_text(
        "import torch.nn\nfrom .. import jobs\nfrom . import frames\ndef f():\n from ..jobs import y\n import cv2\n"
    )
    assert imports(path) == {
        ("torch.nn", False), ("backend.jobs", True), ("backend.stages.frames", True), ("cv2", False)
    }  # fmt: skip
    assert ("cv2", False) not in imports(path, only_at_load=True)


def test_protocol_and_root_stand_alone():
    assert not collect([wrong(path, set(), {"protocol"}) for path in sources("protocol")])
    assert not wrong(ROOT / "__init__.py", set(), {"addon"})
    assert not imports(ROOT / "__init__.py", only_at_load=True)


def test_addon_knows_blender_and_the_protocol_only():
    allowed = BLENDER | {"numpy"}
    assert not collect([wrong(path, allowed, {"addon", "protocol"}) for path in sources("addon")])


def test_kernels_know_numpy_and_numba_only():
    files = set()
    for path in sources("kernels"):
        assert not wrong(path, {"numpy", "numba"}, {"kernels"})
        files |= {f"{path.name}: {name}" for name, _ in imports(path) if top(name) in {"os", "io", "pathlib", "json"}}
    assert not files


def test_backend_knows_neither_blender_nor_the_addon():
    for path in sources("backend"):
        names = {top(name) for name, _ in imports(path)}
        assert not names & (BLENDER | {"addon"}), path


def test_torch_stays_in_rooms_of_its_own():
    """Stages and what serves all of them run without torch; a package beside the stages may be built on it."""
    for path in [*(ROOT / "backend").glob("*.py"), *(ROOT / "backend" / "stages").glob("*.py")]:
        assert "torch" not in {top(name) for name, _ in imports(path, only_at_load=True)}, path


def test_everything_of_ours_is_imported_relatively():
    for path in [p for room in ROOMS for p in sources(room)]:
        if path.name != "__main__.py":
            assert "turnaround" not in {top(name) for name, ours in imports(path) if not ours}, path


def test_no_stage_imports_another_or_the_service():
    for path in sources("backend/stages"):
        ours = {name for name, is_ours in imports(path) if is_ours}
        others = {n for n in ours if n.startswith("backend.stages.") and n != f"backend.stages.{path.stem}"}
        assert not others, f"{path} imports {others}"
        assert not ours & SERVICE, f"{path} imports {ours & SERVICE}"


def test_the_processes_rooms_load_nothing_heavy():
    """What the command line, the service and the pipeline load at import must start in an instant."""
    names = (
        "cli __main__ service jobs worker pipeline stage stamps folder locks stdio flags terminal result estimate usage"
    )
    for name in [*names.split(), "orphans", "device", "doctor", "capture", "errors", "workspace", "compile_cache"]:
        loaded = {top(n) for n, _ in imports(ROOT / "backend" / f"{name}.py", only_at_load=True)}
        assert not loaded & (HEAVY | {"numpy"}), name


def test_files_beside_the_stages_load_their_heavy_libraries_late():
    """Directly under ``backend/``: standard library, numpy and ours; pictures are the one thing all stages read."""
    for path in sorted((ROOT / "backend").glob("*.py")):
        loaded = {top(n) for n, ours in imports(path, only_at_load=True) if not ours} & HEAVY
        assert not loaded - IMAGES, f"{path} loads {loaded}"


def loaded_by(code: str) -> tuple[set[str], float]:
    """Top-level modules that ``code`` loads in a fresh interpreter, and the seconds until it has."""
    program = f"import sys\n{code}\nprint(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    best = float("inf")
    for _ in range(3):  # the machine may be busy: the best of three is what starting costs
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        best = min(best, time.perf_counter() - started)
        if best < 1:
            break
    return set(done.stdout.splitlines()[-1].split()), best


HELP = "from turnaround.backend import cli\ntry: cli.main(['run', '--help'])\nexcept SystemExit: pass"


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import turnaround.protocol", HEAVY | {"numpy"}),
        ("import turnaround", HEAVY | {"numpy", "bpy"}),
        ("import turnaround.kernels", HEAVY),
        (HELP, HEAVY | {"numpy"}),
        ("import turnaround.backend.service, turnaround.backend.worker", HEAVY | {"numpy"}),
    ],
)
def test_starting_loads_nothing_heavy_and_takes_under_a_second(code, unwanted):
    modules, seconds = loaded_by(code)
    assert not modules & unwanted
    assert seconds < 1.0
