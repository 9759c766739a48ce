# SPDX-License-Identifier: GPL-3.0-or-later
"""Models on disk, against a server that breaks off, sends too much, too little or other bytes."""

from __future__ import annotations

import hashlib
import http.server
import json
import pickle
import re
import threading
import time
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from turnaround.backend import cli
from turnaround.backend.errors import PipelineError
from turnaround.backend.models import commands, download, registry, store, tensors
from turnaround.backend.models.errand import Errand

CONTENT = np.random.default_rng(3).integers(0, 256, 3_000_017).astype(np.uint8).tobytes()


@dataclass
class Plan:
    """How the server behaves; ``asked`` are the Range headers it got."""

    content: bytes = CONTENT
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    promise: int | None = None
    status: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server():
    plan = Plan()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            plan.asked.append(self.headers.get("Range"))
            if plan.status:
                self.send_error(plan.status.pop(0))
                return
            wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(wanted[1]) if wanted and plan.ranges else 0
            body = plan.content[start:]
            self.send_response(206 if wanted and plan.ranges else 200)
            if wanted and plan.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(plan.content) - 1}/{len(plan.content)}")
            self.send_header("Content-Length", str(plan.promise or len(body)))
            self.end_headers()
            cut = plan.break_after.pop(0) if plan.break_after else len(body)
            self.wfile.write(body[:cut])
            self.wfile.flush()
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        plan.url = f"http://127.0.0.1:{httpd.server_port}/model.onnx"
        yield plan
        httpd.shutdown()


@pytest.fixture
def model(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path / "models"))
    made = replace(
        registry.named("u2netp"),
        name="made",
        file="made.onnx",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        urls=(server.url,),
    )
    monkeypatch.setattr(registry, "MODELS", (*registry.MODELS, made))
    return made


def test_a_download_is_checked_and_named(server, model):
    seen = []
    assert not store.installed(model)
    assert download.install(model, lambda done, size: seen.append((done, size))) == model.sha256
    assert store.path_of(model).read_bytes() == CONTENT
    assert store.installed(model)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in store.folder().iterdir()] == ["made.onnx"]
    store.verify(model)


def test_a_broken_connection_is_taken_up_where_it_broke(server, model):
    server.break_after = [1_000_000, 500_000]
    download.install(model, pause=0)
    assert store.path_of(model).read_bytes() == CONTENT
    starts = [int(re.search(r"\d+", asked)[0]) for asked in server.asked[1:]]
    assert server.asked[0] is None
    assert starts == [1_000_000, 1_500_000]


def test_it_goes_on_in_the_next_call_and_nothing_is_installed_in_between(server, model):
    server.break_after = [1000] * download.ATTEMPTS
    with pytest.raises(PipelineError, match=r"broke off|more expected") as caught:
        download.install(model, pause=0)
    assert caught.value.code == "model_download"
    assert not store.installed(model)
    assert not store.path_of(model).exists()
    before = len(server.asked)
    download.install(model, pause=0)
    assert server.asked[before] == f"bytes={1000 * download.ATTEMPTS}-"
    assert store.path_of(model).read_bytes() == CONTENT


def test_a_server_without_ranges_begins_again(server, model):
    server.ranges = False
    server.break_after = [1_000_000]
    download.install(model, pause=0)
    assert store.path_of(model).read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["bytes", "longer", "shorter"])
def test_another_file_is_refused_and_does_not_stay(server, model, change):
    content = bytearray(CONTENT)
    content[77] ^= 1
    server.content = {"bytes": bytes(content), "longer": CONTENT * 2, "shorter": CONTENT[:-5]}[change]
    with pytest.raises(PipelineError) as caught:
        download.install(model, pause=0)
    assert caught.value.code == ("model_download" if change == "shorter" else "model_refused")
    assert not store.path_of(model).exists()
    server.content = CONTENT
    download.install(model, pause=0)
    assert store.path_of(model).read_bytes() == CONTENT


def test_a_wrong_length_promised_is_not_believed(server, model):
    server.promise = len(CONTENT) + 100
    download.install(model, pause=0)
    assert store.path_of(model).read_bytes() == CONTENT


