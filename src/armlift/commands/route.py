"""`armlift route`: ask the router model who gets what."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--users", required=True, metavar="ID,ID", help="Users, such as 1,2,3.")
@click.option("--salt", default="router", show_default=True, help="Name of the experiment.")
@click.option("--weights", default="0.5,0.5", show_default=True, help="Shares of PolicyA and PolicyB.")
@click.option(
    "--rule",
    type=click.Choice(["hash", "modulo"]),
    default="hash",
    show_default=True,
    help="How users are assigned; modulo is user id % 2, for demonstrations.",
)
@click.option(
    "-n", "n", type=click.IntRange(min=1), default=5, show_default=True, help="Items for each user."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def route(users: str, salt: str, weights: str, rule: str, n: int, as_json: bool) -> None:
    """Show which policy each user is assigned to, and what it recommends.

    The answer is that of the MLflow model models:/router@router; the live router assigns in the same way.
    The score is the first item's, on the policy's own scale.
    """
    import json

    from armlift import tracking

    user_ids = [int(user) for user in _numbers("--users", users, whole=True)]
    shares = _numbers("--weights", weights, whole=False)
    tracking.use_store(Path.cwd())
    answers = tracking.route(user_ids, salt=salt, weights=shares, rule=rule, n=n)  # type: ignore[arg-type]
    records = json.loads(answers.to_json(orient="records"))  # which makes null of a score that is not there
    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    click.echo(f"{'user':>10}  {'policy':<10} {'score':>9}  items")
    for record in records:
        score = "none" if record["score"] is None else f"{record['score']:.4f}"
        items = " ".join(map(str, record["item_ids"]))
        click.echo(f"{record['user_id']:>10}  {record['policy']:<10} {score:>9}  {items}")


def _numbers(option: str, text: str, *, whole: bool) -> list[float]:
    kind = int if whole else float
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not a list of numbers such as 1,2", param_hint=option
        ) from error
