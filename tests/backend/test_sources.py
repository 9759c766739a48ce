# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from turnaround.backend import sources

JPEG, PNG = b"\xff\xd8\xff\xe0" + b"\0" * 20, b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_sorts_a_messy_folder_by_content(tmp_path):
    for name, content in {
        "img10.jpg": JPEG,
        "img2.JPG": JPEG,
        "liar.jpg": PNG,
        "no suffix": JPEG,
        "empty.jpg": b"",
        "text.png": b"hello",
        "shot.nef": b"II*\0" + b"\0" * 20,
        "anim.gif": b"GIF89a",
        "clip.mp4": b"\0\0\0\x18ftypisom",
        "phone.heic": b"\0\0\0\x18ftypheic",
        "notes.txt": b"hello",
        "img2.json": b"{}",
        "._img2.JPG": JPEG,
        ".hidden.jpg": JPEG,
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "x.jpg").write_bytes(JPEG)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "img1.jpg").write_bytes(JPEG)
    listing = sources.list_capture(tmp_path)
    assert [p.name for p in listing.photos] == ["img2.JPG", "img10.jpg", "liar.jpg", "no suffix", "phone.heic"]
    assert sorted(p.name for p, _ in listing.refused) == ["anim.gif", "empty.jpg", "shot.nef", "text.png"]
    assert [p.name for p in listing.videos] == ["clip.mp4"]
    assert sorted(p.name for p in listing.others) == ["img2.json", "notes.txt"]
    assert listing.photos_below == 1
    deep = sources.list_capture(tmp_path, subfolders=True)
    assert [p.relative_to(tmp_path).as_posix() for p in deep.photos][-2:] == ["no suffix", "phone.heic"]
    assert "more/img1.jpg" in [p.relative_to(tmp_path).as_posix() for p in deep.photos]
    assert all("__MACOSX" not in p.parts for p in deep.photos)


def test_natural_order():
    names = ["b1", "a10", "A2", "a2", "a", "1", "01b", "10", "2"]
    assert sorted(names, key=sources.natural_key) == ["1", "01b", "2", "10", "a", "A2", "a2", "a10", "b1"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sources.list_capture(tmp_path / "missing")
