# SPDX-License-Identifier: GPL-3.0-or-later
"""Numerical kernels: numpy and numba only, arrays in and arrays out. Importing this package compiles nothing.

Each kernel has a plain numpy twin in ``reference.py`` or a sibling called ``*_reference.py``; tests compare the two.
"""
