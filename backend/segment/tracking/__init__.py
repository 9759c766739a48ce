# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker: one object's mask through ordered frames, from its first mask on, without anything learnt beforehand."""
