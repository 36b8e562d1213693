"""A Python of its own that has the peers, each in the one version that is compared."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = {"duckdb": "2.0.0", "chdb": "4.4.0", "pyarrow": "26.0.1"}

WORKING = "import importlib.metadata as m; print(*(m.version(p) for p in {names!r}))"


def enter(venv: Path):
    """Goes on in the environment's Python; makes the environment where there is none."""
    python = venv / "bin" / "python"
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    if not has_packages(python):
        print(f"installing {', '.join(PACKAGES)} from PyPI into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pinned = [f"{name}=={version}" for name, version in PACKAGES.items()]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pinned], check=True)
    os.execv(python, [str(python), *sys.argv])


def has_packages(python: Path):
    if not python.is_file():
        return False
    asked = subprocess.run(
        [python, "-c", WORKING.format(names=tuple(PACKAGES))], capture_output=True, text=True
    )
    return asked.returncode == 0 and asked.stdout.split() == list(PACKAGES.values())
