# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaussian splats as a mesh of one vertex each, drawn by geometry nodes in viewports, EEVEE and Cycles.

Everything that the file says is kept as attributes, as the file has it, so that writing them again loses nothing:
``rotation`` (quaternion of any length), ``log_scale``, ``opacity_logit`` and the harmonics ``sh_00`` to ``sh_15`` (red,
green, blue), 236 bytes a splat with its position at degree 3; and ``rank``, 4 bytes, from 0 for the most important one
to 1. A splat may be selected and deleted in Edit Mode like any vertex.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..compat import get_input, set_input
from ..follow import MARK
from . import axes, native_splats, ply
from .mesh import fill
from .placing import Place
from .spherical import HARMONICS
from .splat_files import stated_up
from .splat_nodes import LOG_SCALE, LOGIT, RANK, RENDER_SHARE, ROTATION, VIEW_SHARE, is_ours, splat_nodes

_MOST_BOUNCES, _LEAST_BOUNCES = 1024, 128
"""Cycles stops after so many see-through surfaces on a ray and shows black; splats lie many deep. Before the lesser
number it does not stop by chance either: without grain 8 samples do what 200 do otherwise (trained splats, 50.9 dB of
alpha against 38 after 32 samples, at 1.6 times the time a sample)."""
_POSITION = ("x", "y", "z")
_SCALES = ("scale_0", "scale_1", "scale_2")
_QUATERNION = ("rot_0", "rot_1", "rot_2", "rot_3")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
VIEW_CAP, RENDER_CAP = 200_000, 4_000_000
"""Splats that a viewport and a render draw at first; what is drawn takes ``DRAWN_BYTES`` each."""
STORED_BYTES, DRAWN_BYTES = 240, 300
"""Bytes a splat: its attributes at degree 3; its square in the evaluated mesh."""
_LEAST = 40.0
"""Logarithm of the range of importance that is told apart, each way."""


def import_splats(path: Path, place: Place) -> bpy.types.Object:
    """Make or update the job's splats from ``path``; the modifier is added only when the object is made."""
    item, is_new = place.ensure("splats", lambda: bpy.data.meshes.new(f"{place.result.name} splats"))
    mesh = item.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise ValueError(f"The object {item.name!r} stands for the splats of this job but is no mesh; delete it first.")
    _fill(mesh, path)
    if is_new:
        _show(item)
    if is_new or native_splats.native_of(item) is not None:
        native_splats.show(item)
    return item


def import_splat_file(
    scene: bpy.types.Scene, collection: bpy.types.Collection | None, path: Path, name: str, up: str | None = None
) -> bpy.types.Object:
    """Make a new object called ``name`` of the splats of a standard PLY, in ``collection`` (None: the scene's).

    ``up`` says which direction of the file is up, None that the file's comments do; the object is turned until that is
    Blender's z, so the numbers stay those of the file. Raises ``ValueError`` for another kind of file.
    """
    mesh = bpy.data.meshes.new(name)
    try:
        _fill(mesh, path)
    except ValueError:
        bpy.data.meshes.remove(mesh)
        raise
    item = bpy.data.objects.new(name, mesh)
    (collection or scene.collection).objects.link(item)
    up = up or stated_up(ply.read_header(path).comments)
    item["turnaround_up"] = up
    item.rotation_euler.x = axes.TURN_TO_Z[up]
    _show(item)
    native_splats.show(item)
    let_rays_through(scene)
    return item


def let_rays_through(scene: Any) -> None:
    """Let Cycles see through as many surfaces as splats lie deep; it would show black behind the last one."""
    cycles = getattr(scene, "cycles", None)
    if cycles is not None:
        cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, _MOST_BOUNCES)
        cycles.min_transparent_bounces = max(cycles.min_transparent_bounces, _LEAST_BOUNCES)


def _show(item: bpy.types.Object) -> None:
    """Add the modifier that draws the splats."""
    modifier: Any = item.modifiers.new("Turnaround Splats", "NODES")
    modifier.node_group = splat_nodes()
    mesh: Any = item.data
    count = max(len(mesh.vertices), 1)
    item[MARK] = True
    set_input(modifier, VIEW_SHARE, min(1.0, VIEW_CAP / count))
    set_input(modifier, RENDER_SHARE, min(1.0, RENDER_CAP / count))


def modifier_of(item: Any) -> Any:
    """The modifier that draws the splats of ``item``, or None where it is no splats of ours."""
    return next((m for m in item.modifiers if m.type == "NODES" and is_ours(m.node_group)), None)


def caps_of(item: Any) -> tuple[int, int, int]:
    """How many splats ``item`` has, how many of them viewports draw, and how many renders."""
    modifier, count = modifier_of(item), len(item.data.vertices)
    return count, round(count * get_input(modifier, VIEW_SHARE)), round(count * get_input(modifier, RENDER_SHARE))


def _fill(mesh: bpy.types.Mesh, path: Path) -> None:
    """Replace what ``mesh`` holds by the splats of ``path``."""
    layers = [
        (ROTATION, "QUATERNION", _QUATERNION),
        (LOG_SCALE, "FLOAT_VECTOR", _SCALES),
        (LOGIT, "FLOAT", ("opacity",)),
    ]
    layers += [(name, "FLOAT_VECTOR", names) for name, names in zip(HARMONICS, _harmonics(path), strict=False)]
    positions, *columns = ply.read_columns(path, [_POSITION, *(names for _, _, names in layers)])
    if not len(positions):
        raise ValueError("expected splats, got none")
    fill(mesh, positions, np.zeros((0, 3), np.int32))
    for (name, kind, _), values in zip(layers, columns, strict=True):
        _set(mesh, name, kind, values)
    _set(mesh, RANK, "FLOAT", ranks(columns[1], columns[2][:, 0]))


def _harmonics(path: Path) -> list[tuple[str, ...]]:
    """The columns of each harmonic, red, green, blue; files hold those above the first channel by channel."""
    elements = ply.read_header(path).elements
    rest = sum(name.startswith("f_rest_") for name, _ in elements[0].scalars) if elements else 0
    if rest not in {0, 9, 24, 45}:
        raise ValueError(f"expected 0, 9, 24 or 45 columns f_rest_*, got {rest}")
    count = rest // 3
    return [_DC, *(tuple(f"f_rest_{k + channel * count}" for channel in range(3)) for k in range(count))]


def ranks(log_scales: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The rank of each splat (N,), from 0 for the most important to 1: opacity times the area of its two long axes.

    Compared in 65536 steps, which numpy sorts by radix, ten times as fast as numbers.
    """
    x, y, z = log_scales.T
    with np.errstate(over="ignore", invalid="ignore"):
        unimportance = np.minimum(np.minimum(x, y), z) - x - y - z + np.log1p(np.exp(-logits))
        steps = np.clip((unimportance + _LEAST) * (65535 / (2 * _LEAST)), 0, 65535).astype(np.uint16)
    order = np.argsort(steps, kind="stable")
    found = np.zeros(len(logits), np.float32)
    found[order] = np.arange(len(order), dtype=np.float32) * np.float32(1 / max(len(order), 1))
    return found


_FIELDS = {"FLOAT": "value", "FLOAT_VECTOR": "vector", "QUATERNION": "value"}


def _set(mesh: bpy.types.Mesh, name: str, kind: str, values: np.ndarray) -> None:
    """Store ``values`` as the vertex attribute ``name``."""
    attribute = mesh.attributes.new(name, kind, "POINT")  # type: ignore[arg-type]
    attribute.data.foreach_set(_FIELDS[kind], values.ravel())  # type: ignore[attr-defined]
