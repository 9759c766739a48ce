# SPDX-License-Identifier: GPL-3.0-or-later
"""Truncated, damaged and lying files: an error at once, and no memory for what a header merely claims."""

from __future__ import annotations

import gzip
import json
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from PIL import Image
from turnaround.backend import splat_files
from turnaround.backend.splat_files import spz_container

HUGE = 10**12
MOST_MEMORY = 24 << 20
MOST_SECONDS = 2.0


def refused(path: Path) -> None:
    """Loading ``path`` must end in ``ValueError``, soon and without much memory."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(ValueError, match="expected"):
            splat_files.load(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < MOST_SECONDS


def sog_meta(count: int) -> dict:
    codebook = list(np.linspace(-8, 0, 256))
    return {
        "version": 2,
        "count": count,
        "means": {"mins": [-1, -1, -1], "maxs": [1, 1, 1], "files": ["l.webp", "u.webp"]},
        "scales": {"codebook": codebook, "files": ["s.webp"]},
        "quats": {"files": ["q.webp"]},
        "sh0": {"codebook": codebook, "files": ["c.webp"]},
        "shN": {"count": 64, "bands": 1, "codebook": codebook, "files": ["p.webp", "n.webp"]},
    }


def write_sog(folder: Path, count: int = 12) -> dict:
    folder.mkdir()
    random = np.random.default_rng(0)
    names = {"l": 4, "u": 4, "s": 4, "q": 4, "c": 4, "n": 4}
    for name in names:
        pixels = random.integers(0, 255, (4, 4, 4), np.uint8)
        pixels[..., 3] = 253 if name == "q" else 200
        if name == "n":
            pixels[..., 0], pixels[..., 1] = pixels[..., 0] % 64, 0
        Image.fromarray(pixels).save(folder / f"{name}.webp", lossless=True, exact=True)
    Image.fromarray(random.integers(0, 255, (1, 192, 3), np.uint8)).save(folder / "p.webp", lossless=True)
    meta = sog_meta(count)
    (folder / "meta.json").write_text(json.dumps(meta))
    return meta


def ply_header(elements: str) -> bytes:
    return f"ply\nformat binary_little_endian 1.0\n{elements}end_header\n".encode()


NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
STANDARD = "".join(f"property float {name}\n" for name in [*NAMES, "rot_0", "rot_1", "rot_2", "rot_3"])


@pytest.mark.parametrize("suffix", splat_files.WRITTEN)
def test_any_truncation_is_refused(cloud, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    splat_files.save(path, cloud(40, 1))
    whole = path.read_bytes()
    lengths = sorted({*range(0, 64), *range(64, len(whole), 97), *range(len(whole) - 20, len(whole))})
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="expected"):
            splat_files.load(path)


@pytest.mark.parametrize("suffix", splat_files.WRITTEN)
def test_damaged_bytes_are_refused_or_read_as_finite_splats(cloud, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    splat_files.save(path, cloud(40, 1))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.default_rng(4)
    places = [*range(min(200, len(whole))), *random.integers(0, len(whole), 150)]
    for place in places:
        damaged = whole.copy()
        damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged.tobytes())
        try:
            splats = splat_files.load(path, on_broken=lambda _: None)
        except ValueError:
            continue
        assert np.isfinite(splats.means).all()
        assert len(splats) < 10_000


@pytest.mark.parametrize("count", [HUGE, 2**63, 2**64 + 1, -1, "many"])
def test_ply_claiming_more_than_it_holds(tmp_path, count):
    path = tmp_path / "a.ply"
    path.write_bytes(ply_header(f"element vertex {count}\n{STANDARD}") + bytes(56))
    refused(path)
    chunk = "".join(f"property float {e}_{n}\n" for e in ("min", "max") for n in ("x", "y", "z"))
    packed = "".join(f"property uint packed_{n}\n" for n in ("position", "rotation", "scale", "color"))
    path.write_bytes(ply_header(f"element chunk {count}\n{chunk}element vertex 256\n{packed}") + bytes(5000))
    refused(path)
    path.write_bytes(ply_header(f"element chunk 1\n{chunk}element vertex {count}\n{packed}") + bytes(5000))
    refused(path)


@pytest.mark.parametrize(
    "header",
    [
        b"ply\n",
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
        ply_header(""),
        ply_header("element vertex 1\n"),
        ply_header("property float x\n"),
        ply_header("element vertex 1\nproperty void x\n"),
        ply_header("element vertex 1\nproperty float x\nproperty float x\n"),
        ply_header("element vertex 0\nproperty float x\n"),
        ply_header("element vertex 1\nproperty list uchar int x\nelement more 1\nproperty float y\n"),
        ply_header(f"element vertex 0\n{STANDARD}property float f_rest_0\n"),
        ply_header(f"element other 0\n{STANDARD}"),
        b"ply\nformat binary_little_endian 1.0\n" + b"comment " + b"a" * (1 << 17) + b"\nend_header\n",
        b"",
        b"\x00" * 100,
        b"{}",
        b"{" * 100_000,
        b"[1, 2]",
        b"PK\x03\x04 and no more",
    ],
)
def test_what_is_no_splat_file_is_refused(tmp_path, header):
    path = tmp_path / "a.ply"
    path.write_bytes(header)
    refused(path)


def test_elements_without_properties_take_no_memory(cloud, tmp_path):
    splats = cloud(3)
    splat_files.save(tmp_path / "a.ply", splats)
    raw = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(raw.replace(b"element vertex", b"element nothing 1000000000000\nelement vertex"))
    assert np.array_equal(splat_files.load(tmp_path / "a.ply").means, splats.means)


@pytest.mark.parametrize("count", [5, 10**6, 2**32 - 1])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("packed", [True, False])
def test_spz_2_and_3_claiming_more_than_they_hold(tmp_path, count, version, packed):
    raw = struct.pack("<4sIIBBBB", b"NGSP", version, count, 3, 12, 0, 0) + bytes(40)
    path = tmp_path / "a.spz"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    refused(path)


def test_spz_that_inflates_without_end(tmp_path):
    """A gzip bomb under an honest header is cut at the header's size; one under a huge claim never starts."""
    honest = struct.pack("<4sIIBBBB", b"NGSP", 2, 1, 0, 12, 0, 0) + bytes(19) + bytes(100 << 20)
    path = tmp_path / "a.spz"
    path.write_bytes(gzip.compress(honest, 9))
    tracemalloc.start()
    splats = splat_files.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(splats) == 1
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("field", [(4, 1), (4, 5), (4, 99), (12, 5), (12, 255), (13, 24), (13, 255)])
def test_spz_headers_out_of_range(tmp_path, cloud, field):
    offset, value = field
    spz_container.write_spz(tmp_path / "a.spz", cloud(4), 3)
    raw = bytearray(gzip.decompress((tmp_path / "a.spz").read_bytes()))
    raw[offset] = value
    for stored in (bytes(raw), gzip.compress(bytes(raw))):
        (tmp_path / "a.spz").write_bytes(stored)
        refused(tmp_path / "a.spz")


