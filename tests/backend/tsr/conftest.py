# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ``networks.py`` importable as ``tsr_networks``: importlib mode puts this folder on no path."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("tsr_networks", Path(__file__).with_name("networks.py"))
sys.modules["tsr_networks"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["tsr_networks"])
