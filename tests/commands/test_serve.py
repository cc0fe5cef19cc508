"""`armlift serve` says in one line why it cannot start."""

import subprocess
import sys

import pytest
from live_server import free_port


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ARMLIFT_SECRET": "short"}, "ARMLIFT_SECRET = '5 characters': must satisfy at least 32 characters"),
        ({"MODE": "docker"}, "must satisfy a secret of 32 characters or more where MODE is docker"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
    ],
)
def test_a_router_that_cannot_start_says_why(tmp_path, monkeypatch, given, said):
    for name in ("ARMLIFT_SECRET", "ARMLIFT_USER_SECRET", "MODE", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    ended = subprocess.run(
        [sys.executable, "-m", "armlift", "serve", "--port", str(free_port())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert said in line
    assert "Traceback" not in ended.stderr
