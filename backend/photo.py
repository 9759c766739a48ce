# SPDX-License-Identifier: GPL-3.0-or-later
"""Read one photo as it comes from a camera: header, EXIF, colours, alpha; out comes oriented 8-bit sRGB.

Notation: sizes are of the oriented picture, pixels. ``focal_px`` is in pixels of that full-size picture.
"""

from __future__ import annotations

import functools
import io
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

MAX_PIXELS = 400_000_000
"""Larger pictures are refused by their header: decoded they would take gigabytes (a decompression bomb, or a scan)."""

MIN_SIDE = 32
"""Smaller pictures cannot be matched; they are icons or thumbnails."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "BMP", "GIF")
_ANIMATED = {"GIF", "PNG", "WEBP"}

# What decoders raise on damaged files. MemoryError is left out: it is the machine's state, not the file's.
_DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, RuntimeError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

_DIAGONAL_35MM = math.hypot(36.0, 24.0)
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_LATTICE = np.stack(np.meshgrid(*[np.linspace(0, 255, 9).astype(np.uint8)] * 3, indexing="ij"), -1).reshape(27, 27, 3)


class PhotoError(Exception):
    """A photo that cannot be used. ``str()`` completes "NAME was left out: ..."; ``code`` is a short word for it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known of a photo without decoding it. ``focal_px`` None and ``camera_model`` "" where EXIF is silent."""

    format: str
    width: int
    height: int
    orientation: int
    focal_px: float | None
    camera_model: str


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A decoded photo: ``rgb`` (H, W, 3) uint8 sRGB, oriented; ``alpha`` (H, W) uint8, None where all is opaque.

    ``verbatim``: ``rgb`` is exactly what the file's bytes decode to as plain RGB JPEG, so that they may be copied.
    ``note`` tells what had to be assumed.
    """

    header: Header
    rgb: np.ndarray
    alpha: np.ndarray | None
    verbatim: bool
    note: str = ""


def read_header(data: bytes) -> Header:
    """Read the header of a photo file's ``data``. Raises ``PhotoError``."""
    try:
        with _open(data) as image:
            return _header(image)
    except _DAMAGED as error:
        raise _damaged(error) from error


def decode(data: bytes) -> Photo:
    """Decode a photo file's ``data``. Raises ``PhotoError`` (a truncated file is one: half a photo misleads)."""
    try:
        with _open(data) as image:
            header = _header(image)
            moves = image.format in _ANIMATED and getattr(image, "is_animated", False)
            image.load()
            profile = image.info.get("icc_profile")
            mode = image.mode
            upright = ImageOps.exif_transpose(image)
            alpha = _alpha(upright)
            colours, converted, note = _to_srgb(_eight_bit(upright), profile)
            rgb = np.asarray(colours)
    except _DAMAGED as error:
        raise _damaged(error) from error
    plain = header.format in {"JPEG", "MPO"} and mode == "RGB" and header.orientation == 1
    if moves:
        note = "it is animated; its first picture was used" + (f", and {note}" if note else "")
    return Photo(header=header, rgb=rgb, alpha=alpha, verbatim=plain and not converted, note=note)


