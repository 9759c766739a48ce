# SPDX-License-Identifier: GPL-3.0-or-later
"""A body from one picture without knowing what it shows: its silhouette inflated, or a depth picture closed behind.

``inflate`` how thick a silhouette is; ``viewing`` where the camera is taken to stand; ``solid`` the closed body;
``depth`` a depth network; ``front`` what of its answer becomes the body's front.
"""
