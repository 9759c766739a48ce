# SPDX-License-Identifier: GPL-3.0-or-later
"""The models Turnaround can use: what for, under which terms, and exactly which file.

Sizes and SHA-256 are those published for these files (the hosts' own large-file records and several projects that pin
the same files); they have not been downloaded here. A model whose hash is not known has an empty one: it is recorded
when the file first comes, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass

_SAM2 = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
_HUB = "https://huggingface.co"
_GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class Model:
    """One file. ``kind`` says which code reads it; ``settings`` is for that code alone. ``size`` in bytes."""

    name: str
    kind: str
    purpose: str
    licence: str
    file: str
    size: int
    sha256: str
    urls: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()

    def setting(self, key: str) -> str:
        """The setting ``key``; "" where there is none."""
        return dict(self.settings).get(key, "")


def _sam2(size_name: str, file: str, config: str, size: int, sha256: str, text: str) -> Model:
    return Model(
        name=f"sam2.1-{size_name}",
        kind="sam2",
        purpose=f"masks from clicks, carried through all frames; {text}",
        licence="Apache-2.0",
        file=file,
        size=size,
        sha256=sha256,
        urls=(f"{_SAM2}/{file}",),
        settings=(("config", f"configs/sam2.1/sam2.1_hiera_{config}.yaml"),),
    )


_NORMALISED = {"isnet-general-use": (("mean", "0.5 0.5 0.5"), ("deviation", "1 1 1"))}
"""Models that were not trained with the means and deviations of ImageNet."""


def _salient(name: str, file: str, size: int, sha256: str, licence: str, side: int, text: str, output: str) -> Model:
    return Model(
        name=name,
        kind="salient",
        purpose=f"finds the object when nobody marked it; {text}",
        licence=licence,
        file=file,
        size=size,
        sha256=sha256,
        urls=(f"{_REMBG}/{file}",),
        settings=(("side", str(side)), ("output", output), *_NORMALISED.get(name, ())),
    )


MODELS: tuple[Model, ...] = (
    _sam2(
        "tiny", "sam2.1_hiera_tiny.pt", "t", 156_008_466,
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69", "the fastest, for the processor",
    ),
    _sam2(
        "small", "sam2.1_hiera_small.pt", "s", 184_416_285,
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38", "a good choice",
    ),
    _sam2(
        "base-plus", "sam2.1_hiera_base_plus.pt", "b+", 323_606_802,
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5", "for graphics cards",
    ),
    _sam2(
        "large", "sam2.1_hiera_large.pt", "l", 898_083_611,
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318", "the best, for graphics cards",
    ),
    _salient(
        "u2netp", "u2netp.onnx", 4_574_861,
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8", "Apache-2.0", 320, "small", "range",
    ),
    _salient(
        "u2net", "u2net.onnx", 175_997_641,
        "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491", "Apache-2.0", 320, "general", "range",
    ),
    _salient(
        "isnet-general-use", "isnet-general-use.onnx", 178_648_008,
        "60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a", "Apache-2.0", 1024, "finer", "range",
    ),
    _salient(
        "birefnet-general-lite", "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx", 224_005_088,
        "5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333", "MIT", 1024, "a good choice", "logits",
    ),
    _salient(
        "birefnet-general", "BiRefNet-general-epoch_244.onnx", 972_666_916,
        "58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c", "MIT", 1024, "the best", "logits",
    ),
    Model(
        name="triposr", kind="single_image", purpose="a mesh from a single picture", licence="MIT",
        file="triposr_model.ckpt", size=1_677_246_742,
        sha256="429e2c6b22a0923967459de24d67f05962b235f79cde6b032aa7ed2ffcd970ee",
        urls=(f"{_HUB}/stabilityai/TripoSR/resolve/5b521936b01fbe1890f6f9baed0254ab6351c04a/model.ckpt",),
    ),
    Model(
        name="depth-anything-v2-small", kind="depth", purpose="depth from a single picture", licence="Apache-2.0",
        file="depth_anything_v2_small.onnx", size=99_060_839,
        sha256="afb6a5c28f3b6bf1618c6e43f02073ef9dfdc70e937502d51603e57b0a1df10c",
        urls=(
            f"{_HUB}/onnx-community/depth-anything-v2-small/resolve/4472b7362082ad9968fee890ca0f1e5aca36b93d/"
            "onnx/model.onnx",
        ),
    ),
    Model(
        name="xfeat", kind="features", purpose="keypoints where the texture is poor", licence="Apache-2.0",
        file="xfeat_320x224.onnx", size=3_740_789,
        sha256="4eb3d29927367b64c1d203a42b03c7332e6b1ff3438d140c02e8f537678b481f",
        urls=(
            f"{_GITHUB}/Kazuhito00/XFeat-Image-Matching-ONNX-Sample/d14a4627bc90df37f1ee8cad8135ba898e2bb106/"
            "onnx_model/xfeat_320x224.onnx",
        ),
    ),
    Model(
        name="lighterglue", kind="matcher", purpose="matches keypoints of xfeat", licence="Apache-2.0",
        file="lighterglue_L3.onnx", size=2_349_183,
        sha256="a721f366f54b20328fa98c799cc31478edb1c31f0c941528df3d363c3753760d",
        urls=(
            f"{_GITHUB}/noahzhy/xfeat_lightglue_onnx/5ecce02b27a923315651396c0e906335495c65a7/"
            "onnx/lighterglue_L3.onnx",
        ),
    ),
)  # fmt: skip
"""Within a kind from the smallest to the largest."""


def named(name: str) -> Model:
    """The model called ``name``. Raises ``ValueError`` that lists them."""
    for model in MODELS:
        if model.name == name:
            return model
    raise ValueError(f"expected a model of {', '.join(m.name for m in MODELS)}, got {name!r}")


def of_kind(kind: str) -> list[Model]:
    """Models of one kind, the largest first."""
    return [model for model in reversed(MODELS) if model.kind == kind]
