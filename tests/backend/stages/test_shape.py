# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of a single picture up to its surface: which stages run, on what pictures, by which method."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from turnaround.backend import pipeline
from turnaround.backend.errors import PipelineError
from turnaround.backend.mesh.rendering import colours_seen
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.models import store
from turnaround.backend.records import Cameras
from turnaround.protocol import JobSpec


def helper(name: str, path: str):
    """A module of helpers of another folder of tests."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.parent / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_models(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))


def ball(side: int = 256, alpha: bool = True) -> Image.Image:
    """A ball, orange on the left and blue on the right, transparent or grey around; pixel centres at half integers."""
    y, x = np.mgrid[:side, :side] + 0.5
    inside = np.hypot(x - side / 2, y - side / 2) < 0.35 * side
    rgb = np.where((x < side / 2)[..., None], (230, 120, 20), (20, 60, 220)).astype(np.uint8)
    if alpha:
        return Image.fromarray(np.dstack([rgb, (255 * inside).astype(np.uint8)]))
    return Image.fromarray(np.where(inside[..., None], rgb, 128).astype(np.uint8))


@pytest.fixture
def run(tmp_path):
    """Run a capture up to ``until``; the job's folder."""

    def go(capture: Path, until: str = "shape", recipe: str = "auto", **overrides) -> Path:
        options = {"shape.resolution": 64, "shape.triangles": 2000} | {
            k.replace("__", "."): v for k, v in overrides.items()
        }
        spec = JobSpec(
            capture=str(capture), job=str(tmp_path / "job"), recipe=recipe, preset="draft", until_stage=until,
            overrides=options,
        )  # fmt: skip
        spec.check()
        pipeline.run_recipe(spec)
        return tmp_path / "job"

    return go


def told(job: Path) -> dict:
    return json.loads((job / "result.json").read_text())


def test_a_picture_alone_becomes_a_closed_coloured_body(tmp_path, run):
    ball().save(tmp_path / "ball.png")
    job = run(tmp_path / "ball.png")
    mesh = Mesh.load(job / "06_surface" / "mesh.ply")
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert body.is_watertight
    assert body.volume > 0
    assert 0 < len(mesh.faces) <= 2000
    cameras = Cameras.load(job / "04_cameras")
    assert np.linalg.norm(np.ptp(cameras.box, axis=0)) == pytest.approx(1)
    assert cameras.box[0, 2] == pytest.approx(0)
    assert np.allclose(cameras.box, body.bounds, atol=0.03)
    seen, covered = colours_seen(mesh, cameras.cameras[0])
    assert covered.sum() == pytest.approx(np.pi * (0.35 * 256) ** 2, rel=0.03)
    assert np.abs(seen[128, 80].astype(int) - (230, 120, 20)).max() < 6
    assert np.abs(seen[128, 176].astype(int) - (20, 60, 220)).max() < 6
    # The back mirrors the front: world x is the picture's right, from either side.
    behind = mesh.colours[(mesh.vertices[:, 1] > 0.1) & (mesh.vertices[:, 0] < -0.1)]
    assert np.abs(behind.mean(axis=0) - (230, 120, 20)).max() < 10


def test_the_result_says_what_it_is_and_what_would_be_better(tmp_path, run):
    ball().save(tmp_path / "ball.png")
    result = told(run(tmp_path / "ball.png"))
    assert result["methods"]["shape"] == "relief by silhouette"
    assert [f["instead_of"] for f in result["fallbacks"]] == ["TripoSR", "relief by depth"]
    assert "models install triposr" in result["fallbacks"][0]["hint"]
    assert result["spec"]["recipe"] == "single_picture"
    assert result["unit"] == "relative"


def test_a_plain_background_needs_no_prompt(tmp_path, run):
    ball(alpha=False).save(tmp_path / "ball.png")
    job = run(tmp_path / "ball.png", until="masks")
    mask = np.asarray(Image.open(job / "02_masks" / "ball.png")) > 127
    truth = np.asarray(ball())[..., 3] > 127
    assert (mask & truth).sum() / (mask | truth).sum() > 0.99
    assert told(job)["methods"]["masks"] == "plain background"


