# SPDX-License-Identifier: GPL-3.0-or-later
"""How close the colours of an imported mesh are to the photos: render it from the photos' cameras and compare.

    python scripts/check_colour.py JOB [--views 6] [--share 0.5]        (where the bpy module is installed)
    blender --background --python scripts/check_colour.py -- JOB

The job is imported as the panel does it, which chooses the *Standard* view transform, and rendered by Cycles from
evenly spaced cameras. Inside the mask, two pixels from its rim, the mean colour difference to the undistorted photo is
taken: Delta E 2000 and 1976, D65. Exit status 1 where the mean Delta E 2000 is not below the limit.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 3.0
_RIM = 2
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(srgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (..., 3) of sRGB values in [0, 1], white D65."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ.T / _XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def delta_e_1976(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Distances in L*a*b*."""
    return np.linalg.norm(one - two, axis=-1)


def delta_e_2000(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """CIEDE2000 between L*a*b* (..., 3), weights 1 (Sharma, Wu, Dalal 2005, equations 2 to 22)."""
    chroma = [np.hypot(c[..., 1], c[..., 2]) for c in (one, two)]
    mean7 = ((chroma[0] + chroma[1]) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(mean7 / (mean7 + 25.0**7)))
    a, b = [c[..., 1] * stretch for c in (one, two)], [c[..., 2] for c in (one, two)]
    c1, c2 = np.hypot(a[0], b[0]), np.hypot(a[1], b[1])
    h1, h2 = (np.degrees(np.arctan2(b[i], a[i])) % 360 for i in (0, 1))
    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(grey, 0.0, np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn)))
    hue_step = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    apart, total = np.abs(h1 - h2) > 180, h1 + h2
    hue = np.where(grey, total, np.where(apart, np.where(total < 360, total + 360, total - 360), total) / 2)
    light, c = (one[..., 0] + two[..., 0]) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.2 * _cos(4 * hue - 63)
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c, 1 + 0.015 * c * t
    turned = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))
    r_t = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(turned)
    d_l, d_c, d_h = (two[..., 0] - one[..., 0]) / s_l, (c2 - c1) / s_c, hue_step / s_h
    return np.sqrt(np.maximum(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h, 0.0))


def _cos(degrees: np.ndarray) -> np.ndarray:
    return np.cos(np.radians(degrees))


def inside(mask: np.ndarray, rim: int = _RIM) -> np.ndarray:
    """Where ``mask`` (H, W) in [0, 1] is set, without what lies within ``rim`` pixels of where it is not."""
    kept = mask > 0.5
    for _ in range(rim):
        padded = np.pad(kept, 1)
        kept = kept & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return kept


def pixels(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """A picture's stored values (H, W, 3) in [0, 1], reduced to ``size`` (width, height) where that is given."""
    import bpy

    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.name = "Non-Color"
        if size is not None:
            image.scale(*size)
        flat = np.zeros(len(image.pixels), np.float32)
        image.pixels.foreach_get(flat)
        return flat.reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    finally:
        bpy.data.images.remove(image)


def measure(job: Path, views: int, share: float, samples: int, pictures: Path) -> list[dict[str, Any]]:
    """Import ``job`` and compare ``views`` of its cameras; a row each. Renders go to ``pictures``."""
    import bpy
    from turnaround.addon.importer.cameras import look_through
    from turnaround.addon.importer.scene import import_job

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene: Any = bpy.context.scene
    imported = import_job(scene, job)
    for kind, item in imported.objects.items():
        item.hide_render = kind != "mesh"
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = samples, False, "CPU"
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    chosen = imported.cameras[:: max(len(imported.cameras) // views, 1)][:views]
    rows = []
    for camera in chosen:
        look_through(scene, camera)
        scene.render.resolution_percentage = round(100 * share)
        frame = str(camera["turnaround_frame"])
        scene.render.filepath = str(pictures / f"{frame}.png")
        bpy.ops.render.render(write_still=True)
        shown = pixels(Path(scene.render.filepath))
        size = (shown.shape[1], shown.shape[0])
        photo = pixels(_picture(job / "04_cameras" / "images", frame), size)
        where = inside(pixels(_picture(job / "04_masks", frame), size)[..., 0])
        one, two = lab(photo[where].astype(np.float64)), lab(shown[where].astype(np.float64))
        rows.append({
            "frame": frame, "pixels": int(where.sum()), "de2000": float(delta_e_2000(one, two).mean()),
            "de1976": float(delta_e_1976(one, two).mean()), "bias": (two - one).mean(axis=0).round(2).tolist(),
        })  # fmt: skip
    return rows


def _picture(folder: Path, frame: str) -> Path:
    """The picture of a frame."""
    found = [p for p in folder.glob("*") if p.stem == frame and p.suffix != ".json"]
    if not found:
        raise ValueError(f"expected a picture of {frame} in {folder}, found none")
    return found[0]


def mount() -> None:
    """Make ``import turnaround`` mean this checkout."""
    if "turnaround" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "turnaround", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        sys.modules["turnaround"] = module
        spec.loader.exec_module(module)  # type: ignore[union-attr]


def main(argv: list[str]) -> int:
    """Measure and say; the exit status."""
    parser = argparse.ArgumentParser(prog="check_colour.py", description=__doc__.splitlines()[0])
    parser.add_argument("job", type=Path, help="folder of a finished job")
    parser.add_argument("--views", type=int, default=6, help="cameras to render (default: 6)")
    parser.add_argument("--share", type=float, default=0.5, help="size of a render, as a share of the photo's")
    parser.add_argument("--samples", type=int, default=16, help="Cycles' samples a pixel (default: 16)")
    parser.add_argument("--pictures", type=Path, help="keep the renders here")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help=f"mean Delta E 2000 to stay below (default: {LIMIT})"
    )
    arguments = parser.parse_args(argv)
    mount()
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments.pictures.resolve() if arguments.pictures else Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        rows = measure(arguments.job.resolve(), arguments.views, arguments.share, arguments.samples, kept)
    for row in rows:
        print(json.dumps(row))
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("de2000", "de1976")}
    print(f"mean over {len(rows)} views: Delta E 2000 {means['de2000']:.2f}, Delta E 1976 {means['de1976']:.2f}")
    return 0 if means["de2000"] < arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