def test_server_errors_are_tried_again_and_absence_is_not(server, model):
    server.status = [503, 500]
    download.install(model, pause=0)
    assert len(server.asked) == 3
    store.remove(model)
    server.status = [404] * 9
    with pytest.raises(PipelineError, match="404"):
        download.install(model, pause=0)
    assert len(server.asked) == 4


def test_a_second_place_is_asked_when_the_first_fails(server, model):
    server.status = [404]
    download.install(replace(model, urls=(server.url, server.url)), pause=0)
    assert len(server.asked) == 2


def test_cancel_keeps_what_came(server, model):
    class StopError(Exception):
        pass

    def stop(done, size):
        raise StopError

    with pytest.raises(StopError):
        download.install(model, stop)
    assert not store.path_of(model).exists()
    download.install(model, pause=0)
    assert server.asked[1].startswith("bytes=")


def test_an_unknown_hash_is_recorded_and_held_to(server, model, monkeypatch):
    unknown = replace(model, sha256="")
    monkeypatch.setattr(registry, "MODELS", (unknown,))
    said = commands.run("install", "made", None, lambda event: None)
    assert any("recorded now" in line and model.sha256 in line for line in said.lines)
    assert store.expected_hash(unknown) == model.sha256
    store.path_of(unknown).write_bytes(bytes(len(CONTENT)))
    with pytest.raises(PipelineError, match="damaged"):
        store.verify(unknown)
    store.path_of(unknown).unlink()
    server.content = bytes(len(CONTENT))
    with pytest.raises(PipelineError, match="not the file"):
        download.install(unknown, pause=0)


def test_import_takes_the_right_file_only(model, tmp_path):
    mine = tmp_path / "mine.bin"
    mine.write_bytes(CONTENT[:-1] + b"\0")
    with pytest.raises(PipelineError, match="SHA-256"):
        store.take_copy(model, mine)
    assert mine.exists(), "the user's own file is never touched"
    mine.write_bytes(CONTENT)
    assert commands.run("import", "made", mine, lambda event: None).facts["sha256"] == model.sha256
    assert mine.read_bytes() == store.path_of(model).read_bytes() == CONTENT
    with pytest.raises(PipelineError, match="bytes"):
        store.take_copy(model, tmp_path / "models" / ".." / "mine.bin" if mine.write_bytes(b"x") else mine)
    with pytest.raises(PipelineError, match="no file"):
        store.take_copy(model, tmp_path / "none")


def test_verify_and_remove(model, tmp_path):
    with pytest.raises(PipelineError, match="not installed"):
        store.verify(model)
    (tmp_path / "x").write_bytes(CONTENT)
    store.take_copy(model, tmp_path / "x")
    damaged = bytearray(CONTENT)
    damaged[-1] ^= 255
    store.path_of(model).write_bytes(bytes(damaged))
    with pytest.raises(PipelineError, match="damaged"):
        store.verify(model)
    assert store.remove(model)
    assert not store.remove(model)
    assert not list(store.folder().iterdir())


def test_the_best_installed_model_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path))
    assert store.best("sam2") is None
    for name in ("sam2.1-tiny", "sam2.1-base-plus"):
        made = registry.named(name)
        with (tmp_path / made.file).open("wb") as stream:
            stream.truncate(made.size)
    assert store.best("sam2").name == "sam2.1-base-plus"
    assert store.best("sam2", "sam2.1-tiny").name == "sam2.1-tiny"
    assert store.best("sam2", "sam2.1-large") is None
    with pytest.raises(ValueError, match="salient"):
        store.best("sam2", "u2net")


def test_the_table_is_complete():
    assert len({m.name for m in registry.MODELS}) == len({m.file for m in registry.MODELS}) == len(registry.MODELS)
    for made in registry.MODELS:
        assert re.fullmatch(r"[0-9a-f]{64}", made.sha256)
        assert made.licence
        assert made.purpose
        assert made.size > 1_000_000
        assert made.urls
        assert all(url.startswith("https://") for url in made.urls)


