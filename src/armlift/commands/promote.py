"""`armlift promote`: give a recommender an alias that it has earned."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from armlift.tracking import AliasMove


@click.command()
@click.argument("model", required=False)
@click.option("--to", "alias", help="champion, challenger, PolicyA or PolicyB.")
@click.option("--metric", default="temporal.ndcg@10", show_default=True, help="What decides: SPLIT.METRIC.")
@click.option("--margin", type=float, default=0.0, show_default=True, help="Accepted loss, relative: 0.02.")
@click.option("--why", default="", help="Reason, for the audit log.")
@click.option("--force", is_flag=True, help="Overrule what speaks against it; needs --why.")
@click.option("--log", "show_log", is_flag=True, help="Print the audit log instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    default=Path("data/processed/data_snapshot.json"),
    show_default=True,
    help="Description of the current data.",
)
def promote(
    model: str | None,
    alias: str | None,
    metric: str,
    margin: float,
    why: str,
    force: bool,
    show_log: bool,
    as_json: bool,
    snapshot: Path,
) -> None:
    """Move an alias of the registry to MODEL.

    MODEL is a recommender such as svd (its newest version, of those trained on the current data if there are
    any), a version number, or an alias. It must have been evaluated on the current data and trained on the
    same data set, and a champion must not be worse than the present one. Each move is written to the audit
    log in the registry: who, when, what, why, from which version to which.
    """
    import json
    from dataclasses import asdict

    from armlift import tracking

    if not show_log and (model is None or alias is None):
        raise click.UsageError("Name a MODEL and an alias, such as: armlift promote svd --to champion")
    tracking.use_store(Path.cwd())
    if model is None or alias is None or show_log:
        moves = tracking.alias_moves()
    else:
        data_hash, data_source = _data(snapshot)
        promoted = tracking.promote(
            model,
            alias,
            data_hash=data_hash,
            data_source=data_source,
            metric=metric,
            margin=margin,
            why=why,
            force=force,
        )
        moves = (promoted,)
    if as_json:
        click.echo(json.dumps([asdict(move) for move in moves], indent=2, ensure_ascii=False))
        return
    for move in moves:
        click.echo(_words(move))
    if not show_log:
        _after(moves[0])


def _data(snapshot: Path) -> tuple[str, str]:
    """Hash and data set of the current data."""
    import json

    from armlift.errors import DataFileError

    try:
        described = json.loads(snapshot.read_text("utf-8"))
        return str(described["hash"]), str(described.get("source", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(
            f"{snapshot} does not describe the current data: {error!r}. Run `kedro run --pipelines=data`."
        ) from error


def _words(move: AliasMove) -> str:
    came = f"version {move.from_version}" if move.from_version else "nothing"
    went = f"version {move.to_version} ({move.recommender})"
    text = f"{move.when[:19]}Z  {move.who}  {move.alias}: {came} -> {went}"
    if move.evidence is not None:
        text += f"; {move.evidence.metric} {move.evidence.value:.4f}"
        if move.evidence.champion_value is not None:
            text += f", the champion's {move.evidence.champion_value:.4f}"
    if move.why:
        text += f"; {move.why}"
    return f"{text}\n    overruled: {move.overruled}" if move.overruled else text


def _after(move: AliasMove) -> None:
    """Say how live traffic gets it, and how to go back."""
    click.echo("Next: armlift slates rebuild")
    if move.from_version is not None:
        reason = shlex.quote(f"undo the move of {move.when[:19]}Z")
        click.echo(f"Undo: armlift promote {move.from_version} --to {move.alias} --force --why {reason}")
