# SPDX-License-Identifier: GPL-3.0-or-later
"""The turntable: its cameras, its pictures, and that a browser plays it."""

import functools
import http.server
import shutil
import subprocess
import threading
import urllib.parse

import numpy as np
import pytest
from turnaround.backend.deliver.looks import write_renders
from turnaround.backend.deliver.parcel import Parcel
from turnaround.backend.deliver.turntable import orbit, over_backdrop, splats_rgba
from turnaround.backend.deliver.video import write_video
from turnaround.backend.images import read_rgba

av = pytest.importorskip("av")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE = """<video id="v" muted src="turntable.mp4"></video><script>
const v = document.getElementById("v"), tell = (text) => fetch("/told?" + encodeURIComponent(text));
v.onended = () => tell(["ended", v.videoWidth, v.videoHeight, v.duration].join(" "));
v.onerror = () => tell("error " + v.error.message);
v.play().catch((e) => tell("error " + e));
</script>"""


def pictures(count, height=48, width=64):
    """A bright square that moves from left to right over a blue ground."""
    for index in range(count):
        picture = np.full((height, width, 3), (30, 60, 200), np.uint8)
        picture[16:32, 4 + 4 * index : 20 + 4 * index] = (230, 200, 40)
        yield picture


@pytest.fixture
def video(tmp_path):
    assert write_video(tmp_path / "turntable.mp4", pictures(10), 20) == 10
    return tmp_path / "turntable.mp4"


def test_every_picture_comes_back_and_the_index_is_in_front(video):
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.profile) == ("h264", "yuv420p", "High")
        assert (context.width, context.height, float(stream.average_rate)) == (64, 48, 20.0)
        assert (context.colorspace, context.color_range) == (1, 1)
        frames = [frame.to_ndarray(format="rgb24", src_colorspace="ITU709") for frame in container.decode(stream)]
    assert len(frames) == 10
    for frame, picture in zip(frames, pictures(10), strict=True):
        assert np.abs(frame.astype(int) - picture)[:, :, :].mean() < 6
        np.testing.assert_allclose(frame[2:10, 2:-2].mean(axis=(0, 1)), (30, 60, 200), atol=4)
    data = video.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_odd_sides_are_refused(tmp_path):
    with pytest.raises(ValueError, match="even sides"):
        write_video(tmp_path / "v.mp4", pictures(2, height=47), 20)


def test_a_browser_plays_it_to_its_end(video):
    browser = next((b for b in map(shutil.which, BROWSERS) if b), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    told, heard = [], threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/told?"):
                told.append(urllib.parse.unquote(self.path.partition("?")[2]))
                heard.set()
                self.send_response(204)
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, *ignored):
            pass

    (video.parent / "page.html").write_text(PAGE)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(video.parent))
    )  # fmt: skip
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={video.parent / 'profile'}", "--remote-debugging-port=0",
        f"http://127.0.0.1:{server.server_port}/page.html",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert heard.wait(120), "the browser said nothing within two minutes"
    finally:
        process.terminate()
        process.wait(30)
        server.shutdown()
        server.server_close()
    assert told[0].split()[:3] == ["ended", "64", "48"]
    assert float(told[0].split()[3]) == pytest.approx(0.5, abs=0.06)


def test_all_of_the_object_is_in_every_view_and_fills_it(textured):
    cameras = orbit(textured.vertices, 12, 100)
    pixels = np.stack([camera.project(textured.vertices)[0] for camera in cameras])
    assert pixels.min() > 4.9
    assert pixels.max() < 95.1
    reach = np.abs(pixels - 50).max(axis=(0, 1))
    assert reach.max() == pytest.approx(45, abs=0.1)
    np.testing.assert_allclose(pixels[..., 1].min() + pixels[..., 1].max(), 100, atol=0.1)
    centres = np.array([camera.centre for camera in cameras])
    assert np.ptp(centres[:, 2]) < 1e-9
    assert centres[0][1] == centres[:, 1].min()


@pytest.mark.parametrize(("stills", "frames"), [(3, 6), (3, 4), (2, 0), (0, 4), (0, 0)])
def test_stills_and_video_are_listed_and_agree(tmp_path, textured, stills, frames):
    parcel = Parcel(tmp_path, "07_export", "m", 1.0)
    write_renders(parcel, textured, stills, frames, 32, lambda share, what: None)
    names = [f"render_{k:03d}.png" for k in range(stills)] + ["turntable.mp4"] * bool(frames)
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert sorted(a.path for a in parcel.artefacts) == [f"07_export/{n}" for n in names]
    if stills and frames:
        with av.open(str(tmp_path / "turntable.mp4")) as container:
            first = next(container.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="ITU709")
        still = over_backdrop(read_rgba(tmp_path / "render_000.png"))
        assert np.abs(first.astype(int) - still).mean() < 8


def test_splats_are_seen_with_straight_colours():
    from turnaround.backend.mesh.rendering import looking_at
    from turnaround.backend.splat_files import from_columns
    from turnaround.backend.splat_files.activations import dc_from_colour, logit_from_opacity

    splats = from_columns(
        np.zeros((1, 3)),
        np.array([[1, 0, 0, 0]]),
        np.log(np.full((1, 3), 0.1)),
        logit_from_opacity(np.array([0.5])),
        dc_from_colour(np.array([[0.8, 0.4, 0.2]]))[:, None],
    )
    rgba = splats_rgba(splats, looking_at(np.zeros(3), 0, 0, 1.0, 65))
    np.testing.assert_allclose(rgba[32, 32], (204, 102, 51, 127), atol=2)
    assert rgba[0, 0, 3] == 0
