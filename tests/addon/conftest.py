# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension under test is the built zip, installed the way a user installs it; without ``bpy`` these tests skip.

Blender's profile is a temporary folder, fixed before ``bpy`` is imported and never changed in a process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROFILE = os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="turnaround-blender-"))
MODULE = "bl_ext.user_default.turnaround"
_status: list[int] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Blender's tests need its module."""
    if importlib.util.find_spec("bpy") is None:
        for item in items:
            if item.get_closest_marker("bpy"):
                item.add_marker(pytest.mark.skip(reason="no bpy module in this environment"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep the status for ``pytest_unconfigure``."""
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave without Blender's own clean-up, in which the 4.2 module may crash after all tests have passed."""
    if _status and "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1])


@pytest.fixture(scope="session")
def extension(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Build the zip, install and enable it; the extension's module as Blender imports it."""
    import bpy

    path = repository / "scripts" / "build_extension.py"
    spec = importlib.util.spec_from_file_location("build_extension", path)
    assert spec and spec.loader
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    archive = builder.build(repository, tmp_path_factory.mktemp("dist"))
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    return importlib.import_module(MODULE)


@pytest.fixture
def scene(extension: Any) -> Any:
    """An empty scene, with the extension enabled."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if not hasattr(bpy.types.Scene, "turnaround"):
        bpy.ops.preferences.addon_enable(module=MODULE)
    extension_runtime = importlib.import_module(f"{MODULE}.addon.runtime")
    yield bpy.context.scene
    extension_runtime.shut_down()


def write_ply(path: Path, columns: dict[str, np.ndarray], triangles: np.ndarray | None = None) -> None:
    """Binary little-endian PLY, written here so that the reader under test is not tested against itself."""
    names = {"f": "float", "u": "uchar"}
    kinds = {name: "u1" if c.dtype == np.uint8 else "<f4" for name, c in columns.items()}
    table = np.zeros(len(next(iter(columns.values()))), list(kinds.items()))
    for name, column in columns.items():
        table[name] = column
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property {names[kind.strip('<')[0]]} {name}" for name, kind in kinds.items()]
    if triangles is not None:
        lines += [f"element face {len(triangles)}", "property list uchar int vertex_indices"]
    data = ("\n".join([*lines, "end_header"]) + "\n").encode() + table.tobytes()
    if triangles is not None:
        rows = np.zeros(len(triangles), [("count", "u1"), ("indices", "<i4", (3,))])
        rows["count"], rows["indices"] = 3, triangles
        data += rows.tobytes()
    path.write_bytes(data)


@pytest.fixture
def write_table() -> Any:
    """``write_ply``, for tests in other files."""
    return write_ply


def columns(values: np.ndarray, names: tuple[str, ...] | str) -> dict[str, np.ndarray]:
    """Columns of ``values`` (N, len(names)) by name."""
    return {name: values[:, i] for i, name in enumerate(names)}


def cam_from_world(eye: tuple[float, float, float], roll: float = 0.0) -> np.ndarray:
    """An OpenCV camera at ``eye`` that looks at (0, 0, 0.25), turned about its axis by ``roll`` radians."""
    forward = np.array([0.0, 0.0, 0.25]) - np.array(eye)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ rotation
    matrix[:3, 3] = -matrix[:3, :3] @ np.array(eye)
    return matrix


CAMERAS = (
    # name, (fx, fy, cx, cy), (width, height), centre, roll
    ("landscape", (800.0, 800.0, 320.0, 240.0), (640, 480), (0.0, -2.0, 0.25), 0.0),
    ("portrait_off_centre", (700.0, 700.0, 250.3, 333.1), (480, 640), (1.5, -1.0, 0.8), 0.4),
    ("wide_pixels", (640.0, 720.0, 350.0, 200.0), (640, 480), (-1.5, 1.0, 0.8), -0.2),
    ("tall_pixels_portrait", (720.0, 640.0, 200.0, 300.0), (480, 640), (0.3, 2.0, 1.5), 1.2),
)


class SmallJob:
    """A finished job of a cube, with everything that stands in a scene; ``write`` may be called again to change it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(7)
        self.export, self.images = folder / "07_export", folder / "04_cameras" / "images"
        self.export.mkdir(parents=True)
        self.images.mkdir(parents=True)
        self.write()

    def write(self, points: int = 500, offset: float = 0.0, cameras: int = len(CAMERAS)) -> None:
        """Write all files; ``offset`` moves the mesh along x."""
        corners = [(x, y, z) for x in (-0.3, 0.3) for y in (-0.2, 0.2) for z in (0.0, 0.5)]
        self.vertices = np.array(corners, np.float32) + np.array([offset, 0, 0], np.float32)
        quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        self.triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
        self.colours = self.rng.integers(0, 256, (8, 3)).astype(np.uint8)
        rgb = ("red", "green", "blue")
        write_ply(self.export / "mesh.ply", columns(self.vertices, "xyz") | columns(self.colours, rgb), self.triangles)
        self.points = self.rng.uniform([-0.3, -0.2, 0], [0.3, 0.2, 0.5], (points, 3)).astype(np.float32)
        self.point_colours = self.rng.integers(0, 256, (points, 3)).astype(np.uint8)
        self.radii = self.rng.uniform(0.002, 0.01, points).astype(np.float32)
        write_ply(
            self.export / "pointcloud.ply",
            columns(self.points, "xyz") | columns(self.point_colours, rgb) | {"radius": self.radii},
        )
        self.write_splats(np.array([[0.0, 0.0, 0.25]]), np.array([[0.9, 0.4, 0.2]]))
        self.write_cameras(cameras)
        self.write_result()

    def write_splats(
        self,
        centres: np.ndarray,
        srgb: np.ndarray,
        scales: tuple[float, float, float] = (0.15, 0.001, 0.15),
        quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0),
    ) -> None:
        """Gaussians in the layout of 3DGS; by default flat discs that face the first camera."""
        n = len(centres)
        values = (
            columns(centres.astype(np.float32), "xyz")
            | columns(((srgb - 0.5) / 0.28209479177387814).astype(np.float32), ("f_dc_0", "f_dc_1", "f_dc_2"))
            | {"opacity": np.full(n, 9.0, np.float32)}
            | columns(np.log(np.tile(scales, (n, 1))).astype(np.float32), ("scale_0", "scale_1", "scale_2"))
            | columns(np.tile(quaternion, (n, 1)).astype(np.float32), ("rot_0", "rot_1", "rot_2", "rot_3"))
        )
        write_ply(self.export / "splats.ply", values)

    def write_cameras(self, count: int) -> None:
        """``cameras.json`` and a small flat picture a camera."""
        self.cameras = []
        for name, (fx, fy, cx, cy), (width, height), eye, roll in CAMERAS[:count]:
            (self.images / f"{name}.ppm").write_bytes(b"P6 4 3 255\n" + bytes(36))
            self.cameras.append(
                {
                    "name": name,
                    "image": f"../04_cameras/images/{name}.ppm",
                    "width": width,
                    "height": height,
                    "K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]],
                    "cam_from_world": cam_from_world(eye, roll).tolist(),
                    "held_out": False,
                    "distortion": {},
                }
            )
        (self.export / "cameras.json").write_text(json.dumps({"cameras": self.cameras, "unit": "relative"}))

    def write_result(self, **changes: Any) -> None:
        """``result.json``."""
        files = {"mesh": "mesh.ply", "points": "pointcloud.ply", "splats": "splats.ply", "cameras": "cameras.json"}
        record = {
            "version": 1,
            "capture": "/photos/small cube",
            "complete": True,
            "unit": "relative",
            "metres_per_unit": None,
            "artefacts": [{"kind": k, "path": f"07_export/{p}"} for k, p in files.items()],
            "metrics": {"frames_used": 5, "frames_registered": 4, "splats_psnr": 30.12},
            "warnings": [{"stage": "cameras", "code": "x", "message": "One photo has no camera.", "hint": "Add more."}],
        }
        (self.folder / "result.json").write_text(json.dumps(record | changes))

    def project(self, camera: dict[str, Any], points: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of ``points`` (N, 3) by the file's own convention."""
        matrix = np.array(camera["cam_from_world"])
        pixels = (points @ matrix[:3, :3].T + matrix[:3, 3]) @ np.array(camera["K"]).T
        return pixels[:, :2] / pixels[:, 2:]


@pytest.fixture
def job(tmp_path: Path) -> SmallJob:
    """A finished job on disk."""
    return SmallJob(tmp_path / "a job")


FAKE_BACKEND = """
import json, os, shutil, sys, time
job = ""
version, plan = int(os.environ.get("FAKE_VERSION", "1")), os.environ.get("FAKE_PLAN", "done")
leaked = [k for k in os.environ if k.startswith("PYTHON") and k not in ("PYTHONUTF8", "PYTHONNOUSERSITE")]
def say(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n"); sys.stdout.flush()
def event(kind, **more):
    say(method="event", params={"kind": kind, "job": job, "time": 0.0, **more})
if plan == "dies_at_start":
    sys.stderr.write("ModuleNotFoundError: No module named 'numba'\\n"); sys.exit(3)
if plan == "deaf":
    time.sleep(60)
print("a library that prints")
for line in sys.stdin:
    request = json.loads(line); method, params = request["method"], request["params"]
    def answer(result): say(id=request["id"], result=result)
    if method == "hello":
        capabilities = {"leaked": leaked, "isolated": sys.flags.safe_path}
        answer({"version": version, "product": "0.1.0", "capabilities": capabilities})
    elif method == "shutdown":
        answer({}); sys.exit(0)
    elif method == "preview":
        with open(os.environ["FAKE_PREVIEW"], "rb"): pass
        answer({"path": os.environ["FAKE_PREVIEW"], "width": 4, "height": 3, "source_width": 400, "source_height": 300})
    elif method == "cancel":
        if plan == "stubborn": time.sleep(60)
        answer({"cancelled": True}); event("failed", code="cancelled", message="Cancelled.")
    elif method == "submit":
        if "bad" in params["spec"]["capture"]: plan = "fails"
        elif plan == "fails" and "good" in params["spec"]["capture"]: plan = "done"
        spec = params["spec"]; job = spec["job"]
        say(method="event", params={"kind": "done", "job": "/another/job", "result": "/another/result.json"})
        if plan == "refuses":
            data = {"code": "job_busy", "message": "Another program uses this job.", "hint": "Wait for it."}
            say(id=request["id"], error={"code": -32000, "message": "refused", "data": data})
            continue
        event("queued"); answer({"id": "job1"}); event("started")
        event("progress", stage="frames", fraction=0.25, message="3 of 12", seconds_left=42.0)
        if plan in ("waits", "stubborn"): continue
        if plan == "dies":
            sys.stderr.write("Fatal: out of luck\\n"); sys.stderr.flush(); os._exit(9)
        event("stage_finished", stage="frames")
        event("warning", stage="cameras", code="few", message="Few photos.", hint="Take more.")
        if plan == "fails":
            why = {"message": "No two photos match.", "hint": "Take photos closer together."}
            event("failed", stage="cameras", code="cameras_failed", **why)
        else:
            event("progress", stage="export", fraction=0.9, message="", seconds_left=1.0)
            if "FAKE_RESULT" in os.environ: shutil.copytree(os.environ["FAKE_RESULT"], job, dirs_exist_ok=True)
            event("done", result=os.path.join(spec["job"], "result.json"))
"""


@pytest.fixture
def fake_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A backend that follows a plan: ``fake_backend(plan, version=1)`` returns its script."""
    script = tmp_path / "fake_backend.py"
    script.write_text(FAKE_BACKEND)

    def choose(plan: str = "done", version: int = 1) -> Path:
        monkeypatch.setenv("FAKE_PLAN", plan)
        monkeypatch.setenv("FAKE_VERSION", str(version))
        return script

    return choose


class Recorder:
    """A layout that remembers what was drawn; every call that Blender knows, and no other."""

    def __init__(self, drawn=None):
        import bpy

        self.__dict__["drawn"] = drawn if drawn is not None else []
        self.__dict__["known"] = set(bpy.types.UILayout.bl_rna.functions.keys())
        self.__dict__["settings"] = set(bpy.types.UILayout.bl_rna.properties.keys())

    def __getattr__(self, name):
        assert name in self.known, f"UILayout has no {name}"

        def call(*args, **kwargs):
            accepted = set(__import__("bpy").types.UILayout.bl_rna.functions[name].parameters.keys())
            assert set(kwargs) <= accepted, f"{name} takes no {set(kwargs) - accepted}"
            self.drawn.append((name, args, kwargs))
            return Button() if name == "operator" else Recorder(self.drawn)

        return call

    def __setattr__(self, name, value):
        assert name in self.settings, f"UILayout has no {name}"

    def texts(self):
        return " ".join(str(k["text"]) for _, _, k in self.drawn if "text" in k)

    def operators(self):
        return [a[0] for n, a, _ in self.drawn if n == "operator"]


class Button:
    """What ``layout.operator`` returns: takes properties."""


class Addon:
    """The installed addon: ``addon(name)`` is a module of it, ``addon.draw(name)`` what a panel draws."""

    recorder = Recorder

    def __call__(self, name: str) -> Any:
        """A module of the addon."""
        return importlib.import_module(f"{MODULE}.addon.{name}")

    def draw(self, name: str) -> Recorder:
        """Draw one panel into a recorder."""
        import bpy

        module = {"result": "result_panel", "notes": "result_panel"}.get(name, "panels")
        panel = getattr(self(module), f"TURNAROUND_PT_{name}")
        layout = Recorder()
        panel.draw(type("Stub", (), {"layout": layout})(), bpy.context)
        return layout


@pytest.fixture
def addon(scene: Any) -> Addon:
    """The installed addon."""
    return Addon()


@pytest.fixture
def capture(scene, tmp_path):
    """A folder of photos, chosen in the scene."""
    folder = tmp_path / "my capture"
    folder.mkdir()
    for name in ("b.JPG", "a.jpg", "notes.txt"):
        (folder / name).write_bytes(b"x")
    scene.turnaround.capture = str(folder)
    return folder


@pytest.fixture
def backend(addon, capture, fake_backend, monkeypatch, tmp_path):
    """``backend(plan)``: let the extension start a backend that follows ``plan``."""
    monkeypatch.setenv("TURNAROUND_PYTHON", sys.executable)
    session = addon("session")
    original = session.Session.__init__

    def choose(plan="done", version=1):
        script = fake_backend(plan, version)

        def start(self, python, log, _script=None):
            original(self, python, log, script)

        monkeypatch.setattr(session.Session, "__init__", start)

    return choose
