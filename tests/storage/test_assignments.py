from live_log import NOON, SECOND, brief, write

from armlift.experiments.allocation import Assignment
from armlift.storage.assignments import find_assignment, recent_assignments
from armlift.storage.experiments import ExperimentStore
from armlift.storage.ledger import AssignmentRow


def assigned(user, *, experiment="films", arm="svd", at=0):
    return AssignmentRow(experiment, user, "bandit", arm, 0.7, 12, int(NOON + at * SECOND))


def test_the_first_assignment_stands(database):
    write(database, assigned("u1"))
    write(database, assigned("u1", arm="popularity"))
    assert find_assignment(database, "films", "u1") == Assignment("bandit", "svd", 0.7, 12)
    assert find_assignment(database, "films", "u2") is None
    assert find_assignment(database, "pages", "u1") is None


def test_the_newest_ones_of_what_goes_on_are_recalled_in_order(database):
    store = ExperimentStore(database)
    for name in ("films", "pages", "old"):
        store.create(brief(name), who="ada")
        store.change(name, "start", who="ada")
    store.change("pages", "pause", who="ada", why="latency")
    store.change("old", "complete", who="ada")
    write(
        database,
        *(assigned(f"u{number}", at=number) for number in range(5)),
        assigned("u9", experiment="pages", at=2.5),
        assigned("u1", experiment="old", at=9),
    )
    every = list(recent_assignments(database, 100))
    assert [user for _, user, _ in every] == ["u0", "u1", "u2", "u9", "u3", "u4"]
    assert every[3] == ("pages", "u9", Assignment("bandit", "svd", 0.7, 12))
    assert list(recent_assignments(database, 2)) == every[-2:]
