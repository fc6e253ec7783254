"""The types that are promised, and the examples, as a strict type checker sees them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_types(tmp_path):
    if "HANMILL_ENGINES" not in os.environ:
        pytest.importorskip("mypy", reason="mypy is not installed")
    typed = Path(__file__).parent / "typed.py"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(typed)]
    # Away from the sources, as they would be taken for the package.
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
