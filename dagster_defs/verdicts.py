"""What must hold for the data sets that others build on: functions of tables that know nothing of Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

ALARM = 0.001
"""P-value below which a check fails: one false alarm in a thousand runs."""

TABLE_TYPES: Mapping[str, Mapping[str, str]] = {
    "ratings": {
        "user_id": "int64",
        "item_id": "int64",
        "rating": "float64",
        "timestamp": "datetime64[us, UTC]",
    },
    "items": {"item_id": "int64", "title": "str", "year": "Int64", "genres": "str"},
    "users": {"user_id": "int64"},
}
"""Columns that the data sets' tables have at least, as `datasets.schema.Dataset` promises them."""

_MODELS_WITHOUT_TRAINING = ("popularity", "random")


class Verdict(NamedTuple):
    """Answer of a check.

    Attributes:
        passed: Whether it holds.
        said: What was found, in a sentence.
        figures: What it rests on, by name.
    """

    passed: bool
    said: str
    figures: dict[str, float | int | str] = {}  # noqa: RUF012 - never changed


def schema_holds(ratings: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> Verdict:
    """Check columns, types, keys and references of the processed tables."""
    tables = {"ratings": ratings, "items": items, "users": users}
    faults = []
    for name, types in TABLE_TYPES.items():
        found = {column: str(kind) for column, kind in tables[name].dtypes.items()}
        faults += [
            f"{name}.{column} is {found.get(column, 'missing')}, not {kind}"
            for column, kind in types.items()
            if found.get(column) != kind
        ]
    if faults:
        return Verdict(False, f"{'; '.join(faults)}.")
    keys = {"ratings": ["user_id", "item_id"], "items": ["item_id"], "users": ["user_id"]}
    for name, key in keys.items():
        if doubled := int(tables[name].duplicated(key).sum()):
            faults.append(f"{doubled} rows of {name} repeat {', '.join(key)}")
        if tables[name].empty:
            faults.append(f"{name} has no rows")
    for name, column in (("items", "item_id"), ("users", "user_id")):
        if strangers := int((~ratings[column].isin(tables[name][column])).sum()):
            faults.append(f"{strangers} ratings name a {column} that {name} lacks")
    if missing := int(ratings[list(TABLE_TYPES["ratings"])].isna().to_numpy().sum()):
        faults.append(f"{missing} values of ratings are missing")
    return _faults(faults, "Columns, types, keys and references are as promised.")


def counts_hold(
    data_snapshot: Mapping[str, str | int], ratings: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame
) -> Verdict:
    """Check that the tables on disk are those that the snapshot counted and hashed."""
    from armlift.datasets import fingerprint

    tables = {"ratings": ratings, "items": items, "users": users}
    rows = {name: len(table) for name, table in tables.items()}
    faults = [
        f"{name} has {count} rows, the snapshot counted {data_snapshot[name]}"
        for name, count in rows.items()
        if count != data_snapshot[name]
    ]
    if not faults and fingerprint(tables) != data_snapshot["hash"]:
        faults = ["the tables' content is not what the snapshot hashed"]
    verdict = _faults(faults, "The tables are the snapshot's.")
    return verdict._replace(figures={**verdict.figures, **rows})


def no_future_leak(history: pd.DataFrame, future: pd.DataFrame, withheld_users: pd.DataFrame) -> Verdict:
    """Check that nothing which trains the arms lies after, or within, what they are judged by."""
    last = history.groupby("user_id")["timestamp"].max()
    first = future.groupby("user_id")["timestamp"].min()
    early = int((first.reindex(last.index) < last).sum())
    shared = len(history.merge(future, on=["user_id", "item_id"]))
    known = int(history["user_id"].isin(withheld_users["user_id"]).sum())
    found = {
        f"{early} users have a rating in the history that is later than one in their future": early,
        f"{shared} ratings are in both parts": shared,
        f"{known} ratings of withheld users are in the history": known,
        "the history is empty": int(history.empty),
        "the future is empty": int(future.empty),
    }
    verdict = _counted(found, "The history ends where the future begins.")
    return verdict._replace(figures={"history": len(history), "future": len(future)})


def slates_cover(slates: pd.DataFrame, future: pd.DataFrame, history: pd.DataFrame) -> Verdict:
    """Check that every arm shows every user who arrives a full slate of items that are new to them."""
    users = future["user_id"].nunique()
    size = int(slates["position"].max()) + 1 if len(slates) else 0
    sizes = slates.groupby(["arm", "user_id"])["item_id"].nunique()
    short = int((sizes < size).sum())
    arms = sizes.groupby("arm").size()
    seen = len(slates.merge(history, on=["user_id", "item_id"]))
    faults = [
        f"the arm {arm} has slates for {count} of {users} users"
        for arm, count in arms.items()
        if count < users
    ]
    faults += [f"{short} slates are shorter than {size}, or repeat an item"] if short else []
    faults += [f"{seen} items were shown to users who rated them before"] if seen else []
    faults += [] if len(slates) else ["there are no slates"]
    verdict = _faults(faults, f"{len(arms)} arms show {users} users {size} new items each.")
    return verdict._replace(figures={"arms": len(arms), "users": users, "slate_size": size})


def events_belong(events: pd.DataFrame, decisions: pd.DataFrame) -> Verdict:
    """Check that every decision was shown once, and that every event belongs to a decision of its arm."""
    arms = decisions.set_index("decision_id")["arm_id"]
    if arms.index.has_duplicates or arms.empty:
        return Verdict(False, "Decision ids repeat, or there are none.")
    strangers = int((events["decision_id"].map(arms) != events["arm_id"]).sum())
    shown = events.loc[events["event_type"] == "impression", "decision_id"]
    clicked = events.loc[events["event_type"] == "click_detail", "decision_id"]
    unshown = len(arms) - shown.nunique()
    again, clicked_again = int(shown.duplicated().sum()), int(clicked.duplicated().sum())
    repeated = int(events["event_id"].duplicated().sum())
    found = {
        f"{strangers} events belong to no decision, or to another arm's": strangers,
        f"{unshown} decisions were not shown": unshown,
        f"{again} decisions were shown twice": again,
        f"{clicked_again} clicks repeat": clicked_again,
        f"{repeated} event ids repeat": repeated,
    }
    verdict = _counted(found, "Every event belongs to its decision.")
    return verdict._replace(figures={"decisions": len(arms), "events": len(events), "clicks": len(clicked)})


def ratio_holds(decisions: pd.DataFrame) -> Verdict:
    """Test whether the fixed split gave each arm the share that it logged as propensity."""
    from armlift.statistics.sample_ratio import sample_ratio_test

    fixed = decisions[decisions["strategy_id"] == "fixed"]
    if fixed.empty:
        return Verdict(True, "No fixed split was played: there is no ratio to hold.")
    arms = fixed.groupby("arm_id")["propensity"].agg(["size", "mean"])
    test = sample_ratio_test(arms["size"].to_numpy(), arms["mean"].to_numpy(), threshold=ALARM)
    p = float(test.p_value)
    said = f"p = {p:.3g} for {len(fixed)} decisions among {len(arms)} arms, threshold {ALARM:g}."
    return Verdict(not bool(test.alarm), said, {"p_value": p, "decisions": len(fixed)})


def equal_arms_look_equal(
    decisions: pd.DataFrame, events: pd.DataFrame, world_facts: Mapping[str, object]
) -> Verdict:
    """Test, in a world whose arms are all equal, that the fixed split finds no difference between them."""
    from armlift.statistics.chi_square import chi_square
    from armlift.statistics.moments import Proportion

    if world_facts["kind"] != "aa":
        return Verdict(True, f"The world is {world_facts['kind']}: its arms may differ. Try world.kind aa.")
    fixed = decisions[decisions["strategy_id"] == "fixed"]
    clicks = events.loc[events["event_type"] == "click_detail", "decision_id"]
    arms = (
        fixed.assign(clicked=fixed["decision_id"].isin(clicks))
        .groupby("arm_id")["clicked"]
        .agg(["size", "sum"])
    )
    p = float(chi_square(Proportion(arms["size"].to_numpy(), arms["sum"].to_numpy())).p_value)
    said = f"p = {p:.3g} for one click rate of all {len(arms)} arms, threshold {ALARM:g}."
    return Verdict(p >= ALARM, said, {"p_value": p, "decisions": len(fixed)})


def training_pays(offline_metrics: pd.DataFrame) -> Verdict:
    """Check that a trained model ranks no worse than popularity, on the first split's nDCG."""
    metric = next(name for name in offline_metrics["metric"] if str(name).startswith("ndcg@"))
    first = offline_metrics["split"].iloc[0]
    rows = offline_metrics[(offline_metrics["split"] == first) & (offline_metrics["metric"] == metric)]
    return _no_worse(rows.groupby("model")["value"].mean(), f"{metric} on the {first} split")


def arms_pay(arm_click_rates: pd.DataFrame) -> Verdict:
    """Check that a trained arm's true click rate is no lower than popularity's."""
    whole = arm_click_rates[arm_click_rates["segment"] == "all"]
    return _no_worse(whole.set_index("arm")["click_rate"], "click rate")


def _no_worse(values: pd.Series[float], what: str) -> Verdict:
    trained = values.drop(list(_MODELS_WITHOUT_TRAINING), errors="ignore")
    if "popularity" not in values or trained.empty:
        return Verdict(True, "There is nothing to compare: popularity or a trained model is missing.")
    bound, best = float(values["popularity"]), str(trained.idxmax())
    worse = sorted(trained.index[trained < bound])
    said = f"The best trained model, {best}, has a {what} of {trained[best]:.4g}; popularity has {bound:.4g}."
    said += f" Worse than popularity: {', '.join(worse)}." if worse else ""
    return Verdict(float(trained[best]) >= bound, said, {"best": best, "worse": ", ".join(worse) or "none"})


def _counted(found: Mapping[str, int], otherwise: str) -> Verdict:
    """The verdict on faults in words, each with its count."""
    return _faults([words for words, count in found.items() if count], otherwise)


def _faults(faults: list[str], otherwise: str) -> Verdict:
    if not faults:
        return Verdict(True, otherwise)
    said = "; ".join(faults)
    return Verdict(False, f"{said[0].upper()}{said[1:]}.", {"faults": len(faults)})
