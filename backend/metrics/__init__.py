# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures that compare pictures, masks and surfaces. Importing it loads nothing."""
