"""The search: trials in rounds, which a kill can interrupt anywhere and any number of workers can share.

A round has a fixed number of trials. All are suggested first, each from what earlier rounds found and where
the round's other trials will look (constant liar), by a sampler seeded with the trial's number. Then the
round goes fold by fold. The storage keeps every value at once, and a trial that a kill left unfinished is
taken up where it stood: the result is the same as without the kill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from armlift.datasets.fingerprint import fingerprint
from armlift.errors import ParameterError
from armlift.recommenders import create_recommender
from armlift.tuning.importance import parameter_importance
from armlift.tuning.objective import Objective
from armlift.tuning.rounds import Round, Search, best_trial, starting_point
from armlift.tuning.space import Range
from armlift.tuning.storage import trial_storage
from armlift.tuning.trials import TrialResult, TuningResult
from armlift.tuning.workers import measuring

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_STATES: Mapping[str, str] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def tune(
    objective: Objective,
    space: Mapping[str, Range],
    search: Search,
    *,
    file: Path,
    workers: int = 1,
    progress: Callable[[str], None] = lambda line: None,
) -> TuningResult:
    """Search the hyper-parameters that are best on validation folds.

    Tree-structured Parzen estimators suggest them (Bergstra et al. 2011); trial 0 tries them as they are. A
    study is named after everything that its values depend on: with other data, bounds or metric a new one
    begins, with more `trials` the same one goes on.

    Args:
        objective: What is fitted and measured.
        space: Ranges by hyper-parameter.
        search: How the space is searched.
        file: Storage of the trials; finished trials in it count.
        workers: Processes. The result does not depend on it.
        progress: Called with a line for each fold and each trial that ends.

    Returns:
        All trials and the best.

    Raises:
        ParameterError: Another run uses the file, or no trial completed.
        DataFileError: The file is no storage of trials.
    """
    import optuna

    name = study_name(objective, space, search)
    with trial_storage(file) as storage, measuring(objective, workers) as measure:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize" if objective.criterion.maximise else "minimize",
            load_if_exists=True,
        )
        kept = sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
        progress(f"{name}: {search.trials} trials, {kept} of them kept from before")
        if starting_point(objective, space) is None:
            progress(f"{name}: the hyper-parameters as they are lie outside the space, so they are not tried")
        for first in range(0, search.trials, search.round_size):
            numbers = range(first, min(first + search.round_size, search.trials))
            Round(study, objective, space, search, numbers, measure, progress).play()
        return _result(study, objective, space, search)


def study_name(objective: Objective, space: Mapping[str, Range], search: Search) -> str:
    """Name a study by the recommender and a hash of all that its values depend on."""
    tables = {"items": objective.items}
    for number, fold in enumerate(objective.folds, start=1):
        tables |= {f"train {number}": fold.train, f"test {number}": fold.test}
    described = {
        "params": create_recommender(objective.recommender, **objective.fixed).params,
        "space": {name: asdict(each) for name, each in space.items()},
        "criterion": asdict(objective.criterion),
        "seeds": [objective.seed, search.seed],
        "round_size": search.round_size,
        "pruning": repr(search.pruning),
        "data": fingerprint(tables),
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()
    return f"{objective.recommender}-{digest[:12]}"


def _result(study: Study, objective: Objective, space: Mapping[str, Range], search: Search) -> TuningResult:
    # The study has more trials where more were asked for before.
    stored = study.get_trials(deepcopy=False)[: search.trials]
    trials = tuple(_trial_result(trial) for trial in stored)
    best = best_trial(stored, objective.criterion.maximise)
    if best is None:
        raise ParameterError(
            f"tuning.spaces.{objective.recommender}",
            list(space),
            "a space in which a trial completes",
            f"All {len(trials)} failed, the last with: {trials[-1].error}",
        )
    return TuningResult(
        recommender=objective.recommender,
        study=study.study_name,
        metric=objective.criterion.label,
        maximise=objective.criterion.maximise,
        trials=trials,
        best=trials[best.number],
        before=None if starting_point(objective, space) is None else trials[0].value,
        importance=parameter_importance(stored, objective.criterion.maximise),
    )


def _trial_result(trial: FrozenTrial) -> TrialResult:
    return TrialResult(
        number=trial.number,
        state=_STATES[trial.state.name],  # type: ignore[arg-type]
        params=dict(trial.params),
        fold_values=dict(sorted(trial.intermediate_values.items())),
        value=trial.value if trial.state.name == "COMPLETE" else None,
        seconds=float(trial.user_attrs.get("seconds", 0.0)),
        error=str(trial.user_attrs.get("error", "")),
    )
