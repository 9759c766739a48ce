# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from turnaround.backend import images, stamps
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.records import Frames
from turnaround.backend.stage import Context
from turnaround.backend.stages import frames
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec


def view(seed, size=(120, 160)):
    """A picture that resembles no other seed's."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(*size, 3)), (3, 3, 0))
    return np.clip(128 + noise * 400, 0, 255).astype(np.uint8)


def save(folder, name, seed, size=(120, 160), **settings):
    folder.mkdir(exist_ok=True)
    Image.fromarray(view(seed, size)).save(folder / name, **({"quality": 92} if "jp" in name else {}), **settings)


def run(capture, job, prompts=None, cancelled=lambda: False, **options):
    """Run the stage; the context and the record it wrote."""
    workspace = Workspace(job)
    context = Context(
        stage="frames",
        spec=JobSpec(capture=str(capture), job=str(job), prompts=prompts or {}),
        options=frames.Options(**options),
        workspace=workspace,
        output=workspace.begin("frames"),
        is_cancelled=cancelled,
    )
    frames.run(context)
    return context, Frames.load(context.output)


def failure(capture, job, **options):
    with pytest.raises(PipelineError) as caught:
        run(capture, job, **options)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def capture(tmp_path):
    return tmp_path / "capture"


def test_keeps_untouched_jpegs_byte_for_byte_and_the_rest_as_pixels(tmp_path, capture):
    save(capture, "img10.jpg", 10)
    save(capture, "img2.jpg", 2)
    save(capture, "plain.png", 3)
    save(capture, "turned.jpg", 4, exif=_orientation(6))
    context, record = run(capture, tmp_path / "job")
    assert [f.name for f in record.frames] == ["img2", "img10", "plain", "turned"]
    assert (context.output / "images/img10.jpg").read_bytes() == (capture / "img10.jpg").read_bytes()
    assert np.array_equal(images.read_rgb(context.output / "images/plain.png"), view(3))
    turned = record.frames[3]
    assert (turned.width, turned.height, turned.source_width) == (120, 160, 120)
    upright = images.read_rgb(context.output / turned.image)
    assert np.abs(upright.astype(int) - np.rot90(view(4), -1)).mean() < 4
    assert context.facts.metrics == {"frames_used": 4}
    assert not context.facts.warnings


def _orientation(value):
    exif = Image.Exif()
    exif[274] = value
    exif.get_ifd(0x8769)[41989] = 36
    return exif


def test_reduces_by_area_and_scales_the_focal_length(tmp_path, capture):
    for seed in range(3):
        save(capture, f"{seed}.png", seed, (90, 150), exif=_orientation(1))
    context, record = run(capture, tmp_path / "job", long_side=50)
    frame = record.frames[1]
    assert (frame.width, frame.height, frame.scale) == (50, 30, (1 / 3, 1 / 3))
    expected = view(1, (90, 150)).reshape(30, 3, 50, 3, 3).mean((1, 3))
    assert np.abs(images.read_rgb(context.output / frame.image) - expected).max() <= 0.51
    assert frame.focal_px == pytest.approx(36 / np.hypot(36, 24) * np.hypot(90, 150) / 3)


def test_alpha_is_stored_beside_the_image(tmp_path, capture):
    for seed in range(3):
        save(capture, f"{seed}.png", seed)
    alpha = np.zeros((120, 160), np.uint8)
    alpha[30:90, 40:100] = 255
    Image.fromarray(np.dstack([view(9), alpha])).save(capture / "cut.png")
    context, record = run(capture, tmp_path / "job")
    assert [f.alpha for f in record.frames] == ["", "", "", "alpha/cut.png"]
    assert np.array_equal(images.read_grey(context.output / "alpha/cut.png"), alpha)


def test_what_is_broken_is_skipped_and_named(tmp_path, capture):
    for seed in range(4):
        save(capture, f"{seed}.jpg", seed)
    data = (capture / "2.jpg").read_bytes()
    (capture / "2.jpg").write_bytes(data[: len(data) // 2])
    (capture / "text.jpg").write_text("no photo")
    (capture / "notes.txt").write_text("a sidecar")
    context, record = run(capture, tmp_path / "job")
    assert [f.name for f in record.frames] == ["0", "1", "3"]
    assert [(d["source"], d["code"]) for d in record.dropped] == [("2.jpg", "truncated"), ("text.jpg", "unreadable")]
    assert sorted(w["message"].split()[0] for w in context.facts.warnings) == ["2.jpg", "text.jpg"]


def test_odd_pictures_do_not_stop_a_job(tmp_path, capture):
    save(capture, "a.jpg", 1)
    (capture / "a.jpg").rename(capture / "wrong suffix.png")
    save(capture, "a.png", 2)
    (capture / "a.png").rename(capture / "wrong suffix.jpg")
    deep = view(3).astype(np.uint16) * 257
    cv2.imwrite(str(capture / "sixteen.png"), deep[..., ::-1])
    Image.fromarray(view(4)[..., 0]).save(capture / "grey.tif")
    Image.fromarray(deep[..., 1]).save(capture / "sixteen_grey.tif")
    Image.fromarray(view(5)).convert("CMYK").save(capture / "cmyk.jpg")
    Image.fromarray(view(6)).quantize(64).save(capture / "palette.png")
    save(capture, "web.webp", 7)
    context, record = run(capture, tmp_path / "job", drop_duplicates=False)
    assert len(record.frames) == 8
    found = {f.name: images.read_rgb(context.output / f.image) for f in record.frames}
    assert np.abs(found["sixteen"].astype(int) - view(3)).max() <= 1
    assert np.abs(found["sixteen_grey"].astype(int) - view(3)[..., 1:2]).max() <= 1
    assert np.array_equal(found["grey"], np.repeat(view(4)[..., :1], 3, 2))
    assert np.array_equal(found["wrong suffix"], view(2))
    assert np.abs(found["wrong suffix_2"].astype(int) - view(1)).mean() < 4


def test_copies_are_left_out_unless_told_or_prompted(tmp_path, capture):
    for seed in range(4):
        save(capture, f"{seed}.jpg", seed)
    (capture / "1 copy.jpg").write_bytes((capture / "1.jpg").read_bytes())
    with Image.open(capture / "2.jpg") as image:
        image.resize((80, 60), Image.Resampling.BOX).save(capture / "2small.jpg", quality=80)
    context, record = run(capture, tmp_path / "job")
    assert [f.name for f in record.frames] == ["0", "1", "2", "3"]
    assert [(d["source"], d["code"]) for d in record.dropped] == [("1 copy.jpg", "copy"), ("2small.jpg", "near_copy")]
    assert "2.jpg" in record.dropped[1]["reason"]
    assert [w["code"] for w in context.facts.warnings] == ["copies_left_out"]
    _, record = run(capture, tmp_path / "job", prompts={"1 copy.jpg": [{"type": "point", "xy": [3, 4]}]})
    assert "1 copy" in [f.name for f in record.frames]
    _, record = run(capture, tmp_path / "job", drop_duplicates=False)
    assert len(record.frames) == 6


def test_a_limit_spreads_evenly_and_keeps_prompted_frames(tmp_path, capture):
    for seed in range(40):
        save(capture, f"v{seed}.png", seed, (60, 80))
    _, record = run(capture, tmp_path / "job", max_frames=8)
    assert [int(f.name[1:]) for f in record.frames] == [2, 7, 12, 17, 22, 27, 32, 37]
    assert len(record.dropped) == 32
    _, record = run(capture, tmp_path / "job", max_frames=8, prompts={"v0.png": []})
    chosen = [int(f.name[1:]) for f in record.frames]
    assert len(chosen) == 8
    assert chosen[0] == 0
    assert np.diff(chosen[1:]).max() <= 8


def test_names_stay_unique_whatever_the_case(tmp_path, capture):
    for index, name in enumerate(["a.jpg", "A.png", "b.jpg"]):
        save(capture, name, index)
    save(capture / "sub", "b.jpg", 7)
    _, record = run(capture, tmp_path / "job", subfolders=True)
    names = [f.name.casefold() for f in record.frames]
    assert len(set(names)) == 4
    assert {f.source for f in record.frames} == {"a.jpg", "A.png", "b.jpg", "sub/b.jpg"}


def test_figures_of_sharpness_and_exposure(tmp_path, capture):
    capture.mkdir()
    sharp = view(1)
    for name, picture in {
        "0sharp": sharp,
        "1soft": cv2.GaussianBlur(sharp, (0, 0), 3),
        "2dark": np.where(np.arange(160)[:, None] < 40, 0, sharp).astype(np.uint8),
        "3bright": np.where(np.arange(160)[:, None] < 80, 255, sharp).astype(np.uint8),
    }.items():
        Image.fromarray(picture).save(capture / f"{name}.png")
    _, record = run(capture, tmp_path / "job", drop_duplicates=False)
    first, soft, dark, bright = record.frames
    assert soft.sharpness < first.sharpness / 3
    assert dark.clipped_dark - first.clipped_dark == pytest.approx(0.25, abs=0.01)
    assert bright.clipped_bright - first.clipped_bright == pytest.approx(0.5, abs=0.2)
    assert first.mean_luma == pytest.approx(cv2.cvtColor(sharp, cv2.COLOR_RGB2GRAY).mean(), abs=0.01)


def test_the_same_capture_gives_the_same_bytes_and_stays_as_it_was(tmp_path, capture):
    for seed in range(6):
        save(capture, f"{seed}.{'jpg' if seed % 2 else 'webp'}", seed, exif=_orientation(3))
    before = _digests(capture)
    first, second = (run(capture, tmp_path / name, long_side=100)[0].output for name in "ab")
    assert _digests(first) == _digests(second)
    assert _digests(capture) == before


def _digests(folder):
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_cancel_stops_it(tmp_path, capture):
    for seed in range(9):
        save(capture, f"{seed}.jpg", seed)
    with pytest.raises(JobCancelled):
        run(capture, tmp_path / "job", cancelled=lambda: True)


def test_captures_that_cannot_work_say_why(tmp_path, capture):
    job = tmp_path / "job"
    assert failure(capture, job).code == "capture_missing"
    capture.mkdir()
    assert failure(capture, job).code == "capture_empty"
    (capture / "sub").mkdir()
    save(capture / "sub", "0.jpg", 0)
    assert "frames.subfolders" in failure(capture, job).hint
    (capture / "readme.txt").write_text("hello")
    assert "readme.txt" in failure(capture, job).message
    save(capture, "0.jpg", 0)
    assert failure(capture / "0.jpg", job).code == "capture_too_few"
    assert failure(capture / "readme.txt", job).code == "capture_unsupported"
    few = failure(capture, job)
    assert (few.code, "1 of 1" in few.message) == ("capture_too_few", True)
    (capture / "clip.mov").write_bytes(b"\0\0\0\x18ftypqt  ")
    for path in (capture, capture / "clip.mov"):
        video = failure(path, job)
        assert (video.code, "clip.mov cannot be used" in video.message) == ("capture_unsupported", True)
    (capture / "other.mov").write_bytes(b"\0\0\0\x18ftypqt  ")
    (capture / "0.jpg").unlink()
    assert "several videos" in failure(capture, job).message


def test_one_photo_twenty_times_is_told_from_twenty_photos(tmp_path, capture):
    save(capture, "00.jpg", 0)
    for index in range(1, 20):
        (capture / f"{index:02}.jpg").write_bytes((capture / "00.jpg").read_bytes())
    error = failure(capture, tmp_path / "job")
    assert error.code == "capture_too_few"
    assert "19 repeat an earlier view (a copy of 00.jpg)" in error.message


def test_a_capture_of_broken_files_says_so(tmp_path, capture):
    for seed in range(5):
        save(capture, f"{seed}.jpg", seed)
        (capture / f"{seed}.jpg").write_bytes((capture / f"{seed}.jpg").read_bytes()[:900])
    error = failure(capture, tmp_path / "job")
    assert error.code == "capture_too_few"
    assert "0.jpg" in error.message
    assert "again" in error.hint


def test_names_that_are_not_utf8(tmp_path, capture):
    for seed in range(3):
        save(capture, f"{seed}.jpg", seed)
    if sys.platform != "linux":
        pytest.skip("only Linux file systems hold such names")
    os.rename(capture / "1.jpg", os.fsencode(capture) + b"/bad\xff.jpg")  # noqa: PTH104
    _, record = run(capture, tmp_path / "job")
    assert len(record.frames) == 3


def test_importing_the_stage_loads_nothing_heavy():
    code = "import turnaround.backend.stages.frames, sys; print({'torch', 'pycolmap', 'skimage'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count"),
    [("rendered_duck", 30), ("rendered_monkey", 32), ("temple_ring", 47), ("kermit", 11), ("single_images", 14)],
)
def test_real_captures_lose_no_frame(tmp_path, data, name, count):
    folder = data / name if name == "single_images" else data / name / "images"
    _, record = run(folder, tmp_path / "job", long_side=480)
    assert (len(record.frames), record.dropped) == (count, [])


@pytest.mark.data
@pytest.mark.slow
def test_a_phone_capture_loses_no_frame(tmp_path, data):
    _, record = run(data / "fox" / "images", tmp_path / "job")
    assert (len(record.frames), record.dropped) == (50, [])


def test_another_click_on_the_same_photo_leaves_the_frames_of_photos_current(tmp_path, capture):
    for seed in range(3):
        save(capture, f"v{seed}.png", seed)

    def digest(prompts):
        spec = JobSpec(capture=str(capture), job=str(tmp_path / "job"), prompts=prompts)
        return stamps.digest_of(frames, spec, {}, {})

    here = digest({"v0.png": [{"type": "point", "xy": [3, 4]}]})
    assert digest({"v0.png": [{"type": "point", "xy": [50, 60]}]}) == here
    assert digest({"v1.png": [{"type": "point", "xy": [3, 4]}]}) != here
    (capture / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0")
    for path in capture.glob("*.png"):
        path.unlink()
    here = digest({"film.mp4#1": [{"type": "point", "xy": [3, 4]}]})
    assert digest({"film.mp4#1": [{"type": "point", "xy": [50, 60]}]}) != here
