# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's state on disk, so that a job that was stopped goes on from where it was, exactly.

One ``.npz`` with arrays alone (nothing in it can run code), written under a temporary name and renamed. ``key`` says
which training it belongs to; a state of another training is not used.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import torch

from .model import NAMES, Model
from .trainer import State

VERSION = 2
VIEWS = ("exposures", "exposure_moments", "poses", "pose_moments")


def save(path: Path, state: State, key: str) -> None:
    """Write ``state`` to ``path``."""
    model = state.model
    arrays = {f"value_{n}": model.values[n].detach().cpu().numpy() for n in NAMES}
    arrays |= {f"first_{n}": model.first[n].cpu().numpy() for n in NAMES}
    arrays |= {f"second_{n}": model.second[n].cpu().numpy() for n in NAMES}
    facts = {
        "version": VERSION,
        "key": key,
        "degree": model.degree,
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history,
    }
    arrays |= {name: getattr(state, name) for name in VIEWS}
    arrays["pull"] = state.pull.cpu().numpy()
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    temporary.replace(path)


def load(path: Path, key: str, device: str) -> State | None:
    """The state in ``path``; None where there is none, where it is damaged, or where it is another training's."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        if (facts["version"], facts["key"]) != (VERSION, key):
            return None
        tensors = [
            {n: torch.tensor(arrays[f"{part}_{n}"], device=device) for n in NAMES}
            for part in ("value", "first", "second")
        ]
        exposures, exposure_moments, poses, pose_moments = (arrays[name] for name in VIEWS)
        pull = torch.tensor(arrays["pull"], device=device)
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        return None
    model = Model(tensors[0], facts["degree"], tensors[1], tensors[2])
    of_views = (exposures, exposure_moments, poses, pose_moments)
    return State(model, *of_views, pull, facts["step"], facts["seconds"], facts["history"])