def test_a_photo_without_a_word_gives_what_stands_out_and_warns(tmp_path, run):
    random = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    photo = np.where((y < 110)[..., None], (120, 160, 220), (90, 130, 50)).astype(float)
    photo += random.normal(0, 12, (60, 80, 3)).repeat(4, axis=0).repeat(4, axis=1)
    inside = (x - 170) ** 2 + (y - 125) ** 2 < 55**2
    photo[inside] = np.where((y // 16 % 2 == 0)[..., None], (200, 30, 30), (230, 225, 220))[inside]
    Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).save(tmp_path / "photo.png")
    job = run(tmp_path / "photo.png", until="masks")
    mask = np.asarray(Image.open(job / "02_masks" / "photo.png")) > 127
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9
    result = told(job)
    assert result["methods"]["masks"] == "standing out"
    assert "object_guessed" in {w["code"] for w in result["warnings"]}
    assert 0.1 < result["metrics"]["mask_confidence_mean"] <= 0.6


def test_a_second_run_reuses_everything(tmp_path, run):
    ball().save(tmp_path / "ball.png")
    job = run(tmp_path / "ball.png")
    made = (job / "06_surface" / "stamp.json").read_text()
    run(tmp_path / "ball.png")
    assert (job / "06_surface" / "stamp.json").read_text() == made
    run(tmp_path / "ball.png", shape__thickness=0.3)
    assert (job / "06_surface" / "stamp.json").read_text() != made


def _saved(kind: str, path: Path) -> Path:
    """The ball as a file of some ``kind``."""
    picture = ball()
    flat = ball(alpha=False)
    if kind == "cmyk.jpg":
        flat.convert("CMYK").save(path / kind, quality=95)
    elif kind == "palette.png":
        flat.quantize(16).save(path / kind)
    elif kind == "16bit.png":
        Image.fromarray(np.asarray(flat.convert("L")).astype(np.uint16) * 257).save(path / kind)
    elif kind == "animated.gif":
        flat.save(path / kind, save_all=True, append_images=[Image.new("RGB", flat.size)] * 3)
    elif kind == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        flat.save(path / kind, exif=exif, quality=95)
    elif kind == "a_png.jpg":
        picture.save(path / kind, format="PNG")
    elif kind == "sixteen_alpha.png":
        _save_sixteen_bits(picture, path / kind)
    elif kind == "alpha.webp":
        picture.save(path / kind, lossless=True)
    else:
        flat.save(path / kind)
    return path / kind


def _save_sixteen_bits(picture: Image.Image, path: Path) -> None:
    import cv2

    rgba = np.asarray(picture).astype(np.uint16) * 257
    assert cv2.imwrite(str(path), np.ascontiguousarray(rgba[..., [2, 1, 0, 3]]))


@pytest.mark.parametrize(
    "kind",
    [
        "a_png.jpg",
        "sixteen_alpha.png",
        "cmyk.jpg",
        "palette.png",
        "16bit.png",
        "animated.gif",
        "turned.jpg",
        "alpha.webp",
        "plain.tiff",
        "plain.bmp",
    ],
)
def test_pictures_of_every_kind(tmp_path, run, kind):
    job = run(_saved(kind, tmp_path))
    iou = json.loads((job / "06_surface" / "surface.json").read_text())["silhouette_iou"]
    assert iou > 0.95
    warned = " ".join(w["message"] for w in told(job)["warnings"])
    assert ("first picture was used" in warned) == (kind == "animated.gif")


def test_a_small_picture_is_warned_of(tmp_path, run):
    ball(64).save(tmp_path / "small.png")
    assert "picture_small" in {w["code"] for w in told(run(tmp_path / "small.png"))["warnings"]}


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.png", b"", "capture_unsupported"),
        ("text.jpg", b"not a picture at all", "capture_unsupported"),
        ("short.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "capture_unsupported"),
        # A header that claims 60,000 x 60,000 pixels: refused before anything is decoded.
        (
            "bomb.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0" + b"\xe4\x9d\x6b\x4e" + b"\0" * 64,
            "capture_unsupported",
        ),
    ],
)
@pytest.mark.parametrize("recipe", ["auto", "single_picture"])
def test_files_that_are_no_pictures(tmp_path, run, name, content, code, recipe):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError) as refused:
        run(tmp_path / name, "frames", recipe)
    assert refused.value.code == code
    assert refused.value.hint


