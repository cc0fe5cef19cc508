"""`python -m dagster_defs`: Dagster's web server and daemon, with their memory in data/dagster."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from armlift.commands.addresses import require_free
from armlift.errors import ParameterError
from dagster_defs.project import POOL, ROOT

TEMPLATE = Path(__file__).with_name("dagster.yaml")
QUIET = {"DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "true"}


def prepare_home(root: Path) -> Path:
    """Create the folder in which Dagster remembers runs and ticks, and put its settings there.

    Args:
        root: Root of the project.

    Returns:
        The folder, what `DAGSTER_HOME` must name.
    """
    home = root / "data" / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(TEMPLATE, home / TEMPLATE.name)
    return home


def settle(home: Path) -> int:
    """Put what Dagster remembers in order before it starts; only while no Dagster runs on this home.

    Runs that were in progress when it was killed are reported as failed, so that they are tried again:
    a run's process dies with the server that started it, and nothing else would notice. The pool gets its
    limit, which Dagster would set only after it let the first runs through.

    Args:
        home: The folder from `prepare_home`.

    Returns:
        How many runs had been cut off.
    """
    import dagster as dg

    working = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        runs = instance.get_runs(dg.RunsFilter(statuses=working))
        for run in runs:
            instance.report_run_failed(run, "Dagster was stopped in the middle of this run.")
    return len(runs)


def address(host: str, port: int) -> str:
    """Give the address at which people see what listens on a host and port.

    Example:
        >>> address("0.0.0.0", 3000), address("::1", 3001)
        ('http://127.0.0.1:3000', 'http://[::1]:3001')
    """
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # listening everywhere is no address
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
def main(host: str, port: int) -> None:
    """Run Dagster's web server and daemon until interrupted.

    Runs, schedules and sensors are remembered in data/dagster. Alarms link to ARMLIFT_DAGSTER_URL, or else to
    this host and port.
    """
    try:
        require_free(host, port)
    except ParameterError as error:
        raise click.ClickException(str(error)) from error
    home = prepare_home(ROOT)
    os.environ.update(QUIET, DAGSTER_HOME=str(home))
    os.environ["ARMLIFT_DAGSTER_URL"] = os.environ.get("ARMLIFT_DAGSTER_URL") or address(host, port)
    if ended := settle(home):
        click.echo(f"{ended} runs were cut off when Dagster stopped; they are tried again.")
    os.chdir(ROOT)
    # Of the same environment, whatever the PATH says; it takes this process's place, and so its signals.
    command = ["dagster", "dev", "-m", "dagster_defs.definitions", "-h", host, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *command])


if __name__ == "__main__":
    main(prog_name="dagster_defs")
