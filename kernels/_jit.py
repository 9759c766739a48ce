# SPDX-License-Identifier: GPL-3.0-or-later
"""The one home of the compiler's options, so that all kernels agree on threads, rounding and caching.

``fastmath`` leaves out ``nnan`` and ``ninf``: kernels may be handed infinities (an unseen depth) and must keep them.
``cache=True`` stores compiled code beside the sources or under ``NUMBA_CACHE_DIR``; ``backend/compile_cache.py`` sets
the latter, keyed by the kernels' contents, because numba does not notice an edit in another module.
"""

from __future__ import annotations

from numba import njit

_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}

serial = njit(cache=True, nogil=True, fastmath=_FASTMATH, error_model="numpy")
"""Compile for one core: small helpers that others inline, and loops whose order matters."""

parallel = njit(cache=True, nogil=True, fastmath=_FASTMATH, error_model="numpy", parallel=True)
"""Compile for all cores; ``numba.prange`` marks the loop that is shared out."""
