"""The search: trials in rounds, which a kill can interrupt anywhere and any number of workers can share.

A round has a fixed number of trials. All are suggested first, each from what earlier rounds found and where
the round's other trials will look (constant liar), by a sampler seeded with the trial's number. Then the
round goes fold by fold. The storage keeps every value at once, and a trial that a kill left unfinished is
taken up where it stood: the result is the same as without the kill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from armlift.datasets.fingerprint import fingerprint
from armlift.errors import ParameterError
from armlift.recommenders import create_recommender
from armlift.tuning.importance import parameter_importance
from armlift.tuning.objective import Measurement, Objective
from armlift.tuning.pruning import PruningRule
from armlift.tuning.space import Choice, Range
from armlift.tuning.storage import trial_storage
from armlift.tuning.trials import TrialResult, TuningResult
from armlift.tuning.workers import Job, Measure, measuring

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

_STATES: Mapping[str, str] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class Search:
    """How the space is searched.

    Attributes:
        trials: Number of trials.
        round_size: Trials that are suggested together and may run at the same time.
        pruning: Which trials stop early.
        seed: Seed of the suggestions.
    """

    trials: int
    round_size: int
    pruning: PruningRule
    seed: int


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
            _Round(study, objective, space, search, numbers, measure, progress).play()
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


@dataclass(frozen=True)
class _Round:
    """Some trials that are suggested together and go on fold by fold together."""

    study: Study
    objective: Objective
    space: Mapping[str, Range]
    search: Search
    numbers: range
    measure: Measure
    progress: Callable[[str], None]

    def play(self) -> None:
        """Suggest what is not suggested yet, measure what is not measured yet, and end every trial."""
        running = {number: trial for number in self.numbers if (trial := self._taken_up(number)) is not None}
        for fold in range(1, len(self.objective.folds) + 1):
            if not running:
                return
            self._measure(running, fold)
            self._prune(running, fold)
        for number in sorted(running):
            self._complete(running.pop(number))

    def _taken_up(self, number: int) -> Trial | None:
        """Give the trial of this number, a new or an interrupted one, to go on with; None if it has ended."""
        import optuna

        trials = self.study.get_trials(deepcopy=False)
        if number == len(trials):
            # One transaction: a trial is in the storage with all of its hyper-parameters, or not at all.
            self.study.enqueue_trial(self._suggestion(trials))
        elif trials[number].state.is_finished():
            return None
        is_running = number < len(trials) and trials[number].state.name == "RUNNING"
        trial = optuna.Trial(self.study, trials[number]._trial_id) if is_running else self.study.ask()
        for name, each in self.space.items():
            each.suggest(trial, name)  # what was enqueued
        return trial

    def _suggestion(self, trials: Sequence[FrozenTrial]) -> dict[str, Choice]:
        """Hyper-parameters of the next trial, a function of the trials before it."""
        import optuna

        current = starting_point(self.objective, self.space)
        if not trials and current is not None:
            return current
        seed = int(np.random.SeedSequence([self.search.seed, len(trials)]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(seed=seed)
        draft = optuna.create_study(sampler=sampler, direction=self.study.direction)
        draft.add_trials(trials)
        trial = draft.ask()
        for name, each in self.space.items():
            each.suggest(trial, name)
        return dict(trial.params)

    def _measure(self, running: dict[int, Trial], fold: int) -> None:
        stored = {number: _frozen(trial) for number, trial in running.items()}
        jobs = [
            Job(number, fold, stored[number].params)
            for number in sorted(running)
            if fold not in stored[number].intermediate_values
        ]
        for job, measured in self.measure(jobs):
            trial = running[job.trial]
            failed = measured.error or not np.isfinite(measured.value)
            if not failed:
                trial.report(measured.value, fold)
                self._say(trial, f"fold {fold} of {len(self.objective.folds)}, {measured.value:.4f}")
            before = stored[job.trial].user_attrs.get("seconds", 0.0)
            trial.set_user_attr("seconds", before + measured.seconds)
            if failed:
                self._fail(running.pop(job.trial), measured)

    def _prune(self, running: dict[int, Trial], fold: int) -> None:
        if fold == len(self.objective.folds):
            return
        trials = self.study.get_trials(deepcopy=False)
        current = {
            number: trials[number].intermediate_values
            for number in self.numbers
            if fold in trials[number].intermediate_values
        }
        earlier = [trial.intermediate_values for trial in trials[: self.numbers.start]]
        going_on = self.search.pruning.survivors(fold, current, earlier, self.objective.criterion.maximise)
        # Trial 0 is what the others are compared with in the end.
        for number in sorted(set(running) - going_on - {0}):
            trial = running.pop(number)
            self._end(trial, "PRUNED", f"pruned after {fold} of {len(self.objective.folds)} folds")

    def _complete(self, trial: Trial) -> None:
        value = float(np.mean(list(_frozen(trial).intermediate_values.values())))
        self._end(trial, "COMPLETE", f"{self.objective.criterion.label} {value:.4f}", value)

    def _fail(self, trial: Trial, measured: Measurement) -> None:
        error = measured.error or f"{self.objective.criterion.label} is {measured.value}"
        trial.set_user_attr("error", error)
        self._end(trial, "FAIL", f"failed, {error}")

    def _end(self, trial: Trial, state: str, words: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(trial, value, state=TrialState[state])
        best = _best(self.study.get_trials(deepcopy=False), self.objective.criterion.maximise)
        so_far = f", best {best.value:.4f} by trial {best.number}" if best else ""
        params = ", ".join(f"{name} {_plain(each)}" for name, each in trial.params.items())
        self._say(trial, f"{words}{so_far} ({params})")

    def _say(self, trial: Trial, words: str) -> None:
        name, last = self.objective.recommender, self.search.trials - 1
        self.progress(f"{name} trial {trial.number} of 0 to {last}: {words}")


def starting_point(objective: Objective, space: Mapping[str, Range]) -> dict[str, Choice] | None:
    """Hyper-parameters of the space as they are without tuning; None where one lies outside its range."""
    params = create_recommender(objective.recommender, **objective.fixed).params
    current = {name: params[name] for name in space}
    if all(each.contains(current[name]) for name, each in space.items()):
        return current  # type: ignore[return-value]
    return None


def _frozen(trial: Trial) -> FrozenTrial:
    return trial.storage.get_trial(trial._trial_id)


def _best(trials: Sequence[FrozenTrial], maximise: bool) -> FrozenTrial | None:
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    sign = -1.0 if maximise else 1.0
    return min(complete, key=lambda trial: (sign * trial.value, trial.number), default=None)


def _plain(value: Choice) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _result(study: Study, objective: Objective, space: Mapping[str, Range], search: Search) -> TuningResult:
    # The study has more trials where more were asked for before.
    stored = study.get_trials(deepcopy=False)[: search.trials]
    trials = tuple(_trial_result(trial) for trial in stored)
    best = _best(stored, objective.criterion.maximise)
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
