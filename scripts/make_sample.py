# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the sample capture with its truth: photos of an invented object, masks, cameras, mesh and one click.

Run it in any Blender from 4.2 on::

    .environments/bpy-4.5.15/bin/python scripts/make_sample.py [options] [NAME]
    blender --background --factory-startup --python scripts/make_sample.py -- [options] [NAME]

The same arguments and seed give the same scene and the same cameras; pixels differ in the last bits between machines,
as Cycles' do.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _sample import figure, look, truth, turntable

ROOT = Path(__file__).resolve().parents[1]
CENTRE = Vector((0.02, 0.0, 0.075))
EYES = ((0.0905, 0.0262, 0.130), (0.0905, -0.0262, 0.130))
RINGS = ((0.6, 20.0, 0.44), (0.4, 46.0, 0.46))
"""Share of the views, elevation in degrees and distance in metres of each ring."""

Shot = dict[bpy.types.Object, Matrix]
"""Where things stand in one picture: matrices in the room's frame."""


def ring_cameras(views: int, seed: int) -> list[Matrix]:
    """world_from_camera (OpenGL axes) of ``views`` hand-held cameras in two rings around the object."""
    rng = random.Random(seed)  # noqa: S311
    lower = round(views * RINGS[0][0])
    cameras = []
    for count, (_, elevation, distance) in ((lower, RINGS[0]), (views - lower, RINGS[1])):
        for i in range(count):
            turn = math.radians(65 + 360 * (i + rng.uniform(-0.18, 0.18)) / count)
            rise = math.radians(elevation + rng.uniform(-4, 4))
            away = distance * rng.uniform(0.95, 1.05)
            aim = CENTRE + Vector([rng.uniform(-0.008, 0.008) for _ in range(3)])
            eye = aim + away * Vector(
                (math.cos(turn) * math.cos(rise), math.sin(turn) * math.cos(rise), math.sin(rise))
            )
            facing = (aim - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
            roll = Matrix.Rotation(math.radians(rng.uniform(-2.5, 2.5)), 4, "Z")
            cameras.append(Matrix.Translation(eye) @ facing @ roll)
    return cameras


def set_up_render(size: tuple[int, int], samples: int) -> None:
    """Cycles on the CPU with few samples and the denoiser, at ``size`` pixels."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces = 3
    scene.render.dither_intensity = 0
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "Standard"


def render_photos(folder: Path, shots: list[Shot], quality: int) -> None:
    """Render one JPEG a shot into ``folder``."""
    settings = bpy.context.scene.render.image_settings
    settings.file_format, settings.color_mode, settings.quality = "JPEG", "RGB", quality
    for i, shot in enumerate(shots):
        start = time.perf_counter()
        bpy.context.scene.cycles.seed = i
        _render(folder / f"{i:03d}.jpg", shot)
        print(f"photo {i + 1} of {len(shots)}: {time.perf_counter() - start:.1f} s", flush=True)


def render_cutouts(folder: Path, shots: list[Shot], target: bpy.types.Object, every: int) -> None:
    """Render ``target`` alone as RGBA, as it is lit among the others: what a perfect cutout of a photo would be."""
    scene = bpy.context.scene
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    scene.render.film_transparent = True
    for other in scene.objects:
        other.visible_camera = other is target
    for i, shot in list(enumerate(shots))[::every]:
        scene.cycles.seed = i
        _render(folder / f"{i:03d}.png", shot)
    scene.render.film_transparent = False
    for other in scene.objects:
        other.visible_camera = True


def render_masks(folder: Path, shots: list[Shot], target: bpy.types.Object) -> None:
    """Render coverage of ``target`` alone: white light on black, linear, so that 255 is a fully covered pixel."""
    scene = bpy.context.scene
    white = bpy.data.materials.new("white")
    if not white.use_nodes:
        white.use_nodes = True
    nodes = white.node_tree.nodes
    glow = nodes.new("ShaderNodeEmission")
    white.node_tree.links.new(glow.outputs[0], nodes["Material Output"].inputs["Surface"])
    target.data.materials[0] = white
    for other in scene.objects:
        other.hide_render = other not in {target, scene.camera}
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
    scene.view_settings.view_transform = "Raw"
    scene.cycles.use_denoising = False
    scene.cycles.samples = 32
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "BW", "8"
    settings.compression = 100
    for i, shot in enumerate(shots):
        _render(folder / f"{i:03d}.png", shot)


def _render(path: Path, shot: Shot) -> None:
    for thing, matrix in shot.items():
        thing.matrix_world = matrix
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def arguments() -> argparse.Namespace:
    """What the user asked for; under ``blender --python`` only what follows ``--``."""
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="elephant", help="folder under --out (default: elephant)")
    parser.add_argument("--out", type=Path, default=ROOT / "samples", help="where the folder goes")
    parser.add_argument("--size", type=int, nargs=2, default=(720, 540), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--views", type=int, help="how many pictures (default: 30, on a turntable 36)")
    parser.add_argument("--turntable", action="store_true", help="camera and room stand still, the object turns")
    parser.add_argument("--samples", type=int, default=24, help="Cycles samples a pixel")
    parser.add_argument("--quality", type=int, default=83, help="JPEG quality")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--camouflage", action="store_true", help="the object is of the table's stone (see look.py)")
    parser.add_argument("--cutouts", type=int, metavar="N", help="also the object alone, RGBA, of every Nth picture")
    args = parser.parse_args(given)
    args.views = args.views or (36 if args.turntable else 30)
    return args


def _shots(
    args: argparse.Namespace, camera: bpy.types.Object, target: bpy.types.Object
) -> tuple[list[Matrix], list[Shot]]:
    """True cameras in the object's frame (OpenGL axes, metres), and what moves for each picture."""
    if not args.turntable:
        cameras = ring_cameras(args.views, args.seed)
        return cameras, [{camera: matrix} for matrix in cameras]
    turntable.add_room()
    angles = turntable.turns(args.views, args.seed)
    fixed = turntable.fixed_camera(CENTRE)
    shots = [{camera: fixed, target: Matrix.Rotation(angle, 4, "Z")} for angle in angles]
    return turntable.seen_from_object(fixed, angles), shots


def main() -> int:
    """Build the scene, write truth, then photos and masks."""
    args = arguments()
    size, folder = tuple(args.size), args.out / args.name
    for name in ("images", "masks", *(["cutouts"] if args.cutouts else [])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).iterdir():
            old.unlink()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    target = figure.build()
    target.data.materials.append(look.terrazzo() if args.camouflage else look.mosaic(EYES))
    look.add_surroundings()
    focal_px = 1.125 * size[0]
    camera = look.add_camera(focal_px, size[0])
    set_up_render(size, args.samples)
    cameras, shots = _shots(args, camera, target)
    truth.write_mesh(folder / "gt_mesh.ply", target.data)
    truth.write_transforms(folder / "transforms.json", cameras, focal_px, size, target.dimensions.z)
    flank = Vector((-0.012, 0.0, 0.092))
    truth.write_prompt(folder / "prompts.json", "000.jpg", truth.project(flank, cameras[0], focal_px, size))
    note = truth.README.format(
        title=f"Sample capture: {args.name}", name=args.name, views=args.views, width=size[0], height=size[1],
        samples=args.samples, blender=bpy.app.version_string, height_mm=1000 * target.dimensions.z,
        options=f"--seed {args.seed} {'--turntable ' if args.turntable else ''}",
        taken="a fixed camera and a turning object" if args.turntable else "two rings of cameras",
    )  # fmt: skip
    (folder / "README.md").write_text(note)
    render_photos(folder / "images", shots, args.quality)
    if args.cutouts:
        render_cutouts(folder / "cutouts", shots, target, args.cutouts)
    render_masks(folder / "masks", shots, target)
    total = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{folder}: {args.views} views, {total / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
