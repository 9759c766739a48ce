# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned models on disk: which there are, how they come there, and that they are what they claim to be.

Nothing is ever fetched unless the user asks for it (``turnaround models install NAME``); a file the user has already is
taken in by ``import``. A file gets its name in the cache only after its size and its SHA-256 have been checked.
"""
