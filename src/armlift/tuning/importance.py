"""Which hyper-parameters decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# PED-ANOVA compares the best tenth of the trials with all of them.
FEWEST_TRIALS = 10


def parameter_importance(trials: Sequence[FrozenTrial], maximise: bool) -> dict[str, float]:
    """Share of the metric's variation that each hyper-parameter explains (PED-ANOVA, Watanabe et al. 2023).

    Args:
        trials: Trials of a study; only complete ones count.
        maximise: Whether larger is better.

    Returns:
        Shares by hyper-parameter that sum to 1, largest first; empty for fewer than 10 complete trials, or if
        all of them have one value.
    """
    import optuna

    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if len(complete) < FEWEST_TRIALS or len({trial.value for trial in complete}) == 1:
        return {}
    study = optuna.create_study(direction="maximize" if maximise else "minimize")
    study.add_trials(complete)
    return dict(optuna.importance.get_param_importances(study))
