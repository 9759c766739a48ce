# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the network and read an installed checkpoint into it; one is kept for each model and device of the process."""

from __future__ import annotations

import importlib.util
from typing import Any

from ...errors import PipelineError
from ...models import registry, store
from ...models.registry import Model
from ...models.tensors import load_tensors
from .network import Network

_OVERRIDES = (
    # As the package's own builders set them for inference.
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
    "++model.binarize_mask_from_pts_for_mem_enc=true",
)
_PACKAGES = ("torch", "sam2", "hydra", "iopath")
_kept: dict[tuple[str, str], Network] = {}


def missing(wanted: str = "auto") -> str:
    """What keeps SAM 2 from running here; "" where nothing does."""
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        return f"the Python package {absent[0]} is not installed"
    if store.best("sam2", wanted) is None:
        return "none of its models is installed" if wanted == "auto" else f"its model {wanted} is not installed"
    return ""


def network(wanted: str, device: str) -> Network:
    """The network for ``device`` ("cpu" or "cuda") with an installed model's weights. Raises ``PipelineError``."""
    model = store.best("sam2", wanted)
    if model is None:
        names = ", ".join(m.name for m in registry.of_kind("sam2"))
        message = f"No model for SAM 2 is installed{'' if wanted == 'auto' else f' under the name {wanted}'}."
        raise PipelineError("model_missing", "masks", message, f"`turnaround models install NAME` with one of {names}.")
    key = (str(store.path_of(model)), device)
    if key not in _kept:
        _kept.clear()  # one at a time: a large one takes a gigabyte
        _kept[key] = Network(_read(model), device)
    return _kept[key]


def build(model: Model) -> Any:
    """The network of ``model`` with random weights, on the processor."""
    from sam2.build_sam import build_sam2

    overrides = [*_OVERRIDES, *model.setting("overrides").split()]
    return build_sam2(
        model.setting("config"), None, device="cpu", hydra_overrides_extra=overrides, apply_postprocessing=False
    )


def _read(model: Model) -> Any:
    """The network with the weights of the installed file."""
    tensors = load_tensors(store.path_of(model))
    built = build(model)
    try:
        built.load_state_dict(tensors.get("model", tensors))
    except (RuntimeError, TypeError, AttributeError) as error:
        message = f"{model.file} is no checkpoint of {model.name}: {str(error).splitlines()[0]}"
        raise PipelineError("model_refused", "masks", message, f"`turnaround models verify {model.name}`.") from error
    return built
