# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract between Blender, the command line, the batch and the backend.

Standard library only: Blender's Python 3.11 to 3.14 and the backend's own Python both read this file. Everything that
crosses a process boundary is one of the frozen dataclasses below, written as JSON; arrays never cross, paths do.

Notation: prompts are in pixels of the EXIF-oriented, full-size source image, origin at the top left corner, x to the
right, pixel centres at half integers. Lengths are metres. Times are seconds.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

VERSION = 1
"""Raised whenever a message changes meaning; both sides refuse another number than their own."""

PRESETS = ("draft", "balanced", "quality")
DEVICES = ("auto", "cpu", "cuda")
RECIPES = ("auto", "object_scan")
LENGTH_OF = ("height", "longest", "diagonal")
DELIVERABLES = ("glb", "obj", "stl", "pointcloud", "splats")
STAGES = ("frames", "masks", "cameras", "masks_refined", "cutouts", "surface", "splats", "export")
"""Every stage of every recipe, in the order in which the object scan with a prompt runs them."""


# ---------------------------------------------------------------------------------------------------------------------
# What a job is


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """One run on one capture: all that decides its result. The command line, the panel and the batch submit this.

    Paths are absolute. ``prompts`` maps a frame's file name to its list of prompts, each
    ``{"type": "point", "xy": [x, y], "label": 0 or 1}``, ``{"type": "box", "xyxy": [x0, y0, x1, y1]}`` or
    ``{"type": "stroke", "points": [[x, y], ...], "radius": r, "label": 0 or 1}``; label 1 marks the object, 0 the rest.
    """

    capture: str
    job: str
    recipe: str = "auto"
    preset: str = "balanced"
    device: str = "auto"
    prompts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    masks: str | None = None
    cameras: str | None = None
    length: float | None = None
    length_of: str = "height"
    hold_out: int = 8
    deterministic: bool = False
    seed: int = 0
    deliverables: tuple[str, ...] = DELIVERABLES
    from_stage: str | None = None
    until_stage: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ``ValueError`` ("expected ..., got ...") for the first field that is out of its range."""
        for name, path in (("capture", self.capture), ("job", self.job)):
            if not isinstance(path, str) or not path:
                raise ValueError(f"expected {name} to be a path, got {path!r}")
        for name, value, allowed in (
            ("recipe", self.recipe, RECIPES),
            ("preset", self.preset, PRESETS),
            ("device", self.device, DEVICES),
            ("length_of", self.length_of, LENGTH_OF),
            ("from", self.from_stage, (None, *STAGES)),
            ("until", self.until_stage, (None, *STAGES)),
        ):
            if value not in allowed:
                raise ValueError(
                    f"expected {name} to be one of {', '.join(str(a) for a in allowed if a)}, got {value!r}"
                )
        if unknown := set(self.deliverables) - set(DELIVERABLES):
            raise ValueError(f"expected deliverables from {', '.join(DELIVERABLES)}, got {', '.join(sorted(unknown))}")
        if self.length is not None and not 0 < self.length < float("inf"):
            raise ValueError(f"expected length to be a positive number of metres, got {self.length!r}")
        if self.hold_out < 0 or self.hold_out == 1:
            raise ValueError(f"expected hold_out to be 0 (none) or at least 2, got {self.hold_out!r}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"expected seed to be between 0 and {2**31 - 1}, got {self.seed!r}")
        for frame, prompts in self.prompts.items():
            for prompt in prompts:
                check_prompt(frame, prompt)
        for key, value in self.overrides.items():
            option_named(key).check(value)


def check_prompt(frame: str, prompt: dict[str, Any]) -> None:
    """Raise ``ValueError`` if one prompt of ``frame`` is not a point, a box or a stroke as ``JobSpec`` defines them."""

    def numbers(value: Any, count: int) -> bool:
        return (
            isinstance(value, (list, tuple))
            and len(value) == count
            and all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e7 for v in value)
        )

    kind = prompt.get("type") if isinstance(prompt, dict) else None
    where = f"prompt on {frame}"
    if kind == "point":
        if not numbers(prompt.get("xy"), 2):
            raise ValueError(f"{where}: expected a point with 'xy': [x, y], got {prompt!r}")
    elif kind == "box":
        box = prompt.get("xyxy")
        if not isinstance(box, (list, tuple)) or not numbers(box, 4) or box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f"{where}: expected a box with 'xyxy': [x0, y0, x1, y1], x0 < x1, y0 < y1, got {prompt!r}")
    elif kind == "stroke":
        points = prompt.get("points")
        if not isinstance(points, list) or not points or not all(numbers(p, 2) for p in points):
            raise ValueError(f"{where}: expected a stroke with 'points': [[x, y], ...], got {prompt!r}")
        if not numbers([prompt.get("radius", 0)], 1) or prompt.get("radius", 0) <= 0:
            raise ValueError(f"{where}: expected a stroke with a positive 'radius' in pixels, got {prompt!r}")
    else:
        raise ValueError(f"{where}: expected type 'point', 'box' or 'stroke', got {prompt!r}")
    if kind in {"point", "stroke"} and prompt.get("label", 1) not in {0, 1}:
        raise ValueError(f"{where}: expected label 1 (object) or 0 (not the object), got {prompt.get('label')!r}")


# ---------------------------------------------------------------------------------------------------------------------
# The options: the one table behind --set, the panel and the stages' dataclasses


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of one stage. ``defaults`` follows ``PRESETS``; ``low`` and ``high`` bound a number, inclusive."""

    stage: str
    name: str
    defaults: tuple[Any, Any, Any]
    unit: str
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``stage.name``, as ``--set`` and ``JobSpec.overrides`` spell it."""
        return f"{self.stage}.{self.name}"

    @property
    def kind(self) -> type:
        """``bool``, ``int``, ``float`` or ``str``."""
        return type(self.defaults[1])

    def default(self, preset: str) -> Any:
        """The value under ``preset``."""
        return self.defaults[PRESETS.index(preset)]

    def parse(self, text: str) -> Any:
        """Read a value from the command line; ``ValueError`` names the option and what it takes."""
        if self.kind is bool:
            if text.lower() not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
                raise ValueError(f"expected {self.key} to be true or false, got {text!r}")
            return text.lower() in {"true", "yes", "on", "1"}
        try:
            value = self.kind(text)
        except ValueError:
            raise ValueError(f"expected {self.key} to be {self.kind.__name__}, got {text!r}") from None
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Raise ``ValueError`` if ``value`` has another type than the defaults or lies outside the range."""
        number_for_float = self.kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not self.kind and not number_for_float:
            raise ValueError(f"expected {self.key} to be {self.kind.__name__}, got {value!r}")
        if self.choices and value not in self.choices:
            raise ValueError(f"expected {self.key} to be one of {', '.join(self.choices)}, got {value!r}")
        if self.kind in {int, float}:
            low = self.low if self.low is not None else -float("inf")
            high = self.high if self.high is not None else float("inf")
            if not low <= value <= high:
                raise ValueError(f"expected {self.key} between {low:g} and {high:g} {self.unit}, got {value!r}")


