from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from optuna.storages._cached_storage import _CachedStorage

from armlift.datasets.splits import Split
from armlift.errors import DataFileError, ParameterError
from armlift.tuning import (
    Criterion,
    MedianPruning,
    NoPruning,
    Objective,
    Search,
    SuccessiveHalving,
    search_space,
    tune,
)
from armlift.tuning.objective import Measurement
from armlift.tuning.storage import trial_storage

SPACE = search_space(
    "svd",
    {
        "learning_rate": {"type": "float", "low": 0.0001, "high": 1.0, "log": True},
        "n_factors": {"type": "int", "low": 1, "high": 200},
    },
)
RATINGS = pd.DataFrame({"user_id": [1], "item_id": [1], "rating": [4.0]})
FOLD = Split("temporal", RATINGS, RATINGS)


class Bowl(Objective):
    """A metric known in closed form: best, 1, at a learning rate of 0.01; levels differ between folds."""

    def measure(self, params, fold):
        return Measurement(1 - np.log10(params["learning_rate"] / 0.01) ** 2 / 4 - 0.1 * fold, 0.5)


class Broken(Objective):
    def measure(self, params, fold):
        if params["n_factors"] > 100:
            return Measurement(float("nan"), 0.1, "MemoryError: 9 TB")
        return Measurement(float("inf") if params["n_factors"] > 50 else 0.5, 0.1)


def objective(kind=Bowl, folds=3, **changed):
    given = {"recommender": "svd", "fixed": {}, "folds": (FOLD,) * folds, "items": RATINGS[["item_id"]]}
    return kind(**given | {"criterion": Criterion(), "seed": 0} | changed)


SEARCH = Search(trials=24, round_size=4, pruning=MedianPruning(), seed=1)
FEW = replace(SEARCH, trials=8)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """A file without trials; Optuna takes a second to make one."""
    file = tmp_path_factory.mktemp("empty") / "trials.db"
    with trial_storage(file):
        pass
    return file


@pytest.fixture
def file(tmp_path, empty_file):
    copy = tmp_path / "trials.db"
    copy.write_bytes(empty_file.read_bytes())
    return copy


@pytest.fixture(scope="module")
def searched(tmp_path_factory, empty_file):
    """What the search finds that several tests look at, or compare another one with."""
    copy = tmp_path_factory.mktemp("searched") / "trials.db"
    copy.write_bytes(empty_file.read_bytes())
    return tune(objective(), SPACE, SEARCH, file=copy)


def outcome(result):
    return [
        (trial.number, trial.state, trial.params, trial.fold_values, trial.value) for trial in result.trials
    ]


def test_the_best_is_near_the_known_optimum(searched):
    result = searched
    assert len(result.trials) == 24
    assert result.best.value == max(trial.value for trial in result.trials if trial.state == "complete")
    assert result.best.value == pytest.approx(np.mean(list(result.best.fold_values.values())))
    assert result.best.value > 0.79
    assert set(result.importance) == {"learning_rate", "n_factors"}
    assert sum(result.importance.values()) == pytest.approx(1.0)
    assert (result.metric, result.maximise) == ("ndcg@10", True)


def test_it_minimises_an_error(file):
    result = tune(objective(criterion=Criterion("rmse")), SPACE, FEW, file=file)
    complete = [trial for trial in result.trials if trial.state == "complete"]
    assert result.best.value == min(trial.value for trial in complete)


def test_trial_0_tries_the_parameters_as_they_are_and_always_completes(file):
    current = {"n_factors": 7, "learning_rate": 0.9}
    search = replace(FEW, pruning=SuccessiveHalving(4))
    result = tune(objective(fixed=current), SPACE, search, file=file)
    assert result.trials[0].params == current
    assert result.before == result.trials[0].value < result.best.value


def test_parameters_outside_the_space_are_not_tried(file):
    lines = []
    result = tune(objective(fixed={"n_factors": 300}), SPACE, FEW, file=file, progress=lines.append)
    assert result.before is None
    assert "lie outside the space" in lines[1]


@pytest.mark.parametrize("rule", [MedianPruning(), SuccessiveHalving()])
def test_bad_trials_stop_early(request, file, rule):
    if rule == SEARCH.pruning:
        result = request.getfixturevalue("searched")
    else:
        result = tune(objective(), SPACE, replace(SEARCH, trials=12, pruning=rule), file=file)
    stopped = [trial for trial in result.trials if trial.state == "pruned"]
    assert len(stopped) >= 6
    assert all(len(trial.fold_values) < 3 and trial.value is None for trial in stopped)
    first = np.mean([trial.fold_values[1] for trial in stopped])
    assert first < np.mean([trial.fold_values[1] for trial in result.trials if trial not in stopped])


