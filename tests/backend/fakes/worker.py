# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker with the fake stages beside this file mounted in it."""

import sys

import stages
from turnaround.backend import worker

sys.exit(worker.main(stages.load))
