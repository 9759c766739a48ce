# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading a checkpoint: tensors only, every name and shape as expected, nothing copied twice."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch

from .config import RELEASED, read_config
from .model import TripoSR


def load(path: Path, device: str = "cpu") -> TripoSR:
    """The network in ``path``, ready to look at pictures, on ``device`` (bfloat16 transformers on CUDA).

    A file of the same name with the suffix ``.json`` beside it gives the sizes of another network than the released.
    Raises ``ValueError`` that says how the file differs from the network: not a checkpoint, more than tensors in it,
    missing, unknown or wrongly shaped tensors.
    """
    sizes = path.with_suffix(".json")
    with torch.device("meta"):
        model = TripoSR(read_config(sizes) if sizes.is_file() else RELEASED)
    model.load_state_dict(_checked(_tensors(path), model), strict=True, assign=True)
    model.eval().requires_grad_(False)
    if torch.device(device).type == "cuda":
        for part in (model.image_tokenizer, model.tokenizer, model.backbone, model.post_processor):
            part.to(torch.bfloat16)
    return model.to(device)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        # Mapped, so that 1.7 GB are read once and straight to where they stay.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"expected a checkpoint that holds tensors only in {path.name}, got: {first[:200]}") from None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"expected a table of named tensors in {path.name}, got something else")
    return state


def _checked(state: dict[str, torch.Tensor], model: TripoSR) -> dict[str, torch.Tensor]:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if missing := sorted(set(wanted) - set(found)):
        raise ValueError(f"expected {len(wanted)} tensors, {len(missing)} are missing, the first: {missing[0]}")
    if unknown := sorted(set(found) - set(wanted)):
        raise ValueError(f"expected {len(wanted)} tensors, {len(unknown)} more are there, the first: {unknown[0]}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise ValueError(f"expected {name} of shape {shape}, got {found[name]}")
    return {name: tensor.float() for name, tensor in state.items()}
