# SPDX-License-Identifier: GPL-3.0-or-later
"""The same splats by our rasteriser and by Cycles through Blender's squares, from the same cameras: dB between the two.

``proxies.py SPLATS.ply`` (z up) renders views from a ring around them in each Blender module in ``.environments``, on
transparent ground, laid over white and over black. ``--picture`` keeps both and five times their difference.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from turnaround.backend import compile_cache

compile_cache.use()  # before numba is imported

import numpy as np  # noqa: E402
from _setup.environments import BPY_VERSIONS, FOLDER  # noqa: E402
from turnaround.backend.images import write_image  # noqa: E402
from turnaround.backend.splat_files import files  # noqa: E402
from turnaround.backend.splat_files.splats import Splats  # noqa: E402
from turnaround.kernels.splatting.render import render_coloured  # noqa: E402

TARGET = 28.0
IN_BLENDER = """
import os, sys
from pathlib import Path
import bpy, numpy
from mathutils import Matrix
from turnaround.addon.importer import axes, splats
path, told, out, samples = sys.argv[1], numpy.load(sys.argv[2]), sys.argv[3], int(sys.argv[4])
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
scene = bpy.context.scene
splats.import_splat_file(scene, None, Path(path), "splats", "z")
camera = bpy.data.cameras.new("camera")
stand = bpy.data.objects.new("camera", camera)
scene.collection.objects.link(stand)
scene.camera = stand
side = int(told["side"])
lens = axes.lens_of(told["K"], side, side)
camera.sensor_fit, camera.sensor_width, camera.lens, camera.clip_start = "HORIZONTAL", 36.0, lens.lens, 0.01
render = scene.render
render.resolution_x = render.resolution_y = side
render.engine, render.film_transparent, render.filter_size = "CYCLES", True, 0.01
scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.pixel_filter_type = samples, False, "BOX"
scene.cycles.use_adaptive_sampling = False
scene.view_settings.view_transform = "Standard"
render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
render.image_settings.color_depth = "16"
pictures = []
for matrix in told["cameras"]:
    stand.matrix_world = Matrix(axes.world_from_camera(matrix).tolist())
    render.filepath = out + ".png"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(render.filepath, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    flat = numpy.zeros(side * side * 4, numpy.float32)
    image.pixels.foreach_get(flat)
    pictures.append(flat.reshape(side, side, 4)[::-1])
numpy.save(out, numpy.stack(pictures))
sys.stdout.flush()
os._exit(0)  # Blender 4.2's module may crash at its exit
"""


def ring(means: np.ndarray, views: int) -> np.ndarray:
    """Cameras (V, 4, 4), OpenCV axes, around the splats, 25 degrees above them."""
    low, high = np.percentile(means, [2, 98], axis=0)
    centre, size = (low + high) / 2, np.linalg.norm(high - low)
    made = []
    for angle in 2 * np.pi * np.arange(views) / views:
        offset = np.array([np.cos(angle) * np.cos(0.44), np.sin(angle) * np.cos(0.44), np.sin(0.44)])
        forward = -offset
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ (centre + 1.6 * size * offset)
        made.append(matrix)
    return np.stack(made)


def rasterised(splats: Splats, cameras: np.ndarray, K: np.ndarray, side: int) -> np.ndarray:
    """Our pictures (V, H, W, 4): colour over nothing, and alpha."""
    opacities = 1 / (1 + np.exp(-splats.opacities))
    pictures = []
    for camera in cameras.astype(np.float32):
        rendered, _ = render_coloured(
            splats.means, splats.quats, np.exp(splats.scales), opacities, splats.sh, splats.degree, camera,
            K.astype(np.float32), side, side,
        )  # fmt: skip
        pictures.append(rendered.image.copy())
    return np.stack(pictures)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """PSNR of pictures in [0, 1]."""
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def main() -> int:
    """Render both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("splats", type=Path)
    parser.add_argument("--side", type=int, default=200, help="pixels")
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--samples", type=int, default=8, help="of Cycles, for each pixel")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    splats = files.load(args.splats, "z")
    cameras = ring(splats.means, args.views)
    focal = 1.39 * args.side
    K = np.array([[focal, 0, args.side / 2], [0, focal, args.side / 2], [0, 0, 1]])
    ours = rasterised(splats, cameras, K, args.side)
    print(f"{len(splats)} splats, {args.views} views of {args.side} x {args.side}, {args.samples} samples")
    print(f"{'Blender':<10}{'white dB':>10}{'black dB':>10}{'alpha dB':>10}")
    worst = np.inf
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/told.npz", cameras=cameras, K=K, side=args.side)
        for version in BPY_VERSIONS:
            python = FOLDER / f"bpy-{version}" / "bin" / "python"
            environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/profile {version}"}
            subprocess.run(
                [str(python), "-c", IN_BLENDER, str(args.splats), f"{folder}/told.npz", f"{folder}/out",
                 str(args.samples)],
                env=environment, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            theirs = np.load(f"{folder}/out.npy")
            laid = [
                (theirs[..., :3] * theirs[..., 3:] + (1 - theirs[..., 3:]) * ground,
                 np.clip(ours[..., :3] + (1 - ours[..., 3:]) * ground, 0, 1))
                for ground in (1.0, 0.0)
            ]  # fmt: skip
            figures = [decibels(*pair) for pair in laid] + [decibels(theirs[..., 3], ours[..., 3])]
            print(f"{version:<10}" + "".join(f"{figure:>10.1f}" for figure in figures), flush=True)
            worst = min(worst, *figures[:2])
            if args.picture:
                both = (*laid[0], np.clip(5 * np.abs(laid[0][0] - laid[0][1]), 0, 1))
                picture = np.concatenate([np.concatenate(part, 0) for part in both], 1)
                write_image(args.picture, np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return 0 if worst >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
