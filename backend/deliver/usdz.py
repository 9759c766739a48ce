# SPDX-License-Identifier: GPL-3.0-or-later
"""A textured mesh as USDZ, as iOS shows it in the room: y up, textures inside, a UsdPreviewSurface.

The package is a ZIP whose entries are stored as they are and begin at multiples of 64 bytes (OpenUSD, "USDZ File Format
Specification"); it is written here, so that a full disk is an ordinary error.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..mesh.textured import TexturedMesh
from .axes import y_up
from .pictures import Pictures

_ALIGNMENT = 64
_LOCAL_HEADER = 30
_EXTRA_HEADER = 4
_EXTRA_ID = 0x1986
"""Of the field of padding in an entry's header; the one that OpenUSD's own writer uses."""
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest a ZIP knows: the same input gives the same file."""


def write_usdz(path: Path, mesh: TexturedMesh, pictures: Pictures, name: str, metres_per_unit: float = 1.0) -> None:
    """Write ``mesh`` (z up) with its encoded ``pictures``. Raises ``ValueError`` for a mesh without faces."""
    if not len(mesh.faces):
        raise ValueError("expected a mesh with faces for a USDZ, got none")
    files = {f"textures/colour{pictures.colour.suffix}": pictures.colour.data}
    files[f"textures/surface{pictures.surface.suffix}"] = pictures.surface.data
    if pictures.normal is not None:
        files[f"textures/normal{pictures.normal.suffix}"] = pictures.normal.data
    names = dict(zip(("colour", "surface", "normal"), files, strict=False))
    with tempfile.TemporaryDirectory(prefix=".usdz", dir=path.parent) as scratch:
        crate = Path(scratch) / f"{name}.usdc"
        _write_crate(crate, mesh, names, name, metres_per_unit)
        # The first entry is what a program opens.
        write_package(path, {crate.name: crate.read_bytes(), **files})


def write_package(path: Path, files: dict[str, bytes]) -> None:
    """Write ``files`` (name -> content) as a USDZ package, in their order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            begin = package.fp.tell() + _LOCAL_HEADER + len(name.encode()) + _EXTRA_HEADER  # type: ignore[union-attr]
            padding = -begin % _ALIGNMENT
            entry.extra = _EXTRA_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + b"\0" * padding
            package.writestr(entry, content)


def _write_crate(path: Path, mesh: TexturedMesh, pictures: dict[str, str], name: str, metres_per_unit: float) -> None:
    """Write the stage: one transform that holds the mesh and its material. Raises ``OSError`` where it cannot."""
    from pxr import Sdf, Tf, Usd, UsdGeom

    layer = Sdf.Layer.CreateAnonymous(".usdc")
    stage: Any = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, metres_per_unit)
    root = UsdGeom.Xform.Define(stage, f"/{name}")
    Usd.ModelAPI(root.GetPrim()).SetKind("component")
    stage.SetDefaultPrim(root.GetPrim())
    shape = _define_mesh(stage, f"/{name}/mesh", mesh)
    _define_material(stage, f"/{name}/material", pictures, shape)
    try:
        written = layer.Export(str(path))
    except Tf.ErrorException as error:
        raise OSError(f"OpenUSD could not write {path}: {error}") from error
    if not written:
        raise OSError(f"OpenUSD could not write {path}")


def _define_mesh(stage: Any, path: str, mesh: TexturedMesh) -> Any:
    """The polygons, with normals and texture coordinates a vertex; USD's v runs up the picture."""
    from pxr import Sdf, UsdGeom, Vt

    shape = UsdGeom.Mesh.Define(stage, path)
    points = y_up(mesh.vertices).astype(np.float32)
    shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.faces), 3, np.int32)))
    shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.faces, np.int32).ravel()))
    shape.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(axis=0), points.max(axis=0)])))
    shape.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(y_up(mesh.normals).astype(np.float32)))
    shape.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    uvs = np.stack([mesh.uvs[:, 0], 1.0 - mesh.uvs[:, 1]], axis=1).astype(np.float32)
    primvar = UsdGeom.PrimvarsAPI(shape).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
    )  # fmt: skip
    primvar.Set(Vt.Vec2fArray.FromNumpy(uvs))
    return shape


def _define_material(stage: Any, path: str, pictures: dict[str, str], shape: Any) -> None:
    """A UsdPreviewSurface fed by the textures, bound to ``shape``."""
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, path)
    surface = UsdShade.Shader.Define(stage, f"{path}/preview_surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    material.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
    reader = UsdShade.Shader.Define(stage, f"{path}/st_reader")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    place = reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)

    def texture(key: str, space: str, outputs: dict[str, tuple[str, Any]]) -> Any:
        shader = UsdShade.Shader.Define(stage, f"{path}/{key}_texture")
        shader.CreateIdAttr("UsdUVTexture")
        shader.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(pictures[key]))
        shader.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set(space)
        shader.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(place)
        for side in ("wrapS", "wrapT"):
            shader.CreateInput(side, Sdf.ValueTypeNames.Token).Set("clamp")
        for target, (channel, kind) in outputs.items():
            wide = Sdf.ValueTypeNames.Float3 if channel == "rgb" else Sdf.ValueTypeNames.Float
            output = shader.CreateOutput(channel, wide)
            surface.CreateInput(target, kind).ConnectToSource(output)
        return shader

    number = Sdf.ValueTypeNames.Float
    texture("colour", "sRGB", {"diffuseColor": ("rgb", Sdf.ValueTypeNames.Color3f)})
    channels = {"occlusion": ("r", number), "roughness": ("g", number), "metallic": ("b", number)}
    texture("surface", "raw", channels)
    if "normal" in pictures:
        relief = texture("normal", "raw", {"normal": ("rgb", Sdf.ValueTypeNames.Normal3f)})
        # From 0..1, as a picture stores them, to -1..1.
        relief.CreateInput("scale", Sdf.ValueTypeNames.Float4).Set((2.0, 2.0, 2.0, 1.0))
        relief.CreateInput("bias", Sdf.ValueTypeNames.Float4).Set((-1.0, -1.0, -1.0, 0.0))
    UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)
