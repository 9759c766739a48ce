# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a cutout as people write it with NumPy, Pillow and OpenCV, and in C++ as passes over the whole picture.

All do the same steps: clean the rim two pixels deep, let colour bleed beyond it, join with the matte, reduce with
regard to alpha, put over a colour. NumPy and C++ give the kernels' result within a level; OpenCV takes the colour of
the nearest sure pixel alone in place of a mean around it; Pillow knows no nearest pixel and spreads colours by
blurring. Both of these are less work than what the kernels do.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageFilter
from turnaround.kernels import compositing_reference, resize_reference

RIM, REACH, DEEP, BOUND = 2.0, 19, 7, 3
SOURCE = Path(__file__).with_name("rgba.cpp")
FLAGS = ("-O3", "-march=native", "-fopenmp", "-ffast-math", "-std=c++17", "-shared", "-fPIC", "-fopt-info-vec")


def compiled() -> ctypes.CDLL | None:
    """The C++ reference, or None without a compiler. Raises ``RuntimeError`` when a marked loop is no vectors."""
    compiler = shutil.which("g++")
    if compiler is None:
        return None
    target = Path(tempfile.mkdtemp(prefix="rgba-")) / "rgba.so"
    done = subprocess.run([compiler, *FLAGS, "-o", target, SOURCE], capture_output=True, text=True, check=True)
    vectorised = {int(n) for n in re.findall(r"rgba\.cpp:(\d+):\d+: optimized: loop vectorized", done.stderr)}
    lines = SOURCE.read_text().splitlines()
    marked = {n for n, line in enumerate(lines, start=1) if line.endswith("// vectors")}
    if not marked or marked - vectorised:
        raise RuntimeError(f"loops of {SOURCE.name} that are not vectorised: lines {sorted(marked - vectorised)}")
    return ctypes.CDLL(str(target))


def cpp(library: ctypes.CDLL, rgb: np.ndarray, mask: np.ndarray, size: tuple[int, int], colour: int) -> np.ndarray:
    """The compiled chain; ``size`` (h, w), ``colour`` packed, 0: straight."""
    out = np.zeros((*size, 4), np.uint8)
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (rgb, mask))
    numbers = (*map(ctypes.c_int, (*mask.shape, *size)), ctypes.c_uint32(colour))
    library.cut_out(*pointers, *numbers, ctypes.c_void_p(out.ctypes.data))
    return out


def opencv(rgb: np.ndarray, mask: np.ndarray, size: tuple[int, int], colour: tuple[int, int, int] | None) -> np.ndarray:
    """With OpenCV's distance transform and its labels; only the rim's pixels are worked on in NumPy."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    sure = cv2.erode(cv2.inRange(mask, 250, 255), disc)
    cleared = cv2.erode(cv2.inRange(mask, 0, 5), disc)
    distance, inner = cv2.distanceTransformWithLabels(~sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rim = np.nonzero((distance > 0) & (distance <= REACH))
    colours = rgb[sure > 0]  # labels count the sure pixels row by row, from 1
    rgba = cv2.merge([*cv2.split(cv2.copyTo(rgb, mask)), mask])
    if colours.size:
        inside, share = colours[inner[rim] - 1].astype(np.float32), mask[rim].astype(np.float32) / 255
        mixed = share > 0
        _, outer = cv2.distanceTransformWithLabels(~cleared, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        at = rim[0][mixed], rim[1][mixed]
        outside = rgb[cleared > 0][outer[at] - 1].astype(np.float32)
        inside[mixed] = _solved(rgb[at].astype(np.float32), share[mixed, None], inside[mixed], outside)
        rgba[rim[0], rim[1], :3] = (inside + 0.5).astype(np.uint8)
    if size != mask.shape:
        flat = cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA)
        rgba = cv2.cvtColor(cv2.resize(flat, size[::-1], interpolation=cv2.INTER_AREA), cv2.COLOR_mRGBA2RGBA)
    if colour is None:
        return rgba
    share = cv2.cvtColor(rgba[..., 3], cv2.COLOR_GRAY2RGB)
    above = cv2.multiply(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), share, scale=1 / 255)
    below = cv2.multiply(np.full_like(above, colour), ~share, scale=1 / 255)
    return cv2.cvtColor(cv2.add(above, below), cv2.COLOR_RGB2RGBA)


def _solved(pixel: np.ndarray, share: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The object's colours (N, 3) in mixtures, as ``kernels/decontamination.py`` finds them."""
    near, far = np.linalg.norm(pixel - outside, axis=1), np.linalg.norm(pixel - inside, axis=1)
    place = near / np.maximum(near + far, 1e-6)
    trust = np.where(near + far >= 1, np.clip((place / share[:, 0] - 0.3) / 0.5, 0, 1), 1)[:, None] * share**2
    solved = np.clip((pixel - (1 - share) * outside) / share, 0, 255)
    return trust * solved + (1 - trust) * inside


