# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the panel of a real Blender by real clicks, from the installed zip; called by ``scripts/check_blender``.

Folder, click on the photo, brush, undo, Propagate, Run, Cancel, Run, SIGKILL to Blender, start again, Run (goes on
where it was), Import, Set Scale by two clicks; then a picture dropped, which becomes an object at the 3D cursor. Every
step checks what it says; the screenshots, one after each step, are for people.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _check.blender import Blender, CheckError, wait_until
from _check.desktop import HEIGHT, Desktop

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "blender check"
JOB_SECONDS = 1500
CLICKS = 4
CANCEL_SECONDS, ORPHAN_SECONDS = 5, 5
BLOCK_SECONDS = 0.1
"""The longest that anything of ours may hold Blender's main thread, the import apart; processor time, as the machine
may be busy with a job."""


BACKGROUND_IMPORT = """
import bpy
assert bpy.ops.turnaround.import_result(job={job!r}) == {{"FINISHED"}}
kinds = [thing.type for thing in bpy.context.scene.objects]
assert kinds.count("CAMERA") > 3 and "POINTCLOUD" in kinds and kinds.count("MESH") >= 2, kinds
print("without a window:", {{kind: kinds.count(kind) for kind in sorted(set(kinds))}})
"""


class Walk:
    """The steps, in the order in which a person takes them."""

    def __init__(self, blender: Blender, capture: Path, sample: Path, zip_file: Path) -> None:
        self.blender, self.desktop = blender, blender.desktop
        self.capture, self.zip_file, self.masks = capture, zip_file, sample / "masks"
        frames = json.loads((sample / "prompts.json").read_text())["frames"]
        self.frame, (self.prompt,) = next(iter(frames.items()))

    def install(self) -> None:
        """Install and enable the zip as the command line does; it stays enabled for every later start."""
        said = self.blender.run("--command", "extension", "validate", str(self.zip_file))
        print(said.strip().splitlines()[-1])
        self.blender.run("--command", "extension", "install-file", "-r", "user_default", "--enable", str(self.zip_file))
        listed = self.blender.run("--command", "extension", "list")
        if "turnaround" not in listed:
            raise CheckError(f"expected turnaround among the installed extensions, got:\n{listed}")

    def choose_folder(self) -> None:
        """Type the capture folder into the panel's field."""
        x, y = self.blender.button("turnaround.capture")
        self.desktop.click(x, y, times=2)
        self.desktop.key("ctrl+a")
        self.desktop.write(str(self.capture))
        self.desktop.key("Return")
        wait_until("the capture folder in the scene", 20, lambda: self.addon()["capture"].startswith(str(self.capture)))
        self.desktop.shot("folder")

    def clear_scene(self) -> None:
        """Delete the cube that every new scene holds, by keys: it would hide what is imported."""
        view = self.blender.region("VIEW_3D", "WINDOW")
        if view is None:
            raise CheckError("expected a 3D view, there is none")
        self.desktop.move(view["x"] + view["width"] / 3, HEIGHT - (view["y"] + view["height"] / 3))
        self.desktop.key("a")
        self.desktop.key("Delete")
        wait_until("an empty scene", 10, lambda: not self.blender.state().get("objects", {"?": 1}))

    def mark(self) -> None:
        """Open the photo and click on the object."""
        self.blender.press("turnaround.mark_object")
        region = wait_until("the photo in an image editor", 60, self.photo_region)
        time.sleep(1)
        region = self.photo_region() or region
        self.desktop.shot("photo")
        picture, (x, y) = region["picture"], self.prompt["xy"]
        width, height = self.source_size()
        (x0, y0), (x1, y1) = picture["low"], picture["high"]
        self.desktop.click(x0 + (x1 - x0) * x / width, HEIGHT - (y0 + (y1 - y0) * (1 - y / height)))
        prompts = wait_until("a prompt after the click", 10, lambda: self.addon()["prompts"])
        got = prompts[0]["area"]
        if prompts[0]["frame"] != self.frame or max(abs(got[0] - x), abs(got[1] - y)) > 2:
            raise CheckError(f"expected a point near ({x}, {y}) on {self.frame}, got {prompts[0]}")
        self.blender.press("turnaround.mark_object")
        self.desktop.shot("marked")

    def run_until(self, *stages: str) -> None:
        """Press Run and wait until the job is in one of ``stages``."""
        self.blender.press("turnaround.run")
        wait_until("the job to start", 90, lambda: self.addon()["state"] in {"QUEUED", "RUNNING", "DONE"})
        wait_until(f"the job in {stages}", JOB_SECONDS, lambda: self.running()["stage"] in stages)

    def cancel(self) -> None:
        """Press Cancel; the job must be over within five seconds."""
        self.desktop.shot("running")
        for _ in range(CLICKS):
            place = self.blender.button("turnaround.cancel")
            start = time.monotonic()
            self.desktop.click(*place)
            time.sleep(0.5)
            if self.addon()["state"] in {"CANCELLING", "CANCELLED"}:
                break  # else a line above it came or went, and the button had moved under the mouse
        wait_until("the job cancelled", CANCEL_SECONDS, lambda: self.addon()["state"] == "CANCELLED")
        print(f"cancelled {time.monotonic() - start:.1f} s after the click")
        self.desktop.shot("cancelled")

    def crash(self) -> None:
        """SIGKILL to Blender; nothing of ours may outlive it by five seconds."""
        before = self.blender.relatives()
        if len(before) < 3:  # Blender, the backend, the worker
            raise CheckError(f"expected Blender, the backend and a worker to run, got {before}")
        self.blender.kill()
        start = time.monotonic()
        wait_until("no process of ours left", ORPHAN_SECONDS, lambda: not self.blender.relatives())
        print(f"{len(before)} processes before SIGKILL to Blender, none {time.monotonic() - start:.1f} s after it")

    def finish(self) -> None:
        """Wait for the end; stages that had been finished must have been reused."""
        wait_until("the job done", JOB_SECONDS, lambda: self.running()["state"] == "DONE")
        job = Path(self.addon()["job"])
        events = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
        last = max(i for i, e in enumerate(events) if e["kind"] == "started")
        reused = [e["stage"] for e in events[last:] if e["kind"] == "stage_finished" and e.get("message") == "reused"]
        if not reused:
            raise CheckError("expected finished stages to be reused after the crash, none was")
        print(f"after the crash reused: {', '.join(reused)}")
        self.desktop.shot("done")

    def import_result(self) -> None:
        """Press Import; mesh, points, cameras and the root must stand in the scene."""
        before = self.blender.state()["objects"]
        self.blender.press("turnaround.import_result")
        count = len(list(self.capture.iterdir()))

        def grown() -> dict | None:
            now = self.blender.state().get("objects", {})
            new = {kind: n - before.get(kind, 0) for kind, n in now.items()}
            enough = new.get("CAMERA", 0) >= 0.9 * count and new.get("MESH", 0) >= 1 and new.get("EMPTY", 0) >= 1
            return new if enough else None

        print(f"imported: {wait_until('mesh, cameras and root in the scene', 120, grown)}")
        time.sleep(3)
        self.desktop.shot("imported")

    def look_through(self) -> None:
        """Look through the scene's camera, at the photo behind the object."""
        view = self.blender.region("VIEW_3D", "WINDOW")
        if view:
            self.desktop.move(view["x"] + view["width"] / 3, HEIGHT - (view["y"] + view["height"] / 2))
            self.desktop.key("KP_0")
            time.sleep(4)
            self.desktop.shot("through a camera")

    def show_training(self) -> None:
        """The picture of the splats in training, in the panel."""
        wait_until("a picture of the training", 300, lambda: self.running().get("preview") or self.over())
        time.sleep(2)
        self.desktop.shot("splats in training")

    def set_scale(self) -> None:
        """Find *Set Scale by Two Clicks* by Blender's search, click two points, say how far apart they are."""
        x, y = self.view_middle()
        (before,) = self.blender.state()["roots"]
        self.search("Two Clicks")
        self.desktop.click(x, y - 60)
        self.desktop.click(x, y + 20)
        time.sleep(2)
        self.desktop.shot("set scale")
        # The dialog opens with its length under the mouse.
        self.desktop.click(x, y + 28, times=2)
        self.desktop.key("ctrl+a")
        self.desktop.write("2.5")
        self.desktop.key("Return")
        self.desktop.key("Return")

        def scaled() -> dict | None:
            (root,) = self.blender.state().get("roots") or [before]
            return root if root["scale"] != before["scale"] else None

        root = wait_until("the root scaled", 10, scaled)
        print(f"two clicks set 2.5 m apart: the root is scaled by {root['scale'][0] / before['scale'][0]:.2f}")
        time.sleep(2)
        self.desktop.shot("scaled")

    def drop_picture(self) -> None:
        """Drop a picture on the 3D view, take our entry of Blender's menu, and wait for the object at the cursor."""
        x, y = self.view_middle()
        self.desktop.move(x, y)
        picture = self.cut_out()
        self.blender.state(drop=str(picture))
        time.sleep(2)
        self.desktop.shot("drop menu")
        self.desktop.key("Down")  # our entry is the last of three, and the middle one is under the mouse
        self.desktop.key("Return")
        wait_until("the picture as the capture", 20, lambda: self.addon()["capture"] == str(picture))
        wait_until(
            "the object of one picture", JOB_SECONDS, lambda: self.running() and self.blender.state().get("roots")
        )
        (root,) = self.blender.state()["roots"]
        if root["name"] != picture.stem or root["children"].count("CAMERA") != 1:
            raise CheckError(f"expected an object called {picture.stem} with one camera, got {root}")
        print(f"one picture became {root['name']} at {root['place']}, with {', '.join(root['children']).lower()}")
        time.sleep(4)
        self.desktop.shot("object from one picture")

    def cut_out(self) -> Path:
        """The first photo as a picture of the object alone, by its true mask."""
        from PIL import Image

        photo = min(self.capture.iterdir())
        picture = FOLDER / "one picture" / "elephant.png"
        picture.parent.mkdir(exist_ok=True)
        with Image.open(photo) as image, Image.open(self.masks / f"{photo.stem}.png") as mask:
            image.putalpha(mask.convert("L"))
            image.save(picture)
        return picture

    def search(self, text: str) -> None:
        """Blender's own search (F3) over the 3D view, and its first finding."""
        self.desktop.key("F3")
        time.sleep(1.5)
        self.desktop.write(text)
        time.sleep(2)
        self.desktop.shot("search")
        self.desktop.key("Return")
        time.sleep(1)

    def view_middle(self) -> tuple[float, float]:
        """The middle of what the 3D view shows beside the sidebar; the mouse goes there."""
        view, side = self.blender.region("VIEW_3D", "WINDOW"), self.blender.region("VIEW_3D", "UI")
        if view is None:
            raise CheckError("expected a 3D view, there is none")
        x = view["x"] + (view["width"] - (side["width"] if side else 0)) / 2
        y = HEIGHT - (view["y"] + view["height"] / 2)
        self.desktop.move(x, y)
        return x, y

    def over(self) -> bool:
        """Whether the job has ended."""
        return self.addon()["state"] == "DONE"

    def import_without_window(self) -> None:
        """Import the same job in background mode; it must bring the same."""
        job = self.addon()["job"]
        self.blender.kill()
        code = BACKGROUND_IMPORT.format(job=job)
        said = self.blender.run("--background", "--python-exit-code", "3", "--python-expr", code)
        print(next(line for line in said.splitlines() if line.startswith("without a window")))

    def propagate(self) -> None:
        """Carry the mask to all photos, from the sub-panel *Masks*."""
        self.blender.press("turnaround.propagate_masks")
        start = time.monotonic()
        wait_until(
            "masks for all photos", 300, lambda: self.addon().get("masks", 0) >= len(list(self.capture.iterdir()))
        )
        print(f"masks carried to all photos in {time.monotonic() - start:.0f} s")
        time.sleep(2)
        self.desktop.shot("propagated")

    def paint(self) -> None:
        """Paint a stroke with the brush beside the object, as not the object, and undo it."""
        before = len(self.addon()["prompts"])
        self.blender.press("turnaround.mark_object")
        wait_until("the photo", 30, self.photo_region)
        x, y = self.blender.button("turnaround.tool")
        self.desktop.click(x + 60, y)
        time.sleep(1)
        picture = (self.photo_region() or {})["picture"]
        (x0, y0), (x1, y1) = picture["low"], picture["high"]
        places = [(x0 + (x1 - x0) * u, HEIGHT - (y0 + (y1 - y0) * 0.12)) for u in (0.2, 0.35, 0.5, 0.6)]
        self.desktop.drag(places, "Control_L")
        prompts = wait_until("a stroke", 10, lambda: self.addon()["prompts"][before:])
        if prompts[-1]["kind"] != "stroke" or prompts[-1]["is_object"]:
            raise CheckError(f"expected a stroke that is not the object, got {prompts[-1]}")
        time.sleep(2)
        self.desktop.shot("brush")
        self.desktop.move(*places[1])
        self.desktop.key("ctrl+z")
        wait_until("the stroke undone", 10, lambda: len(self.addon()["prompts"]) == before)
        time.sleep(2)
        self.desktop.shot("undone")
        self.blender.press("turnaround.mark_object")

    def say_slowest(self) -> None:
        """What of ours held Blender's main thread longest."""
        ranked = sorted(self.blender.slowest.items(), key=lambda row: -row[1][0])
        for name, (wall, processor) in ranked[:6]:
            print(f"main thread: {name} {1000 * wall:.0f} ms ({1000 * processor:.0f} ms of its processor)")
        held = [name for name, taken in ranked if taken[1] > BLOCK_SECONDS and "import_result" not in name]
        if held:
            raise CheckError(f"expected nothing to hold the main thread over {1000 * BLOCK_SECONDS:.0f} ms: {held}")

    def addon(self) -> dict:
        """What the reporter says of the add-on."""
        return self.blender.state().get("addon") or {"capture": "", "job": "", "prompts": [], "state": "", "stage": ""}

    def running(self) -> dict:
        """The same; ``CheckError`` when the job has failed."""
        now = self.addon()
        if now["state"] == "FAILED":
            self.desktop.shot("failed")
            raise CheckError(f"expected the job to go on, it failed: {now.get('problem')}")
        return now

    def photo_region(self) -> dict | None:
        """The image editor's region with the photo."""
        region = self.blender.region("IMAGE_EDITOR", "WINDOW")
        return region if region and "picture" in region else None

    def source_size(self) -> tuple[int, int]:
        """Size of the photo that is marked."""
        from PIL import Image

        with Image.open(self.capture / self.frame) as image:
            return image.size


