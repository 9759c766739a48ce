# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmarked captures: a salient-object network, here one that finds what is red, written byte by byte."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.images import write_image
from turnaround.backend.models import registry, store
from turnaround.backend.segment import automatic_salient, engines

needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed (optional)"
)


def field(number: int, value: bytes | int | str) -> bytes:
    """One field of a protocol buffer."""

    def varint(n: int) -> bytes:
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def redness_network(side: int, logits: bool) -> bytes:
    """An ONNX file: a 1x1 convolution that weighs red against green and blue, then (perhaps) a sigmoid."""
    weights = np.array([1.0, -0.5, -0.5], np.float32)
    tensor = b"".join(field(1, d) for d in (1, 3, 1, 1)) + field(2, 1) + field(8, "w") + field(9, weights.tobytes())

    def value(name: str, channels: int) -> bytes:
        shape = b"".join(field(1, field(1, d)) for d in (1, channels, side, side))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    last = "y" if logits else "z"
    nodes = field(1, field(1, "x") + field(1, "w") + field(2, "y") + field(4, "Conv"))
    if not logits:
        nodes += field(1, field(1, "y") + field(2, "z") + field(4, "Sigmoid"))
    graph = nodes + field(2, "redness") + field(5, tensor) + field(11, value("x", 3)) + field(12, value(last, 1))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a network into an empty models' folder as the salient model to use."""
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))

    def put(content: bytes, **settings: str) -> registry.Model:
        model = replace(
            registry.named("u2netp"),
            name="redness",
            file="redness.onnx",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            settings=tuple(settings.items()),
        )
        monkeypatch.setattr(registry, "MODELS", (model,))
        source = tmp_path / "source.onnx"
        source.write_bytes(content)
        store.take_copy(model, source)
        return model

    return put


def red_square(size: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """A red square on grey noise (size, 4/3 size), and its mask."""
    image = np.random.default_rng(0).integers(90, 130, (size, size * 4 // 3, 3)).astype(np.uint8)
    image[..., 1] = image[..., 2] = image[..., 0]
    truth = np.zeros(image.shape[:2], bool)
    truth[size // 3 : 2 * size // 3, size // 2 : size] = True
    image[truth] = (230, 20, 30)
    return image, truth


@needs_onnx
@pytest.mark.parametrize("output", ["range", "logits"])
def test_what_stands_out_is_found(install, tmp_path, output):
    install(redness_network(64, output == "logits"), side="64", output=output)
    image, truth = red_square()
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        write_image(path, image)
    shown = [
        engines.Picture(name=p.stem, source=p.name, path=p, width=120, height=90, source_width=120, source_height=90)
        for p in paths
    ]
    assert engines.choose_unmarked() == engines.Choice(name="salient")
    found = list(engines.load("salient").segment(engines.Task(pictures=shown, side=120)))
    assert [f.index for f in found] == [0, 1, 2]
    for f in found:
        mask = f.mask > 0.5
        assert (mask & truth).sum() / (mask | truth).sum() > 0.9
        assert f.confidence > 0.5
        assert f.method == "salient: redness"


@needs_onnx
def test_a_picture_in_which_nothing_stands_out_gets_an_empty_mask(install):
    network = automatic_salient.Salient(install(redness_network(32, False), side="32", output="range"))
    assert not network.mask(np.full((40, 50, 3), 120, np.uint8)).any()


@needs_onnx
def test_a_file_that_is_no_network_is_refused(install):
    model = install(b"no network at all, but of the size and hash that were asked for" * 9, side="32", output="range")
    with pytest.raises(PipelineError, match=r"redness\.onnx") as caught:
        automatic_salient.Salient(model)
    assert caught.value.code == "model_refused"


def test_without_a_model_the_guess_runs_and_says_what_would_help(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path))
    choice = engines.choose_unmarked()
    assert choice.name == "automatic"
    assert "installed" in choice.reason
    assert "turnaround models install" in choice.hint


def test_sureness_is_high_for_a_decided_mask_only():
    decided = np.zeros((60, 60), np.float32)
    decided[20:40, 20:40] = 1
    assert automatic_salient.sureness(decided) > 0.9
    assert automatic_salient.sureness(0.2 + 0.4 * decided) < 0.5
    assert automatic_salient.sureness(np.zeros((9, 9), np.float32)) == 0.02
