"""How an experiment stands at the end of a day, from its log: totals, effects, sample ratio, exclusions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from armlift.experiments.analysis import compare
from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.experiments.metrics import METRICS, find_metrics
from armlift.experiments.rules import deciding_strategy, declared_design
from armlift.experiments.summary import Summary, summarise
from armlift.statistics.sample_ratio import sequential_sample_ratio_test
from armlift.statistics.sequential import Verdict, confidence_sequence, verdicts

if TYPE_CHECKING:
    from ibis.expr.types import Table

_COUNTED = {
    "impressions": "impression",
    "clicks": "click_detail",
    "add_to_carts": "add_to_cart",
    "purchases": "purchase",
    "likes": "like",
    "dislikes": "dislike",
    "rewards": "reward",
}


class Snapshot(NamedTuple):
    """Tables of one experiment.

    Attributes:
        totals: One row by span (`period`, `all`), strategy and arm: decisions, users, events, sums.
        effects: One row by fixed strategy, metric and treatment: the effect over all days with its interval
            at this look, the interval that is valid at all looks together, and the verdict.
        sample_ratio: One row by strategy and arm: users, users planned, p-value, alarm.
        exclusions: One row by span, kind of row and reason: rows that do not count.
    """

    totals: pd.DataFrame
    effects: pd.DataFrame
    sample_ratio: pd.DataFrame
    exclusions: pd.DataFrame


def snapshot(brief: Brief, decisions: Table, events: Table, *, since: datetime) -> Snapshot:
    """Take a snapshot of an experiment.

    Args:
        brief: What was declared.
        decisions: Its decisions up to the moment of the snapshot.
        events: Its events up to then.
        since: Start of the period that the report is about, UTC.
    """
    spans = {
        "period": (decisions.filter(decisions.ts >= since), events.filter(events.ts_server >= since)),
        "all": (decisions, events),
    }
    return Snapshot(
        totals=pd.concat([_totals(*tables).assign(span=span) for span, tables in spans.items()]),
        effects=_effects(brief, events),
        sample_ratio=_sample_ratio(brief, decisions),
        exclusions=pd.concat([_exclusions(*tables).assign(span=span) for span, tables in spans.items()]),
    )


def _totals(decisions: Table, events: Table) -> pd.DataFrame:
    key = ["strategy_id", "arm_id"]
    made = decisions.filter(~decisions.bot_flag)
    seen = events.filter(~events.bot_flag, events.flag_reasons == "", events.strategy_id != "")
    by_decision = made.group_by(key).aggregate(
        decisions=made.count(), users=made.user_key.nunique(), sessions=made.session_id.nunique()
    )
    counts = {name: seen.count(where=seen.event_type == kind) for name, kind in _COUNTED.items()}
    by_event = seen.group_by(key).aggregate(
        **counts,
        reward_total=seen.reward.sum(where=seen.event_type == "reward"),
        revenue=seen.revenue.sum(where=seen.event_type == "purchase"),
    )
    found = _frame(by_decision).merge(_frame(by_event), on=key, how="outer")
    numbers = [name for name in found.columns if name not in key]
    found[numbers] = found[numbers].astype("float64").fillna(0.0)
    whole = [name for name in numbers if name not in ("reward_total", "revenue")]
    found = found.astype(dict.fromkeys(whole, "int64"))
    found["ctr"] = _ratio(found["clicks"], found["impressions"])
    found["reward_mean"] = _ratio(found["reward_total"], found["rewards"])
    return found.sort_values(key, ignore_index=True)


def _frame(table: Table) -> pd.DataFrame:
    """The few rows of a query; not ibis's own way, which asks pandas for options that are going away."""
    return pd.DataFrame(table.to_pyarrow().to_pylist(), columns=list(table.columns))


def _ratio(above: pd.Series, below: pd.Series) -> pd.Series:
    return above / below.where(below > 0)


