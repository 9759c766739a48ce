# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device is chosen, and what is said where a part of CUDA is missing: with made-up packages on a path."""

import json
import os
import subprocess
import sys

import pytest
from turnaround.backend import device

ASK = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("device", sys.argv[1])
device = importlib.util.module_from_spec(spec)
sys.modules["device"] = device
spec.loader.exec_module(device)
chosen = {wanted: [device.choose(wanted).device, device.choose(wanted).note] for wanted in ("auto", "cpu", "cuda")}
print(json.dumps({"missing": device.missing_for_cuda(), "devices": device.devices(), "torch": "torch" in sys.modules,
                  "chosen": chosen}))
"""
CUDA_TORCH = "from typing import Optional\n__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\nhip = None\n"
PLAIN_TORCH = CUDA_TORCH.replace("'13.0'", "None")
PARTS = {"torch": CUDA_TORCH, "sees": "True", "card": True}


@pytest.fixture
def asked(tmp_path):
    """What ``device.py`` answers in an interpreter that has nothing but made-up packages and programs."""

    def ask(**changes):
        parts = PARTS | changes
        packages, programs = tmp_path / "packages", tmp_path / "bin"
        programs.mkdir()
        if parts["torch"] is not None:
            (packages / "torch").mkdir(parents=True)
            seen = f"class cuda:\n    @staticmethod\n    def is_available():\n        return {parts['sees']}\n"
            (packages / "torch" / "__init__.py").write_text(seen)
            (packages / "torch" / "version.py").write_text(parts["torch"])
        if parts["card"]:
            (programs / "nvidia-smi").write_text("#!/bin/sh\necho 'Made-up Card, 8192 MiB'\n")
            (programs / "nvidia-smi").chmod(0o755)
        environment = {"PYTHONPATH": str(packages), "PATH": str(programs)}
        done = subprocess.run(
            [sys.executable, "-S", "-c", ASK, device.__file__],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    if os.name == "nt":
        pytest.skip("the made-up programs are shell scripts")
    return ask


def test_cuda_is_taken_where_every_part_is_there(asked):
    answer = asked()
    assert answer["missing"] == ""
    assert answer["devices"] == ["cpu", "cuda"]
    assert answer["chosen"] == {"auto": ["cuda", ""], "cpu": ["cpu", ""], "cuda": ["cuda", ""]}
    assert not answer["torch"]


@pytest.mark.parametrize(
    ("changes", "cause", "way_out"),
    [
        ({"torch": None}, "torch is not installed", "pip install torch"),
        ({"torch": PLAIN_TORCH}, "built without CUDA", "pytorch.org"),
        ({"torch": ""}, "built without CUDA", "pytorch.org"),
        ({"sees": "False"}, "sees no CUDA device", "driver"),
        ({"sees": "1 / 0"}, "sees no CUDA device", "driver"),
    ],
)
def test_a_missing_part_is_named_with_its_remedy(asked, changes, cause, way_out):
    answer = asked(**changes)
    assert cause in answer["missing"]
    assert way_out in answer["missing"]
    assert answer["devices"] == ["cpu"]
    # A card is there that could have served: said under auto as well.
    for wanted in ("auto", "cuda"):
        chosen, note = answer["chosen"][wanted]
        assert chosen == "cpu"
        assert cause in note
    assert answer["chosen"]["cpu"] == ["cpu", ""]
    assert not answer["torch"]


def test_without_a_card_auto_is_silent_and_cuda_is_answered(asked):
    answer = asked(sees="False", card=False)
    assert answer["chosen"]["auto"] == ["cpu", ""]
    assert "CUDA" in answer["chosen"]["cuda"][1]


def test_the_part_that_matters_first_is_named_first(asked):
    assert "torch is not installed" in asked(torch=None, card=False)["missing"]
