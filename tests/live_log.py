"""A small live experiment and rows of its log, for tests of what reads and writes the store."""

from armlift.experiments.brief import Brief
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage.ledger import commit

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 20_000 * DAY + DAY // 2


def brief(name="films", **fields):
    """Two arms, a fixed split beside Thompson sampling."""
    return Brief.model_validate(
        {
            "id": name,
            "objective": "More clicks.",
            "hypothesis": "SVD gets more.",
            "primary_metric": {"id": "ctr", "baseline": 0.1, "mde": 0.1},
            "variants": ["popularity", {"id": "svd", "description": "Latent factors"}],
            "control": "popularity",
            "strategies": [
                {"id": "split", "share": 0.5, "allocation": "fixed"},
                {"id": "bandit", "share": 0.5, "allocation": "thompson"},
            ],
            "minimum_sample": 100,
            "daily_users": 100,
            "maximum_duration_days": 7,
            **fields,
        }
    )


def decision(number, *, user="u1", ts=None, arm="svd", strategy="bandit", experiment="films", **fields):
    """Decision number so and so, with an id that ascends with the number."""
    ts = NOON + number * SECOND if ts is None else ts
    return Decision(f"{number:026d}", ts, experiment, strategy, arm, 0.5, 1, user, **fields)


def event(about, kind="impression", *, name=None, ts=None, **fields):
    """Something that happened a second after a decision."""
    ts = about.ts + SECOND if ts is None else ts
    return Event(
        name or f"{about.decision_id}-{kind}",
        about.decision_id,
        ts,
        ts,
        *about[2:8],
        about.session_id,
        "318",
        0,
        kind,
        **fields,
    )


def reward(about, value=1.0, **fields):
    """The reward of a decision."""
    row = event(about, "reward", name=f"{about.decision_id}-r", reward=value, **fields)
    return Reward(about, row)


def write(database, *entries):
    """Commit entries to the log."""
    with database.begin() as connection:
        return commit(connection, entries)
