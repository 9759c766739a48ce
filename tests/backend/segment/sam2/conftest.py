# SPDX-License-Identifier: GPL-3.0-or-later
"""A SAM 2 of the tiny shape, sixteen times smaller pictures and random weights, installed as a user's file would be."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from turnaround.backend.models import registry, store

SMALL = " ".join(
    [
        "++model.image_size=64",
        "++model.memory_attention.layer.self_attention.feat_sizes=[4,4]",
        "++model.memory_attention.layer.cross_attention.feat_sizes=[4,4]",
        "++model.memory_attention.num_layers=1",
        # A narrow trunk: the code that runs is the same.
        "++model.image_encoder.trunk.embed_dim=16",
        "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
    ]
)


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory):
    """A checkpoint file and its entry in the registry."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("sam2", reason="the package sam2 is not installed (pip install --no-deps sam2)")
    from turnaround.backend.segment.sam2 import model

    entry = registry.named("sam2.1-tiny")
    entry = replace(entry, name="sam2-random", file="random.pt", settings=(*entry.settings, ("overrides", SMALL)))
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "random.pt"
    weights = model.build(entry).state_dict()
    # Random weights see an object or none by chance, and never for sure; here they always see one, somewhere.
    weights["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] += 5
    for name, values in weights.items():
        if "output_hypernetworks_mlps" in name and "layers.2" in name:
            values *= 60
    torch.save({"model": weights}, path)
    data = path.read_bytes()
    return path, replace(entry, size=len(data), sha256=hashlib.sha256(data).hexdigest())


@pytest.fixture
def installed(random_checkpoint, tmp_path, monkeypatch):
    """The random model, imported into an empty models' folder."""
    from turnaround.backend.segment.sam2 import model

    path, entry = random_checkpoint
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(registry, "MODELS", (*registry.MODELS, entry))
    store.take_copy(entry, path)
    monkeypatch.setattr(model, "_kept", {})
    return entry