def pillow(
    rgb: np.ndarray, mask: np.ndarray, size: tuple[int, int], colour: tuple[int, int, int] | None
) -> Image.Image:
    """With Pillow alone: in the rim, the colours of sure pixels blurred, divided by their blurred alpha."""
    picture, matte = Image.fromarray(rgb), Image.fromarray(mask)
    sure = matte.point(lambda level: 255 if level >= 250 else 0).filter(ImageFilter.MinFilter(5))
    spread = Image.merge("RGBA", (*picture.split(), sure)).convert("RGBa").filter(ImageFilter.BoxBlur(REACH))
    rim = Image.composite(picture, spread.convert("RGBA").convert("RGB"), sure)
    rgba = Image.merge("RGBA", (*rim.split(), matte))
    near = ImageChops.lighter(matte, spread.getchannel("a").point(lambda level: 255 if level else 0))
    rgba = Image.composite(rgba, Image.new("RGBA", rgba.size), near)
    if size != mask.shape:
        rgba = rgba.convert("RGBa").resize(size[::-1], Image.Resampling.BOX).convert("RGBA")
    return rgba if colour is None else Image.alpha_composite(Image.new("RGBA", rgba.size, (*colour, 255)), rgba)


def numpy(rgb: np.ndarray, mask: np.ndarray, size: tuple[int, int], colour: tuple[int, int, int] | None) -> np.ndarray:
    """With NumPy alone: whole pictures shifted for depths, lists of rim pixels for what is worked on there."""
    depth = _depths(mask)
    padded = np.pad(depth, 1, constant_values=-99)
    height, width = mask.shape
    deepest = np.max([padded[v : v + height, u : u + width] for v in range(3) for u in range(3)], 0)
    sure, cleared = (mask >= 250) & ((depth >= DEEP) | (deepest <= depth)), (mask <= 5) & (depth <= -DEEP)
    out = np.where(mask[..., None] > 0, rgb, np.uint8(0))
    y, x = np.nonzero(~sure & (depth < DEEP) & _around(sure))
    y, x, inner = _nearest(sure, y, x)
    bleeds = mask[y, x] == 0
    at = np.where(bleeds, inner[0], y), np.where(bleeds, inner[1], x)
    colours = _means(rgb, sure, inner, at)
    mixed = np.flatnonzero(~bleeds)
    ym, xm, outer = _nearest(cleared, y[mixed], x[mixed])
    found = mixed[np.isin(y[mixed] * width + x[mixed], ym * width + xm)]
    share = mask[ym, xm, None] / 255
    colours[found] = _solved(
        rgb[ym, xm].astype(np.float64), share, colours[found], _means(rgb, cleared, outer, (ym, xm))
    )
    out[y, x] = (colours + 0.5).astype(np.uint8)
    rgba = np.dstack([out, mask])
    if size != mask.shape:
        rgba = _halved(rgba, size)
    if colour is None:
        return rgba
    return compositing_reference.composite_over_colour(rgba, np.array(colour))


