"""A tuning killed for real, and started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import until
from tuning.interrupted import run

SCRIPT = Path(__file__).with_name("interrupted.py")


def outcome(result):
    return [
        (trial.number, trial.state, trial.params, trial.fold_values, trial.value) for trial in result.trials
    ]


def killed(file, workers, lines, delay=0.0):
    """Start a tuning, kill it after some lines of progress, and give the processes it had started."""
    with subprocess.Popen(
        [sys.executable, "-u", SCRIPT, file, str(workers)], stdout=subprocess.PIPE
    ) as process:
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(delay)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        started = children.read_text().split() if children.exists() else []
        os.kill(process.pid, signal.SIGKILL)
    return [int(child) for child in started]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return outcome(run(tmp_path_factory.mktemp("whole") / "trials.db"))


def test_a_killed_tuning_goes_on_where_it_stood(tmp_path, whole):
    file = tmp_path / "trials.db"
    killed(file, workers=1, lines=16)
    left = killed(file, workers=2, lines=5)
    lines = []
    assert outcome(run(file, progress=lines.append)) == whole
    assert len(whole) == 14
    kept = int(lines[0].split("14 trials, ")[1].split()[0])
    assert 4 <= kept < 14
    assert until(lambda: not any(map(is_alive, left)))


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path, whole):
    assert outcome(run(tmp_path / "trials.db", workers=2)) == whole


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing(tmp_path, whole):
    file = tmp_path / "trials.db"
    for number in range(6):
        killed(file, workers=1, lines=(number % 3) * 5, delay=0.2 * number)
    assert outcome(run(file)) == whole
