# SPDX-License-Identifier: GPL-3.0-or-later
"""Any video in, upright pictures with true times out; broken ones say what is wrong."""

from __future__ import annotations

import shutil
import struct
import wave

import numpy as np
import pytest
from turnaround.backend.video import pixels
from turnaround.backend.video.reading import VideoError, open_film


def read(path):
    with open_film(path) as film:
        pictures = [(p.index, p.seconds, pixels.rgb(p.frame, film.header)) for p in film.pictures]
    return film, pictures


@pytest.mark.parametrize(
    ("name", "codec", "format_"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("b.mov", "mjpeg", "yuvj420p"),
        ("c.mkv", "ffv1", "yuv444p"),
        ("d.avi", "mpeg4", "yuv420p"),
        ("e.webm", "libvpx-vp9", "yuv420p"),
        ("f.ts", "libx265", "yuv420p10le"),
    ],
)
def test_containers_and_codecs_give_the_pictures_that_went_in(tmp_path, clips, name, codec, format_):
    truth = list(clips.pan(8))
    options = {"crf": "10"} if codec.startswith("lib") else {"qscale": "2"}
    film, pictures = read(clips.write(tmp_path / name, truth, codec, pixels=format_, options=options))
    assert len(pictures) == film.tally.count == 8
    assert (film.tally.damaged, film.tally.broke_off) == (0, "")
    assert (film.header.width, film.header.height) == (clips.WIDTH, clips.HEIGHT)
    for i, (index, seconds, picture) in enumerate(pictures):
        assert index == i
        assert seconds == pytest.approx(i / 20, abs=2e-3)
        assert np.abs(picture.astype(int) - truth[i]).mean() < 9


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_flags_turn_the_picture_upright(tmp_path, clips, turn):
    truth = list(clips.pan(4))
    film, pictures = read(clips.write(tmp_path / "turned.mp4", truth, rotation=turn, options={"crf": "8"}))
    expected = np.rot90(truth[0], film.header.turn)
    assert film.header.turn == {90: 1, 180: 2, 270: 3}[turn]
    assert (film.header.width, film.header.height) == expected.shape[1::-1]
    assert np.abs(pictures[0][2].astype(int) - expected).mean() < 6


def test_variable_frame_rate_keeps_each_pictures_own_time(tmp_path, clips):
    times = [0, 40, 60, 300, 310, 900]
    _, pictures = read(clips.write(tmp_path / "vfr.mkv", clips.pan(6), times=times))
    assert [round(1000 * seconds) for _, seconds, _ in pictures] == times


def test_grey_and_saturated_colours_survive_in_either_matrix(tmp_path, clips):
    patches = np.zeros((96, 128, 3), np.uint8)
    patches[:, :32], patches[:, 32:64], patches[:, 64:96], patches[:, 96:] = 128, (200, 40, 40), (40, 180, 60), 255
    for matrix in (1, 5):
        path = clips.write(
            tmp_path / f"m{matrix}.mp4",
            [patches] * 3,
            pixels="yuv444p",
            options={"crf": "1"},
            tags={"colorspace": matrix},
        )
        _, pictures = read(path)
        assert np.abs(pictures[0][2].astype(int) - patches)[:, 8:24].max() <= 2
        assert np.abs(pictures[0][2].astype(int) - patches)[:, 40:56].max() <= 3
        assert np.abs(pictures[0][2].astype(int) - patches)[:, 72:88].max() <= 3


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.5807), (18, 0.75)])
def test_high_dynamic_range_comes_down_to_srgb_and_is_recognised(tmp_path, clips, transfer, white):
    ramp = np.linspace(0, 65535, 128).astype(np.uint16)
    picture = np.repeat(np.repeat(ramp[None, :, None], 64, 0), 3, 2)
    tags = {"colorspace": 9, "color_trc": transfer, "color_primaries": 9}
    path = clips.write(
        tmp_path / "hdr.mkv", [picture] * 3, "libx265", pixels="yuv444p10le", options={"crf": "4"}, tags=tags
    )
    film, pictures = read(path)
    assert film.header.hdr == {16: "PQ", 18: "HLG"}[transfer]
    levels = pictures[0][2][32].astype(int)
    assert np.ptp(levels, axis=1).max() <= 3  # grey stays grey
    assert (np.diff(levels[:, 1]) >= -1).all()
    at_white = levels[round(white * 127), 1]
    assert 225 <= at_white <= 252  # paper white is light, but leaves room for what is brighter
    assert levels[0, 1] <= 3
    assert levels[-1, 1] >= 253