def _depths(mask: np.ndarray) -> np.ndarray:
    """Depths (H, W) int64 as ``kernels/rims.py`` has them, up to ``BOUND``."""
    inside, (height, width) = mask > 127, mask.shape
    offsets = [(v, u) for v in range(-BOUND, BOUND + 1) for u in range(-BOUND, BOUND + 1)]
    to = []
    for kind in (~inside, inside):
        padded, best = np.pad(kind, BOUND), np.full(mask.shape, BOUND * BOUND, np.int16)
        for v, u in offsets:
            there = padded[BOUND + v : BOUND + v + height, BOUND + u : BOUND + u + width]
            best = np.where(there, np.minimum(best, np.int16(v * v + u * u)), best)
        to.append(best)
    return np.where(inside, to[0], -to[1])


def _around(kind: np.ndarray) -> np.ndarray:
    """Pixels (H, W) bool whose square of ``REACH`` to each side holds one of ``kind``: they alone are looked at."""
    height, width = kind.shape
    total = np.pad(kind.astype(np.int32).cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32), ((1, 0), (1, 0)))
    top, bottom = np.clip(np.arange(height) - REACH, 0, None), np.clip(np.arange(height) + REACH + 1, None, height)
    left, right = np.clip(np.arange(width) - REACH, 0, None), np.clip(np.arange(width) + REACH + 1, None, width)
    rows = total[bottom] - total[top]
    return rows[:, right] > rows[:, left]


def _nearest(kind: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Those pixels that have one of ``kind`` within ``REACH``, in their order, and the nearest one of each."""
    span = range(-REACH, REACH + 1)
    offsets = sorted((v * v + u * u, u, v) for v in span for u in span if v * v + u * u <= REACH * REACH)
    padded, missing, found = np.pad(kind, REACH), np.arange(y.size), np.full((2, y.size), -1)
    for _, u, v in offsets:
        hit = padded[y[missing] + v + REACH, x[missing] + u + REACH]
        done = missing[hit]
        found[:, done] = y[done] + v, x[done] + u
        missing = missing[~hit]
        if missing.size == 0:
            break
    known = found[0] >= 0
    return y[known], x[known], (found[0, known], found[1, known])


def _means(rgb: np.ndarray, kind: np.ndarray, at: tuple[np.ndarray, ...], seen: tuple[np.ndarray, ...]) -> np.ndarray:
    """Mean colours (N, 3) of the pixels of ``kind`` around those ``at``, those closer to ``seen`` counting more."""
    total, weights, padded = np.zeros((at[0].size, 3)), np.zeros(at[0].size), np.pad(kind, 2)
    down, right = at[0] - seen[0], at[1] - seen[1]
    for v in range(-2, 3):
        for u in range(-2, 3):
            member = padded[at[0] + v + 2, at[1] + u + 2]
            weight = member * np.exp(-(down * v + right * u + (v * v + u * u) / 2.0))
            weights += weight
            row = np.clip(at[0] + v, 0, kind.shape[0] - 1)
            total += weight[:, None] * rgb[row, np.clip(at[1] + u, 0, kind.shape[1] - 1)]
    return total / weights[:, None]


def _halved(rgba: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Reduce by a whole factor with regard to alpha."""
    factor = rgba.shape[0] // size[0]
    blocks = rgba.reshape(size[0], factor, size[1], factor, 4)
    weight = blocks[..., 3:].astype(np.float32) + np.float32(resize_reference.FAINT)
    total = weight.sum((1, 3))
    colour = (blocks[..., :3] * weight).sum((1, 3)) / total
    alpha = total / np.float32(factor * factor) - np.float32(resize_reference.FAINT)
    return np.clip(np.concatenate([colour, alpha], -1) + np.float32(0.5), 0, 255).astype(np.uint8)
