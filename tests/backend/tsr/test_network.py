# SPDX-License-Identifier: GPL-3.0-or-later
"""The network's parts against plain formulas, and checkpoints that are not what they should be."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from torch.nn import functional
from tsr_networks import TINY, tiny_network
from turnaround.backend.tsr.checkpoint import load
from turnaround.backend.tsr.config import RELEASED
from turnaround.backend.tsr.model import TripoSR
from turnaround.backend.tsr.vision_transformer import attend


@pytest.fixture
def saved(tmp_path):
    """A tiny network as a file, with its sizes beside it; its tensors to break."""
    model = tiny_network()
    (tmp_path / "model.json").write_text(json.dumps(asdict(TINY)))
    return model, tmp_path / "model.ckpt"


def test_the_released_network_has_its_549_tensors():
    with torch.device("meta"):
        model = TripoSR(RELEASED)
    assert len(model.state_dict()) == 549
    assert sum(p.numel() for p in model.parameters()) == 419_275_628
    assert model.state_dict()["backbone.transformer_blocks.15.ff.net.0.proj.weight"].shape == (8192, 1024)
    assert model.state_dict()["image_tokenizer.model.encoder.layer.11.output.dense.bias"].shape == (768,)


def test_attention_is_the_formula():
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 5, 12), torch.randn(2, 7, 12), torch.randn(2, 7, 12)
    result = attend(query, key, value, heads=3)
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        weights = torch.softmax(query[..., part] @ key[..., part].transpose(1, 2) / 2, dim=-1)
        assert torch.allclose(result[..., part], weights @ value[..., part], atol=1e-6)


def cubic(distance, a=-0.75):
    """Cubic convolution (Keys 1981, equation 4), with the a of torch's bicubic."""
    d = abs(distance)
    inner, outer = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return inner if d <= 1 else outer if d < 2 else 0.0


def test_position_embeddings_are_sampled_at_the_published_places():
    """6 + 0.1 patches share 6 embeddings, so patch k looks at (k + 0.5) * 6 / 6.1 and not at its own middle."""
    embeddings = tiny_network().image_tokenizer.model.embeddings
    values = [0.0, 1, 4, 2, -3, 5]
    embeddings.position_embeddings[:, 1:] = torch.tensor(values).repeat(6)[None, :, None]
    sampled = embeddings._positions(6, 6)[0, 1:, 0].view(6, 6)
    for k in (2, 3):
        place = (k + 0.5) * 6 / 6.1 - 0.5
        expected = sum(value * cubic(place - index) for index, value in enumerate(values))
        assert torch.allclose(sampled[:, k], torch.tensor(expected), atol=1e-5)


def test_codes_follow_the_picture_and_nothing_else():
    model, picture = tiny_network(), torch.rand(2, 80, 100, 3)
    both = model.scene_codes(picture)
    assert both.shape == (2, 3, 12, 16, 16)
    assert torch.allclose(both[1], model.scene_codes(picture[1:])[0], atol=1e-5)
    assert (both[0] - both[1]).abs().max() > 1e-3


def test_a_transposed_convolution_keeps_each_planes_place():
    model = tiny_network()
    tokens = torch.zeros(1, 64, 3 * 64)
    tokens[0, :, 64 + 8 * 2 + 5] = 1  # plane 1, row 2, column 5
    planes = model.post_processor(model.tokenizer.as_planes(tokens))
    bias = model.post_processor.upsample.bias.view(1, 1, -1, 1, 1)
    touched = ((planes - bias).abs() > 1e-6).any(dim=2)[0].nonzero()
    assert touched.tolist() == [[1, 4, 10], [1, 4, 11], [1, 5, 10], [1, 5, 11]]


def test_a_checkpoint_comes_back_as_it_was(saved):
    model, path = saved
    torch.save(model.state_dict(), path)
    picture = torch.rand(1, 64, 64, 3)
    assert torch.equal(load(path).scene_codes(picture), model.scene_codes(picture))


def test_half_precision_tensors_are_widened(saved):
    model, path = saved
    torch.save({name: tensor.half() for name, tensor in model.state_dict().items()}, path)
    picture = torch.rand(1, 64, 64, 3)
    assert functional.mse_loss(load(path).scene_codes(picture), model.scene_codes(picture)) < 1e-4


class Evil:
    def __reduce__(self):
        return (print, ("this must not run",))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s.pop("backbone.norm.bias"), r"1 are missing, the first: backbone\.norm\.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 more are there, the first: extra"),
        (lambda s: s.update({"backbone.norm.bias": torch.zeros(2)}), r"shape \(64,\), got \(2,\)"),
        (lambda s: s.update(x=Evil()), "holds tensors only"),
        (lambda s: s.update(x="text"), "named tensors"),
    ],
)
def test_a_wrong_checkpoint_is_refused(saved, spoil, message, capsys):
    model, path = saved
    state = dict(model.state_dict())
    spoil(state)
    torch.save(state, path)
    with pytest.raises(ValueError, match=message):
        load(path)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("keep", [0, 1, 1000, -1000])
def test_a_cut_off_checkpoint_is_refused(saved, keep):
    model, path = saved
    torch.save(model.state_dict(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="tensors only"):
        load(path)


def test_sizes_that_are_no_sizes_are_refused(saved):
    model, path = saved
    torch.save(model.state_dict(), path)
    for text in ("", "[]", '{"width": "wide"}', '{"unknown": 1}'):
        path.with_suffix(".json").write_text(text)
        with pytest.raises(ValueError, match=r"model\.json"):
            load(path)
