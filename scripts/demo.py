# SPDX-License-Identifier: GPL-3.0-or-later
"""From photos to a Blender scene, on the sample capture: ``python3 scripts/demo.py``.

Makes the environments it needs (a few minutes, the first time), reconstructs ``samples/elephant`` from its photos and
one click, and imports the result into Blender 4.5 through the built extension. Leaves in ``demo/``: ``scene.blend``,
``result.json``, ``preview.png`` and ``job/``. A second run goes on with what is finished; ``--fresh`` starts anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _setup import environments
from _setup.environments import ROOT

SAMPLE = ROOT / "samples" / "elephant"
OUT = ROOT / "demo"
BLENDER = "4.5.15"
SHOWN = (
    # from, name, what it is called here, format
    ("result", "registered_share", "photos with a camera", "{:.0%}"),
    ("truth", "camera_auc_3", "camera AUC at 3 degrees", "{:.1f} %"),
    ("truth", "mask_iou_mean", "mask IoU, mean", "{:.3f}"),
    ("truth", "chamfer", "mesh to truth, Chamfer", "{:.5f} m"),
    ("truth", "f_score_1pct", "F-score at 1 %", "{:.3f}"),
    ("result", "mesh_psnr", "mesh colours, held-out photos", "{:.1f} dB"),
    ("result", "splats_psnr", "splats, held-out photos", "{:.1f} dB"),
)


class DemoError(RuntimeError):
    """A step of the demo failed; the message says which."""


def step(title: str, command: list[str | Path], capture: bool = False, extra: dict[str, str] | None = None) -> str:
    """Run one step; its last line of output when ``capture``. ``DemoError`` for a bad exit status."""
    print(f"\n── {title}", flush=True)
    start = time.monotonic()
    environment = {**os.environ, **(extra or {})}
    pipe = subprocess.PIPE if capture else None
    done = subprocess.run([str(c) for c in command], check=False, text=True, stdout=pipe, env=environment, cwd=ROOT)
    if done.returncode:
        raise DemoError(f"{title}: {Path(str(command[0])).name} ended with status {done.returncode}")
    print(f"   {time.monotonic() - start:.0f} s", flush=True)
    lines = (done.stdout or "").strip().splitlines()
    return lines[-1] if lines else ""


def reconstruct(turnaround: Path, length: float) -> dict:
    """Run the job and compare it with the truth; the metrics of the comparison."""
    job = OUT / "job"
    prompts = SAMPLE / "prompts.json"
    common = ["--prompts", prompts, "--preset", "balanced", "--device", "cpu", "--length", f"{length:.5f}"]
    step(
        "photos and one click to mesh, points, splats, cameras",
        [turnaround, "run", SAMPLE / "images", "--job", job, *common],
    )
    answer = step("compare with the truth", [turnaround, "evaluate", job, "--truth", SAMPLE, "--json"], capture=True)
    shutil.copyfile(job / "result.json", OUT / "result.json")
    found = json.loads(answer)
    return found.get("metrics", found)


def bring_into_blender(backend: environments.Environment, module: environments.Environment) -> dict:
    """Build the extension, import the job with it, render, and make the preview."""
    scripts, build = ROOT / "scripts", ROOT / "build" / "demo"
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    step("build the extension", [backend.executable(), scripts / "build_extension.py", "--output", build / "dist"])
    archive = next((build / "dist").glob("*.zip"))
    profile = {"BLENDER_USER_RESOURCES": str(build / "profile")}
    command = [module.executable(), scripts / "_demo" / "scene.py", archive, OUT / "job", OUT]
    scene = json.loads(step(f"import into Blender {BLENDER} and render", command, capture=True, extra=profile))
    preview = [backend.executable(), scripts / "_demo" / "preview.py", scene["photo"], OUT / "render.png"]
    agreement = json.loads(step("render beside photo", [*preview, OUT / "preview.png"], capture=True))
    return scene | agreement


def true_height() -> float:
    """The object's height in metres: what a user would have measured with a ruler."""
    return json.loads((SAMPLE / "transforms.json").read_text())["object_height"]


def report(truth: dict, scene: dict, seconds: float) -> None:
    """Print where things are and how good they are."""
    metrics = {"truth": truth, "result": json.loads((OUT / "result.json").read_text())["metrics"]}
    print(f"\nDone: {seconds:.0f} s of work after the set-up.\n")
    for source, name, title, form in SHOWN:
        if isinstance(value := metrics[source].get(name), (int, float)):
            print(f"  {title:<34}{form.format(value)}")
    print(f"  {'render against photo ' + scene['camera']:<34}{scene['psnr']:.1f} dB inside the object")
    print(f"  {'in the scene':<34}{', '.join(f'{n} {kind}' for kind, n in scene['objects'].items())}\n")
    for name in ("scene.blend", "preview.png", "result.json"):
        print(f"  {OUT / name}")


def main() -> int:
    """Set up, reconstruct, import, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="forget an earlier demo and do all work again")
    args = parser.parse_args()
    if args.fresh:
        shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(exist_ok=True)
    try:
        backend = environments.ensure(environments.backend())
        module = environments.ensure(environments.blender_module(BLENDER))
        start = time.monotonic()
        truth = reconstruct(backend.executable("turnaround"), true_height())
        scene = bring_into_blender(backend, module)
    except (environments.SetUpError, DemoError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    report(truth, scene, time.monotonic() - start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
