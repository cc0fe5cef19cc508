"""Run wrk on a core of its own and read what it prints."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from router.servers import CLIENT_CORE, Server

CONNECTIONS = 32


@dataclass(frozen=True)
class Throughput:
    """What one run measured.

    Attributes:
        answers: Answers.
        rate: Answers a second.
        cpu_microseconds: Processor time of the server for one answer, in microseconds.
    """

    answers: int
    rate: float
    cpu_microseconds: float


def require_wrk() -> None:
    """Say how to get wrk where it is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing. On Debian and Ubuntu: apt install wrk; on macOS: brew install wrk.")


def run_wrk(server: Server, path: str, seconds: int, script: str = "", *arguments: str) -> Throughput:
    """Ask as fast as 32 connections can.

    Args:
        server: Whom.
        path: Path; a script may choose its own.
        seconds: For how long.
        script: Lua script in this folder; none for GET.
        arguments: For the script.

    Raises:
        SystemExit: An answer's status was not 2xx, or a connection failed.
    """
    command = ["taskset", "--cpu-list", str(CLIENT_CORE), "wrk"]
    command += ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    command += ["--timeout", "30s"]  # the in-request design keeps some waiting for seconds
    if script:
        command += ["--script", str(Path(__file__).with_name(script))]
    command += [f"http://127.0.0.1:{server.port}{path}", "--", *arguments]
    before = server.cpu_seconds()
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    printed = ran.stdout
    cpu_seconds = server.cpu_seconds() - before
    if ran.returncode != 0 or "Non-2xx" in printed or "Socket errors" in printed:
        raise SystemExit(f"{server.name}: not all answers were good.\n{printed}{server.log_end()}")
    answers = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if answers is None or rate is None:
        raise SystemExit(f"wrk printed something else than usual:\n{printed}")
    return Throughput(int(answers[1]), float(rate[1]), cpu_seconds / int(answers[1]) * 1e6)
