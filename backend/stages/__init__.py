# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a job a file: each defines ``NAME``, ``VERSION``, ``INPUTS``, ``OUTPUTS``, ``SPEC``, ``Options``
and ``run``.

Stages meet only on disk and never import one another; ``backend/stage.py`` says what the names mean.
"""