def _option(
    key: str, value: Any, unit: str, text: str, bounds: tuple[float, float] | None = None, choices: tuple[str, ...] = ()
) -> Option:
    """Build a row of ``OPTIONS``; ``value`` is one default or a (draft, balanced, quality) triple."""
    stage, name = key.split(".")
    defaults = value if isinstance(value, tuple) else (value, value, value)
    low, high = bounds or (None, None)
    return Option(stage=stage, name=name, defaults=defaults, unit=unit, help=text, low=low, high=high, choices=choices)


# fmt: off
OPTIONS: tuple[Option, ...] = (
    _option("frames.max_frames", (48, 120, 300), "frames", "most frames kept, spread evenly", (3, 5000)),
    _option("frames.long_side", (960, 1600, 3200), "px", "longer side of a frame, reduced to fit", (64, 16384)),
    _option("frames.drop_duplicates", True, "", "leave out exact and near copies of an earlier frame"),
    _option("frames.subfolders", False, "", "read photos in sub-folders of the capture as well"),
    _option("cutouts.feather_px", 0.0, "px", "width of a new soft edge; 0 keeps the mask's own", (0, 64)),
    _option("cutouts.rim_px", 2.0, "px", "depth of the rim cleaned of background colour; 0: none", (0, 16)),
    _option("cameras.where", "auto", "", "look for keypoints there", choices=("auto", "whole", "mask")),
    _option("cameras.features", (3000, 4096, 8192), "", "most keypoints a frame", (500, 65536)),
    _option("cameras.feature_side", (960, 1600, 2400), "px", "longer side of a frame for keypoints", (200, 8192)),
    _option("cameras.triangulate", True, "", "find sparse points for given cameras that have none"),
    _option("masks.side", (480, 640, 640), "px", "longer side at which masks are cut", (128, 4096)),
    _option("masks.smoothness", 2.0, "", "price of a pixel of contour; more makes smoother masks", (0.1, 20)),
    _option("masks_refined.side", (480, 640, 960), "px", "longer side at which masks are cut again", (128, 4096)),
    _option("masks_refined.smoothness", 2.0, "", "price of a pixel of contour; more makes smoother masks", (0.1, 20)),
    _option("masks_refined.rounds", (2, 3, 3), "rounds", "times all masks are made to agree; 0 only warps", (0, 10)),
    _option("masks_refined.voxels", (96, 128, 192), "voxels", "longest edge of the common hull", (32, 512)),
    _option("surface.resolution", (112, 176, 256), "voxels", "voxels along the object's longest side", (32, 512)),
    _option("surface.doubt", 0.04, "", "share of the masks' weight the others may overrule; 0: strict hull", (0, 0.5)),
    _option("surface.margin", 0.03, "diagonals", "how deep a mask must contradict the others", (0.005, 0.2)),
    _option("surface.least_seen", 0.3, "", "share of the masks' weight that must have a point in view", (0, 1)),
    _option("surface.least_island", 0.05, "", "parts smaller than this share of the largest are removed", (0, 1)),
    _option("surface.close_base", True, "", "cut at the ground when no camera looks from below"),
    _option("splats.method", "auto", "", "train where torch is installed", choices=("auto", "trained", "untrained")),
    _option("splats.count", (20_000, 50_000, 150_000), "splats", "most; training starts with half", (100, 2_000_000)),
    _option("splats.minutes", (1.0, 3.0, 15.0), "min", "most minutes of training, 0: no limit", (0, 10_000)),
    _option("splats.steps", (2000, 10_000, 30_000), "", "most steps of training, one photo each", (1, 1_000_000)),
    _option("splats.side", (480, 640, 1200), "px", "longer side of the photos trained on", (32, 8192)),
    _option("splats.band", 1.0, "px", "rim of the silhouette that teaches nothing", (0, 32)),
    _option("splats.degree", 3, "", "degree of the spherical harmonics", (0, 3)),
    _option("splats.spread", 0.6, "", "standard deviation over the distance to the neighbours", (0.1, 3)),
    _option("splats.thickness", 0.2, "", "thinnest axis over the mean of the other two", (0.01, 1)),
    _option("splats.strategy", "mcmc", "", "how Gaussians are placed", choices=("mcmc", "classical")),
    _option("splats.outside", "empty", "", "what masks say of their outside", choices=("empty", "unknown")),
    _option("splats.poses", False, "", "refine the cameras as well, for the splats alone"),
    _option("export.points", (20_000, 50_000, 100_000), "points", "coloured points of the surface", (100, 5_000_000)),
)
# fmt: on
"""Every option of every stage. A test compares it with the stages' dataclasses."""