def thumbnail(data: bytes, side: int) -> np.ndarray:
    """Decode to grey, (h, w) uint8, oriented, longer side ``side``; quick for JPEG. Raises ``PhotoError``."""
    try:
        with _open(data) as image:
            orientation = _header(image).orientation
            image.draft("L", (2 * side, 2 * side))
            image.load()
            grey = _eight_bit(image).convert("L")
    except _DAMAGED as error:
        raise _damaged(error) from error
    if orientation in _TRANSPOSE and image.format != "TIFF":
        grey = grey.transpose(_TRANSPOSE[orientation])
    factor = side / max(grey.size)
    size = (max(1, round(grey.width * factor)), max(1, round(grey.height * factor)))
    return np.asarray(grey.resize(size, Image.Resampling.BOX))


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@functools.cache
def _prepare() -> None:
    """Teach Pillow HEIF, and raise its own bound so that it does not warn below ours."""
    import pillow_heif

    Image.init()  # opening by a list of formats needs their readers, which Pillow loads only when asked
    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def _open(data: bytes) -> Image.Image:
    """Open by content, nothing decoded yet."""
    _prepare()
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _damaged(error: BaseException) -> PhotoError:
    """Say in plain words what a decoder's exception means."""
    if isinstance(error, Image.DecompressionBombError):
        return PhotoError("too_large", f"it has more than {MAX_PIXELS // 1_000_000} megapixels")
    if isinstance(error, UnidentifiedImageError):
        return PhotoError("unreadable", "its content is no picture, or only the beginning of one")
    text = str(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return PhotoError("truncated", "the file is truncated (an interrupted copy or download?)")
    text = text.replace("\n", " ")[:120] or type(error).__name__
    return PhotoError("unreadable", f"it cannot be decoded ({text})")


def _header(image: Image.Image) -> Header:
    """Check the size of an opened picture and read its EXIF."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            "too_large", f"it has {width * height / 1e6:.0f} megapixels, more than {MAX_PIXELS // 1_000_000}"
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError("too_small", f"it has only {width} x {height} pixels")
    exif = _exif(image)
    orientation = exif.get("Orientation", 1)
    orientation = orientation if orientation in _TRANSPOSE else 1
    if orientation >= 5 and image.format != "TIFF":  # Pillow turns TIFF itself and already states the turned size
        width, height = height, width
    make, model = (str(exif.get(k, "")).replace("\0", "").strip() for k in ("Make", "Model"))
    return Header(
        format=image.format or "",
        width=width,
        height=height,
        orientation=orientation,
        focal_px=focal_from_exif(exif, width, height),
        camera_model=model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip(),
    )


def _exif(image: Image.Image) -> dict[str, Any]:
    """EXIF tags by name, main and camera directory; empty where there are none or they are damaged."""
    try:
        exif = image.getexif()
        everything = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except _DAMAGED:
        return {}
    return {ExifTags.TAGS[tag]: value for tag, value in everything.items() if tag in ExifTags.TAGS}


def focal_from_exif(exif: dict[str, Any], width: int, height: int) -> float | None:
    """Focal length in pixels of a ``width`` x ``height`` picture, or None.

    From the 35 mm equivalent, defined over the diagonal (CIPA DCG-001), and from the focal length with the sensor's
    pixels per length. The second is not rounded to a millimetre and wins where the two agree; where they do not, its
    tags are stale (pictures resized by software keep them) and the first wins.
    """
    equivalent = _number(exif.get("FocalLengthIn35mmFilm")) * math.hypot(width, height) / _DIAGONAL_35MM
    measured = 0.0
    unit = _MM_PER_UNIT.get(exif.get("FocalPlaneResolutionUnit", 2), 25.4)
    per_mm = _number(exif.get("FocalPlaneXResolution")) / unit
    sensor_width = _number(exif.get("ExifImageWidth"))
    if sensor_width:
        long_side = max(width, height)
        stored_long = max(sensor_width, _number(exif.get("ExifImageHeight")))
        measured = _number(exif.get("FocalLength")) * per_mm * long_side / stored_long
    if equivalent and measured and abs(math.log(measured / equivalent)) > math.log(1.1):
        measured = 0.0
    focal = measured or equivalent
    # A fisheye or a telescope: outside this range the tags are wrong more often than right.
    return focal if 0.3 < focal / max(width, height) < 30 else None


def _number(value: Any) -> float:
    """A positive finite number from an EXIF value, else 0."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _alpha(image: Image.Image) -> np.ndarray | None:
    """Alpha as (H, W) uint8, or None where the picture is opaque throughout."""
    if not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return alpha if (alpha < 255).any() else None


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture in L, RGB or CMYK, 8 bits a channel, without alpha. Sixteen bits are scaled, not cut off."""
    mode = image.mode
    if mode in {"L", "RGB", "CMYK"}:
        return image
    if mode.startswith("I;16") or mode == "I":
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise PhotoError("unsupported", "its pixels are 32-bit integers; export it with 8 or 16 bits")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if mode == "F":
        raise PhotoError("unsupported", "its pixels are floating point; export it with 8 or 16 bits")
    if mode == "RGBa":
        return image.convert("RGBA").convert("RGB")
    if mode == "La":
        return image.convert("LA").convert("L")
    return image.convert("L" if mode in {"1", "LA"} else "RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool, str]:
    """Convert L, RGB or CMYK to sRGB; also whether that changed pixels, and a note where the profile is unusable."""
    if not profile:
        return image.convert("RGB"), image.mode != "RGB", ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        if image.mode == "RGB" and _is_srgb(source, target):
            return image, False, ""
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB"), True, ""  # type: ignore[return-value]
    except (ImageCms.PyCMSError, OSError) as error:
        note = f"its colour profile cannot be used ({str(error)[:80]}); its colours were taken as sRGB"
        return image.convert("RGB"), image.mode != "RGB", note


def _is_srgb(source: Any, target: Any) -> bool:
    """Whether converting changes no colour by more than a level, so that pixels may be kept as they are."""
    lattice = Image.fromarray(_LATTICE)
    converted = ImageCms.profileToProfile(lattice, source, target, outputMode="RGB")
    difference = np.asarray(converted).astype(int) - _LATTICE
    return bool(np.abs(difference).max() <= 1)
