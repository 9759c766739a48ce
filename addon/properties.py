# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene remembers: the capture, the prompts on its photos, how much work to spend, and the last job.

Prompts are in pixels of the upright, full-size photo, origin at the top left corner, as ``protocol`` defines them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..protocol import OPTIONS, PRESETS, RECIPES, JobSpec
from .naming import capture_name, film_of, photos_in
from .preferences import jobs_folder, preferences
from .segments import POINTS, TurnaroundSegment, known_length, length_items, store, take_segment

if TYPE_CHECKING:
    from collections.abc import Iterable


_PRESET_OPTIONS = ("frames.max_frames", "frames.long_side")


def _preset_items() -> list[tuple[str, str, str]]:
    """The presets, described by the numbers of the options' table that a person can picture."""
    rows = [o for o in OPTIONS if o.key in _PRESET_OPTIONS]
    texts = {
        preset: ", ".join(f"{o.name.replace('_', ' ')} {o.default(preset)} {o.unit}".strip() for o in rows)
        for preset in PRESETS
    }
    return [(preset, preset.capitalize(), texts[preset].capitalize()) for preset in PRESETS]


_RECIPE_TEXTS = {
    "auto": ("Automatic", "A single picture is made into an object as far as it shows; all else is an object's scan"),
    "object_scan": ("Object", "Photos all around one object"),
    "scene": ("Whole Scene", "All that the photos show, as splats, without masks and without a mesh"),
    "single_picture": ("Few Pictures", "One to five pictures that share no view: sides nobody saw are made up"),
}


def _recipe_items() -> list[tuple[str, str, str]]:
    """The recipes of the contract, with their texts."""
    return [(name, *_RECIPE_TEXTS.get(name, (name, ""))) for name in RECIPES]


# Blender evaluates a property's annotation where neither a lambda nor a comprehension finds this module's names, so
# what a property needs is a function.
def _capture_changed(settings: Any, context: Any) -> None:
    """Another capture has other photos, and another forecast."""
    from . import runtime

    settings.forget_other_capture()
    runtime.look_into(settings.capture_path)


def _offer_photos(settings: Any, context: Any, text: str) -> list[str]:
    """Names for the search below the field; Blender filters them."""
    return frames_of(settings.capture_path)


def frames_of(capture: str) -> list[str]:
    """What can be marked: the photos of a folder, or of a video those pictures that the backend proposes.

    Until the backend has looked into a video, its first picture stands for it.
    """
    film = film_of(capture)
    if film is None:
        return photos_in(capture)
    from . import runtime

    return list(runtime.looked_into(capture).get("names") or [f"{film.name}#0.000"])


def _position(settings: Any) -> int:
    """Number of the photo shown, from 1."""
    names = frames_of(settings.capture_path)
    return names.index(settings.shown_frame) + 1 if settings.shown_frame in names else 1


def _go_to(settings: Any, value: int) -> None:
    """Show another photo."""
    if names := frames_of(settings.capture_path):
        settings.frame = names[min(max(value, 1), len(names)) - 1]


