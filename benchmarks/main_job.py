"""Wall time, processor time and peak memory of the main job, `kedro run --pipeline=simulate`.

Arguments after the options are passed on: `python benchmarks/main_job.py --runs 3 --params=replicates=100`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What one run of the job took.

    Attributes:
        seconds: Wall time from the command to its end, start-up included.
        cpu_seconds: Processor time of the process and of the children it waited for.
        peak_mib: Peak resident memory of its largest process, in MiB.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


def run_job(arguments: list[str]) -> Cost:
    """Run the job once, quietly; its output is shown if it fails."""
    kedro = Path(sys.executable).with_name("kedro")
    command = [str(kedro), "run", "--pipeline=simulate", *arguments]
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as job:
        assert job.stdout is not None
        output = job.stdout.read()
        # wait4, unlike the usage of all children, tells this run's peak from an earlier one's.
        _, status, usage = os.wait4(job.pid, 0)
        job.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if job.returncode != 0:
        raise SystemExit(f"{output}\n{' '.join(command)} failed with exit code {job.returncode}.")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def main() -> None:
    """Parse the command line and print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Cost of `kedro run --pipeline=simulate`.")
    parser.add_argument("--runs", type=int, default=5)
    options, arguments = parser.parse_known_args()
    costs = [run_job(arguments) for _ in range(options.runs)]
    print(f"kedro run --pipeline=simulate {' '.join(arguments)}\n\n| | first | median | minimum | maximum |")
    print("|---|---|---|---|---|")
    for name, values in {
        "wall seconds": [cost.seconds for cost in costs],
        "processor seconds": [cost.cpu_seconds for cost in costs],
        "peak MiB": [cost.peak_mib for cost in costs],
    }.items():
        cells = values[0], statistics.median(values), min(values), max(values)
        print(f"| {name} | {' | '.join(f'{cell:,.1f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
