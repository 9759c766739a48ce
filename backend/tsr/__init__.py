# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR: one picture to a triplane radiance field (Tochilkin et al. 2024, arXiv 2403.02151; the field is LRM's,
Hong et al. 2023, arXiv 2311.04400).

``config`` the sizes; ``vision_transformer``, ``backbone``, ``triplane``, ``decoder`` the parts in the order in which a
picture passes through them, their tensors named as in the released checkpoint; ``model`` the whole; ``checkpoint`` its
strict loading; ``field`` density and colour at points (``folding`` quickly, ``cores`` on all of them); ``grid`` density
on a fine grid, coarse to fine; ``mesher`` the surface; ``renderer`` pictures, on the CPU by ``marching``, past what
``occupancy`` finds empty. ``framing``, ``turning``, ``joining``, ``placing`` and ``shaping``: from cutouts to a body in
the world. Heavy (torch): loaded by its stage.
"""