def spz_4(count: int, sizes: list[int], streams: list[bytes], start: int = 32) -> bytes:
    head = struct.pack("<4sIIBBBBI12x", b"NGSP", 4, count, 0, 12, 0, len(sizes), start)
    table = b"".join(struct.pack("<QQ", len(s), n) for s, n in zip(streams, sizes, strict=True))
    return head + table + b"".join(streams)


@pytest.mark.parametrize("count", [5, 10**6, 2**32 - 1])
def test_spz_4_claiming_more_than_it_holds(tmp_path, count):
    """The table agrees with the header, the streams are a few bytes that expand to 64 MB each."""
    sizes = [count * width for width in (9, 1, 3, 3, 4)]
    bomb = zstandard.compress(bytes(64 << 20))
    path = tmp_path / "a.spz"
    path.write_bytes(spz_4(count, sizes, [bomb] * 5))
    refused(path)


def test_spz_4_with_a_window_of_gigabytes(tmp_path):
    """A frame may ask its decoder for a window of 2 GiB, whatever it holds."""
    frame = b"\x28\xb5\x2f\xfd" + bytes([0b00000000, (31 - 10) << 3]) + b"\x4b\x00\x00" + b"\0"
    path = tmp_path / "a.spz"
    path.write_bytes(spz_4(1, [9, 1, 3, 3, 4], [frame] * 5))
    refused(path)