class TurnaroundPrompt(bpy.types.PropertyGroup):
    """A point, a box or a stroke on one photo. ``area`` is (x, y, x, y) for a box; a point uses its first two numbers.

    A stroke's ``path`` is JSON, [[x, y], ...], and ``radius`` its half width.
    """

    frame: bpy.props.StringProperty(name="Photo")  # type: ignore[valid-type]
    kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Kind",
        items=[
            ("point", "Point", "A point"),
            ("box", "Box", "A box around the object"),
            ("stroke", "Stroke", "A brush stroke"),
        ],
    )
    path: bpy.props.StringProperty(name="Path")  # type: ignore[valid-type]
    radius: bpy.props.FloatProperty(name="Radius", default=10.0, min=0.5)  # type: ignore[valid-type]
    area: bpy.props.FloatVectorProperty(name="Pixels", size=4)  # type: ignore[valid-type]
    is_object: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Object", description="Whether this point lies on the object, or on what is not the object", default=True
    )

    def as_protocol(self) -> dict[str, Any]:
        """The prompt as ``JobSpec`` wants it."""
        x0, y0, x1, y1 = (round(float(v), 2) for v in self.area)
        if self.kind == "box":
            return {"type": "box", "xyxy": [x0, y0, x1, y1]}
        if self.kind == "stroke":
            radius, label = round(float(self.radius), 2), int(self.is_object)
            return {"type": "stroke", "points": json.loads(self.path), "radius": radius, "label": label}
        return {"type": "point", "xy": [x0, y0], "label": int(self.is_object)}

    def take(self, frame: str, prompt: dict[str, Any]) -> None:
        """Be what ``prompt`` of a ``JobSpec`` says."""
        self.frame, self.kind = frame, prompt["type"]
        self.is_object = bool(prompt.get("label", 1))
        if self.kind == "box":
            self.area = prompt["xyxy"]
        elif self.kind == "stroke":
            self.path, self.radius = json.dumps(prompt["points"]), prompt["radius"]
            self.area = (*prompt["points"][0], 0.0, 0.0)
        else:
            self.area = (*prompt["xy"], 0.0, 0.0)


