import threading
import time

import pytest
from live_log import SECOND, brief, decision, event, reward, write
from sqlalchemy import event as listen

from armlift.errors import ParameterError, StateError, UnknownExperiment
from armlift.experiments.allocation import Sums, live_experiment
from armlift.storage.experiment_rows import LiveState
from armlift.storage.experiments import ExperimentStore


@pytest.fixture
def store(database):
    return ExperimentStore(database)


@pytest.fixture
def running(store):
    store.create(brief(), who="ada", why="")
    store.change("films", "start", who="ada")
    return store


def known(snapshot):
    return {key: sums.version for key, sums in snapshot.changed.items()}


def test_a_brief_is_stored_whole_and_starts_as_a_draft(store):
    declared = brief(tracking_experiment="abtest_films", durable_decisions=True)
    row = store.create(declared, who="ada", why="first try")
    assert row == store.row("films")
    assert (row.brief, row.brief_hash) == (declared, declared.content_hash)
    assert (row.state, row.winner, row.revision) == ("draft", None, 0)
    assert abs(row.created_ts / 1e6 - time.time()) < 10
    assert (row.started_ts, row.completed_ts, row.archived_ts) == (None, None, None)
    store.create(brief("pages"), who="ada")
    assert [row.id for row in store.rows()] == ["films", "pages"]


def test_the_same_id_twice_names_it_and_the_remedy_and_changes_nothing(store):
    store.create(brief(), who="ada")
    with pytest.raises(
        ParameterError, match=r"id = 'films'.*Choose another id.*armlift experiments show films"
    ):
        store.create(brief(alpha=0.01), who="ada")
    assert store.row("films").brief.alpha == 0.05
    assert len(store.audit("films")) == 1


def test_what_cannot_run_live_is_refused_at_once(store):
    strategies = [{"id": "clever", "allocation": "contextual"}]
    with pytest.raises(ParameterError, match="contextual"):
        store.create(brief(strategies=strategies), who="ada")
    assert store.rows() == ()


def test_a_life_and_its_audit_log(running):
    running.change("films", "pause", who="ada", why="latency")
    running.change("films", "resume", who="bob")
    row = running.change("films", "force", who="ada", why="clear enough", winner="svd")
    assert (row.state, row.winner, row.revision) == ("completed", "svd", 4)
    row = running.change("films", "archive", who="ada")
    assert row.created_ts <= row.started_ts < row.completed_ts < row.archived_ts
    log = running.audit("films")
    assert [(entry.action, entry.state_before, entry.state_after, entry.who, entry.why) for entry in log] == [
        ("create", "", "draft", "ada", ""),
        ("start", "draft", "running", "ada", ""),
        ("pause", "running", "hold", "ada", "latency"),
        ("resume", "hold", "running", "bob", ""),
        ("force", "running", "completed", "ada", "clear enough"),
        ("archive", "completed", "archived", "ada", ""),
    ]
    assert {entry.brief_hash for entry in log} == {brief().content_hash}
    assert [entry.ts for entry in log] == sorted(entry.ts for entry in log)
    assert [entry.details for entry in log][-2:] == ['{"winner":"svd"}', "{}"]


def test_a_resumed_experiment_keeps_its_start(running):
    started = running.row("films").started_ts
    running.change("films", "pause", who="ada", why="latency")
    assert running.change("films", "resume", who="ada").started_ts == started


@pytest.mark.parametrize(
    ("action", "options", "error", "words"),
    [
        ("resume", {}, StateError, "resume is not possible while the experiment is running"),
        ("pause", {}, ParameterError, "a reason for pause"),
        ("pause", {"why": " \n"}, ParameterError, "a reason for pause"),
        ("force", {"winner": "svd"}, ParameterError, "a reason for force"),
        ("force", {"why": "x"}, ParameterError, "winner = None: must satisfy one of popularity, svd"),
        ("force", {"why": "x", "winner": "ease"}, ParameterError, "winner = 'ease'"),
        ("complete", {"winner": "svd"}, ParameterError, "Use force"),
    ],
)
def test_a_refused_change_changes_nothing(running, action, options, error, words):
    before = running.row("films"), running.audit("films"), running.live({})
    with pytest.raises(error, match=words):
        running.change("films", action, who="ada", **options)
    assert (running.row("films"), running.audit("films"), running.live({})) == before


def test_unknown_experiments_are_named_with_the_known_ones(running):
    for ask in (running.row, running.activity, lambda name: running.change(name, "start", who="ada")):
        with pytest.raises(UnknownExperiment, match=r"'film'.*Choose one of films"):
            ask("film")


