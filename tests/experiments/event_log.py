"""A small random event log, and the plainest way to roll it up."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-01-15")
KINDS = ("impression", "click_detail", "add_to_cart", "purchase", "like")


def random_log(seed=0, users=60, events=1500, arms=("a", "b", "c")):
    """Events of four weeks; the experiment starts in the middle, and users keep their arm."""
    rng = np.random.default_rng(seed)
    user = rng.integers(users, size=events)
    ts = START + pd.to_timedelta(rng.integers(-14 * 86400, 14 * 86400, size=events), unit="s")
    kind = rng.choice(KINDS, p=[0.6, 0.2, 0.08, 0.07, 0.05], size=events)
    bought = kind == "purchase"
    price = rng.gamma(2.0, 20.0, size=events).round(2)
    known = rng.random(events) < 0.7
    log = pd.DataFrame(
        {
            "ts": ts,
            "arm_id": np.where(ts < START, None, np.array(arms)[user % len(arms)]),
            "user_key": np.char.add("user-", user.astype(str)),
            "session_id": np.char.add("s", (user * 100 + ts.day).astype(str)),
            "event_type": kind,
            "reward": np.where(kind == "click_detail", 1.0, np.nan),
            "revenue": np.where(bought & known, 2.0 * price, np.nan),
            "price": np.where(bought, price, np.nan),
            "quantity": pd.array(np.where(bought, 2, 0), dtype="Int64"),
            "device": np.where(user % 7 < 4, "mobile", "desktop"),
            "bot_flag": rng.random(events) < 0.05,
        }
    )
    return log.sort_values("ts", kind="stable").reset_index(drop=True)


def plain_roll_up(log):
    """Measures of each user, before and after the start, by pandas alone."""
    log = log[~log["bot_flag"]].assign(before=lambda log: log["ts"] < START)
    log["revenue"] = log["revenue"].fillna(log["price"] * log["quantity"].astype(float))
    log["arm"] = log.groupby("user_key")["arm_id"].transform("last")

    def count(events, kind):
        return (events["event_type"] == kind).sum()

    rows = []
    for (arm, user), mine in log.dropna(subset=["arm"]).groupby(["arm", "user_key"]):
        row = {"arm": arm, "user": user, "device": mine["device"].iloc[0], "met": (~mine["before"]).any()}
        for suffix, part in (("", mine[~mine["before"]]), ("_before", mine[mine["before"]])):
            row |= {
                f"impressions{suffix}": count(part, "impression"),
                f"clicks{suffix}": count(part, "click_detail"),
                f"add_to_carts{suffix}": count(part, "add_to_cart"),
                f"purchases{suffix}": count(part, "purchase"),
                f"any_clicks{suffix}": float(count(part, "click_detail") > 0),
                f"any_purchases{suffix}": float(count(part, "purchase") > 0),
                f"revenue{suffix}": part.loc[part["event_type"] == "purchase", "revenue"].sum(),
                f"reward{suffix}": part["reward"].sum(),
                f"sessions{suffix}": part["session_id"].nunique(),
            }
        rows.append(row)
    users = pd.DataFrame(rows)
    return users[users["met"]]
