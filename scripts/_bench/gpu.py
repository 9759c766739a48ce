# SPDX-License-Identifier: GPL-3.0-or-later
"""On a CUDA machine: build gsplat, hold both rasterisers against each other, and train lego at 800 x 800.

Where there is no CUDA device nothing is measured, and that is what is said.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from turnaround.backend.training import model, rasterisers, trainer

from . import curves
from .splats import DEGREE, Scene, scene

IMAGE_LIMIT = 2.0
GRADIENT_LIMIT = 0.01
STEPS = (7_000, 30_000)


def measure(data: Path) -> int:
    """Print everything; 0 where the rasterisers agree, 1 where they do not or could not be compared."""
    if not torch.cuda.is_available():
        print("no CUDA device is visible to torch: gsplat was not built, nothing was compared, nothing was trained")
        return 1
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    began = time.perf_counter()
    missing = rasterisers.why_not_gsplat()
    if missing:
        print(f"gsplat cannot draw here: {missing}")
        return 1
    print(f"gsplat's kernels built and loaded in {time.perf_counter() - began:.0f} s")
    verdicts = [_compare(scene(count, (640, 480))) for count in (1000, 30_000)]
    for steps in STEPS:
        _train(data, steps)
    return 0 if all(verdicts) else 1


def _drawn(s: Scene, rasteriser: rasterisers.Numba | rasterisers.Gsplat) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Picture (H, W, 4) and gradients by name of a scene, for a fixed random gradient of the picture."""
    logits = np.log(s.opacities / (1 - s.opacities))
    grey = np.full((len(s.means), 3), 0.5)
    made = model.model_from_arrays(s.means, np.log(s.scales), s.quats, logits, grey, DEGREE, rasteriser.device)
    made.values["harmonics"] = torch.tensor(s.coefficients.reshape(len(s.means), -1), device=rasteriser.device)
    leaves = rasterisers.leaves_of(made)
    camera = torch.tensor(s.camera, device=rasteriser.device)
    image, _ = rasteriser.draw(leaves, camera, s.K, s.size, DEGREE)
    v_image = np.random.default_rng(2).normal(0, 1, tuple(image.shape)).astype(np.float32)
    (image * torch.tensor(v_image, device=rasteriser.device)).sum().backward()
    gradients = {name: leaf.grad.cpu().numpy() for name, leaf in leaves.items() if leaf.grad is not None}
    return image.detach().cpu().numpy(), gradients


def _compare(s: Scene) -> bool:
    """Print how far the two are apart; whether both limits are kept."""
    (ours, our_gradients), (theirs, their_gradients) = (
        _drawn(s, rasteriser) for rasteriser in (rasterisers.Numba(), rasterisers.Gsplat())
    )
    apart = 255 * float(np.abs(ours - theirs).max())
    print(f"{len(s.means)} Gaussians, {s.size}: pictures differ by at most {apart:.2f} / 255 (limit {IMAGE_LIMIT:.0f})")
    agree = apart < IMAGE_LIMIT
    for name, gradient in our_gradients.items():
        other = their_gradients[name]
        relative = float(np.linalg.norm(gradient - other) / max(np.linalg.norm(other), 1e-12))
        print(f"  gradient of {name:<16} relative difference {relative:.1e} (limit {GRADIENT_LIMIT})")
        agree = agree and relative < GRADIENT_LIMIT
    return agree


def _train(data: Path, steps: int) -> None:
    """Train lego at its full size and print dB, minutes and memory."""
    pictures = curves.lego(data, 800)
    start = curves.start_of("lego", pictures, 50_000, None)
    schedule = trainer.Schedule(steps=steps, cap=150_000, score_seconds=1e9)
    torch.cuda.reset_peak_memory_stats()
    learner = curves.learner_of(pictures, start, schedule, rasterisers.Gsplat())
    learner.run()
    figures = learner.state.history[-1]
    memory = torch.cuda.max_memory_allocated() / 2**20
    print(
        f"lego 800 x 800, {steps} steps: {figures['psnr']:.2f} dB on white, IoU {figures['iou']:.4f}, "
        f"{figures['gaussians']} Gaussians, {learner.state.seconds / 60:.2f} min, {memory:.0f} MiB of CUDA memory"
    )
