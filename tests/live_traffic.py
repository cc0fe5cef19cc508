"""Random live traffic of every kind, written by the ledger itself."""

import json
import random

from live_log import DAY, NOON, SECOND, decision, event, reward, write

MINUTE = 60 * SECOND


def random_log(database, number=150, *, days=2.0, seed=1, first=0):
    """Decisions of some days before noon, with rewards, events, bots, late rewards and contexts."""
    rng, entries = random.Random(seed), []
    for place in range(number):
        ts = NOON - round(rng.random() * days * DAY)
        context = {
            "device": rng.choice(["mobile", "desktop"]),
            "category": rng.choice(["drama", "war", "crime"]),
        }
        made = decision(
            first + place,
            user=f"u{rng.randrange(60)}",
            ts=ts,
            arm=rng.choice(["svd", "popularity"]),
            strategy=rng.choice(["bandit", "split"]),
            experiment=rng.choice(["films", "pages"]),
            context=json.dumps(context | {"session_batch": "b-1"}) if rng.random() < 0.8 else "{}",
            simulated=rng.random() < 0.4,
            bot_flag=rng.random() < 0.1,
        )
        made = made._replace(flag_reasons="crawler" if made.bot_flag else "")
        flags = {"bot_flag": made.bot_flag, "flag_reasons": made.flag_reasons, "simulated": made.simulated}
        later = ts + round(rng.random() * 20 * MINUTE)
        entries.append(made)
        for kind in ("impression", "click_detail", "purchase", "like"):
            if rng.random() < 0.4:
                entries.append(event(made, kind, ts=later, revenue=9.5, **flags))
        if rng.random() < 0.5:
            given = reward(made, rng.random(), **flags)
            late = rng.random() < 0.2
            given = given._replace(
                event=given.event._replace(
                    event_id=f"{made.decision_id}-{'l' if late else 'r'}",
                    flag_reasons=",".join(filter(None, (made.flag_reasons, "late" if late else ""))),
                    ts_server=later,
                )
            )
            entries.append(given._replace(counted=given.event.flag_reasons == ""))
    write(database, *entries)
