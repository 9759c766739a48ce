# SPDX-License-Identifier: GPL-3.0-or-later
"""One set of defaults on every real capture: a table of figures and a contact sheet to look at.

    .environments/backend/bin/python scripts/captures.py OUT [NAME ...] [-- further flags of turnaround run]

No capture gets a flag of its own beside the click that says which object is meant. Where there is truth the result is
compared with it. A capture that fails stays in the table with its error. Captures are found in ``TURNAROUND_DATA`` or
``../shared/data``; the sample is in ``samples/``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TURNAROUND_DATA", ROOT.parent / "shared" / "data"))
VIDEO_STEP = 2
SHEET_WIDTH = 1500


@dataclass(frozen=True)
class Capture:
    """A folder of photos, the click on its object (frame, x, y), and the folder of its truth, if there is one."""

    name: str
    images: Path
    click: tuple[str, int, int]
    truth: Path | None = None


CAPTURES = (
    Capture("sample", ROOT / "samples/elephant/images", ("000.jpg", 405, 233), ROOT / "samples/elephant"),
    Capture("rendered_duck", DATA / "rendered_duck/images", ("000.jpg", 468, 411), DATA / "rendered_duck"),
    Capture("rendered_monkey", DATA / "rendered_monkey/images", ("000.jpg", 320, 200), DATA / "rendered_monkey"),
    Capture("kermit", DATA / "kermit/images", ("kermit001.jpg", 415, 230)),
    Capture("temple_ring", DATA / "temple_ring/images", ("templeR0013.png", 168, 223), DATA / "temple_ring"),
    Capture("fox", DATA / "fox/images", ("0018.jpg", 540, 800), DATA / "fox"),
    Capture("apple", DATA / "video_apple/apple.mp4", ("0000.png", 481, 291)),
)
COLUMNS = (
    ("frames_used", "frames", "{:.0f}"), ("frames_registered", "registered", "{:.0f}"),
    ("reprojection_error_px", "px", "{:.2f}"), ("mask_confidence_mean", "confidence", "{:.2f}"),
    ("mesh_psnr", "mesh dB", "{:.1f}"), ("splats_psnr", "splats dB", "{:.1f}"),
    ("camera_auc_3", "AUC@3", "{:.1f}"), ("camera_centre_rms_percent", "centres %", "{:.3f}"),
    ("mask_iou_mean", "IoU", "{:.3f}"), ("mask_iou_min", "least", "{:.3f}"), ("chamfer", "Chamfer", "{:.5f}"),
    ("up_error_degrees", "up °", "{:.2f}"),
)  # fmt: skip


def frames_of(video: Path, folder: Path) -> Path:
    """Every second frame of a video as a folder of PNG, made once."""
    if not folder.exists():
        folder.mkdir(parents=True)
        reader = cv2.VideoCapture(str(video))
        index = 0
        while True:
            ok, image = reader.read()
            if not ok:
                break
            if index % VIDEO_STEP == 0:
                cv2.imwrite(str(folder / f"{index:04d}.png"), image)
            index += 1
    return folder


def run(capture: Capture, out: Path, flags: list[str]) -> dict:
    """Run and evaluate one capture: its metrics, seconds and, if it failed, the error."""
    images = capture.images
    if images.suffix:
        images = frames_of(images, out / "frames" / capture.name)
    job = out / capture.name
    frame, x, y = capture.click
    command = [sys.executable, "-P", str(ROOT / "backend" / "__main__.py")]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "run", str(images), "--job", str(job), "--frame", frame, "--point", f"{x},{y}", "--json", *flags],
        check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    row: dict = {"seconds": time.monotonic() - started, "error": ""}
    if done.returncode:
        last = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {}
        row["error"] = f"status {done.returncode}: {last.get('stage', '')} {last.get('message', '')}"
    result = job / "result.json"
    if result.exists():
        row |= json.loads(result.read_text(encoding="utf-8"))["metrics"]
    if capture.truth and not done.returncode:
        compared = subprocess.run(
            [*command, "evaluate", str(job), "--truth", str(capture.truth), "--json"],
            check=False, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        row |= json.loads(compared.stdout) if not compared.returncode else {"error": "evaluate failed"}
    return row


def table(rows: dict[str, dict]) -> str:
    """The rows as Markdown."""
    lines = ["| capture | " + " | ".join(title for _, title, _ in COLUMNS) + " | s | error |"]
    lines.append("|---" * (len(COLUMNS) + 3) + "|")
    for name, row in rows.items():
        cells = [form.format(row[key]) if key in row else "–" for key, _, form in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['seconds']:.0f} | {row['error']} |")
    return "\n".join(lines)


def contact_sheet(names: list[str], out: Path) -> Path:
    """The previews of all jobs, one below the other; a job without one is a red bar with its name."""
    strips = []
    for name in names:
        path = out / name / "07_export" / "preview.png"
        image = cv2.imread(str(path)) if path.exists() else None
        if image is None:
            image = np.full((120, SHEET_WIDTH, 3), (40, 40, 200), np.uint8)
        image = cv2.resize(image, (SHEET_WIDTH, round(SHEET_WIDTH * image.shape[0] / image.shape[1])))
        cv2.putText(image, name, (12, 32), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 4)
        cv2.putText(image, name, (12, 32), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2)
        strips.append(image)
    path = out / "contact_sheet.jpg"
    cv2.imwrite(str(path), np.vstack(strips))
    return path


def main() -> int:
    """Run all captures, or those named; non-zero if one failed."""
    arguments = sys.argv[1:]
    flags = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    plain = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if not plain:
        print(__doc__)
        return 2
    out, wanted = Path(plain[0]).resolve(), plain[1:]
    chosen = [c for c in CAPTURES if (not wanted or c.name in wanted) and c.images.exists()]
    rows: dict[str, dict] = {}
    for capture in chosen:
        print(f"{capture.name} …", file=sys.stderr, flush=True)
        rows[capture.name] = run(capture, out, flags)
        (out / "table.md").write_text(table(rows) + "\n", encoding="utf-8")
    print(table(rows))
    print(contact_sheet(list(rows), out))
    return 1 if any(row["error"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
