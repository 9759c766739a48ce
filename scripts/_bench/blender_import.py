# SPDX-License-Identifier: GPL-3.0-or-later
"""A million splats with all 62 properties into Blender: our import against Blender's own PLY import of the same file.

Both run in one process of each Blender module in ``.environments``, turn by turn, and the ratio of the medians counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from _setup.environments import BPY_VERSIONS, FOLDER
from turnaround.backend.splat_files import files
from turnaround.backend.splat_files.splats import from_columns

TARGET = 1.2
IN_BLENDER = """
import json, os, statistics, sys, time
from pathlib import Path
import bpy
from turnaround.addon.importer import ply, splats
path, repeats = Path(sys.argv[1]), int(sys.argv[2])
def empty():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
def theirs():
    bpy.ops.wm.ply_import(filepath=str(path))
def ours():
    splats.import_splat_file(bpy.context.scene, None, path, "a", "z")
seconds = {"theirs": [], "ours": []}
for turn in range(repeats + 1):
    for name, call in (("theirs", theirs), ("ours", ours)):
        empty()
        start = time.perf_counter()
        call()
        took = time.perf_counter() - start
        if turn:
            seconds[name].append(took)
mesh = bpy.context.scene.objects[0].data
widths = {"FLOAT": 4, "FLOAT_VECTOR": 12, "QUATERNION": 16}
stored = sum(widths.get(a.data_type, 0) for a in mesh.attributes if a.domain == "POINT")
print(json.dumps({"seconds": seconds, "stored": stored}))
sys.stdout.flush()
os._exit(0)  # Blender 4.2's module may crash at its exit
"""


def write_splats(path: Path, count: int) -> None:
    """``count`` random splats with harmonics to degree 3: 62 properties, 248 bytes each."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(count, width)).astype(np.float32) for width in (3, 4, 3, 1, 48)]
    files.save(path, from_columns(parts[0], parts[1], parts[2], parts[3][:, 0], parts[4].reshape(count, 16, 3)), "z")


def measure(count: int, repeats: int) -> int:
    """Print a row for each Blender module that is there; 1 where a ratio is over ``TARGET``."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{count:,} splats, 62 properties; median of {repeats}; load {load:.1f} on {os.cpu_count()} cores")
    print(f"{'Blender':<10}{'own import s':>14}{'ours s':>9}{'ratio':>8}{'bytes a splat':>16}")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splats.ply"
        write_splats(path, count)
        for version in BPY_VERSIONS:
            python = FOLDER / f"bpy-{version}" / "bin" / "python"
            if not python.is_file():
                print(
                    f"{version:<10}  no module in {python.parent.parent.name}: scripts/setup_environments.py makes it"
                )
                continue
            environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/profile {version}"}
            done = subprocess.run(
                [str(python), "-c", IN_BLENDER, str(path), str(repeats)],
                env=environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            found = json.loads(done.stdout.strip().splitlines()[-1])
            own, ours = (float(np.median(found["seconds"][name])) for name in ("theirs", "ours"))
            print(f"{version:<10}{own:>14.2f}{ours:>9.2f}{ours / own:>8.2f}{found['stored']:>16}", flush=True)
            missed += ours / own > TARGET
    return 1 if missed else 0
