# SPDX-License-Identifier: GPL-3.0-or-later
"""The service over real pipes, with fake stages in its workers."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from turnaround.protocol import REQUESTS, STAGES, VERSION, Event, from_dict, to_dict

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Client:
    """Speaks to a service; keeps events and answers apart."""

    def __init__(self, command, idle=60.0):
        self.process = subprocess.Popen([*command, str(idle)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.events: list[Event] = []
        self.answers: queue.Queue = queue.Queue()
        self.raw: list[bytes] = []
        self._number = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.raw.append(line)
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if message.get("method") == "event":
                self.events.append(from_dict(Event, message["params"]))
            else:
                self.answers.put(message)

    def send(self, text: str) -> dict:
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.answers.get(timeout=10)

    def ask(self, method: str, **params) -> dict:
        self._number += 1
        answer = self.send(json.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}))
        assert answer["id"] == self._number
        return answer

    def result(self, method: str, **params) -> dict:
        return self.ask(method, **params)["result"]

    def hello(self):
        return self.result("hello", version=VERSION)

    def state(self, job_id: str) -> str:
        return next(j["state"] for j in self.result("status")["jobs"] if j["id"] == job_id)


@pytest.fixture
def connect(fake_service):
    """Start clients; kill what a failed test leaves."""
    clients = []

    def go(idle=60.0):
        clients.append(Client(fake_service, idle))
        return clients[-1]

    yield go
    for client in clients:
        client.process.kill()
        client.process.wait()
        client.process.stdin.close()


def test_hello_comes_first_and_tells_both_versions(connect):
    client = connect()
    refused = client.ask("status")["error"]
    assert refused["code"] == -32600
    assert "hello" in refused["message"]
    answer = client.hello()
    assert answer["version"] == VERSION
    assert answer["product"] == "0.1.0"
    assert answer["capabilities"]["devices"] == ["cpu"]
    assert client.result("status") == {"jobs": []}


def test_version_mismatch_has_a_remedy(connect):
    client = connect()
    error = client.ask("hello", version=VERSION + 1)["error"]
    assert error["data"]["code"] == "version_mismatch"
    assert error["data"]["remedy"] == "repair_backend"
    assert str(VERSION + 1) in error["message"]
    assert "Repair" in error["data"]["hint"]
    assert "error" in client.ask("status")  # still not greeted
    assert client.hello()["version"] == VERSION


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method":', -32700),
        ("[" * 5000, -32700),
        ("[1, 2]", -32600),
        ('{"id": 1, "method": "status"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "steal"}', -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "_run"}', -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "status", "params": [1]}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {"x": 1}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "cancel", "params": {"id": "job9"}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"spec": {"capture": "/x"}}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"spec": 3}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "inspect", "params": {"capture": 3}}', -32603),
        ('{"jsonrpc": "2.0", "id": 1, "method": "inspect", "params": {"capture": "/nowhere"}}', -32000),
    ],
)
def test_bad_lines_are_answered(connect, line, code):
    client = connect()
    client.hello()
    error = client.send(line)["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["data"]["code"]
    assert client.result("status") == {"jobs": []}


def test_two_jobs_run_one_after_the_other(connect, fake_capture, wait_for):
    client = connect()
    client.hello()
    first, second = fake_capture.spec("first"), fake_capture.spec("second")
    ids = [client.result("submit", spec=to_dict(s))["id"] for s in (first, second)]
    wait_for(lambda: [e.kind for e in client.events].count("done") == 2, 30)
    assert [client.state(i) for i in ids] == ["done", "done"]
    jobs = [e.job for e in client.events if e.kind in {"started", "stage_finished", "done"}]
    assert jobs == [first.job] * (len(STAGES) + 2) + [second.job] * (len(STAGES) + 2)
    assert [e.job for e in client.events if e.kind == "queued"] == [first.job, second.job]
    assert (Path(second.job) / "result.json").exists()


def test_cancelling_a_queued_and_a_running_job(connect, fake_capture, wait_for):
    fake_capture.behave(masks="slow")
    client = connect()
    client.hello()
    running, waiting = (client.result("submit", spec=to_dict(fake_capture.spec(n)))["id"] for n in ("a", "b"))
    wait_for(lambda: any(e.message == "slowly" for e in client.events), 20)
    assert client.result("cancel", id=waiting) == {"cancelled": True}
    assert client.result("cancel", id=running) == {"cancelled": True}
    wait_for(lambda: client.state(waiting) == client.state(running) == "cancelled", 5)
    assert [e.code for e in client.events if e.kind == "failed"] == ["cancelled", "cancelled"]
    assert not Path(fake_capture.spec("b").job).exists()
    assert client.result("cancel", id=running) == {"cancelled": False}


def test_a_failed_job_leaves_the_service_working(connect, fake_capture, wait_for):
    client = connect()
    client.hello()
    fake_capture.behave(masks="segfault")
    job = client.result("submit", spec=to_dict(fake_capture.spec()))["id"]
    wait_for(lambda: client.state(job) == "failed", 20)
    fake_capture.behave(masks="print")
    again = client.result("submit", spec=to_dict(fake_capture.spec()))["id"]
    wait_for(lambda: client.state(again) == "done", 20)
    status = client.result("status")["jobs"]
    assert status[0]["last"]["code"] == "worker_died"
    assert status[1]["last"]["kind"] == "done"


@linux
@pytest.mark.parametrize("behaviour", ["slow", "deaf"])
def test_closed_input_ends_everything(connect, fake_capture, descendants, alive, wait_for, behaviour):
    client, workers = _busy(connect, fake_capture, descendants, wait_for, behaviour)
    started = time.monotonic()
    client.process.stdin.close()
    client.process.wait(timeout=5)
    wait_for(lambda: not any(alive(p) for p in workers), 5 - (time.monotonic() - started))
    assert client.process.returncode == 0


@linux
def test_killed_service_leaves_no_worker(connect, fake_capture, descendants, alive, wait_for):
    client, workers = _busy(connect, fake_capture, descendants, wait_for, "slow")
    client.process.kill()
    client.process.wait()
    wait_for(lambda: not any(alive(p) for p in workers), 5)


@linux
def test_shutdown_ends_everything(connect, fake_capture, descendants, alive, wait_for):
    client, workers = _busy(connect, fake_capture, descendants, wait_for, "slow")
    assert client.result("shutdown") == {}
    client.process.wait(timeout=5)
    assert not any(alive(p) for p in workers)


def _busy(connect, fake_capture, descendants, wait_for, behaviour):
    """A client whose service is in the middle of a stage, and the processes below the service."""
    fake_capture.behave(masks=behaviour)
    client = connect()
    client.hello()
    client.result("submit", spec=to_dict(fake_capture.spec()))
    wait_for(lambda: any(e.stage == "masks" for e in client.events), 20)
    time.sleep(0.3)
    workers = descendants(client.process.pid)
    assert workers
    return client, workers


def test_idle_service_ends_by_itself(connect):
    client = connect(idle=0.3)
    assert client.process.wait(timeout=10) == 0


def test_busy_service_is_not_idle(connect, fake_capture, wait_for):
    fake_capture.behave(masks="slow")
    client = connect(idle=0.5)
    client.hello()
    client.result("submit", spec=to_dict(fake_capture.spec()))
    time.sleep(2.5)
    assert client.process.poll() is None
    client.result("shutdown")


def test_every_request_has_a_handler():
    from turnaround.backend.service import Service

    assert {name for name in dir(Service) if name.startswith("_on_")} == {f"_on_{name}" for name in REQUESTS}


def test_doctor_and_inspect_answer(connect, fake_capture):
    client = connect()
    client.hello()
    checks = client.result("doctor")["checks"]
    assert {"python", "numpy", "cuda", "cache", "disk"} <= {c["name"] for c in checks}
    assert all(c["ok"] or c["hint"] for c in checks)
    listed = client.result("models")
    rows = listed["models"]
    assert listed["errand"]["state"] == "idle"
    assert client.result("model_stop")["state"] == "idle"
    refused = client.ask("model_install", name="nosuch")["error"]["data"]
    assert (refused["code"], refused["hint"]) == ("bad_request", "See the list of models.")
    assert all({"name", "installed", "size", "licence", "purpose"} <= set(row) for row in rows)
    assert {"sam2.1-small", "triposr"} <= {row["name"] for row in rows}
    found = client.result("inspect", capture=str(fake_capture.folder))
    assert found["photos"] == 0
    assert found["unreadable"][0]["name"] == "photo.jpg"
