# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``turnaround``. Its flags come from ``protocol.FLAGS``; it loads nothing heavy itself.

Exit status: 0 done, 2 bad usage, 3 a stage failed, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..protocol import METRICS, Event, JobSpec, to_json
from . import flags, folder, jobs, pipeline, stdio
from .errors import PipelineError
from .terminal import Display

DONE, BAD_USAGE, FAILED, CANCELLED = 0, 2, 3, 130


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parser().parse_args(argv)
    try:
        return COMMANDS[arguments.command](arguments)
    except ValueError as error:
        sys.stderr.write(f"turnaround {arguments.command}: {error}\n")
        return BAD_USAGE
    except PipelineError as error:
        _report(error, arguments.json)
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="turnaround", description="From photos of an object to a Blender scene.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="JSON on standard output and nothing else")
        return made

    run = command("run", "make a mesh, points, splats and cameras from a capture")
    run.add_argument("capture", type=Path, metavar="CAPTURE", help="folder of photos, or a video; never written to")
    flags.add_flags(run)
    masks = command("masks", "cut out the object in every photo and stop there: run --until masks")
    masks.add_argument("capture", type=Path, metavar="CAPTURE", help="folder of photos, or a video; never written to")
    flags.add_flags(masks)
    models = command("models", "learned models on disk: list, install, import, verify, remove")
    models.add_argument("action", choices=("list", "install", "import", "verify", "remove"), nargs="?", default="list")
    models.add_argument("name", nargs="?", help="a model of `turnaround models list`")
    models.add_argument("file", type=Path, nargs="?", help="for import: the file that you have")
    inspect = command("inspect", "say what a capture holds and what a job on it would take")
    inspect.add_argument("capture", type=Path, metavar="CAPTURE")
    evaluate = command("evaluate", "compare a finished job with the truth")
    evaluate.add_argument("job", type=Path, metavar="JOB")
    evaluate.add_argument("--truth", type=Path, required=True, metavar="DIR", help="folder of the data set's truth")
    convert = command("convert", "make one splat file of another: PLY, compressed PLY, SPZ, glTF of these, .splat, SOG")
    convert.add_argument("source", type=Path, metavar="IN", help="file, or folder of a SOG")
    convert.add_argument("target", type=Path, metavar="OUT", help="name ending in .ply, .compressed.ply, .spz or .glb")
    convert.add_argument("--up", metavar="WAY", help="up in files that fix no axes: z, y, or =-y (else as IN says)")
    convert.add_argument("--turn", metavar="WAY", help="turn the splats until this is up (z for Blender)")
    cameras = command("cameras", "make one camera file of another: COLMAP, transforms.json, Blender's terms")
    cameras.add_argument("source", type=Path, metavar="IN", help="a job's folder, or what --cameras takes")
    cameras.add_argument("target", type=Path, metavar="OUT", help="a folder (COLMAP) or a .json file")
    kinds = ("colmap", "colmap-text", "transforms", "blender")
    cameras.add_argument("--as", dest="form", choices=kinds, help="what to write (else as OUT says)")
    cameras.add_argument("--images", type=Path, metavar="DIR", help="the photos, whose file names are written")
    command("doctor", "say whether this machine can run jobs")
    serve = command("serve", "answer JSON-RPC on standard input and output (for Blender)")
    serve.add_argument("--idle", type=float, default=1800.0, metavar="SECONDS", help="end after so long without work")
    command("mask-session", "answer mask requests on standard input (used by serve)")
    command("worker", "run one job handed over on standard input (used by the others)")
    return top


def _run(arguments: argparse.Namespace) -> int:
    capture = arguments.capture
    given = vars(arguments)["--job"]
    job = Path(given) if given else folder.default_folder(capture.resolve(), Path.cwd())
    first = _first_photo(capture) if flags.needs_first(arguments) else None
    spec = flags.spec_from(arguments, capture, job, first)
    pipeline.recipe(spec)
    final = run_here(spec, arguments.json)
    if final.kind == "done":
        return DONE
    return CANCELLED if final.code == "cancelled" else FAILED


def run_here(spec: JobSpec, as_json: bool) -> Event:
    """Run a job and show it; the first interrupt cancels it, and so does the end of the terminal."""
    display = Display(sys.stderr)

    def show(event: Event) -> None:
        if as_json:
            sys.stdout.write(to_json(event) + "\n")
            sys.stdout.flush()
        else:
            display.show(event)

    with _interrupts() as cancel:
        final = jobs.run_job(spec, show, cancel)
    if final.kind == "done" and not as_json:
        _summary(Path(final.result), display)
    return final


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C, or a polite request to end, sets."""
    cancel = threading.Event()
    names = [n for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {n: signal.signal(getattr(signal, n), lambda *_: cancel.set()) for n in names}
    try:
        yield cancel
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _summary(result: Path, display: Display) -> None:
    """The few lines a person wants to see at the end."""
    facts = json.loads(result.read_text(encoding="utf-8"))
    for name, value in facts["metrics"].items():
        display.say(f"  {name} {value:g}" if isinstance(value, (int, float)) else f"  {name} {value}")
    for artefact in facts["artefacts"]:
        display.say(f"  {artefact['kind']}: {result.parent / artefact['path']}")


def _first_photo(capture: Path) -> str:
    """Name of the capture's first photo, which prompts without ``--frame`` lie on."""
    from . import sources

    if not capture.exists():
        raise PipelineError("capture_missing", "", f"There is no capture at {capture}.", "Choose a folder of photos.")
    if capture.is_file():
        return capture.name
    listing = sources.list_capture(capture)
    film = sources.film_of(listing)
    photos = [film] if film else listing.photos
    if not photos:
        raise PipelineError("capture_empty", "", f"There is no photo in {capture}.", "Choose a folder of photos.")
    return photos[0].name


