"""What is watched of each source, in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from armlift.monitoring.reports import Observed
from armlift.monitoring.windows import Windows
from armlift.pipelines.monitoring.parameters import DecayParameters, WindowParameters

if TYPE_CHECKING:
    from armlift.recommenders import Recommender


def observe_visits(
    source: str,
    decisions: pd.DataFrame,
    events: pd.DataFrame,
    slates: pd.DataFrame,
    history: pd.DataFrame,
    items: pd.DataFrame,
    span: WindowParameters,
    strategies: list[str],
    now: pd.Timestamp | None = None,
) -> Observed | None:
    """Watch visits, clicks and slates, clicks per decision and the AUC of each arm.

    Args:
        source: `simulated` or `live`.
        decisions: In the schema of the log, `ts` UTC.
        events: Likewise.
        slates: arm, user_id, position, item_id, score: what the arms show.
        history: Ratings that the models were trained on.
        items: Items table.
        span: The windows.
        strategies: Those that are watched.
        now: Moment up to which everything is known; None for the last decision.

    Returns:
        None where there are no decisions.
    """
    from armlift.monitoring import (
        click_features,
        click_rates,
        item_facts,
        slate_aucs,
        slate_features,
        visit_features,
    )

    made = decisions[decisions["strategy_id"].isin(strategies) & ~decisions["bot_flag"].astype(bool)]
    if made.empty:
        return None
    made = made.rename(columns={"ts": "at"})
    user = made["user_key"].str.extract(r"^user-(\d+)$")[0]
    made = made.assign(user_id=pd.to_numeric(user).astype("Int64"))
    windows = _windows(made["at"], span, now)
    made = made.assign(window=windows.number(made["at"]))
    of_decision = made.set_index("decision_id")
    clicks = events[(events["event_type"] == "click_detail") & events["decision_id"].isin(of_decision.index)]
    clicks = clicks.rename(columns={"ts": "at"}).drop_duplicates("decision_id")
    clicks = clicks.assign(
        item_id=clicks["item_id"].astype("string"),
        window=of_decision["window"].reindex(clicks["decision_id"]).to_numpy(),
    )
    facts = item_facts(items, history)
    groups = {
        "visits": visit_features(made, history, windows),
        "clicks": click_features(clicks, facts),
    }
    for arm, shown in slates.groupby("arm", sort=False):
        chosen = made[(made["arm_id"] == arm) & made["user_id"].notna()]
        if len(chosen):
            groups[f"slates_{arm}"] = slate_features(chosen, shown, facts)
    size = int(slates["position"].max()) + 1
    units = {"ctr": click_rates(made, clicks), "auc": slate_aucs(clicks, size)}
    watched = {name: rows for name, rows in groups.items() if len(rows)}
    return Observed(source, windows, watched, {name: rows for name, rows in units.items() if len(rows)})


def observe_ratings(
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    history: pd.DataFrame,
    future: pd.DataFrame,
    recommenders: Mapping[str, Recommender],
    span: WindowParameters,
    decay: DecayParameters,
) -> Observed:
    """Watch all ratings, and the AUC of each model on those that it has not seen."""
    from armlift.datasets import Split
    from armlift.evaluation.protocols import evaluate_clicks
    from armlift.monitoring import rating_aucs, rating_features

    windows = _windows(ratings["timestamp"], span, None)
    number = windows.number(future["timestamp"])
    inside = (number >= 0) & (number < windows.total)
    unseen = future[inside]
    unseen = unseen.assign(user_key=unseen["user_id"].astype(str), window=number[inside])
    scored = [
        evaluate_clicks(
            model, Split("monitored", history, unseen), like_threshold=decay.like_threshold
        ).pairs.assign(arm_id=name, user_key=unseen["user_key"], window=unseen["window"])
        for name, model in recommenders.items()
        if len(unseen)
    ]
    units = {"auc": rating_aucs(pd.concat(scored))} if scored else {}
    return Observed("ratings", windows, {"ratings": rating_features(ratings, items, windows)}, units)


def observe_live(
    slates: pd.DataFrame,
    history: pd.DataFrame,
    items: pd.DataFrame,
    span: WindowParameters,
    strategies: list[str],
    root: Path,
) -> Observed | None:
    """Watch the log of the live router; None where there is no store yet, or nothing in it."""
    from armlift.environment import RouterSettings
    from armlift.storage import open_database
    from armlift.storage.monitoring_rows import live_visits, monitored_store
    from armlift.storage.refusals import refusals_in_words

    url = RouterSettings.from_environment(root).database_url
    now = pd.Timestamp(datetime.now(UTC))
    since = None
    if span.newest_windows is not None:
        since = now - pd.Timedelta(hours=span.window_hours) * (
            span.newest_windows + span.reference_windows + 1
        )
    if not monitored_store(url):
        return None
    with open_database(url, exclusive=False) as database, refusals_in_words(database):
        decisions, events = live_visits(database, strategies, since)
    return observe_visits("live", decisions, events, slates, history, items, span, strategies, now)


def _windows(moments: pd.Series, span: WindowParameters, now: pd.Timestamp | None) -> Windows:
    return Windows.between(
        moments.min() if span.since is None else max(moments.min(), pd.Timestamp(span.since)),
        moments.max() if now is None else now,
        pd.Timedelta(hours=span.window_hours),
        span.reference_windows,
        span.newest_windows,
    )
