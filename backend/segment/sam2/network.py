# SPDX-License-Identifier: GPL-3.0-or-later
"""The network frame by frame: look at a picture, cut it by prompts or by what was remembered, remember the result.

Notation: S the side of the network's square input (1024); logits (S/4, S/4) float32, positive inside the object; points
are shares of the picture's width and height. ``Memory`` counts time in steps from the prompted frame.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
KEPT = 15
"""Steps back that the network attends to: six memories of masks, fifteen pointers to the object."""


@dataclass(kw_only=True)
class Points:
    """Prompts on a picture: ``places`` (N, 2) float32, shares; ``labels`` (N,) int32: 1 object, 0 not, 2 and 3 a box's
    corners, which come first.
    """

    places: np.ndarray
    labels: np.ndarray


@dataclass(kw_only=True)
class Memory:
    """What a frame may look back at: prompted frames by their time, and the last steps before it, newest first."""

    prompted: dict[int, dict[str, Any]]
    past: tuple[dict[str, Any], ...] = ()
    time: int = 1


@dataclass(kw_only=True)
class Seen:
    """A picture's features on the device."""

    features: list[Any] = field(default_factory=list)
    places: list[Any] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)


@dataclass(kw_only=True)
class Cut:
    """Logits, the network's own belief in them (0 to 1), and what later frames may remember (None where not asked)."""

    logits: np.ndarray
    confidence: float
    remembered: dict[str, Any] | None


class Network:
    """A SAM 2 network on a device: bfloat16 on CUDA, float32 on the processor."""

    def __init__(self, model: Any, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device
        self.side = int(model.image_size)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=self.device == "cuda"):
            yield

    def look(self, image: np.ndarray) -> Seen:
        """Features of ``image`` (h, w, 3) uint8 sRGB. The costly part: a second click on a picture needs it no more."""
        shrinks = max(image.shape[:2]) > self.side
        square = cv2.resize(
            image, (self.side, self.side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        values = (square.astype(np.float32) / 255 - _MEAN) / _DEVIATION
        with self._running():
            tensor = torch.from_numpy(values).permute(2, 0, 1)[None].to(self.device)
            _, features, places, sizes = self.model._prepare_backbone_features(self.model.forward_image(tensor))
        return Seen(features=features, places=places, sizes=sizes)

    def cut(
        self,
        seen: Seen,
        points: Points | None = None,
        drawn: np.ndarray | None = None,
        before: np.ndarray | None = None,
        memory: Memory | None = None,
        remember: bool = False,
        count: int = 1,
    ) -> Cut:
        """Cut the picture ``seen`` by ``points``, by a ``drawn`` mask (h, w) in [0, 1] as it is, or by ``memory``.

        ``before``: logits of an earlier cut of this picture, which the points correct. ``count``: frames in all.
        """
        with self._running():
            mask = None if drawn is None else self._as_input(drawn)
            found, heads, _, _ = self.model._track_step(
                frame_idx=memory.time if memory else 0,
                is_init_cond_frame=memory is None,
                current_vision_feats=seen.features,
                current_vision_pos_embeds=seen.places,
                feat_sizes=seen.sizes,
                point_inputs=None if points is None or mask is not None else self._as_points(points),
                mask_inputs=mask,
                output_dict=_outputs(memory),
                num_frames=max(count, 2),
                track_in_reverse=False,
                prev_sam_mask_logits=self._as_logits(before) if points is not None and mask is None else None,
            )
            _, _, ious, low, high, pointer, score = heads
            remembered = self._remember(seen, high, score, pointer, points is not None) if remember else None
            del found
        belief = float(ious.float().max()) * float(torch.sigmoid(score.float()).max())
        logits = low[0, 0].float().cpu().numpy()
        return Cut(logits=logits, confidence=float(np.clip(belief, 0.02, 0.98)), remembered=remembered)

    def _remember(self, seen: Seen, high: Any, score: Any, pointer: Any, from_points: bool) -> dict[str, Any]:
        """Memory of a mask; in bfloat16 where the device computes so, as half of it is kept for fifteen steps."""
        features, places = self.model._encode_new_memory(
            current_vision_feats=seen.features,
            feat_sizes=seen.sizes,
            pred_masks_high_res=high,
            object_score_logits=score,
            is_mask_from_pts=from_points,
        )
        kind = torch.bfloat16 if self.device == "cuda" else torch.float32
        return {"maskmem_features": features.to(kind), "maskmem_pos_enc": places, "obj_ptr": pointer}

    def _as_points(self, points: Points) -> dict[str, Any]:
        places = torch.from_numpy(np.ascontiguousarray(points.places, np.float32))[None] * self.side
        labels = torch.from_numpy(np.ascontiguousarray(points.labels, np.int32))[None]
        return {"point_coords": places.to(self.device), "point_labels": labels.to(self.device)}

    def _as_input(self, mask: np.ndarray) -> Any:
        square = cv2.resize(mask.astype(np.float32), (self.side, self.side), interpolation=cv2.INTER_AREA)
        return torch.from_numpy((square >= 0.5).astype(np.float32))[None, None].to(self.device)

    def _as_logits(self, before: np.ndarray | None) -> Any:
        if before is None:
            return None
        return torch.from_numpy(np.clip(before, -32, 32).astype(np.float32))[None, None].to(self.device)


def _outputs(memory: Memory | None) -> dict[str, dict[int, Any]]:
    """``memory`` as the network expects it: by time."""
    if memory is None:
        return {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    past = {memory.time - 1 - i: out for i, out in enumerate(memory.past)}
    return {"cond_frame_outputs": memory.prompted, "non_cond_frame_outputs": past}