def _effects(brief: Brief, events: Table) -> pd.DataFrame:
    counted = events.filter(events.flag_reasons == "")
    names = dict.fromkeys((brief.primary_metric.id, *brief.secondary_metrics))
    metrics = find_metrics([name for name in names if name in METRICS], brief.cvr_denominator or "clicks")
    found = []
    for strategy in brief.strategies:
        if strategy.allocation == "fixed":  # the plain mean of an adaptively sampled arm is biased
            of_strategy = counted.filter(counted.strategy_id == strategy.id)
            summary = summarise(of_strategy, metrics, arms=brief.arms)
            frame = compare(summary, brief.control, confidence=1.0 - brief.alpha).to_frame()
            found.append(frame.merge(_sequences(brief, strategy, summary)).assign(strategy_id=strategy.id))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"strategy_id": [], "metric": []})


def _sequences(brief: Brief, strategy: Strategy, summary: Summary) -> pd.DataFrame:
    """Intervals that may be read every day; the verdict on the primary metric, of the deciding strategy."""
    design = declared_design(brief)
    at = brief.arms.index(brief.control)
    others = [number for number in range(len(brief.arms)) if number != at]
    rows: list[dict[str, Any]] = []
    for metric, statistics in summary.statistics.items():
        effect = confidence_sequence(
            statistics[others],
            statistics[[at]],
            confidence=1.0 - design.alpha_per_variant,
            tuned_at=design.tuning,
        )
        decides = metric == brief.primary_metric.id and strategy == deciding_strategy(brief)
        codes = np.zeros(len(others), np.int8)
        if decides and statistics.n.min() >= brief.minimum_sample:
            codes = verdicts(effect, futility=brief.primary_metric.mde * brief.primary_metric.baseline)
        for number, code in enumerate(codes):
            rows.append(
                {
                    "metric": metric,
                    "treatment": brief.arms[others[number]],
                    "users": float(statistics.n[others[number]]),
                    "control_users": float(statistics.n[at]),
                    "always_low": effect.low[number],
                    "always_high": effect.high[number],
                    "always_p_value": effect.p_value[number],
                    "verdict": _in_direction(brief, Verdict(int(code))).name.lower() if decides else "",
                }
            )
    return pd.DataFrame(rows)


def _in_direction(brief: Brief, verdict: Verdict) -> Verdict:
    """What a verdict means for a metric that is to fall, of which only win and harm can be told."""
    if brief.primary_metric.direction == "increase":
        return verdict
    return {Verdict.WIN: Verdict.HARM, Verdict.HARM: Verdict.WIN}.get(verdict, Verdict.CONTINUE)


def _sample_ratio(brief: Brief, decisions: Table) -> pd.DataFrame:
    """Users by arm against the plan; a bandit's plan changes with what it learns, and is not judged here."""
    made = decisions.filter(~decisions.bot_flag)
    users = _frame(made.group_by(["strategy_id", "arm_id"]).aggregate(users=made.user_key.nunique()))
    known = {key: int(group["users"].sum()) for key, group in users.groupby(["strategy_id", "arm_id"])}
    rows: list[dict[str, Any]] = []
    for strategy in brief.strategies:
        counts = [known.get((strategy.id, arm), 0) for arm in brief.arms]
        test = None
        if strategy.allocation == "fixed":
            test = sequential_sample_ratio_test(counts, brief.weights(strategy))
        for number, arm in enumerate(brief.arms):
            rows.append(
                {
                    "strategy_id": strategy.id,
                    "arm_id": arm,
                    "users": counts[number],
                    "expected": float(test.expected[number]) if test else np.nan,
                    "p_value": float(test.p_value) if test else np.nan,
                    "alarm": bool(test.alarm) if test else False,
                }
            )
    return pd.DataFrame(rows)


def _exclusions(decisions: Table, events: Table) -> pd.DataFrame:
    found: list[pd.DataFrame] = []
    for kind, table in (("decisions", decisions), ("events", events)):
        counts = _frame(table.group_by("flag_reasons").aggregate(rows=table.count()))
        total = int(counts["rows"].sum())
        split = counts[counts["flag_reasons"] != ""].assign(
            reason=lambda frame: frame["flag_reasons"].str.split(",")
        )
        by_reason = split.explode("reason").groupby("reason", as_index=False)["rows"].sum()
        found.append(by_reason.assign(kind=kind, share=by_reason["rows"] / max(total, 1)))
    return pd.concat(found, ignore_index=True)