def _masks(arguments: argparse.Namespace) -> int:
    vars(arguments)["--until"] = "masks"
    return _run(arguments)


def _models(arguments: argparse.Namespace) -> int:
    from .models import commands

    said = commands.run(arguments.action, arguments.name or "", arguments.file, Display(sys.stderr).show)
    if arguments.json:
        _json(said.facts)
    else:
        for line in said.lines:
            _say(line)
    return DONE


def _inspect(arguments: argparse.Namespace) -> int:
    from . import capture

    facts = capture.inspect(arguments.capture)
    if arguments.json:
        _json(facts)
        return DONE
    sizes = ", ".join(f"{s['count']} of {s['width']} x {s['height']}" for s in facts["sizes"])
    _say(f"{facts['photos']} photos in {facts['capture']}" + (f": {sizes}" if sizes else ""))
    for entry in facts["unreadable"]:
        _say(f"  left out: {entry['name']}: {entry['reason']}")
    for name in facts["videos"]:
        _say(f"  video: {name}")
    if video := facts["video"]:
        _say(f"  {video['seconds']:g} s, {video['pictures']} pictures of {video['width']} x {video['height']}")
    for row in facts["presets"]:
        minutes = max(row["seconds"] / 60, 0.1)
        _say(f"  {row['preset']}: {row['frames']} frames, about {minutes:.1f} min, {row['disk_mb']:.0f} MB of disk")
    for text in facts["advice"]:
        _say(f"  {text}")
    return DONE


def _evaluate(arguments: argparse.Namespace) -> int:
    out = stdio.take_stdout()  # libraries that print must not mix with the figures
    from . import evaluate

    figures: dict[str, Any] = evaluate.evaluate(arguments.job.resolve(), arguments.truth.resolve())
    if arguments.json:
        out.write(json.dumps(figures, ensure_ascii=False))
        return DONE
    for name, value in figures.items():
        shown = f"{value:.6g}" if isinstance(value, float) else value
        out.write(f"{name:28} {shown!s:>12}  {METRICS.get(name, '')}".rstrip())
    return DONE


def _convert(arguments: argparse.Namespace) -> int:
    from .splat_files import convert

    facts = convert.convert(arguments.source, arguments.target, arguments.up, arguments.turn)
    if arguments.json:
        _json(facts)
        return DONE
    _say(f"{facts['splats']} splats with harmonics of degree {facts['degree']} in {facts['target']}, {facts['up']} up")
    if facts["left_out"]:
        _say(f"  left out: {facts['left_out']} splats that are not finite")
    return DONE


def _cameras(arguments: argparse.Namespace) -> int:
    from .camera_files.convert import convert

    made = convert(arguments.source, arguments.target, arguments.form, arguments.images)
    if arguments.json:
        _json(vars(made))
    else:
        _say(f"{made.cameras} cameras and {made.points} points in {made.target} ({made.form})")
    return DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from . import doctor

    found = doctor.checks()
    if arguments.json:
        _json({"checks": found, "ok": doctor.healthy(found)})
    else:
        for check in found:
            mark = "ok     " if check["ok"] else "MISSING" if check["required"] else "note   "
            _say(f"{mark} {check['name']}: {check['detail']}" + (f"\n        {check['hint']}" if check["hint"] else ""))
    return DONE if doctor.healthy(found) else FAILED


def _serve(arguments: argparse.Namespace) -> int:
    out = stdio.take_stdout()
    from .service import Service

    return Service(out, arguments.idle).serve()


def _worker(_: argparse.Namespace) -> int:
    from . import worker

    return worker.main()


def _mask_session(_: argparse.Namespace) -> int:
    from .mask_session import process

    return process.main()


COMMANDS = {
    "run": _run,
    "masks": _masks,
    "models": _models,
    "inspect": _inspect,
    "evaluate": _evaluate,
    "convert": _convert,
    "cameras": _cameras,
    "doctor": _doctor,
    "serve": _serve,
    "worker": _worker,
    "mask-session": _mask_session,
}


def _report(error: PipelineError, as_json: bool) -> None:
    """Say why a command could not do its work."""
    failed = Event(kind="failed", job="", stage=error.stage, code=error.code, message=error.message, hint=error.hint)
    if as_json:
        sys.stdout.write(to_json(failed) + "\n")
    else:
        Display(sys.stderr).show(failed)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
