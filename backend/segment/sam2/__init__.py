# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2.1 (Ravi et al. 2024) as a mask engine, through the package ``sam2`` (a repackaging of Meta's code, pinned).

The package's network is used (``sam2.modeling``), not its two predictors: those read folders of JPEG files or keep
every frame and its memory, and one of them imports torchvision, whose wheel from the package index does not load beside
a PyTorch without CUDA. ``network.py`` feeds the network frame by frame, so that memory stays bounded and torchvision
is never imported; a test holds that. Any order of frames is a tree of "carry the mask from that frame" (``walk.py``).

With random weights everything runs the same; a checkpoint that the user installs or imports needs no change here. Files
and hashes are listed by ``turnaround models list``.
"""
