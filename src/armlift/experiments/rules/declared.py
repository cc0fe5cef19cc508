"""What a brief declares, in the terms of a decision rule."""

from __future__ import annotations

from dataclasses import replace

from armlift.errors import ParameterError
from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.experiments.rules.design import Design
from armlift.statistics.comparison import Baseline, Comparison
from armlift.statistics.power import minimum_detectable_effect


def deciding_strategy(brief: Brief) -> Strategy:
    """The strategy whose users the stopping rule judges: the fixed split with the largest share.

    A bandit's users do not enter: the plain mean of an adaptively sampled arm is biased, and no rule here
    weights by propensity. A brief without a fixed split is tried on an even one with the traffic of its
    largest strategy.
    """
    fixed = [strategy for strategy in brief.strategies if strategy.allocation == "fixed"]
    return max(fixed or brief.strategies, key=lambda strategy: strategy.share)


def daily_users(brief: Brief) -> float:
    """Users on a day, over all arms, whom the stopping rule judges."""
    return brief.daily_users * deciding_strategy(brief).share


def declared_design(brief: Brief, *, looks: int | None = None) -> Design:
    """The design that a brief declares.

    A mean or a ratio is planned as the conversion rate with the same coefficient of variation c,
    1 / (1 + c^2): relative effects are then as hard to find. A metric that is to fall is planned as the share
    of users who do not convert, its effects relative to that.

    Args:
        brief: The brief.
        looks: Number of looks instead of the brief's, over the same duration.
    """
    metric = brief.primary_metric
    baseline, mde = metric.baseline, metric.mde
    if metric.standard_deviation is not None:
        baseline = 1.0 / (1.0 + (metric.standard_deviation / metric.baseline) ** 2)
    if metric.direction == "decrease":
        mde *= baseline / (1.0 - baseline)
        baseline = 1.0 - baseline
    number = looks or brief.number_of_looks
    users = daily_users(brief) * brief.maximum_duration_days
    return Design(
        baseline=baseline,
        looks=number,
        users_per_look=max(1, round(users / number / len(brief.arms))),
        mde=mde,
        alpha=brief.alpha,
        minimum_sample=brief.minimum_sample,
        weights=_control_first(brief),
    )


def design_for(brief: Brief | None, *, any_arm: bool = False, **given: float) -> Design:
    """The brief's design, or a plain A/B test, with what is given otherwise.

    Args:
        brief: The brief; None for `plain_design`, which needs a baseline.
        any_arm: Whether the control can win as well.
        **given: Fields of `Design` that overrule the brief. With `looks` alone the duration stays.

    Raises:
        ParameterError: There is neither brief nor baseline, or a value lies outside its bound.
    """
    if brief is not None:
        looks = int(given["looks"]) if "looks" in given else None
        if looks is not None and looks < 1:
            raise ParameterError("looks", looks, "looks >= 1", "Try 30.")
        return replace(declared_design(brief, looks=looks), any_arm=any_arm, **given)  # type: ignore[arg-type]
    if "baseline" not in given:
        raise ParameterError("baseline", None, "given where there is no brief", "Try 0.1.")
    return plain_design(any_arm=any_arm, **given)  # type: ignore[arg-type]


def plain_design(
    *,
    baseline: float,
    looks: int = 30,
    users_per_look: int = 1000,
    mde: float | None = None,
    alpha: float = 0.05,
    minimum_sample: int = 0,
    any_arm: bool = False,
) -> Design:
    """A design without a brief: two arms, equal split.

    Args:
        baseline: Conversion rate of the control.
        looks: Planned looks.
        users_per_look: Users per arm between two looks.
        mde: Relative; None for the effect that one test at the planned end finds with 80 % power.
        alpha: Accepted rate of false winners.
        minimum_sample: Users every arm must have before a verdict.
        any_arm: Whether the control can win as well.
    """
    design = Design(
        baseline=baseline,
        looks=looks,
        users_per_look=users_per_look,
        mde=1.0 if mde is None else mde,
        alpha=alpha,
        minimum_sample=minimum_sample,
        any_arm=any_arm,
    )
    return design if mde is not None else replace(design, mde=_detectable(design))


def _detectable(design: Design) -> float:
    """Relative effect that one test at the planned end finds with 80 % power."""
    found = minimum_detectable_effect(
        Baseline.proportion(design.baseline),
        design.users_per_arm * design.n_arms,
        Comparison(alpha=design.alpha, alternative=design.alternative),
        relative=True,
    )
    return float(found)


def _control_first(brief: Brief) -> tuple[float, ...]:
    weights = dict(zip(brief.arms, brief.weights(deciding_strategy(brief)), strict=True))
    return (weights.pop(brief.control), *weights.values())