class TurnaroundSettings(bpy.types.PropertyGroup):
    """One scene's capture and how to reconstruct it; ``scene.turnaround``."""

    capture: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Capture",
        description=(
            "Folder with the photos of the object, a video of it, or one picture; each may be dropped here. It is only "
            "read, never written to"
        ),
        subtype="DIR_PATH",
        update=_capture_changed,
    )
    frame: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Photo",
        description="Photo on which to mark the object",
        search=_offer_photos,
    )
    prompts: bpy.props.CollectionProperty(type=TurnaroundPrompt)  # type: ignore[valid-type]
    active_prompt: bpy.props.IntProperty()  # type: ignore[valid-type]
    tool: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Tool",
        description="What the mouse does on the photo; Ctrl or Alt marks what is not the object",
        items=[
            ("click", "Click or Box", "Click on the object, or drag a box around it"),
            ("brush", "Brush", "Paint over what belongs to the object"),
        ],
    )
    brush: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Brush", description="Radius of the brush on the screen", default=12.0, min=1.0, max=200.0, subtype="PIXEL"
    )
    use_masks: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Use These Masks",
        description="Give the job the masks seen here, instead of letting it make its own from the marks",
    )
    masks: bpy.props.StringProperty(name="Masks", subtype="DIR_PATH")  # type: ignore[valid-type]
    position: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Photo", description="Which photo is shown", min=1, get=_position, set=_go_to
    )
    preset: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Preset", description="How much work to spend", items=_preset_items(), default=PRESETS[0]
    )
    recipe: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Make", description="What is made of the capture", items=_recipe_items()
    )
    use_length: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Known Length", description="Scale the result to metres by one length of the object"
    )
    length: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Length",
        description="The length in reality, of what is chosen below",
        default=0.2,
        min=1e-4,
        soft_max=10.0,
        unit="LENGTH",
        precision=4,
    )
    length_of: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Of",
        description="What the length measures: of the object standing upright, or between two points of a photo",
        items=length_items(),
    )
    segments: bpy.props.CollectionProperty(type=TurnaroundSegment)  # type: ignore[valid-type]
    active_segment: bpy.props.IntProperty()  # type: ignore[valid-type]
    job: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Job", description="Folder of this scene's last job", subtype="DIR_PATH"
    )

    @property
    def capture_path(self) -> str:
        """The folder or the video as an absolute path without a trailing separator, or an empty string."""
        return str(Path(bpy.path.abspath(self.capture)).resolve()) if self.capture else ""

    @property
    def shown_frame(self) -> str:
        """The photo to mark: the chosen one where the capture has it, else its first, else an empty string."""
        return self.frame if self.has_photo(self.frame) else next(iter(frames_of(self.capture_path)), "")

    def has_photo(self, frame: str) -> bool:
        """Whether ``frame`` names a photo of the capture, or a picture of the video that it is."""
        film = film_of(self.capture_path)
        named = film is not None and frame.rpartition("#")[0] == film.name
        return named or frame in frames_of(self.capture_path)

    @property
    def own_job(self) -> str:
        """Where this capture's job lies or would lie. Two captures of one name are two jobs."""
        capture = self.capture_path
        mark = hashlib.sha256(capture.encode()).hexdigest()[:8]
        return str(jobs_folder() / f"{capture_name(Path(capture))}-{mark}")

    @property
    def job_folder(self) -> str:
        """Folder of the job to import. Where an undo has taken back what Run noted, the capture still leads there."""
        return self.job or (self.own_job if self.capture else "")

    def forget_other_capture(self) -> None:
        """Drop the photo, the prompts and the length's points where the new capture does not have their photos."""
        names = frames_of(self.capture_path)
        if not names:
            return
        if not self.has_photo(self.frame):
            self.frame = names[0]
        for index in reversed(range(len(self.prompts))):
            if not self.has_photo(self.prompts[index].frame):
                self.prompts.remove(index)
        for frame in [entry.frame for entry in self.segments if not self.has_photo(entry.frame)]:
            store(self, frame, ())
        self.active_prompt = max(0, min(self.active_prompt, len(self.prompts) - 1))

    def take(self, spec: JobSpec) -> None:
        """Have the settings of a job again, as far as this panel knows them."""
        self.capture = spec.capture
        self.prompts.clear()
        for frame, listed in spec.prompts.items():
            for prompt in listed:
                if prompt["type"] != "mask":  # a job's from the command line; the panel has none of the kind
                    self.prompts.add().take(frame, prompt)
        self.preset, self.recipe = spec.preset, spec.recipe
        self.length_of = POINTS if spec.segment else spec.length_of
        take_segment(self, spec.segment, frames_of(self.capture_path))
        self.use_length = spec.length is not None
        self.length = spec.length if spec.length is not None else self.length
        self.use_masks, self.masks = bool(spec.masks), spec.masks or ""
        self.job = spec.job

    def job_spec(self) -> JobSpec:
        """This scene's settings as the backend takes them.

        Raises ``ValueError`` for one that is out of range, and for a length between two points that are not marked.
        """
        known = known_length(self)
        if reason := known.reason_not_to_run():
            raise ValueError(reason)
        machine = preferences()
        whole = self.recipe == "scene"
        spec = JobSpec(
            capture=self.capture_path,
            job=self.own_job,
            recipe=self.recipe,
            preset=self.preset,
            device=machine.device if machine else "auto",
            prompts={} if whole else _usable(_by_frame(self.prompts)),
            masks=bpy.path.abspath(self.masks) if self.use_masks and self.masks and not whole else None,
            length=float(self.length) if self.use_length else None,
            length_of=JobSpec.length_of if self.length_of == POINTS else self.length_of,
            segment=known.segment(),
        )
        spec.check()
        return spec


def _by_frame(prompts: Iterable[Any]) -> dict[str, list[dict[str, Any]]]:
    """Prompts grouped by photo."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for prompt in prompts:
        grouped.setdefault(prompt.frame, []).append(prompt.as_protocol())
    return grouped


def _usable(prompts: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Photos on which something marks the object; marks beside it alone only correct a mask seen in Blender.

    Where no photo has more than that, all are sent, and the backend says what is missing.
    """
    marked = {
        frame: listed for frame, listed in prompts.items() if any(prompt.get("label", 1) == 1 for prompt in listed)
    }
    return marked or prompts


def settings_of(context: Any) -> Any:
    """The settings of the scene in ``context``."""
    scene: Any = context.scene
    return scene.turnaround
