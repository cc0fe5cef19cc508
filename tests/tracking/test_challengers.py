"""A challenger is registered once for each window, wherever the first try was cut off."""

import pytest

from armlift import tracking
from armlift.tracking import Evidence, alias_moves, aliased_versions, challengers, register_challenger

WINDOW = "live-20240101T0000-20240102T0000"
EVIDENCE = Evidence("temporal.ndcg@10", 0.3, "run")


@pytest.fixture
def logged(registry, arms, history):
    """Run and model of a retraining."""
    experiment = registry.get_experiment_by_name("armlift").experiment_id
    run_id = registry.create_run(experiment).info.run_id
    return run_id, tracking.log_recommenders(run_id, {"svd": arms["svd"]}, history)["svd"]


def register(logged, window=WINDOW):
    run_id, model_id = logged
    return register_challenger(run_id, "svd", model_id, data_hash="data2", window=window, evidence=EVIDENCE)


def moves():
    return [move for move in alias_moves() if move.alias == "challenger"]


def versions(registry):
    return len(registry.search_model_versions("name = 'recommender'"))


def test_the_alias_moves_with_an_entry_in_the_audit_log_and_no_other_does(registry, logged):
    before = aliased_versions()
    version = register(logged)
    after = aliased_versions()
    assert (version.number, version.data_hash) == (4, "data2")
    assert after.pop("challenger") == version
    before.pop("challenger")
    assert after == before
    assert moves()[-1].evidence == EVIDENCE
    assert WINDOW in moves()[-1].why


def test_a_window_is_registered_once_and_another_again(registry, logged):
    register(logged)
    again = register(logged)
    assert (again.number, versions(registry), len(moves())) == (4, 4, 2)
    assert register(logged, "live-20240102T0000-20240103T0000").number == 5


def test_a_kill_before_the_alias_moves_is_made_good(registry, logged, monkeypatch):
    def killed(*_args, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(challengers, "move_alias", killed)
    with pytest.raises(KeyboardInterrupt):
        register(logged)
    monkeypatch.undo()
    assert register(logged).number == 4
    assert (versions(registry), len(moves())) == (4, 2)
    assert aliased_versions()["challenger"].number == 4


def test_a_move_that_was_written_down_and_not_made_is_made(registry, logged, monkeypatch):
    register(logged)
    registry.set_registered_model_alias("recommender", "challenger", "2")  # as a kill in between leaves it
    register(logged)
    assert aliased_versions()["challenger"].number == 4
    assert len(moves()) == 2


def test_an_alias_that_moved_on_stays_where_it_is(registry, logged):
    register(logged)
    tracking.move_alias("challenger", tracking.find_version("2"), why="by hand")
    assert register(logged).number == 4
    assert aliased_versions()["challenger"].number == 2
