# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a photo's camera was and how it was held, as far as the file says: GPS position and direction of gravity.

Gravity comes from what iPhones write into their maker note (the accelerometer's vector, tag 8) and from the gimbal's
angles that DJI's drones write as XMP; Exif itself has no tag for it. What a file says is not believed alone: the
cameras' stage asks whether the photos agree.

Notation: camera axes of the oriented picture: x right, y down, z forward.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

_APPLE = b"Apple iOS\0"
_ACCELERATION = 0x0008
_SIGNED_RATIONAL = 10
_STEADY = (0.9, 1.1)
"""Length of the acceleration, in g, of a camera that was not being shaken."""
_TURNED = {1: (1, 0, 0, 1), 3: (-1, 0, 0, -1), 6: (0, -1, 1, 0), 8: (0, 1, -1, 0)}
"""How an Exif orientation turns the stored picture's x and y axes, row by row; mirrored pictures are left out."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """``gps`` is (latitude, longitude in degrees, altitude in metres); ``gravity`` a unit vector, camera axes."""

    gps: tuple[float, float, float] | None = None
    gravity: tuple[float, float, float] | None = None


def read_held(data: bytes) -> Held:
    """What the header of a photo file's ``data`` says; nothing where it is silent, damaged or no photo."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            camera = exif.get_ifd(ExifTags.IFD.Exif)
            place = exif.get_ifd(ExifTags.IFD.GPSInfo)
            xmp = image.info.get("xmp") or b""
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, EOFError, struct.error):
        return Held()
    xmp = xmp if isinstance(xmp, bytes) else str(xmp).encode("utf-8", "replace")
    gravity = _by_gimbal(xmp)
    front = "front" in str(camera.get(ExifTags.Base.LensModel, "")).lower()
    if gravity is None and not front:
        gravity = _by_accelerometer(camera.get(ExifTags.Base.MakerNote, b""))
    return Held(gps=_position(place), gravity=_oriented(gravity, exif.get(ExifTags.Base.Orientation, 1)))


def _position(place: Mapping[int, Any]) -> tuple[float, float, float] | None:
    """Latitude, longitude and altitude (0 where there is none) from the GPS directory."""
    try:
        latitude, longitude = (_degrees(place[tag]) for tag in (2, 4))
        latitude *= -1 if str(place.get(1, "N")).upper().startswith("S") else 1
        longitude *= -1 if str(place.get(3, "E")).upper().startswith("W") else 1
        altitude = float(place.get(6, 0.0)) * (-1 if place.get(5) in (1, b"\x01") else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    known = all(math.isfinite(v) for v in (latitude, longitude, altitude)) and (latitude, longitude) != (0.0, 0.0)
    return (latitude, longitude, altitude) if known and abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _degrees(parts: Any) -> float:
    """Degrees, minutes and seconds as degrees."""
    whole, minutes, seconds = (float(part) for part in parts)
    return whole + minutes / 60 + seconds / 3600


def _by_gimbal(xmp: bytes) -> tuple[float, float, float] | None:
    """Gravity from a drone's gimbal: pitch -90 looks straight down, roll leans to the right."""
    found = [re.search(rb"Gimbal" + name + rb"Degree[=>\"\s]+([+-]?[\d.]+)", xmp) for name in (b"Pitch", b"Roll")]
    if found[0] is None:
        return None
    try:
        pitch, roll = (math.radians(float(f.group(1))) if f else 0.0 for f in found)
    except ValueError:
        return None
    return math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), -math.sin(pitch)


def _by_accelerometer(note: Any) -> tuple[float, float, float] | None:
    """Gravity in the stored picture's axes from Apple's maker note.

    The numbers are CoreMotion's: x to the right of the screen, y to its top, z out of it, in g; at rest they point
    down. The stored picture's right is the phone's bottom, its lower edge the phone's left, and the camera looks
    against z.
    """
    if not isinstance(note, bytes) or not note.startswith(_APPLE) or len(note) < 16:
        return None
    order = ">" if note[12:14] == b"MM" else "<"
    try:
        for index in range(struct.unpack_from(order + "H", note, 14)[0]):
            tag, kind, count, offset = struct.unpack_from(order + "HHII", note, 16 + 12 * index)
            if (tag, kind, count) == (_ACCELERATION, _SIGNED_RATIONAL, 3):
                parts = struct.unpack_from(order + "6i", note, offset)
                x, y, z = (parts[i] / parts[i + 1] for i in (0, 2, 4))
                length = math.sqrt(x * x + y * y + z * z)
                steady = _STEADY[0] < length < _STEADY[1]
                return (-y / length, -x / length, -z / length) if steady else None
    except (struct.error, ZeroDivisionError):
        return None
    return None


def _oriented(gravity: tuple[float, float, float] | None, orientation: object) -> tuple[float, float, float] | None:
    """``gravity`` in the axes of the picture turned upright."""
    turn = _TURNED.get(orientation) if isinstance(orientation, int) else None
    if gravity is None or turn is None:
        return None
    x, y, z = gravity
    return turn[0] * x + turn[1] * y, turn[2] * x + turn[3] * y, z
