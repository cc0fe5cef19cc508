"""Run the examples of README.md in order, from the root of the clone, and stop at the first that fails.

Every fenced block marked `bash` (one command a line) or `python` is an example. A comment on the line before
a block changes what is done with it:

    <!-- check: serve http://127.0.0.1:5000 -->  start the command, wait until it answers 200, stop it
    <!-- check: while it serves -->              run this before the server of the block before it is stopped
    <!-- check: skip, it asks a question -->     do not run it, for the reason given
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^(?:<!-- check: (?P<check>.+?) -->\n)?```(?P<language>bash|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
BESIDE = "while it serves"
START_LIMIT = 180.0  # seconds until a server answers
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands before this machine


class Example(NamedTuple):
    """One fenced block: where it starts, its language, its text, what is asked, what runs beside it."""

    line: int
    language: str
    text: str
    check: str
    beside: list[Example]


def examples(markdown: str) -> list[Example]:
    """The examples of a Markdown page, in its order."""
    return [
        Example(
            line=markdown.count("\n", 0, match.start("text")),
            language=match["language"],
            text=match["text"],
            check=match["check"] or "run",
            beside=[],
        )
        for match in BLOCK.finditer(markdown)
    ]


def commands(example: Example) -> list[list[str]]:
    """What to execute for an example: the whole of a Python block, each line of a shell block."""
    if example.language == "python":
        return [[sys.executable, "-c", example.text]]
    lines = example.text.replace("\\\n", " ").splitlines()
    return [["bash", "-c", line] for line in lines if line.strip() and not line.startswith("#")]


def run(command: list[str]) -> None:
    """Run a command to its end, or raise `CalledProcessError`."""
    subprocess.run(command, cwd=ROOT, check=True)


def answers(url: str) -> bool:
    """Whether the address answers 200."""
    try:
        with DIRECT.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def serve(command: list[str], url: str, meanwhile: list[list[str]]) -> None:
    """Start a server, wait until it answers, run the others and stop it with all that it started."""
    if answers(url):
        raise RuntimeError(f"{url} already answers: stop what runs there")
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as server:
        try:
            give_up = time.monotonic() + START_LIMIT
            while not answers(url):
                if server.poll() is not None:
                    raise RuntimeError(f"ended with {server.returncode} before {url} answered")
                if time.monotonic() > give_up:
                    raise RuntimeError(f"{url} did not answer within {START_LIMIT:.0f} s")
                time.sleep(0.5)
            print(f"    {url} answers", flush=True)
            for each in meanwhile:
                print(f"    meanwhile: {each[-1].strip().splitlines()[0]}", flush=True)
                run(each)
        finally:
            stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a process group: ask first, insist after ten seconds."""
    for request in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, request)
            server.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def check(example: Example, done: set[str], meanwhile: list[list[str]]) -> None:
    """Do with one example what its comment asks for; `meanwhile` is run beside the server that it starts."""
    request, _, argument = example.check.partition(" ")
    if request == "skip,":
        print(f"--- line {example.line}: skipped, {argument}", flush=True)
        return
    if request not in {"run", "serve"}:
        raise RuntimeError(f"unknown request in the comment before it: {example.check}")
    for command in commands(example):
        text = command[-1].strip()
        if text in done:
            print(f"--- line {example.line}: {text} (done before)", flush=True)
            continue
        print(f"--- line {example.line}: {text.splitlines()[0]}", flush=True)
        started = time.monotonic()
        if request == "serve":
            serve(command, argument, meanwhile)
        else:
            run(command)
        print(f"    {time.monotonic() - started:.0f} s", flush=True)


def main() -> int:
    """Check README.md; 1 when an example fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--done", action="append", default=[], help="a command that has just been run")
    done = set(parser.parse_args().done)
    found = examples((ROOT / "README.md").read_text(encoding="utf-8"))
    if not found:
        print("README.md: no examples found", file=sys.stderr)
        return 1
    beside: list[Example] = []
    for example in reversed(found):  # what runs beside a server is told to that server's block
        if example.check == BESIDE:
            beside.insert(0, example)
        else:
            example.beside.extend(beside)
            beside = []
    for example in found:
        if example.check == BESIDE:
            continue
        try:
            check(example, done, [command for each in example.beside for command in commands(each)])
        except (subprocess.CalledProcessError, RuntimeError) as error:
            print(f"README.md, line {example.line}: {error}", file=sys.stderr)
            return 1
    print(f"{len(found)} examples checked")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