def option_named(key: str) -> Option:
    """The row of ``OPTIONS`` called ``stage.name``; ``ValueError`` lists the stage's options when there is none."""
    for option in OPTIONS:
        if option.key == key:
            return option
    near = [o.key for o in OPTIONS if o.stage == key.split(".", maxsplit=1)[0]] or sorted({o.stage for o in OPTIONS})
    raise ValueError(f"expected an option such as {', '.join(near)}, got {key!r}")


def stage_options(stage: str, preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Values of all options of ``stage`` under ``preset``, with ``overrides`` ({"stage.name": value}) laid over."""
    return {o.name: overrides.get(o.key, o.default(preset)) for o in OPTIONS if o.stage == stage}


# ---------------------------------------------------------------------------------------------------------------------
# The flags: the fields of a job by the names under which the command line, the panel and the batch offer them


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag of ``turnaround run``. ``field`` is the field of ``JobSpec`` it sets, ``kind`` how its text is read."""

    name: str
    field: str
    kind: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()


def _flag(name: str, to: str, kind: str, text: str, metavar: str = "", choices: tuple[str, ...] = ()) -> Flag:
    return Flag(name=name, field=to, kind=kind, help=text, metavar=metavar, choices=choices)


# fmt: off
FLAGS: tuple[Flag, ...] = (
    _flag("--job", "job", "path", "job folder (default: turnaround-jobs/<name of the capture>)", "DIR"),
    _flag("--recipe", "recipe", "choice", "what to make of the capture", choices=RECIPES),
    _flag("--preset", "preset", "choice", "how much work to spend", choices=PRESETS),
    _flag("--point", "prompts", "point", "a point on the object, pixels of the upright photo", "X,Y"),
    _flag("--box", "prompts", "box", "a box around the object, pixels of the upright photo", "X0,Y0,X1,Y1"),
    _flag("--frame", "prompts", "frame", "photo that --point and --box are on (default: the first)", "NAME"),
    _flag("--prompts", "prompts", "file", "JSON file with prompts on one or more photos", "FILE"),
    _flag("--masks", "masks", "path", "folder of masks you already have (white = object)", "DIR"),
    _flag("--cameras", "cameras", "path", "cameras you have: COLMAP model, transforms.json or cameras_gt.json", "PATH"),
    _flag("--device", "device", "choice", "where to compute", choices=DEVICES),
    _flag("--length", "length", "float", "a known length of the object; makes the result metric", "METRES"),
    _flag("--length-of", "length_of", "choice", "what --length measures", choices=LENGTH_OF),
    _flag("--hold-out", "hold_out", "int", "every Nth photo is kept for scoring; 0 for none", "N"),
    _flag("--deliverables", "deliverables", "list", f"what to deliver, of {','.join(DELIVERABLES)}", "LIST"),
    _flag("--deterministic", "deterministic", "switch", "same input, same result, bit for bit; slower"),
    _flag("--seed", "seed", "int", "seed of everything drawn by chance", "N"),
    _flag("--from", "from_stage", "choice", "redo this stage and those after it", "STAGE", STAGES),
    _flag("--until", "until_stage", "choice", "stop after this stage", "STAGE", STAGES),
    _flag("--set", "overrides", "set", "set an option of a stage; may be given often", "STAGE.OPTION=VALUE"),
)
# fmt: on


# ---------------------------------------------------------------------------------------------------------------------
# Events: what a running job says


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing a job says. ``kind`` is one of ``EVENT_KINDS``; fields that do not apply keep their defaults.

    ``progress``: ``stage``, ``fraction`` of the whole job in [0, 1], ``message``, ``seconds_left`` (None: unknown),
    ``preview`` (path of a picture); a newer one replaces an older. ``stage_finished``: ``stage``, ``message`` ("reused"
    when the stamp matched). ``warning``: ``stage``, ``code``, ``message``, ``hint``. ``done``: ``result``, the path of
    ``result.json``. ``failed``: ``stage``, ``code`` (a key of ``ERRORS``), ``message``, ``hint``.
    """

    kind: str
    job: str
    time: float = 0.0
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    preview: str = ""
    code: str = ""
    hint: str = ""
    result: str = ""


EVENT_KINDS = ("queued", "started", "progress", "stage_finished", "warning", "done", "failed")
FINAL_EVENTS = ("done", "failed")


# ---------------------------------------------------------------------------------------------------------------------
# Errors: code -> id of the remedy that the panel can offer as a button ("" where there is none)

ERRORS: dict[str, str] = {
    "capture_missing": "choose_capture",
    "capture_empty": "choose_capture",
    "capture_too_few": "choose_capture",
    "capture_unsupported": "choose_capture",
    "prompt_bad": "edit_prompts",
    "prompt_frame_missing": "edit_prompts",
    "mask_empty": "edit_prompts",
    "masks_unreadable": "choose_masks",
    "cameras_unreadable": "choose_cameras",
    "cameras_unmatched": "choose_cameras",
    "cameras_failed": "show_log",
    "cameras_too_few": "show_log",
    "surface_empty": "edit_prompts",
    "engine_missing": "repair_backend",
    "disk_full": "open_job_folder",
    "job_busy": "open_job_folder",
    "job_unwritable": "choose_job_folder",
    "job_foreign": "choose_job_folder",
    "worker_died": "run_again",
    "out_of_memory": "use_draft",
    "cancelled": "run_again",
    "version_mismatch": "repair_backend",
    "bad_request": "",
    "internal": "show_log",
}


# ---------------------------------------------------------------------------------------------------------------------
# Requests (JSON-RPC 2.0, one object a line) and their parameters

REQUESTS: dict[str, str] = {
    "hello": "{version} -> {version, product, capabilities}; must be the first request",
    "submit": "{spec: JobSpec} -> {id}; events follow as notifications 'event' with an Event",
    "cancel": "{id} -> {cancelled: bool}",
    "status": "{} -> {jobs: [{id, state, job, capture, last: Event}]}",
    "inspect": "{capture} -> what is in the folder, without writing to it",
    "preview": "{capture, frame, max_side, folder} -> {path, width, height, source_width, source_height}",
    "doctor": "{} -> {checks: [{name, ok, detail, hint}]}",
    "shutdown": "{} -> {}; running jobs are cancelled",
}


# ---------------------------------------------------------------------------------------------------------------------
# Results: what a job delivers


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A file a job delivers. ``path`` is relative to the job folder, ``axes`` a key of ``AXES``."""

    kind: str
    path: str
    axes: str = "z_up"
    unit: str = "relative"
    count: int = 0


AXES = {
    "z_up": "right-handed, z up, object's centre above the origin, its lowest point at z = 0",
    "y_up": "glTF: right-handed, y up, z towards the viewer",
    "image": "pixels",
}

ARTEFACTS: dict[str, str] = {
    "mesh": "PLY, vertex colours (red, green, blue: sRGB 8 bit)",
    "model": "GLB, y up",
    "obj": "OBJ with vertex colours",
    "stl": "STL, millimetres",
    "points": "PLY, coloured points of the object with a radius each",
    "sparse_points": "PLY, structure-from-motion points of the whole capture, for checking cameras",
    "splats": "PLY in the layout of 3D Gaussian splatting",
    "cameras": "cameras.json: one undistorted pinhole camera a frame, with image and mask",
    "cutouts": "folder of RGBA PNG, straight alpha",
    "report": "a page or picture for people",
}

METRICS: dict[str, str] = {
    "frames_used": "frames that entered the job",
    "frames_registered": "frames with a camera",
    "registered_share": "frames_registered / frames_used",
    "reprojection_error_px": "mean reprojection error of the sparse points, pixels of the frames",
    "mask_confidence_mean": "mean of the frames' mask confidences, 0 to 1",
    "splats_psnr": "dB, held-out frames, inside the mask",
    "splats_ssim": "held-out frames, inside the mask",
    "mesh_psnr": "dB, held-out frames, mesh colours inside the mask",
    "mesh_ssim": "held-out frames, mesh colours inside the mask",
    "mask_iou_mean": "mean over frames of mask intersection over union with the truth",
    "mask_iou_min": "least of the frames' intersections over unions",
    "mask_boundary_f_mean": "mean over frames of the boundary F-measure (DAVIS)",
    "camera_auc_3": "per cent; area under the curve of relative-pose accuracy up to 3 degrees",
    "camera_auc_5": "per cent; the same up to 5 degrees",
    "camera_auc_30": "per cent; the same up to 30 degrees",
    "camera_centre_rms_percent": "per cent of the diagonal of the box of the true centres, after a similarity",
    "chamfer": "mean of the two mean distances over the seen surface, units of the truth",
    "f_score_1pct": "F-score at 1 per cent of the diagonal of the true object's box",
    "up_error_degrees": "angle between the job's z axis and the truth's",
    "scale_error_percent": "relative error of the metric scale",
}


# ---------------------------------------------------------------------------------------------------------------------
# JSON


def to_json(value: Any) -> str:
    """Write a dataclass of this file as one line of JSON, leaving out fields that hold their default."""
    return json.dumps(to_dict(value), ensure_ascii=False, separators=(",", ":"))


def to_dict(value: Any) -> dict[str, Any]:
    """A dataclass as a dictionary without the fields that hold their default."""
    kept = {}
    everything = asdict(value)
    for f in fields(value):
        default = (
            f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else MISSING
        )
        if everything[f.name] != default:
            kept[f.name] = everything[f.name]
    return kept


def from_dict(cls: type, data: Any) -> Any:
    """Build ``cls`` from a dictionary; ``ValueError`` for a missing or unknown field. Lists become tuples where due."""
    if not isinstance(data, dict):
        raise ValueError(f"expected an object for {cls.__name__}, got {type(data).__name__}")
    known = {f.name: f for f in fields(cls)}
    if unknown := set(data) - set(known):
        raise ValueError(f"expected fields of {cls.__name__}, got {', '.join(sorted(unknown))}")
    missing = [
        f.name for f in known.values() if f.default is MISSING and f.default_factory is MISSING and f.name not in data
    ]
    if missing:
        raise ValueError(f"expected {cls.__name__} with {', '.join(missing)}, got none")
    values = {
        name: tuple(value) if isinstance(value, list) and str(known[name].type).startswith("tuple") else value
        for name, value in data.items()
    }
    return cls(**values)
