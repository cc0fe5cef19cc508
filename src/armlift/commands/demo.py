"""`armlift demo`: what the system does, played from beginning to end."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def demo() -> None:
    """Play a scenario on the embedded sample, in a folder of its own."""


@demo.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/demo/drift"),
    show_default=True,
    help="Where it is played; what an earlier demo left there is replaced.",
)
@click.option("--share", type=float, default=0.6, show_default=True, help="Share of the choices that shift.")
@click.option("--per-day", type=int, default=3000, show_default=True, help="Visits a day.")
@click.option("--calm-days", type=int, default=2, show_default=True, help="Days after the reference.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same story.")
@click.option("--env", help="Kedro environment, such as test for a tiny world.")
@click.option("--verbose", is_flag=True, help="Show the log of every run.")
def drift(
    folder: Path, share: float, per_day: int, calm_days: int, seed: int, env: str | None, verbose: bool
) -> None:
    """Shift the tastes of a world, and see it found, answered and brought before an experiment.

    Recommenders are trained, users visit and rate day by day, and every day is monitored. One day the tastes
    shift. The first window in which something drifts starts a retraining; the new model becomes challenger
    and an experiment of champion against challenger is drafted. Nothing is promoted.
    """
    import logging

    from armlift.commands.drift_scenario import Scenario, play, story

    before = logging.root.manager.disable
    logging.disable(before if verbose else logging.WARNING)
    try:
        scenario = Scenario(share=share, per_day=per_day, calm_days=calm_days, seed=seed, env=env)
        played = play(Path.cwd(), folder, scenario, say=click.echo)
    finally:
        logging.disable(before)
    click.echo(f"\n{story(played)}")
