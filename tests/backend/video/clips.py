# SPDX-License-Identifier: GPL-3.0-or-later
"""Make clips: a camera that pans over a textured plane, one at rest, a drum that turns before a wall."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from scipy import ndimage

WIDTH, HEIGHT = 192, 144


def texture(seed, height, width):
    """A coloured picture with detail at all scales, (h, w, 3) uint8."""
    random = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(random.normal(size=(height, width, 1)), (s, s, 0)) * s for s in (1.5, 4, 10)]
    tint = ndimage.gaussian_filter(random.normal(size=(height, width, 3)), (12, 12, 0)) * 12
    return np.clip(128 + 90 * sum(layers) + 60 * tint, 0, 255).astype(np.uint8)


def pan(count=40, step=2.0, seed=0):
    """A camera moving sideways by ``step`` pixels a picture."""
    wide = texture(seed, HEIGHT, WIDTH + int(step * count) + 2)
    for i in range(count):
        shift = np.float32([[1, 0, -step * i], [0, 1, 0]])
        yield cv2.warpAffine(wide, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def still(count=40, seed=0):
    """A camera at rest, with a sensor's noise."""
    scene = texture(seed, HEIGHT, WIDTH).astype(np.float32)
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield np.clip(scene + random.normal(0, 1.5, scene.shape), 0, 255).astype(np.uint8)


def hand(count=40, seed=0):
    """A camera at rest and a patch that moves to and fro before it."""
    scene, patch = texture(seed, HEIGHT, WIDTH), texture(seed + 1, 50, 40)
    for i in range(count):
        picture = scene.copy()
        x = int(75 + 55 * np.sin(i / 3))
        picture[60:110, x : x + 40] = patch
        yield picture


def drum(count=40, step=0.06, seed=0):
    """A camera at rest and an upright drum that turns by ``step`` radians a picture before a wall."""
    scene, skin = texture(seed, HEIGHT, WIDTH), texture(seed + 1, 90, 360)
    skin = np.concatenate([skin, skin], axis=1)
    radius = 45
    x = np.arange(-radius + 1, radius)
    angle = np.degrees(np.arcsin(x / radius))
    for i in range(count):
        picture = scene.copy()
        column = ((angle + np.degrees(step * i)) % 360).astype(np.float32)
        maps = np.meshgrid(column, np.arange(90, dtype=np.float32))
        picture[30:120, 96 + x[0] : 96 + x[-1] + 1] = cv2.remap(skin, *maps, cv2.INTER_LINEAR)
        yield picture


def write(
    path: Path,
    pictures,
    codec="libx264",
    rate=20,
    pixels="yuv420p",
    rotation=0,
    times=None,
    options=None,
    tags=None,
    container=None,
):
    """Encode ``pictures`` (RGB uint8 or uint16 for rgb48le); ``times`` are milliseconds of each."""
    with av.open(str(path), "w", options=container or {}) as output:
        stream = None
        for i, picture in enumerate(pictures):
            if stream is None:
                stream = output.add_stream(codec, rate=rate, options=options or {})
                stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], pixels
                for name, value in (tags or {}).items():
                    setattr(stream.codec_context, name, value)
                if rotation:
                    stream.set_display_rotation(rotation)
                if times:
                    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            kind = "rgb48le" if picture.dtype == np.uint16 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
            if tags:
                frame = frame.reformat(format=pixels, dst_colorspace=tags.get("colorspace"))
                for name, value in tags.items():
                    setattr(frame, name, value)
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path