def test_of_two_processes_at_once_one_wins(running, open_store):
    stores = [ExperimentStore(open_store()) for _ in range(4)]
    for _ in range(10):
        gate, outcomes = threading.Barrier(len(stores)), []

        def pause(store, gate=gate, outcomes=outcomes):
            gate.wait()
            try:
                store.change("films", "pause", who="ada", why="race")
                outcomes.append("won")
            except StateError as error:
                outcomes.append(error.state)

        threads = [threading.Thread(target=pause, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["hold", "hold", "hold", "won"]
        running.change("films", "resume", who="ada")
    assert len(running.audit("films")) == 2 + 10 * 2


def test_changes_and_rewards_at_once_lose_nothing(running, database):
    """Both take locks on experiments and strategies: neither may wait for the other in a circle."""
    failures, written = [], 120

    def rewards():
        try:
            for number in range(written):
                strategy = ("split", "bandit")[number % 2]
                write(
                    database,
                    reward(decision(2 * number, strategy=strategy)),
                    reward(decision(2 * number + 1)),
                )
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=rewards)
    thread.start()
    changes = 0
    while thread.is_alive():
        running.change("films", "pause", who="ada", why="race")
        running.change("films", "resume", who="ada")
        changes += 2
    thread.join()
    assert failures == []
    assert sum(row.rewards for row in running.counters("films")) == 2 * written
    assert running.row("films").revision == 1 + changes


def test_live_gives_sums_in_the_order_of_the_arms(running, database):
    write(database, reward(decision(1)), reward(decision(2), 0.5), reward(decision(3, arm="popularity"), 0.0))
    found = running.live({})
    (state,) = found.experiments
    assert state[:4] == ("films", "running", None, 1)
    assert {(state.experiment_id, name): version for name, version in state.versions.items()} == known(found)
    assert found.changed["films", "bandit"].sums == (Sums(1, 1, 0.0, 0.0), Sums(2, 2, 1.5, 1.25))
    assert found.changed["films", "split"].sums == (Sums(), Sums())


def test_live_gives_only_what_changed_in_one_query(running, database):
    first = running.live({})
    statements = []
    listen.listen(database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    again = running.live(known(first))
    assert again == first._replace(changed={})
    assert len([text for text in statements if text.startswith("SELECT")]) == 1
    write(database, reward(decision(1)))
    later = running.live(known(first))
    assert list(later.changed) == [("films", "bandit")]
    assert later.changed["films", "bandit"].version == first.changed["films", "bandit"].version + 1
    write(database, event(decision(1)), decision(2))
    assert running.live(known(first) | known(later)).changed == {}, "posteriors move with rewards alone"


def test_every_change_of_state_is_seen_live(running, open_store):
    other = ExperimentStore(open_store())
    seen = other.live({})
    running.change("films", "pause", who="ada", why="latency")
    paused = other.live(known(seen))
    assert paused.experiments[0][:4] == ("films", "hold", None, 2)
    assert set(paused.changed) == {("films", "split"), ("films", "bandit")}
    running.change("films", "force", who="ada", why="x", winner="svd")
    assert other.live({}).experiments[0][:4] == ("films", "completed", "svd", 3)
    running.change("films", "archive", who="ada")
    assert other.live({}) == ((), {})


def test_drafts_are_not_live_and_the_first_started_is_first(store):
    for name in ("a", "b", "c"):
        store.create(brief(name), who="ada")
    assert store.live({}).experiments == ()
    store.change("c", "start", who="ada")
    store.change("a", "start", who="ada")
    assert [state.experiment_id for state in store.live({}).experiments] == ["c", "a"]


def test_a_live_experiment_can_be_built_from_what_is_given(running, database):
    write(database, *(reward(decision(number, user=f"u{number}")) for number in range(50)))
    found = running.live({})
    (state,) = found.experiments
    assert isinstance(state, LiveState)
    sums = {name: found.changed["films", name].sums for name in state.versions}
    live = live_experiment(running.row("films").brief, state.state, state.winner, state.versions, sums)
    assert live.strategy("bandit").probabilities[1] > 0.9
    assert live.strategy("split").probabilities == (0.5, 0.5)


def test_counters_and_last_rows_for_lists(running, database):
    assert running.activity("films") == (None, None)
    started = running.row("films").started_ts
    first = decision(1, ts=started + SECOND)
    write(database, reward(first), event(first), decision(2, ts=started + 9 * SECOND))
    assert running.activity("films") == (started + 9 * SECOND, started + 2 * SECOND)
    (row,) = running.counters()
    assert row[:5] == ("films", "bandit", "svd", 2, 1)
    assert (row.reward_total, row.impressions) == (1.0, 1)
    assert running.counters("pages") == ()
    store = running
    store.create(brief("pages"), who="ada")
    assert store.activity("pages") == (None, None)


def test_the_poll_is_cheap(running, database):
    for name in ("b", "c", "d"):
        running.create(brief(name), who="ada")
        running.change(name, "start", who="ada")
    versions = known(running.live({}))
    took = []
    for _ in range(50):
        start = time.perf_counter()
        running.live(versions)
        took.append(time.perf_counter() - start)
    assert sorted(took)[25] < 0.01, "every process asks ten times a second"


def test_an_experiment_is_created_and_started_as_one(store):
    row = store.create(brief(), who="ada", why="example", start=True)
    assert (row.state, row.revision) == ("running", 1)
    assert row.started_ts is not None
    assert [entry.action for entry in store.audit("films")] == ["create", "start"]
    with pytest.raises(ParameterError, match="an id that no experiment of this store has"):
        store.create(brief(), who="ada", start=True)
