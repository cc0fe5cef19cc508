"""`armlift visit`: a batch of simulated sessions for the live experiments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from armlift.commands.visiting import Through
    from armlift.environment import RouterSettings
    from armlift.simulation.world import World

WORLD = Path("data", "simulation", "world.pkl")


@dataclass(frozen=True)
class BatchReport:
    """What a batch of sessions came to, all of its experiments together.

    Attributes:
        batch: Name of the batch.
        through: `router` for its HTTP API, `engine` for its engine in this process, "" if nothing runs.
        experiments: The experiments that were visited.
        sessions: Sessions.
        decisions: Decisions, those included that an interrupted run of the batch had made.
        found: Of these, made by an interrupted run.
        events: Events by type, each once.
    """

    batch: str
    through: Through | str
    experiments: tuple[str, ...] = ()
    sessions: int = 0
    decisions: int = 0
    found: int = 0
    events: dict[str, int] = field(default_factory=dict)


@click.command()
@click.option("--sessions", type=click.IntRange(min=1, max=100_000), default=50, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--batch",
    metavar="NAME",
    help="Name of the batch: a word of up to 48 characters. The same name again adds nothing.  "
    "[default: the batches that are due by the schedule]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def visit(sessions: int, seed: int, batch: str | None, as_json: bool) -> None:
    """Send simulated users to every running experiment.

    They go through the router's API while one runs, and through its engine in this process otherwise. What
    they do gets into the same log as real traffic, marked as simulated. A batch that was interrupted is
    finished by the same command.
    """
    import json

    from armlift.environment import RouterSettings

    root = Path.cwd()
    settings = RouterSettings.from_environment(root)
    if batch is None:
        reports = _due(settings, root)
    else:
        reports = (visit_batch(settings, root, batch=batch, sessions=sessions, seed=seed),)
    for report in reports:
        click.echo(json.dumps(asdict(report), indent=2) if as_json else in_words(report))


def _due(settings: RouterSettings, root: Path) -> Sequence[BatchReport]:
    from datetime import UTC, datetime

    from armlift.commands.orchestration import load_orchestration
    from armlift.commands.session_ticks import visit_due
    from armlift.errors import LiveError

    report = visit_due(settings, root, load_orchestration(root).session_batch, datetime.now(UTC))
    if report.is_busy:
        raise LiveError("Another process is at the batches that are due. Wait for it, or name a --batch.")
    return report.batches


def visit_batch(settings: RouterSettings, root: Path, *, batch: str, sessions: int, seed: int) -> BatchReport:
    """Have every running experiment visited by a batch of simulated sessions, once.

    Sessions and what they do follow from the batch's name and the seed. Decisions that the log holds already
    are not made again; their events are sent again, and the ids that they have make repetitions of them.

    Args:
        settings: Which store, and where its router is.
        root: Root of the project.
        batch: Name of the batch.
        sessions: Sessions for each experiment.
        seed: Seed of all batches.

    Raises:
        ParameterError: The name is no word of 1 to 48 characters.
        LiveError: The router or the store is away; what was done stays, and the same call finishes it.
    """
    from armlift.commands.running import running_experiments
    from armlift.commands.visiting import site
    from armlift.commands.visits import Visits

    _check_name(batch)
    running = running_experiments(settings)
    if not running:
        return BatchReport(batch, "")
    world = _world(root / WORLD)
    totals: Counter[str] = Counter()
    events: Counter[str] = Counter()
    with site(settings, root) as reached:
        for row in running:
            visits = Visits(reached, settings, root, row.brief, world, batch, seed)
            for kind, number in visits.run(sessions):
                (totals if kind in ("sessions", "decisions", "found") else events)[kind] += number
    return BatchReport(
        batch,
        reached.through,
        tuple(row.id for row in running),
        totals["sessions"],
        totals["decisions"],
        totals["found"],
        dict(events),
    )


def in_words(report: BatchReport) -> str:
    """Say in a line what a batch came to."""
    if not report.experiments:
        return "No experiment is running. Start one: armlift experiments start ID"
    resumed = f", {report.found} of them before an interruption" if report.found else ""
    events = ", ".join(f"{number} {kind}" for kind, number in report.events.items()) or "no events"
    return (
        f"{report.batch}: {report.sessions} sessions in {', '.join(report.experiments)} through the"
        f" {report.through}; {report.decisions} decisions{resumed}, {events}."
    )


def _world(file: Path) -> World | None:
    """The fitted world, if the main job has left one."""
    import pickle

    if not file.is_file():
        return None
    with file.open("rb") as stream:
        world: World = pickle.load(stream)
    return world


def _check_name(batch: str) -> None:
    from re import fullmatch

    from armlift.errors import ParameterError

    # The name becomes part of an MLflow run's, and a session's is made from it.
    if not fullmatch(r"[A-Za-z0-9][\w-]{0,47}", batch) or batch == "live":
        bound = "a word of 1 to 48 letters, digits, - and _, and not live"
        raise ParameterError("--batch", batch, bound, "Choose another name.")
