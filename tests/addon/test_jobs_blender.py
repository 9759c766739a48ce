# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel *Jobs* and its buttons in Blender's module, with a backend that follows a plan."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"


class TestJobs:
    @pytest.fixture(autouse=True)
    def no_jobs(self, addon, scene):
        """An empty list."""
        (addon("preferences").jobs_folder() / "jobs.json").unlink(missing_ok=True)

    def test_queued_jobs_are_listed_with_the_buttons_that_fit(self, addon, scene, capture, backend):
        import bpy

        backend("waits")
        jobs, session = addon("runtime").jobs(), addon("runtime").session()
        assert bpy.ops.turnaround.queue() == {"FINISHED"}
        (entry,) = jobs.entries
        assert entry.state == "running"
        assert "is running already" in self.error(bpy.ops.turnaround.queue)
        drawn = self.draw_jobs(addon)
        assert "my capture, draft: running" in drawn.texts()
        end = time.monotonic() + 10
        while not session.job.stage and time.monotonic() < end:
            session.pump()
            time.sleep(0.01)
        assert "cancel it first" in self.error(bpy.ops.turnaround.job, job=entry.job, action="remove")
        bpy.ops.turnaround.job(job=entry.job, action="cancel")
        session.wait()
        assert jobs.pump(session)
        assert "my capture, draft: cancelled" in self.draw_jobs(addon).texts()
        Path(entry.job).mkdir(parents=True, exist_ok=True)
        (Path(entry.job) / "log.txt").write_text("what happened")
        bpy.ops.turnaround.job(job=entry.job, action="log")
        assert bpy.data.texts["Turnaround Log"].as_string().strip() == "what happened"
        bpy.ops.turnaround.job(job=entry.job, action="remove")
        assert "No jobs yet" in self.draw_jobs(addon).texts()
        assert Path(entry.job).is_dir(), "the folder stays"

    def test_run_is_noted_with_its_end(self, addon, scene, capture, backend):
        import bpy

        backend("fails")
        with pytest.raises(RuntimeError):
            bpy.ops.turnaround.run()
        (entry,) = addon("runtime").jobs().entries
        assert entry.state == "failed"
        assert "No two photos match." in entry.reason
        drawn = self.draw_jobs(addon)
        assert ("operator", ("turnaround.job",), {"text": "Show Log"}) in drawn.drawn, "the repair is a button"

    def test_a_failed_job_can_be_changed_and_run_as_a_draft(self, addon, scene, capture, backend, tmp_path):
        import bpy

        backend("fails")
        settings = scene.turnaround
        bpy.ops.turnaround.add_point(frame="a.jpg", x=10, y=20, label=1)
        bpy.ops.turnaround.add_point(frame="a.jpg", box=(1, 2, 30, 40))
        bpy.ops.turnaround.add_point(frame="a.jpg", path="[[1, 2], [3, 4]]", radius=5)
        settings.preset, settings.use_length, settings.length = "balanced", True, 0.25
        wanted = settings.job_spec()
        with pytest.raises(RuntimeError):
            bpy.ops.turnaround.run()
        settings.capture, settings.preset, settings.use_length = str(tmp_path), "draft", False
        settings.prompts.clear()
        assert bpy.ops.turnaround.job(job=wanted.job, action="load") == {"FINISHED"}
        assert settings.job_spec() == wanted
        bpy.ops.turnaround.job(job=wanted.job, action="draft")
        entry = addon("runtime").jobs().find(wanted.job)
        assert (entry.spec.preset, entry.spec.length) == ("draft", 0.25)

    def test_a_job_that_blender_left_is_found_again(self, addon, scene, capture, backend):
        backend("waits")
        runtime = addon("runtime")
        spec = scene.turnaround.job_spec()
        runtime.session().submit(spec)
        runtime.jobs().started(spec)
        child = runtime.session()._child
        runtime.shut_down()
        assert child.poll() is not None
        assert runtime.jobs().find(spec.job).state == "stopped"
        assert "Blender was closed while this job ran" in addon.draw("reconstruct").texts().replace("  ", " ")
        assert "my capture, draft: stopped" in self.draw_jobs(addon).texts()

    @staticmethod
    def error(call, **arguments):
        with pytest.raises(RuntimeError) as caught:
            call(**arguments)
        return str(caught.value)

    @staticmethod
    def draw_jobs(addon):
        import bpy

        panel = addon("jobs_panel").TURNAROUND_PT_jobs
        layout = addon.recorder()
        stub = type("Stub", (), {"layout": layout, "_draw_entry": panel._draw_entry})()
        panel.draw(stub, bpy.context)
        return layout
