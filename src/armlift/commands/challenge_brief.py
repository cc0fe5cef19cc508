"""The experiment that a challenger asks for: champion against challenger, drafted and never started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from armlift.environment import RouterSettings
    from armlift.experiments.brief import Brief
    from armlift.monitoring import DriftWindow

_BASELINE, _DAILY_USERS = 0.1, 1000.0
_MDE, _MINIMUM_SAMPLE = 0.1, 1000


def challenge_brief(window: DriftWindow, recommender: str, decay: pd.DataFrame) -> Brief:
    """Declare champion against challenger, half of the users each.

    Args:
        window: The drifted window.
        recommender: What the challenger is.
        decay: Table `decay_report`: the click rate of that arm in the window is the baseline, its users by
            day the expected traffic; customary values where it says nothing.
    """
    from armlift.experiments.brief import Brief
    from armlift.monitoring.performance import ALL_ARMS

    own = decay[(decay["window"] == window.key) & (decay["metric"] == "ctr")]
    arm = own[own["arm"] == recommender]
    baseline = float(arm["value"].iloc[0]) if len(arm) else _BASELINE
    days = (window.end - window.start).total_seconds() / 86_400.0
    users = float(own.loc[own["arm"] == ALL_ARMS, "units"].sum()) / days
    return Brief.model_validate(
        {
            "id": f"challenger_{window.source}_{window.end:%Y%m%dT%H%M}",
            "objective": f"Decide whether the retrained {recommender} replaces the champion.",
            "hypothesis": (
                f"{', '.join(window.causes[:3]) or 'The data'} drifted in {window.key}; trained on the data "
                "up to its end, the recommender gets at least a tenth more clicks."
            ),
            "primary_metric": {
                "id": "ctr",
                "kind": "proportion",
                "baseline": round(baseline, 4) if 0.0 < baseline < 0.9 else _BASELINE,
                "mde": _MDE,
            },
            "secondary_metrics": ["clicked"],
            "guardrails": [{"metric": "error_rate", "at_most": 0.005}],
            "variants": [
                {"id": "champion", "description": "The recommender in production"},
                {"id": "challenger", "description": f"{recommender}, trained up to {window.end:%Y-%m-%d}"},
            ],
            "control": "champion",
            "strategies": [
                {
                    "id": "fixed",
                    "allocation": "fixed",
                    "weights": {"champion": 0.5, "challenger": 0.5},
                }
            ],
            "minimum_sample": _MINIMUM_SAMPLE,
            "daily_users": max(users, 1.0) if len(own) else _DAILY_USERS,
            "maximum_duration_days": 28,
            "stopping_rule": "always_valid",
            "reward_event": "click_detail",
        }
    )


def write_brief(brief: Brief, file: Path) -> None:
    """Write a brief as YAML, whole or not at all."""
    import yaml

    document = yaml.safe_dump(
        brief.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True, width=100
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(f"# Drafted after drift; nothing starts it but you.\n{document}", "utf-8")
    partial.replace(file)


def draft(brief: Brief, settings: RouterSettings, *, why: str) -> None:
    """Create the experiment as a draft, in the store or by its router; one that is there already stays.

    Args:
        brief: What is declared.
        settings: Which store, and where its router is.
        why: Reason, for the audit log.

    Raises:
        LiveError: The store is away, or its router refuses.
    """
    from armlift.commands.live_store import RouterApi, store_or_router
    from armlift.storage import ExperimentStore

    with store_or_router(settings) as reached:
        if isinstance(reached, RouterApi):
            known = {experiment["id"] for experiment in reached.ask("GET", "/api/experiments")}
            if brief.id not in known:
                body = {"brief": brief.model_dump(mode="json"), "reason": why, "who": "retraining"}
                reached.ask("POST", "/api/experiments", body)
            return
        store = ExperimentStore(reached)
        if brief.id not in {row.id for row in store.rows()}:
            store.create(brief, who="retraining", why=why)