def test_without_pruning_every_trial_completes(file):
    result = tune(objective(), SPACE, replace(SEARCH, trials=6, pruning=NoPruning()), file=file)
    assert {trial.state for trial in result.trials} == {"complete"}
    assert result.importance == {}


def test_the_seed_decides(file, searched):
    again = tune(objective(), SPACE, SEARCH, file=file)
    other = tune(objective(), SPACE, replace(FEW, seed=2), file=file)
    assert outcome(again) == outcome(searched)
    assert other.study != again.study
    assert outcome(other)[1:] != outcome(again)[1:8]


def test_more_trials_go_on_where_the_study_ended(file, searched):
    few = tune(objective(), SPACE, FEW, file=file)
    lines = []
    many = tune(objective(), SPACE, replace(SEARCH, trials=16), file=file, progress=lines.append)
    assert "16 trials, 8 of them kept" in lines[0]
    assert outcome(many) == outcome(searched)[:16]
    assert outcome(many)[:8] == outcome(few)
    assert many.study == few.study
    assert outcome(tune(objective(), SPACE, FEW, file=file)) == outcome(few)


@pytest.mark.parametrize(
    "changed",
    [
        {"folds": 2},
        {"items": RATINGS[["item_id"]] + 1},
        {"criterion": Criterion(k=5)},
        {"seed": 1},
        {"fixed": {"n_epochs": 3}},
    ],
)
def test_what_changes_the_values_begins_a_new_study(file, changed):
    search = replace(SEARCH, trials=1)
    one = tune(objective(), SPACE, search, file=file)
    assert tune(objective(**changed), SPACE, search, file=file).study != one.study


def test_a_trial_may_fail(file):
    lines = []
    result = tune(objective(Broken), SPACE, replace(SEARCH, trials=12), file=file, progress=lines.append)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert {trial.error for trial in failed} == {"MemoryError: 9 TB", "ndcg@10 is inf"}
    assert result.best.params["n_factors"] <= 50
    assert any("failed, MemoryError: 9 TB" in line for line in lines)


def test_a_search_in_which_all_fail_says_why(file):
    space = search_space("svd", {"n_factors": {"type": "int", "low": 101, "high": 200}})
    with pytest.raises(ParameterError, match="All 3 failed, the last with: MemoryError"):
        tune(objective(Broken), space, replace(SEARCH, trials=3), file=file)


def test_a_line_for_each_trial_says_what_came_of_it(file):
    lines = []
    current = {"n_factors": 7, "learning_rate": 0.9}
    tune(objective(fixed=current), SPACE, replace(SEARCH, trials=4), file=file, progress=lines.append)
    assert sum(": fold " in line for line in lines) == 12
    ended = [line for line in lines if ": ndcg@10 " in line]
    assert len(ended) == 4
    assert "svd trial 0 of 0 to 3: ndcg@10 -0.1548, best" in ended[0]
    assert "(learning_rate 0.9, n_factors 7)" in ended[0]


WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
)


def interrupt(monkeypatch, after):
    """Let the storage write so many times, then no more."""
    left = [after]

    def limited(write):
        def attempt(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return write(*args, **kwargs)

        return attempt

    for name in WRITES:
        monkeypatch.setattr(_CachedStorage, name, limited(getattr(_CachedStorage, name)))


@pytest.mark.parametrize("rule", [MedianPruning(), pytest.param(SuccessiveHalving(), marks=pytest.mark.slow)])
def test_an_interruption_between_any_two_writes_changes_nothing(tmp_path, empty_file, monkeypatch, rule):
    search = Search(trials=4, round_size=2, pruning=rule, seed=1)

    def run(name):
        file = tmp_path / name
        if not file.exists():
            file.write_bytes(empty_file.read_bytes())
        return outcome(tune(objective(folds=2), SPACE, search, file=file))

    whole, interrupted = run("whole.db"), 0
    assert {state for _, state, *_ in whole} == {"complete", "pruned"}
    for after in range(1, 80, 5):
        with monkeypatch.context() as patch:
            interrupt(patch, after)
            try:
                run(f"{after}.db")
                break  # all writes were let through
            except KeyboardInterrupt:
                interrupted += 1
        assert run(f"{after}.db") == whole, after
    assert interrupted >= 7


def test_two_runs_cannot_share_a_file(file):
    with trial_storage(file), pytest.raises(ParameterError, match="a file that no other run is using"):
        tune(objective(), SPACE, SEARCH, file=file)


def test_a_half_built_file_of_a_killed_run_is_built_again(tmp_path):
    (tmp_path / "trials.db.partial").write_bytes(b"SQLite format 3\x00 and no more")
    assert len(tune(objective(), SPACE, replace(SEARCH, trials=2), file=tmp_path / "trials.db").trials) == 2


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "trials.db").write_text("dear diary")
    with pytest.raises(DataFileError, match="no usable database of trials"):
        tune(objective(), SPACE, SEARCH, file=tmp_path / "trials.db")
