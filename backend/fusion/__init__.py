# SPDX-License-Identifier: GPL-3.0-or-later
"""From depths to a surface: what photos agree on, a signed distance field on sparse blocks, and a closed mesh of it."""
