# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the Python environments for development: ``python3 scripts/setup_environments.py [NAME …]``.

Names: ``backend``, ``bpy-VERSION``, ``types-VERSION``; without a name, all that ``scripts/test.py`` uses.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _setup import environments


def main() -> int:
    """Make what was asked for; exit status 1 with the reason when one cannot be made."""
    known = [environments.backend()]
    known += [environments.blender_module(v) for v in environments.BPY_VERSIONS]
    known += [environments.types(v) for v in environments.STUB_VERSIONS]
    parser = argparse.ArgumentParser(description="Make the Python environments for development.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(e.name for e in known)}")
    names = parser.parse_args().names
    if unknown := set(names) - {e.name for e in known}:
        parser.error(f"expected {', '.join(e.name for e in known)}, got {', '.join(sorted(unknown))}")
    for environment in known:
        if names and environment.name not in names:
            continue
        try:
            environments.ensure(environment)
        except environments.SetUpError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"{environment.name}: {environment.executable()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
