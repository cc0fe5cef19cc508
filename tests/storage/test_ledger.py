"""The ledger: everything once, and counted in the same transaction."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select
from storage.live_rows import NOW, decision, event, reward, rows_of, running_experiment, sums

from armlift.experiments.log_rows import Decision, Event
from armlift.storage import ledger
from armlift.storage.database import Database
from armlift.storage.ledger import AssignmentRow, Entry, Outcome
from armlift.storage.schema import (
    assignments,
    counters,
    day_counters,
    decisions,
    events,
    strategies,
    users,
)
from armlift.storage.settlement import DEFAULT_CHANNEL, settle


def commit(database: Database, *entries: Entry, recorded: Sequence[Decision] = ()) -> list[Outcome]:
    with database.begin() as connection:
        return ledger.commit(connection, entries, recorded)


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def version(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(strategies.c.version)).scalar_one()


@pytest.fixture
def store(database: Database) -> Database:
    """A store with one running experiment of one strategy."""
    running_experiment(database)
    return database


def test_a_reward_is_written_with_its_decision_and_counted_once(store: Database):
    first = reward(decision(1), 0.1 + 0.2)
    assert statuses(commit(store, first)) == ["accepted"]
    assert commit(store, first) == [Outcome("duplicate", 0.1 + 0.2)]
    assert commit(store, reward(decision(1), 1.0)) == [Outcome("conflict", 0.1 + 0.2)]
    expected = {"decisions": 1, "rewards": 1, "reward_total": 0.1 + 0.2, "reward_squares": (0.1 + 0.2) ** 2}
    assert sums(store) == pytest.approx(expected, abs=0)
    assert version(store) == 1
    with store.read() as connection:
        assert Decision(*connection.execute(select(decisions)).one()) == first.decision
        assert Event(*connection.execute(select(events)).one()) == first.event


def test_of_two_with_one_id_in_a_batch_the_first_wins(store: Database):
    same = reward(decision(1), 1.0)
    outcomes = commit(store, same, reward(decision(1), 1.0), reward(decision(1), 0.0), same)
    assert outcomes == [
        Outcome("accepted"),
        Outcome("duplicate", 1.0),
        Outcome("conflict", 1.0),
        Outcome("duplicate", 1.0),
    ]
    click = event(decision(1), "click_detail", "e1")
    assert statuses(commit(store, click, click._replace(item_id="other"))) == ["accepted", "duplicate"]
    assert statuses(commit(store, decision(3), decision(3))) == ["accepted", "duplicate"]
    assert sums(store) == {
        "decisions": 2,
        "rewards": 1,
        "reward_total": 1.0,
        "reward_squares": 1.0,
        "clicks": 1,
    }
    assert version(store) == 1


def test_decisions_of_a_reward_are_not_counted_again(store: Database):
    commit(store, recorded=[decision(number) for number in range(100)])
    commit(store, *(reward(decision(number), 1.0) for number in range(50, 150)))
    assert rows_of(store, decisions) == 150
    assert sums(store)["decisions"] == sums(store, "arm_0")["decisions"] == 75
    assert sums(store)["rewards"] == 50


def test_flagged_rows_are_kept_and_raise_excluded_only(store: Database):
    bot = decision(1, bot_flag=True, flag_reasons="crawler")
    outcomes = commit(
        store,
        bot,
        event(bot, "impression", "e1", bot_flag=True),
        reward(bot, 1.0, bot_flag=True),
        reward(decision(3), 1.0, counted=False),
    )
    assert statuses(outcomes) == ["accepted"] * 4
    assert sums(store) == {"decisions": 1, "excluded": 4}
    assert version(store) == 0


def test_events_count_by_type_and_never_as_rewards(store: Database):
    chosen = decision(1)
    types = ["impression", "click_detail", "add_to_cart", "purchase", "like", "dislike", "reward"]
    commit(
        store,
        *(
            event(chosen, name, f"e{number}", revenue=9.5, reward=1.0, srm_flag=True)
            for number, name in enumerate(types)
        ),
    )
    names = ("impressions", "clicks", "add_to_carts", "purchases", "likes", "dislikes")
    assert sums(store) == dict.fromkeys(names, 1) | {"revenue": 9.5}
    assert version(store) == 0
    commit(store, event(chosen, "impression", "page", strategy_id="", arm_id=""))
    assert rows_of(store, events) == 8
    assert rows_of(store, counters) == 1


def test_the_first_assignment_stands(store: Database):
    first = AssignmentRow("movies", "u", "bandit", "arm_0", 0.25, 3, NOW)
    second = first._replace(arm_id="arm_1", propensity=0.1)
    stands = ("bandit", "arm_0", 0.25, 3)
    assert commit(store, first, second) == [Outcome("accepted"), Outcome("duplicate", None, stands)]
    assert commit(store, second, first._replace(experiment_id="other")) == [
        Outcome("duplicate", None, stands),
        Outcome("accepted"),
    ]
    commit(store, recorded=[second._replace(user_key="v")])  # type: ignore[list-item]
    assert (rows_of(store, assignments), rows_of(store, users)) == (3, 2)


def test_sums_by_day_and_session_batch_add_up_to_the_counters(store: Database):
    day = 86_400_000_000
    bots = '{"session_batch": "night"}'
    commit(
        store,
        reward(decision(1), 1.0),
        reward(decision(3, ts=NOW - day), 0.5),
        reward(decision(5, simulated=True, context=bots), 0.25),
        recorded=[decision(7, simulated=True, context=bots), decision(9)],
    )
    with store.read() as connection:
        rows = connection.execute(select(day_counters)).mappings().all()
    assert {row["session_batch"] for row in rows} == {"live", "night"}
    assert len({row["day"] for row in rows}) == 2
    for name in ("decisions", "rewards", "reward_total", "reward_squares"):
        assert sum(row[name] for row in rows) == sums(store)[name]
    assert sum(row["propensity_total"] for row in rows) == 5 * 0.25


def test_a_failing_transaction_counts_nothing(store: Database):
    def fail() -> None:
        with store.begin() as connection:
            ledger.commit(connection, [reward(decision(1), 1.0)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert sums(store) == {}
    assert rows_of(store, events) == rows_of(store, decisions) == 0
    assert version(store) == 0


def test_any_text_and_number_is_stored_as_it_is(store: Database):
    chosen = decision(1, session_id="'\"\\ \n\t영화 🎬 %s ? {}", context='{"a": "\\u0001"}', propensity=1 / 3)
    commit(store, reward(chosen, 1e-300, price=-0.0, quantity=2**31 - 1))
    with store.read() as connection:
        assert Decision(*connection.execute(select(decisions)).one()) == chosen
        assert connection.execute(select(events.c.reward, events.c.quantity)).one() == (1e-300, 2**31 - 1)


@pytest.mark.parametrize("number", [1, 2, 31, 32, 33, 100])
def test_batches_of_every_size_are_whole(store: Database, number: int):
    rows = [decision(each) for each in range(number)]
    assert statuses(commit(store, *(reward(row, 1.0) for row in reversed(rows)))) == ["accepted"] * number
    assert rows_of(store, decisions) == rows_of(store, events) == number


def default_rewards(database: Database) -> int:
    with database.read() as connection:
        query = select(func.count()).where(events.c.channel == DEFAULT_CHANNEL)
        return connection.execute(query).scalar_one()


def test_default_rewards_are_given_once(store: Database):
    old = NOW - 10_000_000
    commit(
        store,
        reward(decision(1, ts=old), 1.0),
        recorded=[
            *(decision(number, ts=old + number) for number in range(3, 13, 2)),
            decision(13, ts=old, bot_flag=True),
            decision(15, ts=old, experiment_id="other"),
            decision(17),
        ],
    )
    assert settle(store, "movies", old + 1000, 0.5) == 5
    assert settle(store, "movies", old + 1000, 0.5) == 0
    assert settle(store, "movies", old + 2000, 0.5) == 0
    expected = {"decisions": 7, "excluded": 1, "rewards": 6, "reward_total": 3.5, "reward_squares": 2.25}
    with store.read() as connection:
        row = (
            connection.execute(select(counters).where(counters.c.experiment_id == "movies")).mappings().one()
        )
    assert {name: row[name] for name in expected} == expected
    assert version(store) == 2
    assert commit(store, reward(decision(3, ts=old + 3), 1.0)) == [Outcome("conflict", 0.5)]


def test_default_rewards_reach_decisions_that_are_written_late(store: Database):
    old = NOW - 10_000_000
    commit(store, recorded=[decision(1, ts=old)])
    assert settle(store, "movies", NOW, 0.0) == 1
    commit(store, recorded=[decision(3, ts=old - 5), decision(5, ts=NOW)])
    assert settle(store, "movies", NOW, 0.0) == 1
    assert default_rewards(store) == 2


def test_default_rewards_come_in_batches(store: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("armlift.storage.settlement._BATCH", 3)
    old = NOW - 10_000_000
    commit(store, recorded=[decision(number, ts=old + number // 4) for number in range(50)])
    assert settle(store, "movies", NOW, 0.0) == 50
    assert default_rewards(store) == 50
    assert settle(store, "unknown", NOW, 0.0) == 0


def test_two_connections_agree_on_what_was_first(store: Database, open_store: Callable[[], Database]):
    other = open_store()
    assert statuses(commit(store, reward(decision(1), 1.0))) == ["accepted"]
    assert commit(other, reward(decision(1), 0.0)) == [Outcome("conflict", 1.0)]


_HAMMER = """
import sys
sys.path.insert(0, {tests!r})
from random import Random
from storage.live_rows import decision, reward
from armlift.storage.database import open_database
from armlift.storage.ledger import commit
from armlift.storage.settlement import settle
from storage.live_rows import NOW
rng = Random({seed})
numbers = list(range(3000))
rng.shuffle(numbers)
accepted = 0
with open_database({url!r}, exclusive=False) as database:
    print("ready", flush=True)
    input()
    while numbers:
        batch, numbers = numbers[:30], numbers[30:]
        rewards = [reward(decision(number, ts=NOW - 60_000_000), 0.5) for number in batch]
        with database.begin() as connection:
            outcomes = commit(connection, rewards[:20], [each.decision for each in rewards[20:]])
        assert all(each.previous in (None, 0.5) for each in outcomes)
        accepted += sum(each.status == "accepted" for each in outcomes)
        if rng.random() < 0.2:
            accepted += settle(database, "movies", NOW, 0.5)
print(accepted)
"""


def test_processes_that_hammer_the_same_decisions_stay_exact(
    store: Database, database_url: str, open_store: Callable[[], Database]
):
    folder = str(Path(__file__).parents[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _HAMMER.format(tests=folder, seed=seed, url=database_url)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("\n", timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    accepted = sum(map(int, answers)) + settle(store, "movies", NOW, 0.5)
    assert accepted == rows_of(store, events) == rows_of(store, decisions) == 3000
    for arm in ("arm_0", "arm_1"):
        assert sums(store, arm) == {
            "decisions": 1500,
            "rewards": 1500,
            "reward_total": 750.0,
            "reward_squares": 375.0,
        }
