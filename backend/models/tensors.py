# SPDX-License-Identifier: GPL-3.0-or-later
"""Read weights as tensors and nothing else: a checkpoint is a zip of arrays, or a pickle that could run any code.

PyTorch's restricted reader (``weights_only=True``) knows tensors and plain containers; a file that holds anything else
is refused before it can act.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from ..errors import PipelineError


def load_tensors(path: Path) -> dict[str, Any]:
    """The mapping a checkpoint holds (tensors on the processor). Raises ``PipelineError`` for anything else."""
    import torch

    refuse = "Delete it and install the model again; do not trust where this file came from."
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        message = f"{path.name} holds more than tensors, so it was not read."
        raise PipelineError("model_refused", "", message, refuse) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise PipelineError("model_refused", "", f"{path.name} cannot be read ({error}).", refuse) from error
    if not isinstance(found, dict):
        raise PipelineError("model_refused", "", f"{path.name} holds no table of tensors.", refuse)
    return found
