# SPDX-License-Identifier: GPL-3.0-or-later
"""What enabling the extension costs Blender at its start, against an extension with one empty panel.

Both zips are installed into a profile; then fresh processes of each Blender module enable first one, then the other, in
turn. Processor time counts, as the machine may be busy. Noise is the spread of the whole start, enabling included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from _setup.environments import BPY_VERSIONS, FOLDER, ROOT

EMPTY_MANIFEST = """schema_version = "1.0.0"
id = "empty_one"
version = "1.0.0"
name = "Empty"
tagline = "Nothing at all"
maintainer = "Nobody <nobody@example.org>"
type = "add-on"
license = ["SPDX:GPL-3.0-or-later"]
blender_version_min = "4.2.0"
"""
EMPTY_CODE = """import bpy
class EMPTY_PT_panel(bpy.types.Panel):
    bl_label, bl_space_type, bl_region_type = "Empty", "VIEW_3D", "UI"
    def draw(self, context):
        pass
def register():
    bpy.utils.register_class(EMPTY_PT_panel)
def unregister():
    bpy.utils.unregister_class(EMPTY_PT_panel)
"""
INSTALL = """
import os, sys, bpy
for archive in sys.argv[1:]:
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
sys.stdout.flush(); os._exit(0)
"""
ENABLE = """
import json, os, sys, time, bpy
name = "bl_ext.user_default." + sys.argv[1]
before = time.process_time()
bpy.ops.preferences.addon_enable(module=name)
print(json.dumps([time.process_time() - before, time.process_time()]))
sys.stdout.flush(); os._exit(0)  # Blender 4.2's module may crash at its exit
"""


def measure(repeats: int) -> int:
    """Print a row for each Blender module that is there."""
    print("| Blender | enabling: empty, ms | ours, ms | start: empty, ms | ours, ms | spread, ms |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archives = [_empty(folder), _ours(folder)]
        for version in BPY_VERSIONS:
            python = FOLDER / f"bpy-{version}" / "bin" / "python"
            if not python.is_file():
                continue
            environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / version)}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)  # no user's Blender compiles at each start
            _run(python, INSTALL, environment, *map(str, archives))
            taken: dict[str, list[list[float]]] = {"empty_one": [], "turnaround": []}
            for turn in range(repeats + 1):
                for name, kept in taken.items():
                    said = json.loads(_run(python, ENABLE, environment, name).splitlines()[-1])
                    if turn:  # the first one compiles
                        kept.append(said)
            empty, ours = (1000 * np.array(rows) for rows in taken.values())
            middle = [np.median(rows, axis=0) for rows in (empty, ours)]
            cells = (middle[0][0], middle[1][0], middle[0][1], middle[1][1], np.ptp(empty[:, 1]))
            print(f"| {version} | {' | '.join(f'{cell:.0f}' for cell in cells)} |", flush=True)
    return 0


def _empty(folder: Path) -> Path:
    archive = folder / "empty_one-1.0.0.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("blender_manifest.toml", EMPTY_MANIFEST)
        out.writestr("__init__.py", EMPTY_CODE)
    return archive


def _ours(folder: Path) -> Path:
    command = [sys.executable, str(ROOT / "scripts" / "build_extension.py"), "--output", str(folder / "ours")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next((folder / "ours").glob("*.zip"))


def _run(python: Path, code: str, environment: dict[str, str], *arguments: str) -> str:
    command = [str(python), "-c", code, *arguments]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