def test_half_a_picture_is_refused(tmp_path, run):
    ball().save(tmp_path / "half.png")
    data = (tmp_path / "half.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(PipelineError, match="truncated"):
        run(tmp_path / "half.png")


def test_nothing_but_transparency_is_refused(tmp_path, run):
    Image.new("RGBA", (200, 200)).save(tmp_path / "clear.png")
    with pytest.raises(PipelineError) as refused:
        run(tmp_path / "clear.png")
    assert refused.value.code == "mask_empty"


@pytest.fixture
def pictures(tmp_path):
    """Three pictures of different objects in a folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, name in enumerate("abc"):
        turned = ball().rotate(30 * index)
        turned.crop((0, 10 * index, 256, 256)).save(folder / f"{name}.png")
    return folder


def test_several_pictures_are_placed_where_they_are_said_to_be(pictures, run):
    job = run(pictures, "assumed_cameras", "single_picture", assumed_cameras__azimuths="10,100,190")
    cameras = Cameras.load(job / "04_cameras").cameras
    middle = Cameras.load(job / "04_cameras").box.mean(axis=0)
    angles = [np.degrees(np.arctan2(*(c.centre - middle)[1::-1])) % 360 for c in cameras]
    assert np.allclose(angles, [270, 0, 90], atol=3) or np.allclose(angles, [270, 360, 90], atol=3)


@pytest.mark.parametrize("text", ["0,90", "a,b,c", "0,inf,3"])
def test_azimuths_that_are_none_are_refused(pictures, run, text):
    with pytest.raises(PipelineError, match="azimuths"):
        run(pictures, "assumed_cameras", "single_picture", assumed_cameras__azimuths=text)


def test_of_several_a_relief_uses_the_first_and_says_so(pictures, run):
    result = told(run(pictures, recipe="single_picture"))
    assert "2 of 3 were not used" in " ".join(w["message"] for w in result["warnings"])
    assert result["metrics"]["frames_registered"] == 1


def test_too_many_pictures_are_a_scan(tmp_path, run):
    for k in range(6):
        ball(64 + k).rotate(11 * k).save(tmp_path / f"{k}.png")
    with pytest.raises(PipelineError) as refused:
        run(tmp_path, recipe="single_picture", frames__drop_duplicates=False)
    assert refused.value.code == "capture_too_many"


@pytest.fixture
def checkpoint(tmp_path):
    """A tiny network with random weights, its density so steep that there is a surface, as a file."""
    torch = pytest.importorskip("torch")
    networks = helper("shape_tsr_networks", "tsr/networks.py")
    model = networks.tiny_network()
    model.decoder.layers[-1].weight[0] *= 60
    torch.save(model.state_dict(), tmp_path / "tiny.ckpt")
    (tmp_path / "tiny.json").write_text(json.dumps(asdict(networks.TINY)))
    return str(tmp_path / "tiny.ckpt")


@pytest.mark.parametrize("combine", ["first", "average", "visible"])
def test_a_checkpoint_guesses_the_shape(pictures, run, checkpoint, combine):
    job = run(
        pictures, recipe="single_picture", shape__model=checkpoint, shape__combine=combine, shape__views=3,
        shape__view_side=32, assumed_cameras__azimuths="0,90,180",
    )  # fmt: skip
    facts = json.loads((job / "06_surface" / "surface.json").read_text())
    assert facts["made_by"] == "triposr"
    assert facts["pictures"] == 3
    assert facts["azimuths"] == {"first": [0.0], "average": [], "visible": [0.0, 90.0, 180.0]}[combine]
    mesh, camera = Mesh.load(job / "06_surface" / "mesh.ply"), Cameras.load(job / "04_cameras").cameras[0]
    pixels, _ = camera.project(Mesh.load(job / "06_surface" / "dense.ply").vertices)
    mask = np.asarray(Image.open(job / "04_masks" / "a.png")) > 127
    rows, columns = np.nonzero(mask)
    extent = np.linalg.norm(np.ptp(pixels, axis=0))
    assert extent == pytest.approx(np.hypot(np.ptp(columns) + 1, np.ptp(rows) + 1), rel=0.02)
    assert len(mesh.colours) == len(mesh.vertices)
    assert len(Cameras.load(job / "06_surface" / "views").cameras) == 3
    assert told(job)["fallbacks"] == []


def test_a_broken_checkpoint_gives_way_to_a_relief_and_is_named(tmp_path, run):
    ball().save(tmp_path / "ball.png")
    (tmp_path / "broken.ckpt").write_bytes(b"no tensors")
    result = told(run(tmp_path / "ball.png", shape__model=str(tmp_path / "broken.ckpt")))
    assert result["methods"]["shape"] == "relief by silhouette"
    assert "broken.ckpt" in result["fallbacks"][0]["reason"]
    with pytest.raises(PipelineError) as refused:
        run(tmp_path / "ball.png", shape__method="triposr")
    assert refused.value.code == "model_missing"


def test_an_installed_depth_network_makes_the_front(tmp_path, run, monkeypatch):
    pytest.importorskip("onnxruntime")
    content = helper("shape_relief_networks", "relief/test_relief.py").red_is_near()
    (tmp_path / "near.onnx").write_bytes(content)
    model = type("Made", (), {"name": "made", "setting": lambda self, key: ""})()
    monkeypatch.setattr(store, "best", lambda kind, wanted="auto": model if kind == "depth" else None)
    monkeypatch.setattr(store, "path_of", lambda model: tmp_path / "near.onnx")
    ball().save(tmp_path / "ball.png")
    job = run(tmp_path / "ball.png")
    assert told(job)["methods"]["shape"] == "relief by depth"
    mesh = Mesh.load(job / "06_surface" / "mesh.ply")
    # Orange is redder than blue, hence nearer: the picture's left stands out towards the camera, which is at -y.
    front = [mesh.vertices[(np.abs(mesh.vertices[:, 0] - x) < 0.08), 1].min() for x in (-0.15, 0.15)]
    assert front[0] < front[1] - 0.1
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight
