# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a new environment's interpreter: load the libraries named and say what works, as one line of JSON.

A wheel that unpacked well may still not load (a missing system library, an old processor); this finds out.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys


def main() -> int:
    """Import the arguments one by one; the exit status is 0 only if all loaded."""
    failed = {}
    for name in sys.argv[1:]:
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError, AttributeError, ValueError) as error:
            failed[name] = f"{type(error).__name__}: {error}"
    torch = sys.modules.get("torch")
    cuda = bool(torch.cuda.is_available()) if torch else False
    facts = {"python": platform.python_version(), "failed": failed, "cuda": cuda}
    sys.stdout.write(f"\n{json.dumps(facts)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