def walk(args: argparse.Namespace) -> None:
    """All steps, with a fresh profile and the photos in a path with spaces."""
    for name in ("a home", "a profile", "photos of mine", "one picture", "screenshots"):
        shutil.rmtree(FOLDER / name, ignore_errors=True)
    (FOLDER / "a home").mkdir(parents=True)
    (FOLDER / "screenshots").mkdir()
    capture = FOLDER / "photos of mine"
    shutil.copytree(args.capture / "images", capture)
    python = ROOT / ".environments" / "backend" / "bin" / "python"
    with Desktop(FOLDER / "screenshots") as desktop:
        blender = Blender(args.root, FOLDER, python, desktop)
        steps = Walk(blender, capture, args.capture, args.zip)
        try:
            _take(steps)
        except CheckError:
            if blender.process is not None and blender.process.poll() is None:
                desktop.shot("at the failure")
            raise
        finally:
            blender.kill()
    wait_until("no process of ours left at the end", ORPHAN_SECONDS, lambda: not blender.relatives())


def _take(steps: Walk) -> None:
    steps.install()
    steps.blender.start()
    steps.desktop.shot("panel")
    steps.choose_folder()
    steps.mark()
    steps.paint()
    steps.propagate()
    steps.run_until("masks", "cameras")
    steps.cancel()
    steps.run_until("masks_refined", "cutouts", "hull", "splats")
    steps.crash()
    steps.blender.start()
    steps.clear_scene()
    steps.choose_folder()
    steps.mark()
    steps.run_until("splats", "surface", "texture", "export")
    steps.show_training()
    steps.finish()
    steps.import_result()
    steps.set_scale()
    steps.look_through()
    steps.import_without_window()
    steps.blender.start()
    steps.clear_scene()
    steps.drop_picture()
    steps.say_slowest()


def main() -> int:
    """Run it; exit status 1 with the reason when a step is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the folder that holds Blender's system")
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument(
        "--capture", type=Path, default=ROOT / "samples" / "elephant", help="images, masks, prompts.json"
    )
    args = parser.parse_args()
    start = time.monotonic()
    try:
        walk(args)
    except CheckError as error:
        print(f"FAILED after {time.monotonic() - start:.0f} s: {error}", file=sys.stderr)
        return 1
    print(f"passed in {time.monotonic() - start:.0f} s; screenshots: {FOLDER / 'screenshots'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