@pytest.mark.parametrize("start", [0, 31, 10_000, 2**32 - 1])
def test_spz_4_with_a_table_elsewhere(tmp_path, start):
    streams = [zstandard.compress(bytes(n)) for n in (9, 1, 3, 3, 4)]
    path = tmp_path / "a.spz"
    path.write_bytes(spz_4(1, [9, 1, 3, 3, 4], streams, start))
    refused(path)


def records(*entries: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<II", kind, len(payload)) + payload for kind, payload in entries)


@pytest.mark.parametrize("version", [3, 4])
def test_spz_extensions_are_read_or_skipped(tmp_path, cloud, version):
    """Axes RDF (6) in the file: means come back as they are stored; an unknown record before it is skipped."""
    splats = cloud(4)
    extra = records((0x12340001, b"abc"), (0xADBE0003, struct.pack("<I", 6)))
    spz_container.write_spz(tmp_path / "a.spz", splats, version)
    raw = (tmp_path / "a.spz").read_bytes()
    if version == 3:
        raw = bytearray(gzip.decompress(raw) + extra)
        raw[14] = 2
    else:
        raw = bytearray(raw[:32] + extra + raw[32:])
        raw[14] = 2
        struct.pack_into("<I", raw, 16, 32 + len(extra))
    (tmp_path / "a.spz").write_bytes(gzip.compress(bytes(raw)) if version == 3 else bytes(raw))
    again = splat_files.load(tmp_path / "a.spz", up="-y")
    assert np.allclose(again.means, splats.means, atol=1e-4)
    at = bytes(raw).index(extra) + len(extra) - 4
    raw[at] = 12
    (tmp_path / "a.spz").write_bytes(bytes(raw))
    refused(tmp_path / "a.spz")


def test_antimatter_files_of_other_sizes(tmp_path):
    for size in (1, 31, 33):
        (tmp_path / "a.splat").write_bytes(bytes(size))
        refused(tmp_path / "a.splat")
    (tmp_path / "a.splat").write_bytes(b"")
    assert len(splat_files.load(tmp_path / "a.splat")) == 0
    row = struct.pack("<6f8B", 1, 2, 3, 0.5, 0.5, -0.5, 255, 128, 0, 255, 255, 128, 128, 128)
    (tmp_path / "a.splat").write_bytes(row)
    refused(tmp_path / "a.splat")  # a negative size


def test_a_small_sog_is_read(tmp_path):
    write_sog(tmp_path / "sog")
    splats = splat_files.load(tmp_path / "sog")
    assert len(splats) == 12
    assert splats.degree == 1
    pixels = np.asarray(Image.open(tmp_path / "sog" / "l.webp")), np.asarray(Image.open(tmp_path / "sog" / "u.webp"))
    levels = [p[..., :3].reshape(-1, 3)[5].astype(float) for p in pixels]
    logs = -1 + 2 * (levels[0] + 256 * levels[1]) / 65535
    assert np.allclose(splats.means[5], np.sign(logs) * np.expm1(np.abs(logs)), atol=1e-6)


def damaged_metas() -> list[tuple[str, ...]]:
    return [
        ("count", HUGE), ("count", -1), ("count", 1.5), ("count", True), ("count", None), ("count", 17),
        ("version", 3), ("version", "2"), ("means", None), ("means", []), ("quats", {}), ("sh0", {"files": ["c.webp"]}),
        ("means", {"mins": [0, 0], "maxs": [1, 1, 1], "files": ["l.webp", "u.webp"]}),
        ("means", {"mins": [0, 0, float("nan")], "maxs": [1, 1, 1], "files": ["l.webp", "u.webp"]}),
        ("means", {"mins": [0, 0, 0], "maxs": [1, 1, 1e6], "files": ["l.webp", "u.webp"]}),
        ("means", {"mins": [0, 0, 0], "maxs": [1, 1, 1], "files": ["l.webp"]}),
        ("quats", {"files": ["../q.webp"]}), ("quats", {"files": ["/etc/hostname"]}),
        ("quats", {"files": ["none.webp"]}),
        ("quats", {"files": ["meta.json"]}), ("quats", {"files": [7]}), ("quats", {"files": ["s.webp"]}),
        ("shN", {"files": ["p.webp", "c.webp"], "codebook": [0.0] * 256}),
        ("shN", {"files": ["l.webp", "n.webp"], "codebook": [0.0] * 256}),
        ("shN", {"files": ["p.webp", "n.webp"], "codebook": [0.0] * 255}),
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), damaged_metas())
def test_sog_that_lies(tmp_path, key, value):
    meta = write_sog(tmp_path / "sog")
    meta[key] = value
    (tmp_path / "sog" / "meta.json").write_text(json.dumps(meta))
    refused(tmp_path / "sog")