def test_the_command_lists_and_refuses(model, capsys):
    assert cli.main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {m["name"] for m in listed["models"]} >= {"sam2.1-tiny", "made"}
    assert cli.main(["models", "install", "nosuch"]) == 2
    assert cli.main(["models", "import", "made"]) == 2
    assert cli.main(["models", "verify", "made"]) == 3
    assert cli.main(["models", "install", "made"]) == 0
    assert cli.main(["models", "verify", "made"]) == 0
    assert cli.main(["models", "remove", "made"]) == 0


class Evil:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_weights_are_tensors_or_refused(tmp_path, capsys):
    good, bad = tmp_path / "good.pt", tmp_path / "bad.pt"
    torch.save({"model": {"a": torch.arange(3)}}, good)
    assert tensors.load_tensors(good)["model"]["a"].tolist() == [0, 1, 2]
    torch.save({"model": Evil()}, bad)
    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps(Evil()))
    rubbish = tmp_path / "rubbish.pt"
    rubbish.write_bytes(b"no weights at all")
    lone = tmp_path / "lone.pt"
    torch.save(torch.zeros(2), lone)
    for path in (bad, plain, rubbish, lone):
        with pytest.raises(PipelineError) as caught:
            tensors.load_tensors(path)
        assert caught.value.code == "model_refused"
    assert "must not run" not in capsys.readouterr().out


def ended(errand: Errand) -> dict:
    """The state of an errand that is over."""
    end = time.monotonic() + 20
    while errand.busy and time.monotonic() < end:
        time.sleep(0.01)
    assert not errand.busy
    return errand.state()


def test_an_errand_fetches_says_how_far_it_is_and_deletes(server, model):
    errand = Errand()
    assert errand.state()["state"] == "idle"
    errand.start("made")
    state = ended(errand)
    assert (state["state"], state["fraction"], state["name"]) == ("done", 1.0, "made")
    assert state["text"] == "Downloading: 3 of 3 MB"
    assert store.installed(model)
    errand.start("made")
    assert ended(errand)["state"] == "done", "what is there is not fetched again"
    assert len(server.asked) == 1
    assert errand.remove("made")
    assert not errand.remove("made")
    assert not store.installed(model)


def test_an_errand_takes_in_a_file_or_says_what_is_wrong(server, model, tmp_path):
    errand, file = Errand(), tmp_path / "mine.bin"
    file.write_bytes(CONTENT[:-1])
    errand.start("made", file)
    state = ended(errand)
    assert state["state"] == "failed"
    assert "should have 3000017 bytes" in state["message"]
    assert "made.onnx" in state["hint"]
    file.write_bytes(CONTENT)
    errand.start("made", file)
    assert ended(errand)["state"] == "done"
    assert store.path_of(model).read_bytes() == CONTENT
    assert not server.asked, "no network"


def test_an_errand_is_stopped_and_goes_on_where_it_was(server, model, monkeypatch):
    errand = Errand()
    reached, go_on = threading.Event(), threading.Event()
    plain = errand._progress

    def slow(done, size):
        if done >= 1 << 20:
            reached.set()
            go_on.wait(10)
        plain(done, size)

    monkeypatch.setattr(errand, "_progress", slow)
    errand.start("made")
    assert reached.wait(10)
    with pytest.raises(PipelineError, match="is being fetched"):
        errand.start("made")
    with pytest.raises(PipelineError, match="is being fetched"):
        errand.remove("made")
    errand.stop()
    go_on.set()
    assert ended(errand)["state"] == "stopped"
    assert not store.installed(model)
    errand.start("made")
    assert ended(errand)["state"] == "done"
    assert server.asked[1].startswith("bytes="), "not from the start again"
    with pytest.raises(PipelineError, match="no model called nosuch"):
        errand.start("nosuch")


def test_trust_is_for_encrypted_addresses_and_knows_authorities():
    assert download.trusted("http://127.0.0.1/x") is None
    context = download.trusted("https://example.org/x")
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50
