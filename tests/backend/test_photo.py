# SPDX-License-Identifier: GPL-3.0-or-later
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from turnaround.backend import photo

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")
STORED_AS = {  # how an upright picture lies in a file with each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def ramp(height=40, width=64):
    y, x = np.indices((height, width))
    return np.stack([x * 4, y * 6, (x + y) * 2], -1).astype(np.uint8)


def encode(image, kind, **settings):
    photo._prepare()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **({} if kind in {"PNG", "TIFF", "BMP"} else {"quality": 95}), **settings)
    return stream.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_comes_out_upright_in_every_format(kind, orientation):
    upright = ramp()
    stored = Image.fromarray(upright)
    stored = stored.transpose(STORED_AS[orientation]) if orientation > 1 else stored
    exif = Image.Exif()
    exif[274] = orientation
    data = encode(stored, kind, exif=exif.tobytes())
    shot = photo.decode(data)
    assert (shot.header.width, shot.header.height) == (64, 40)
    assert np.abs(shot.rgb.astype(int) - upright).mean() < (0.01 if kind in {"PNG", "TIFF"} else 4)
    small = np.asarray(Image.fromarray(upright).convert("L").resize((32, 20), Image.Resampling.BOX))
    assert np.abs(photo.thumbnail(data, 32).astype(int) - small).mean() < 4


def test_sixteen_bits_are_scaled():
    values = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    for kind in ("PNG", "TIFF"):
        rgb = photo.decode(encode(Image.fromarray(values), kind)).rgb
        assert np.abs(rgb - np.round(values[..., None] / 257)).max() <= 1
    chunked = _png16(np.dstack([values, values[::-1], values[:, ::-1]]))
    rgb = photo.decode(chunked).rgb
    assert np.abs(rgb[..., 1] - values[::-1] / 257).max() <= 1


def _png16(rgb):
    """A 16-bit RGB PNG, which Pillow cannot write."""
    import cv2

    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGBX"])
def test_other_colour_modes(mode):
    image = Image.fromarray(ramp()).convert(mode)
    shot = photo.decode(encode(image, "TIFF"))
    assert shot.alpha is None
    assert shot.rgb.shape == (40, 64, 3)
    assert np.abs(shot.rgb.astype(int) - np.asarray(image.convert("RGB"))).mean() < 1


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
def test_alpha_is_kept_apart_and_colours_stay_straight(mode, kind):
    image = Image.fromarray(ramp()).convert("RGBA")
    alpha = np.tile(np.arange(64, dtype=np.uint8) * 4, (40, 1))
    image.putalpha(Image.fromarray(alpha))
    image = image.convert(mode)
    shot = photo.decode(encode(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert np.array_equal(shot.alpha, alpha)
    assert np.array_equal(shot.rgb, np.asarray(image.convert("RGBA"))[..., :3])


def test_an_opaque_alpha_channel_is_none_and_palette_transparency_is_one():
    opaque = Image.fromarray(ramp()).convert("RGBA")
    assert photo.decode(encode(opaque, "PNG")).alpha is None
    palette = Image.fromarray(ramp()).quantize(8)
    shot = photo.decode(encode(palette, "PNG", transparency=0))
    assert np.array_equal(shot.alpha == 0, np.asarray(palette) == 0)


def _swapped_profile():
    """The sRGB profile with the red and the green primary exchanged, as bytes."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {bytes(data[o : o + 4]): o for o in range(132, 132 + 12 * struct.unpack(">I", data[128:132])[0], 12)}
    red, green = entries[b"rXYZ"] + 4, entries[b"gXYZ"] + 4
    data[red : red + 8], data[green : green + 8] = data[green : green + 8], data[red : red + 8]
    return bytes(data)


def test_colour_profiles_are_converted_to_srgb():
    shot = photo.decode(encode(ramp(), "PNG", icc_profile=_swapped_profile()))
    assert np.abs(shot.rgb.astype(int) - ramp()[..., [1, 0, 2]]).max() <= 2
    assert not photo.decode(encode(ramp(), "JPEG", icc_profile=_swapped_profile())).verbatim


def test_an_srgb_profile_changes_nothing_and_a_broken_one_is_told():
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert photo.decode(encode(ramp(), "JPEG", icc_profile=same)).verbatim
    shot = photo.decode(encode(ramp(), "PNG", icc_profile=b"no profile at all" * 20))
    assert np.array_equal(shot.rgb, ramp())
    assert "colour profile" in shot.note


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused_in_both_passes(kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    data = encode(noise, kind)
    data = data[: int(len(data) * share)]
    for read in (photo.decode, lambda d: photo.thumbnail(d, 64)):
        with pytest.raises(photo.PhotoError) as caught:
            read(data)
        assert caught.value.code in {"truncated", "unreadable"}


def test_a_decompression_bomb_is_refused_by_its_header():
    ihdr = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + ihdr + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr))
    for read in (photo.read_header, photo.decode):
        with pytest.raises(photo.PhotoError, match="megapixels"):
            read(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 10) + b"IDAT")


def test_tiny_pictures_and_nonsense_are_refused():
    with pytest.raises(photo.PhotoError, match="only 16 x 64 pixels"):
        photo.decode(encode(ramp(64, 16), "PNG"))
    with pytest.raises(photo.PhotoError, match="no picture"):
        photo.decode(b"not a photo")


def exif_of(main, camera):
    exif = Image.Exif()
    for tag, value in main.items():
        exif[tag] = value
    for tag, value in camera.items():
        exif.get_ifd(0x8769)[tag] = value
    return exif


def test_focal_length_and_camera_model_from_exif():
    exif = exif_of({271: "Canon", 272: "Canon EOS 5D"}, {41989: 50})
    header = photo.read_header(encode(ramp(), "JPEG", exif=exif))
    assert header.camera_model == "Canon EOS 5D"
    assert header.focal_px == pytest.approx(50 / np.hypot(36, 24) * np.hypot(64, 40))
    exif = exif_of({271: "NIKON", 272: "D90"}, {37386: 30.0, 41486: 20.0, 41488: 4, 40962: 128, 40963: 80})
    header = photo.read_header(encode(ramp(), "JPEG", exif=exif))
    assert header.camera_model == "NIKON D90"
    assert header.focal_px == pytest.approx(30 * 20 / 2)  # the picture is half of what EXIF says it was


@pytest.mark.parametrize(
    ("exif", "expected"),
    [
        ({}, None),
        ({"FocalLengthIn35mmFilm": 0}, None),
        ({"FocalLengthIn35mmFilm": "nan"}, None),
        ({"FocalLengthIn35mmFilm": 4000}, None),
        ({"FocalLength": 5.0}, None),
        (  # they disagree by a factor of two: the tags of the sensor are stale
            {
                "FocalLengthIn35mmFilm": 36,
                "FocalLength": 36,
                "FocalPlaneXResolution": 200,
                "FocalPlaneResolutionUnit": 4,
                "ExifImageWidth": 3600,
                "ExifImageHeight": 2400,
            },
            3600,
        ),
    ],
)
def test_focal_length_where_exif_is_odd(exif, expected):
    found = photo.focal_from_exif(exif, 3600, 2400)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.data
def test_focal_lengths_of_real_cameras_are_near_the_calibrated_ones(data):
    sceaux = photo.read_header((data / "colmap_sceaux" / "images_1600" / "100_7100.jpg").read_bytes())
    assert sceaux.focal_px == pytest.approx(2971.71 * 1600 / 2832, rel=0.05)
    plants = photo.decode((data / "single_images" / "photo_plants-1.jpg").read_bytes())
    assert plants.header.format == "PNG"