def test_sog_with_pictures_that_are_too_large(tmp_path):
    """Two kilobytes of WebP that would be a gigabyte of pixels."""
    write_sog(tmp_path / "sog")
    Image.new("RGB", (8000, 8000)).save(tmp_path / "sog" / "q.webp", lossless=True, method=0)
    refused(tmp_path / "sog")


@pytest.mark.parametrize("name", ["l.webp", "q.webp", "n.webp", "p.webp"])
def test_sog_with_truncated_pictures(tmp_path, name):
    write_sog(tmp_path / "sog")
    picture = tmp_path / "sog" / name
    picture.write_bytes(picture.read_bytes()[:-20])
    refused(tmp_path / "sog")


def test_sog_1_claiming_more_than_it_holds(tmp_path):
    meta = write_sog(tmp_path / "sog")
    del meta["version"]
    meta["means"]["shape"] = [HUGE, 3]
    (tmp_path / "sog" / "meta.json").write_text(json.dumps(meta))
    refused(tmp_path / "sog")


def test_sog_archives_that_lie(tmp_path):
    meta = write_sog(tmp_path / "sog")
    archive = tmp_path / "a.sog"

    def packed(changed: dict[str, bytes]) -> None:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for file in (tmp_path / "sog").iterdir():
                made.writestr(file.name, changed.get(file.name, file.read_bytes()))

    packed({})
    assert len(splat_files.load(archive)) == 12
    whole = archive.read_bytes()
    packed({"meta.json": json.dumps(meta | {"count": HUGE}).encode()})
    refused(archive)
    packed({"meta.json": b" " * (64 << 20)})
    refused(archive)
    packed({"q.webp": bytes(64 << 20)})
    refused(archive)
    for length in range(len(whole) - 1, 100, -411):
        archive.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="expected"):
            splat_files.load(archive)
    random = np.random.default_rng(2)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        archive.write_bytes(damaged)
        try:
            splat_files.load(archive)
        except ValueError:
            continue


def test_folders_without_a_description(tmp_path):
    refused(tmp_path)


def test_the_gzip_stream_must_be_splats(tmp_path):
    for stream in (b"hello", b"", bytes(10_000)):
        (tmp_path / "a.spz").write_bytes(gzip.compress(stream))
        refused(tmp_path / "a.spz")
    (tmp_path / "a.spz").write_bytes(b"\x1f\x8b" + zlib.compress(b"x"))
    refused(tmp_path / "a.spz")
