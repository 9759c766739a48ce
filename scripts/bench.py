# SPDX-License-Identifier: GPL-3.0-or-later
"""Print where time goes: ``bench.py job JOB``, ``kernels [--size WIDTH HEIGHT]``, ``rgba [--sizes 2 12 48]``,
``splats``, ``tsr``, ``cameras [NAME ...] [--growth]`` or ``gpu [--data DATA]``.

Run it with the backend's Python. On a shared machine seconds say little: the ratios within one run do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def job_table(folder: Path) -> None:
    """Seconds, CPU seconds and peak memory of each stage, from a job's ``result.json``."""
    result = json.loads((folder / "result.json").read_text())
    stages = result["stages"]
    total = sum(s["seconds"] or 0 for s in stages.values()) or 1.0
    print(f"{folder}: {result['metrics'].get('frames_used', 0):.0f} frames, {result['spec'].get('preset', 'balanced')}")
    print(f"{'stage':<16}{'seconds':>9}{'share':>8}{'CPU s':>9}{'cores':>7}{'peak MB':>9}  method")
    for name, stage in stages.items():
        seconds, cpu = stage["seconds"] or 0.0, stage["cpu_seconds"] or 0.0
        share, cores = seconds / total, cpu / seconds if seconds else 0.0
        method = result["methods"].get(name, "")
        print(f"{name:<16}{seconds:>9.1f}{share:>8.0%}{cpu:>9.1f}{cores:>7.1f}{stage['peak_mb'] or 0:>9.0f}  {method}")
    print(f"{'all':<16}{total:>9.1f}")


def kernel_table(size: tuple[int, int]) -> None:
    """Each kernel against its numpy twin, the usual library, and the least time its memory traffic takes."""
    from _bench import kernels

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{size[0]} x {size[1]} pixels; best of {kernels.REPEATS}; load {load:.1f} on {os.cpu_count()} cores")
    print(f"memory: {kernels.bandwidth(size) / 1e9:.1f} GB/s (copy of an array of this size, read and write)")
    print(f"{'kernel':<24}{'ms':>9}{'of floor':>10}{'twin':>9}{'library':>9}  library's function")
    for row in kernels.rows(size):
        twin = f"{row.twin / row.kernel:.1f}x" if row.twin else "-"
        library = f"{row.library / row.kernel:.2f}x" if row.library else "-"
        of_floor = f"{row.kernel / row.floor:.1f}x"
        print(f"{row.name:<24}{1e3 * row.kernel:>9.2f}{of_floor:>10}{twin:>9}{library:>9}  {row.library_name}")
    print("of floor: time over that of moving its bytes once; twin, library: their time over the kernel's")


def rgba_table(sizes: list[int], cpu: bool) -> None:
    """The RGBA kernels and the whole cutout against the memory's speed and against other ways to do the same."""
    from _bench import rgba

    rgba.CPU = cpu
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    clock = "CPU time" if cpu else "time"
    print(f"median of {rgba.ROUNDS} interleaved rounds, {clock}; load {load:.1f} on {os.cpu_count()} cores")
    names = ("floor", "C++", "OpenCV", "Pillow", "NumPy")
    print(f"{'MP':>3} {'task':<32}{'ms':>9}" + "".join(f"{name:>9}" for name in names))
    for size in sizes:
        for row in rgba.rows(size):
            cells = (f"{row.ratios[name]:>9.2f}" if name in row.ratios else f"{'-':>9}" for name in names)
            print(f"{size:>3} {row.task:<32}{row.milliseconds:>9.2f}" + "".join(cells), flush=True)
    print("floor: time of the best stream with as many reads and writes over ours; others: their time over ours")


