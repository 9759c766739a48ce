# SPDX-License-Identifier: GPL-3.0-or-later
"""From a mesh and the photos around it to a textured mesh.

``unwrap`` cuts the surface into charts on a square; ``texels`` knows where each texel lies in space; ``exposure`` makes
the photos equally bright; ``colour`` blends them band by band; ``relief`` and ``shade`` bake the dense mesh's normals,
ambient occlusion and roughness; ``fill`` completes what no photo saw and what lies between charts.
"""
