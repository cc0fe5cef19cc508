"""`armlift experiments`: the life of live experiments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from armlift.experiments.life_cycle import Action
    from armlift.storage import Database

_WHO = click.option(
    "--who", default="command line", show_default=True, help="Name for the audit log; no personal data."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
_ON_REQUEST = "asked for on the command line"


def _why(*, required: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    otherwise: dict[str, Any] = {"required": True} if required else {"default": _ON_REQUEST}
    return click.option("--why", help="Reason, for the audit log.", **otherwise)


@click.group()
def experiments() -> None:
    """The experiments of the live router.

    They are changed in the store itself, or through a running router that holds it (API_BASE_URL; a key with
    the scope admin in ARMLIFT_API_KEY, if it needs keys). Every change is in the audit log.
    """


@experiments.command()
@click.argument("brief", type=click.Path(path_type=Path))
@_why()
@_WHO
@_JSON
def create(brief: Path, why: str, who: str, as_json: bool) -> None:
    """Create the experiment that the file BRIEF declares, as a draft."""
    from armlift.experiments.brief import load_brief

    declared = load_brief(brief)

    def in_store(database: Database) -> Any:
        from armlift.storage import ExperimentStore

        ExperimentStore(database).create(declared, who=who, why=why)
        return _standing(database, declared.id)

    body = {"brief": declared.model_dump(mode="json"), "reason": why, "who": who}
    _report(_do(in_store, "POST", "/api/experiments", body), as_json)


def _change(
    action: Action, summary: str, *, why_required: bool = False, with_arm: bool = False
) -> click.Command:
    @_why(required=why_required)
    @_WHO
    @_JSON
    def change(experiment_id: str, why: str, who: str, as_json: bool, arm: str | None = None) -> None:
        def in_store(database: Database) -> Any:
            from armlift.storage import ExperimentStore

            ExperimentStore(database).change(experiment_id, action, who=who, why=why, winner=arm)
            return _standing(database, experiment_id)

        body = {"reason": why, "who": who} | ({} if arm is None else {"arm": arm})
        _report(_do(in_store, "POST", f"/api/experiments/{_quoted(experiment_id)}/{action}", body), as_json)

    if with_arm:
        change = click.argument("arm")(change)
    change = click.argument("experiment_id", metavar="ID")(change)
    return click.command(action, help=summary)(change)


for _command in (
    _change("start", "Let users in: strategies allocate arms from now on."),
    _change("pause", "Show control to everybody and record nothing, until it is resumed.", why_required=True),
    _change("resume", "Go on after a pause."),
    _change("complete", "End it; everybody gets control."),
    _change("archive", "Put an experiment away that is completed or was never started."),
    _change("force", "End it and show ARM to everybody.", why_required=True, with_arm=True),
):
    experiments.add_command(_command)


@experiments.command(name="list")
@_JSON
def list_experiments(as_json: bool) -> None:
    """Show all experiments, the oldest first."""

    def in_store(database: Database) -> Any:
        from armlift.storage import ExperimentStore

        return [_standing(database, row.id) for row in ExperimentStore(database).rows()]

    found = _do(in_store, "GET", "/api/experiments")
    if as_json:
        _print_json(found)
        return
    if not found:
        click.echo("There are no experiments. Create one: armlift experiments create BRIEF")
    for experiment in found:
        _print(experiment)


@experiments.command()
@click.argument("experiment_id", metavar="ID")
@_JSON
def show(experiment_id: str, as_json: bool) -> None:
    """Show one experiment: how it stands, and who changed what, and why."""

    def in_store(database: Database) -> Any:
        from armlift.storage import ExperimentStore

        store = ExperimentStore(database)
        names = ("ts", "action", "state_before", "state_after", "who", "why", "brief_hash")
        return {
            "experiment": _standing(database, experiment_id),
            "brief": store.row(experiment_id).brief.model_dump(mode="json"),
            "audit": [{name: getattr(row, name) for name in names} for row in store.audit(experiment_id)],
        }

    found = _do(in_store, "GET", f"/api/experiments/{_quoted(experiment_id)}")
    if as_json:
        _print_json(found)
        return
    _print(found["experiment"])
    click.echo(f"  objective  {found['experiment']['objective']}")
    click.echo(f"  brief      {found['experiment']['brief_hash']}")
    for strategy in found["experiment"]["strategies"]:
        click.echo(f"  {strategy['id']} ({strategy['allocation']}), {strategy['share']:.0%} of the users")
        for arm in strategy["arms"]:
            click.echo(f"    {_words(arm)}, {arm['decisions']} decisions")
    for change in found["audit"]:
        states = " -> ".join(filter(None, (change["state_before"], change["state_after"])))
        click.echo(
            f"  {_moment(change['ts'])}  {change['who']}  {change['action']}: {states}; {change['why']}"
        )


def _do(
    in_store: Callable[[Database], Any], method: str, path: str, body: dict[str, Any] | None = None
) -> Any:
    """Do something in the store, or have the router do it."""
    from armlift.commands.live_store import RouterApi, store_or_router
    from armlift.environment import RouterSettings

    with store_or_router(RouterSettings.from_environment(Path.cwd())) as reached:
        if isinstance(reached, RouterApi):
            return reached.ask(method, path, body)
        return in_store(reached)


def _standing(database: Database, experiment_id: str) -> dict[str, Any]:
    from dataclasses import asdict

    from armlift.experiments.allocation import live_experiment
    from armlift.experiments.standing import standing
    from armlift.storage import ExperimentStore

    store = ExperimentStore(database)
    row, seen = store.row(experiment_id), store.live({})
    versions = next((each.versions for each in seen.experiments if each.experiment_id == row.id), None)
    live = None
    if versions is not None:
        sums = {strategy: seen.changed[row.id, strategy].sums for strategy in versions}
        live = live_experiment(row.brief, row.state, row.winner, versions, sums)
    return asdict(standing(row.brief, row.state, row.winner, row.revision, live, brief_hash=row.brief_hash))


def _report(experiment: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(experiment)
        return
    winner = f", with {experiment['winner']} for everybody" if experiment["winner"] else ""
    click.echo(f"{experiment['id']} is {_state(experiment)}{winner}.")
    if experiment["state"] == "draft":
        click.echo(f"Next: armlift experiments start {experiment['id']}")


def _print(experiment: dict[str, Any]) -> None:
    winner = f"  winner {experiment['winner']}" if experiment["winner"] else ""
    click.echo(f"{experiment['id']}  {_state(experiment)}{winner}")
    for arm in experiment["arms"]:
        click.echo(f"  {_words(arm)}")


def _state(experiment: dict[str, Any]) -> str:
    return {"draft": "a draft", "hold": "on hold"}.get(experiment["state"], str(experiment["state"]))


def _words(arm: dict[str, Any]) -> str:
    mean = "no rewards yet" if arm["reward"] is None else f"mean reward {arm['reward']:.4f} of {arm['n']}"
    return f"{arm['id']:<24} {arm['allocation']:>6.1%}  {mean}"


def _moment(ts: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _quoted(experiment_id: str) -> str:
    from urllib.parse import quote

    return quote(experiment_id, safe="")


def _print_json(content: Any) -> None:
    import json

    click.echo(json.dumps(content, indent=2, ensure_ascii=False))
