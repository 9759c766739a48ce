# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the backend's environment: a photo, the render of its camera laid over it, and the render, in one picture.

``python preview.py PHOTO RENDER OUT`` prints how well they agree: PSNR in dB where the render is opaque.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from PIL import Image, ImageDraw

OPAQUE = 250
PAPER, INK = (245, 245, 242), (40, 40, 40)
TITLES = ("photo", "right half: the mesh in Blender, seen by the imported camera", "mesh in Blender")


def agreement(photo: Image.Image, render: Image.Image) -> float:
    """PSNR, dB, over the pixels that the render covers."""
    rgba = np.asarray(render)
    covered = rgba[..., 3] >= OPAQUE
    if not covered.any():
        return 0.0
    difference = (np.asarray(photo).astype(float) - rgba[..., :3])[covered] / 255
    return float(-10 * np.log10(max(np.mean(difference**2), 1e-12)))


def main() -> int:
    """Compose and measure."""
    photo_path, render_path, out = sys.argv[1:4]
    photo, render = Image.open(photo_path).convert("RGB"), Image.open(render_path).convert("RGBA")
    if photo.size != render.size:
        raise ValueError(f"expected a render of the photo's size {photo.size}, got {render.size}")
    width, height = photo.size
    paper = Image.new("RGB", photo.size, PAPER)
    paper.paste(render, mask=render)
    split = photo.copy()
    right = (width // 2, 0, width, height)
    split.paste(render.crop(right), (width // 2, 0), render.crop(right))
    sheet = Image.new("RGB", (3 * width, height + 26), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (panel, title) in enumerate(zip((photo, split, paper), TITLES, strict=True)):
        sheet.paste(panel, (i * width, 26))
        draw.text((i * width + 8, 6), title, fill=INK, font_size=14)
    sheet.save(out)
    print(json.dumps({"psnr": round(agreement(photo, render), 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
