# SPDX-License-Identifier: GPL-3.0-or-later
"""Training Gaussian splats: one trainer, two rasterisers (gsplat on CUDA, our kernels on any CPU).

``views`` what is looked at; ``model`` what is learnt; ``rasterisers`` how it is drawn; ``loss``; ``mcmc`` where
Gaussians go; ``trainer`` the loop and its budget; ``scoring`` held-out figures. Heavy (torch): loaded by its stage.
"""
