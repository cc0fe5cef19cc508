"""Checks of Kedro's assets. One that blocks keeps everything behind its asset from running."""

# No annotations of the future: Dagster reads those of its functions when they are defined.
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from dagster_defs import verdicts
from dagster_defs.kedro_assets import asset_key
from dagster_defs.project import KedroProject
from dagster_defs.verdicts import Verdict


class Check(NamedTuple):
    """A check of an asset.

    Attributes:
        asset: Data set that is checked.
        name: Name of the check.
        judge: What decides, a function of the data sets in `inputs`.
        inputs: Data sets that it reads.
        blocking: Whether a failure keeps what is built on the asset from running.
    """

    asset: str
    name: str
    judge: Callable[..., Verdict]
    inputs: tuple[str, ...]
    blocking: bool = True


TABLES = ("ratings", "items", "users")

CHECKS = (
    Check("ratings", "schema", verdicts.schema_holds, TABLES),
    Check("data_snapshot", "row_counts", verdicts.counts_hold, ("data_snapshot", *TABLES)),
    Check("history", "no_future_leak", verdicts.no_future_leak, ("history", "future", "withheld_users")),
    Check("slates", "coverage", verdicts.slates_cover, ("slates", "future", "history")),
    Check("events", "belong_to_decisions", verdicts.events_belong, ("events", "decisions")),
    Check("decisions", "sample_ratio", verdicts.ratio_holds, ("decisions",)),
    Check("events", "aa_p_value", verdicts.equal_arms_look_equal, ("decisions", "events", "world_facts")),
    Check("arm_click_rates", "no_worse_than_popularity", verdicts.arms_pay, ("arm_click_rates",), False),
    Check("offline_metrics", "no_worse_than_popularity", verdicts.training_pays, ("offline_metrics",), False),
)


def kedro_checks(project: KedroProject, checks: Iterable[Check] = CHECKS) -> list[dg.AssetChecksDefinition]:
    """Make the checks of a project's assets."""
    return [_asset_check(project, check) for check in checks]


def _asset_check(project: KedroProject, check: Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(check.asset),
        name=check.name,
        description=(check.judge.__doc__ or "").partition("\n")[0],
        additional_deps=[asset_key(name) for name in check.inputs if name != check.asset],
        blocking=check.blocking,
    )
    def judge() -> dg.AssetCheckResult:
        missing = [name for name in check.inputs if not (project.path(name) or Path()).exists()]
        if missing:
            verdict = Verdict(False, f"Not there yet: {', '.join(missing)}. Materialise it first.")
        else:
            verdict = check.judge(*(project.dataset(name).load() for name in check.inputs))
        severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(
            passed=verdict.passed, description=verdict.said, metadata=dict(verdict.figures), severity=severity
        )

    return judge
