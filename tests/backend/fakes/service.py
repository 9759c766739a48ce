# SPDX-License-Identifier: GPL-3.0-or-later
"""The real service, whose workers run the fake stages; the one argument is its idle time in seconds."""

import sys
from pathlib import Path

from turnaround.backend import stdio
from turnaround.backend.service import Service

WORKER = [sys.executable, str(Path(__file__).with_name("worker.py"))]
sys.exit(Service(stdio.take_stdout(), float(sys.argv[1]), WORKER).serve())