def splats_table() -> None:
    """The splatting kernels and a whole training step, for three numbers of Gaussians at two sizes."""
    import numba
    from _bench import splats

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    threads = numba.get_num_threads()
    print(f"best of repeated calls on {threads} threads; load {load:.1f} on {os.cpu_count()} cores")
    print(f"arithmetic: {splats.arithmetic_speed() / 1e9:.0f} G additions and multiplications a second")
    names = ("ms: fwd", "bwd", "SSIM", "Adam", "step", "CPU s/step", "scaling", "floor")
    print(f"{'size':<10}{'Gaussians':>10}{'per px':>8}" + "".join(f"{name:>11}" for name in names))
    for row in splats.rows():
        milliseconds = (row.forward, row.backward, row.ssim, row.adam, row.step_all)
        print(
            f"{row.size[0]}x{row.size[1]:<6}{row.count:>10}{row.seen:>8.1f}"
            + "".join(f"{1e3 * value:>11.2f}" for value in milliseconds)
            + f"{row.step_cpu:>11.4f}{row.step_one / row.step_all:>10.2f}x{row.floor / row.step_all:>11.0%}"
        )
    print(
        "per px: Gaussians that add to a pixel; step: a whole training step; scaling: step on one thread over that on"
    )
    print("all; floor: share of the step that its arithmetic needs (how it is counted: scripts/_bench/splats.py)")


def main() -> int:
    """Choose the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    job = kinds.add_parser("job", help="stages of a finished job")
    job.add_argument("folder", type=Path)
    kernels = kinds.add_parser("kernels", help="kernels against numpy and OpenCV")
    kernels.add_argument("--size", type=int, nargs=2, default=(1600, 1200), metavar=("WIDTH", "HEIGHT"))
    rgba = kinds.add_parser("rgba", help="cutouts against the memory's speed, C++, OpenCV, Pillow and NumPy")
    rgba.add_argument("--sizes", type=int, nargs="+", default=[2, 12, 48], choices=[2, 12, 48], metavar="MEGAPIXELS")
    rgba.add_argument("--cpu", action="store_true", help="CPU seconds in place of time, for a busy machine")
    kinds.add_parser("splats", help="splatting kernels and a whole training step")
    kinds.add_parser("tsr", help="TripoSR at full size with random weights: seconds and memory of each step")
    gpu = kinds.add_parser("gpu", help="gsplat against our rasteriser, and training on CUDA")
    gpu.add_argument("--data", type=Path, help="folder of captures (TURNAROUND_DATA, or ../shared/data)")
    cameras = kinds.add_parser("cameras", help="our cameras against plain pycolmap, and how time grows with frames")
    cameras.add_argument("names", nargs="*", default=["fox", "temple_ring", "rendered_duck"], help="captures")
    cameras.add_argument("--data", type=Path, help="folder of captures (TURNAROUND_DATA, or ../shared/data)")
    cameras.add_argument("--growth", action="store_true", help="also 50 to 400 frames")
    imports = kinds.add_parser("import", help="a million splats into Blender, against its own PLY import")
    imports.add_argument("--count", type=int, default=1_000_000)
    imports.add_argument("--repeats", type=int, default=3)
    enabling = kinds.add_parser("enabling", help="enabling the extension, against an empty one")
    enabling.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    if args.kind in {"splats", "gpu", "rgba", "tsr"}:
        from turnaround.backend import compile_cache

        compile_cache.use()  # before numba is imported: as a job runs, with threads that sleep while they wait
    if args.kind == "splats":
        splats_table()
    elif args.kind == "tsr":
        from _bench import tsr

        return tsr.measure()
    elif args.kind == "rgba":
        rgba_table(args.sizes, args.cpu)
    elif args.kind == "gpu":
        from _bench import curves
        from _bench import gpu as cuda

        return cuda.measure(args.data or curves.data_folder())
    elif args.kind == "cameras":
        from _bench import cameras as structure

        return structure.measure(args.data or structure.data_folder(), args.names, args.growth)
    elif args.kind == "import":
        from _bench import blender_import

        return blender_import.measure(args.count, args.repeats)
    elif args.kind == "enabling":
        from _bench import enabling as start

        return start.measure(args.repeats)
    elif args.kind == "job":
        job_table(args.folder)
    else:
        kernel_table(tuple(args.size))
    return 0


if __name__ == "__main__":
    sys.exit(main())
