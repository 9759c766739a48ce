# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender (``--python``): tells the driver where things are on the screen. It presses nothing itself.

The driver writes ``ask.json`` ({"id": n}) into the folder named by TURNAROUND_CHECK; a timer answers in ``state.json``:
regions in pixels of the window (origin bottom left), where an open picture lies, and which button is under the mouse.
{"id": n, "drop": path} lets go of a file over the 3D view, by the operator that Blender calls when a program of the
desktop does so.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stopwatch

FOLDER = Path(os.environ["TURNAROUND_CHECK"])
ASK, STATE = FOLDER / "ask.json", FOLDER / "state.json"
PERIOD = 0.05
answered = {"id": 0}


def regions() -> list[dict]:
    """Every region with a size: type, place, and the place of an open picture's corners."""
    found = []
    window = bpy.context.window_manager.windows[0]
    for area in window.screen.areas:
        for region in area.regions:
            if region.width <= 1 or region.height <= 1:
                continue
            entry = {
                "area": area.type, "region": region.type,
                "x": region.x, "y": region.y, "width": region.width, "height": region.height,
            }  # fmt: skip
            if region.type == "UI":
                entry["tab"] = region.active_panel_category
            if area.type == "IMAGE_EDITOR" and region.type == "WINDOW" and area.spaces.active.image:
                low, high = (region.view2d.view_to_region(u, u, clip=False) for u in (0.0, 1.0))
                entry["picture"] = {
                    "name": area.spaces.active.image.name,
                    "size": list(area.spaces.active.image.size),
                    "low": [region.x + low[0], region.y + low[1]],
                    "high": [region.x + high[0], region.y + high[1]],
                }
            found.append(entry)
    return found


def hovered() -> dict:
    """The button under the mouse in a sidebar: {"operator": ...} or {"property": ...}, else {}."""
    manager = bpy.context.window_manager
    window = manager.windows[0]
    for area in window.screen.areas:
        for region in area.regions:
            if region.type != "UI" or region.width <= 1:
                continue
            with bpy.context.temp_override(window=window, area=area, region=region):
                # context.property and the operator's poll look at the active button of the region.
                if bpy.context.property:
                    return {"property": _whole(bpy.context.property[1])}
                if bpy.ops.ui.copy_python_command_button.poll():
                    bpy.ops.ui.copy_python_command_button()
                    return {"operator": manager.clipboard}
    return {}


def _whole(path: str) -> str:
    """A property's path from the scene; Blender 4.3 names it from its group, as in "capture"."""
    ours = bpy.context.window_manager.windows[0].scene.turnaround.bl_rna.properties
    return f"turnaround.{path}" if path in ours else path


def addon_state() -> dict:
    """What the scene remembers, and how far the job is."""
    scene = bpy.context.window_manager.windows[0].scene
    settings = scene.turnaround
    prompts = [
        {"frame": p.frame, "kind": p.kind, "area": list(p.area), "is_object": p.is_object} for p in settings.prompts
    ]
    found: dict = {"capture": settings.capture, "job": settings.job, "prompts": prompts, "state": "", "stage": ""}
    runtime = next((m for name, m in sys.modules.items() if name.endswith("turnaround.addon.runtime")), None)
    board = next((m.board for name, m in sys.modules.items() if name.endswith("turnaround.addon.mask_operators")), None)
    if board is not None:
        found["masks"] = len(board.shown)
    session = runtime.current() if runtime else None
    if session is not None:
        found["state"] = session.state.name
        if session.job is not None:
            found |= {"stage": session.job.stage, "fraction": session.job.fraction, "preview": session.job.preview}
            found["problem"] = str(session.job.problem or "")
    return found


def scene_objects() -> dict:
    """How many objects of each type the scene holds."""
    kinds: dict[str, int] = {}
    for thing in bpy.context.window_manager.windows[0].scene.objects:
        kinds[thing.type] = kinds.get(thing.type, 0) + 1
    return kinds


def roots() -> list[dict]:
    """Where each result's root stands, how large it is scaled, and what hangs on it."""
    return [
        {
            "name": thing.name, "place": list(thing.location), "scale": list(thing.scale),
            "children": sorted(child.type for child in thing.children),
        }
        for thing in bpy.context.window_manager.windows[0].scene.objects if thing.get("turnaround_kind") == "root"
    ]  # fmt: skip


def drop(path: Path) -> None:
    """Let go of a file over the 3D view; Blender asks by a menu which use of it is meant."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.wm.drop_import_file("INVOKE_DEFAULT", directory=str(path.parent), files=[{"name": path.name}])


def tick() -> float:
    """Answer a new question."""
    stopwatch.watch()
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        asked = json.loads(ASK.read_text())
        if asked["id"] != answered["id"]:
            answered["id"] = asked["id"]
            state = {"id": asked["id"], "regions": regions(), "hovered": hovered(), "objects": scene_objects()}
            state["addon"] = addon_state()
            state["roots"] = roots()
            state["slowest"] = stopwatch.slowest
            temporary = STATE.with_suffix(".tmp")
            temporary.write_text(json.dumps(state))
            temporary.replace(STATE)
            if "drop" in asked:
                drop(Path(asked["drop"]))
    return PERIOD


def open_sidebar() -> None:
    """Show the sidebar of every 3D view, as the N key does."""
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.show_region_ui = True


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(open_sidebar, first_interval=0.5)
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
