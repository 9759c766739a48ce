# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user takes away, one file format a module.

A writer takes arrays in the axes and the unit of the job's delivered world (z up) and turns them to what its format
asks for; which files are written, and in which unit, is the stage ``export``'s business.
"""