def test_a_truncated_file_gives_what_lies_before_the_break(tmp_path, clips):
    whole = clips.write(tmp_path / "whole.mp4", clips.pan(40), options={"g": "4"}, container={"movflags": "faststart"})
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    film, pictures = read(broken)
    assert 10 <= len(pictures) < 40
    assert film.tally.seconds < 0.8 * film.header.seconds


def test_a_header_that_lies_about_the_length_is_not_believed(tmp_path, clips):
    path = clips.write(tmp_path / "lie.mkv", clips.pan(20))
    data = bytearray(path.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a double in milliseconds
    struct.pack_into(">d", data, place, 50_000.0)
    path.write_bytes(data)
    film, pictures = read(path)
    assert film.header.seconds > 20
    assert len(pictures) == 20
    assert film.tally.seconds == pytest.approx(0.95, abs=0.01)


def test_damaged_packets_are_skipped_and_counted(tmp_path, clips):
    path = clips.write(tmp_path / "hurt.avi", clips.pan(30), options={"crf": "18"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    film, pictures = read(path)
    assert 20 <= len(pictures) <= 30
    assert film.tally.damaged or film.tally.broke_off or len(pictures) < 30


def failure(path):
    with pytest.raises(VideoError) as caught:
        read(path)
    return caught.value


def test_what_is_no_video_says_what_it_is(tmp_path, clips):
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "empty" in str(failure(tmp_path / "empty.mp4"))
    (tmp_path / "text.mp4").write_text("no video at all " * 50)
    assert failure(tmp_path / "text.mp4").code == "unreadable"
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    shutil.copy(tmp_path / "sound.wav", tmp_path / "sound.mp4")
    assert (failure(tmp_path / "sound.mp4").code, "only sound" in str(failure(tmp_path / "sound.mp4"))) == (
        "no_video",
        True,
    )
    whole = clips.write(tmp_path / "whole.mp4", clips.pan(30))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])  # its index lies at the end
    assert "broke off" in str(failure(cut))


def test_files_damaged_at_random_are_read_or_refused(tmp_path, clips):
    sources = [
        clips.write(tmp_path / name, clips.pan(8), codec)
        for name, codec in (("a.mp4", "libx264"), ("b.avi", "mpeg4"), ("c.webm", "libvpx-vp9"))
    ]
    random = np.random.default_rng(0)
    seen = set()
    for number in range(60):
        source = sources[number % 3]
        data = np.frombuffer(source.read_bytes(), np.uint8).copy()
        hurt = random.integers(0, len(data), (1, 5, 50, 400)[number % 4])
        data[hurt] = random.integers(0, 256, len(hurt))
        keep = random.integers(100, len(data)) if number % 5 == 0 else len(data)
        path = tmp_path / f"hurt{source.suffix}"
        path.write_bytes(data[:keep].tobytes())
        try:
            film, pictures = read(path)
        except VideoError as error:
            assert str(error)
            seen.add(error.code)
            continue
        assert all(p[2].shape == (film.header.height, film.header.width, 3) for p in pictures[:1])
        seen.add("read")
    assert {"read", "unreadable"} <= seen


def test_a_track_of_an_unknown_codec_is_refused(tmp_path, clips):
    path = clips.write(tmp_path / "odd.avi", clips.pan(8), "mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"QQQQ"))
    assert failure(path).code in {"unsupported", "no_video"}


def test_a_playlist_in_disguise_reads_no_other_file(tmp_path, clips):
    clips.write(tmp_path / "secret.ts", clips.pan(10))
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp4").write_text(playlist)
    assert failure(tmp_path / "list.mp4").code in {"unreadable", "no_video"}
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'secret.ts'}\n")
    assert failure(tmp_path / "concat.mp4").code in {"unreadable", "no_video"}
