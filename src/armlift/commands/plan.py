"""`armlift plan`: try a decision rule before any user sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click


@click.command()
@click.argument("brief", required=False, type=click.Path(path_type=Path))
@click.option("--rule", "rule_name", metavar="RULE", help="Decision rule; the brief's own unless given.")
@click.option("--baseline", type=float, help="Conversion rate of the control, 0 to 1.")
@click.option("--looks", type=int, help="Planned looks; 30 without a brief.")
@click.option("--users-per-look", type=int, help="New users per arm at each look; 1000 without a brief.")
@click.option("--effect", type=float, help="Try this one effect only, relative: 0.05 is 5 % more.")
@click.option("--mde", type=float, help="Smallest effect worth finding, relative.")
@click.option("--alpha", type=float, help="Accepted rate of false winners; 0.05 without a brief.")
@click.option("--minimum-sample", type=int, help="Users per arm before any verdict; 0 without a brief.")
@click.option("--any-arm", is_flag=True, help="Count a control that beats its variant as a winner too.")
@click.option("--replicates", type=int, default=4000, show_default=True, help="Simulated experiments.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same plan.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def plan(
    brief: Path | None,
    rule_name: str | None,
    baseline: float | None,
    looks: int | None,
    users_per_look: int | None,
    effect: float | None,
    mde: float | None,
    alpha: float | None,
    minimum_sample: int | None,
    any_arm: bool,
    replicates: int,
    seed: int,
    as_json: bool,
) -> None:
    """Try a decision rule on thousands of simulated experiments.

    BRIEF is a file such as conf/base/briefs/movielens_ab.yml; with --rule and --baseline it can be left out,
    and options overrule it. RULE is one of fixed_horizon, p_best_95, always_valid, msprt, obrien_fleming,
    pocock, srm_01, rollback_20.

    Shown is how often the rule declares a winner without any difference, at half the MDE, at the MDE and at
    twice it, how long that takes, and what each allocation costs on the way.
    """
    import json

    from armlift.experiments.brief import load_brief
    from armlift.experiments.rules import decision_rule, design_for
    from armlift.reporting.plan import plan_text
    from armlift.reporting.plan_tables import plan_record
    from armlift.simulation.plan import try_plan
    from armlift.simulation.plan_question import ask

    declared = None if brief is None else load_brief(brief)
    if declared is not None:
        rule_name = rule_name or declared.stopping_rule
    if rule_name is None or (declared is None and baseline is None):
        raise click.UsageError(
            "Name a BRIEF, or a rule and a baseline: armlift plan --rule always_valid --baseline 0.1"
        )
    rule = decision_rule(rule_name)
    options = {
        "baseline": baseline,
        "looks": looks,
        "users_per_look": users_per_look,
        "mde": mde,
        "alpha": alpha,
        "minimum_sample": minimum_sample,
    }
    given = {name: value for name, value in options.items() if value is not None}
    design = design_for(declared, any_arm=any_arm, **given)
    with _status() as progress:
        found = try_plan(
            ask(rule, design, brief=declared, effect=effect),
            replicates=replicates,
            seed=seed,
            progress=progress,
        )
    click.echo(json.dumps(plan_record(found), indent=2, allow_nan=False) if as_json else plan_text(found))


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is being simulated; elsewhere nothing, so that logs stay short."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("simulating") as status:
        yield lambda step: status.update(f"simulating {step}")
