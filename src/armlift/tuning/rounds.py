"""A round of trials that are suggested together and go on fold by fold together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from armlift.recommenders import create_recommender
from armlift.tuning.objective import Measurement, Objective
from armlift.tuning.pruning import PruningRule
from armlift.tuning.space import Choice, Range
from armlift.tuning.workers import Job, Measure

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial


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


@dataclass(frozen=True)
class Round:
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
        best = best_trial(self.study.get_trials(deepcopy=False), self.objective.criterion.maximise)
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


def best_trial(trials: Sequence[FrozenTrial], maximise: bool) -> FrozenTrial | None:
    """The complete trial with the best value, of equal ones the first; None as long as none is complete."""
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    sign = -1.0 if maximise else 1.0
    return min(complete, key=lambda trial: (sign * trial.value, trial.number), default=None)


def _plain(value: Choice) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
