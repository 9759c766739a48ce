# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules that a linter does not count: lengths, licence lines, what shipped code must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED_ROOMS = ("addon", "backend", "kernels", "protocol")
FILE_LINES, FUNCTION_LINES = 500, 60
SPDX = "# SPDX-License-Identifier: GPL-3.0-or-later"
PROCESS_EDGES = {"backend/pipeline.py", "backend/worker.py", "backend/service.py"}
THREAD_EDGES = {"backend/sfm/interrupt.py"}  # carries what a thread raised to the one that waits for it
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|tmp|home|root|Users)/")


def shipped() -> list[Path]:
    return [
        ROOT / "__init__.py",
        *sorted(p for r in SHIPPED_ROOMS for p in (ROOT / r).rglob("*.py")),
    ]


def everything() -> list[Path]:
    return [*shipped(), *sorted(p for room in ("scripts", "tests") for p in (ROOT / room).rglob("*.py"))]


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


@pytest.mark.parametrize("path", everything(), ids=identify)
def test_file_is_short_and_licensed(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= FILE_LINES
    first = next((line for line in lines if not line.startswith("#!")), "")
    assert first == SPDX


@pytest.mark.parametrize("path", shipped(), ids=identify)
def test_functions_are_short(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(tree) if f.end_lineno - f.lineno >= FUNCTION_LINES}
    assert not long


@pytest.mark.parametrize("path", shipped(), ids=identify)
def test_nothing_unfinished_or_loose_is_shipped(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = [f"line {n.lineno}: assert" for n in ast.walk(tree) if isinstance(n, ast.Assert)]
    found += [
        f"line {n.lineno}: print"
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in {"print", "breakpoint"}
    ]
    found += [m.group() for m in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplemented", text)]
    if identify(path) not in PROCESS_EDGES | THREAD_EDGES:
        found += [f"line {n.lineno}: broad except" for n in ast.walk(tree) if is_broad(n)]
    assert not found


def is_broad(node: ast.AST) -> bool:
    """Whether a handler catches everything and does not pass it on."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"BaseException"}
    passed_on = any(isinstance(n, ast.Raise) and n.exc is None for n in node.body)
    return bool(names & {"Exception", "BaseException"}) and not passed_on


@pytest.mark.parametrize("path", shipped(), ids=identify)
def test_modules_and_public_things_are_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    public = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_")]
    assert not [n.name for n in public if not ast.get_docstring(n)]


def test_no_file_names_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    texts = [ROOT / name for name in tracked if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".sh", ".json"}]
    found = []
    for path in texts:
        if path.exists() and path.name != Path(__file__).name:
            hits = MACHINE_PATHS.findall(path.read_text(encoding="utf-8"))
            found += [f"{path.relative_to(ROOT)}: /{hit}/" for hit in hits]
    assert not found
