"""How the fields of a brief contradict each other, or name what does not exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from math import isclose
from typing import Any

from armlift.errors import Fault
from armlift.experiments.brief_faults import did_you_mean
from armlift.experiments.brief_parts import ANY_REWARD
from armlift.experiments.metrics import METRICS, SIGNALS

Faults = Iterator[Fault]


def contradictions(brief: Any) -> list[Fault]:
    """Faults of fields taken together.

    Args:
        brief: A `Brief`, or the `sound_parts` of one: a rule that lacks a field it needs says nothing.
    """
    faults: list[Fault] = []
    for rule in _RULES:
        _collect(faults, rule, brief)
    for name, rules in _RULES_OF_EACH.items():
        for number, part in enumerate(getattr(brief, name, ())):
            for each in rules:
                _collect(faults, each, brief, part, f"{name}[{number}]")
    return faults


def _collect(faults: list[Fault], rule: Callable[..., Faults], *parts: Any) -> None:
    with suppress(AttributeError):
        faults.extend(rule(*parts))


def _primary_metric(brief: Any) -> Faults:
    metric = brief.primary_metric
    if metric.id not in METRICS:
        yield Fault(
            "primary_metric.id", f"is {metric.id!r}, not a metric; {did_you_mean(metric.id, METRICS)}"
        )
    elif METRICS[metric.id].kind != metric.kind and (METRICS[metric.id].kind, metric.kind) != (
        "ratio",
        "proportion",  # a ratio whose units have one chance each, such as clicks per decision
    ):
        kind = METRICS[metric.id].kind
        yield Fault("primary_metric.kind", f"is {metric.kind!r}, but {metric.id} is a {kind}")


def _spread(brief: Any) -> Faults:
    metric = brief.primary_metric
    if metric.kind == "proportion" and metric.standard_deviation is not None:
        yield Fault("primary_metric.standard_deviation", "a proportion has none of its own; leave it out")
    if metric.kind != "proportion" and metric.standard_deviation is None:
        yield Fault("primary_metric.standard_deviation", f"is missing; the plan of a {metric.kind} needs it")


def _range(brief: Any) -> Faults:
    metric = brief.primary_metric
    if metric.kind == "proportion" and metric.baseline >= 1.0:
        yield Fault("primary_metric.baseline", f"is {metric.baseline:g}; a proportion is below 1")
    elif metric.direction == "decrease" and metric.mde >= 1.0:
        yield Fault("primary_metric.mde", f"is {metric.mde:g}; a decrease is smaller than 1, which is all")
    elif metric.kind == "proportion" and metric.direction == "increase":
        lifted = metric.baseline * (1.0 + metric.mde)
        if lifted >= 1.0:
            yield Fault(
                "primary_metric.mde", f"would lift the proportion to {lifted:g}; it must stay below 1"
            )


def _secondary_metrics(brief: Any) -> Faults:
    yield from _unknown("secondary_metrics", brief.secondary_metrics, METRICS)
    yield from _twice("secondary_metrics", brief.secondary_metrics)
    if brief.primary_metric.id in brief.secondary_metrics:
        yield Fault("secondary_metrics", f"`{brief.primary_metric.id}` is the primary metric already")


def _cvr_denominator(brief: Any) -> Faults:
    guarded = [getattr(guardrail, "metric", "") for guardrail in brief.guardrails]
    used = "cvr" in (brief.primary_metric.id, *brief.secondary_metrics, *guarded)
    if used and brief.cvr_denominator is None:
        yield Fault("cvr_denominator", "is missing; say whether cvr is per clicks, impressions or users")
    if not used and brief.cvr_denominator is not None:
        yield Fault("cvr_denominator", "has no use here: no metric is `cvr`; leave it out")


def _guardrail_metrics(brief: Any) -> Faults:
    yield from _twice("guardrails", [guardrail.metric for guardrail in brief.guardrails])


def _guardrail_metric(brief: Any, guardrail: Any, place: str) -> Faults:
    yield from _unknown(f"{place}.metric", [guardrail.metric], {**METRICS, **SIGNALS})


def _guardrail_threshold(brief: Any, guardrail: Any, place: str) -> Faults:
    names = ("at_most", "at_least", "non_inferiority_margin")
    given = [name for name in names if getattr(guardrail, name) is not None]
    if len(given) != 1:
        yield Fault(
            place, f"has {' and '.join(given) or 'no threshold'}; give exactly one of {', '.join(names)}"
        )


def _segments(brief: Any) -> Faults:
    yield from _twice("segments", brief.segments)


def _audience(brief: Any) -> Faults:
    for name in ("category", "channel", "device"):
        audience, excluded = getattr(brief.audience, name), getattr(brief.exclusions, name)
        for value in sorted(set(audience) & set(excluded)):
            yield Fault(f"exclusions.{name}", f"`{value}` is in the audience too; name it in one of them")


def _variants(brief: Any) -> Faults:
    yield from _twice("variants", _ids(brief))


def _control(brief: Any) -> Faults:
    if brief.control not in _ids(brief):
        yield Fault(
            "control", f"is {brief.control!r}, not a variant; {did_you_mean(brief.control, _ids(brief))}"
        )


def _strategies(brief: Any) -> Faults:
    yield from _twice("strategies", [strategy.id for strategy in brief.strategies])


def _shares(brief: Any) -> Faults:
    total = sum(strategy.share for strategy in brief.strategies)
    if not isclose(total, 1.0, abs_tol=1e-9):
        yield Fault("strategies", f"their shares sum to {total:g}; they must sum to 1")


def _weights(brief: Any, strategy: Any, place: str) -> Faults:
    if strategy.weights is None:
        return
    if strategy.allocation != "fixed":
        yield Fault(f"{place}.weights", f"{strategy.allocation} finds its own; leave them out")
        return
    arms = _ids(brief)
    yield from _unknown(f"{place}.weights", strategy.weights, dict.fromkeys(arms))
    if missing := [arm for arm in arms if arm not in strategy.weights]:
        yield Fault(f"{place}.weights", f"lack {', '.join(missing)}; give the weight of every variant")
    total = sum(strategy.weights.values())
    if not isclose(total, 1.0, abs_tol=1e-9):
        yield Fault(f"{place}.weights", f"sum to {total:g}; they must sum to 1")


def _floor(brief: Any, strategy: Any, place: str) -> Faults:
    arms = len(brief.variants)
    if strategy.allocation != "fixed" and strategy.floor * arms > 1.0 + 1e-9:
        yield Fault(
            f"{place}.floor", f"is {strategy.floor:g} for {arms} variants; must be at most {1.0 / arms:.4g}"
        )


def _power(brief: Any) -> Faults:
    if brief.power <= brief.alpha:
        yield Fault(
            "power", f"is {brief.power:g}; must be above alpha, {brief.alpha:g}, which chance alone gives"
        )


def _looks(brief: Any) -> Faults:
    if (brief.looks.number is None) == (brief.looks.every_hours is None):
        yield Fault("looks", "give either their number or every_hours")


def _interval(brief: Any) -> Faults:
    hours = 24.0 * brief.maximum_duration_days
    if (brief.looks.every_hours or 0.0) > hours:
        yield Fault(
            "looks.every_hours", f"is {brief.looks.every_hours:g}; the experiment lasts {hours:g} hours"
        )


def _promotion(brief: Any) -> Faults:
    shares = [stage.share for stage in brief.promotion]
    if any(later <= earlier for earlier, later in pairwise(shares)):
        yield Fault("promotion", "shares must grow from stage to stage")
    if shares[-1] != 1.0:
        yield Fault("promotion", f"ends at {shares[-1]:g}; the last stage must reach 1")


def _default_reward(brief: Any) -> Faults:
    reward = brief.default_reward
    needing = [each.id for each in brief.strategies if each.allocation not in ANY_REWARD]
    if needing and reward is not None and not 0.0 <= reward <= 1.0:
        yield Fault(
            "default_reward", f"is {reward:g}; must be between 0 and 1, which {', '.join(needing)} needs"
        )


def _reward_event(brief: Any) -> Faults:
    if brief.reward_event is None:
        return
    if brief.reward_event == "reward":
        yield Fault("reward_event", "is `reward`; rewards that are reported count without it, leave it out")
    if brief.default_reward is None:
        yield Fault("default_reward", "is null, so that every reward would be the event's 1; 0 is usual")
    elif not 0.0 <= brief.default_reward < 1.0:
        yield Fault(
            "default_reward", f"is {brief.default_reward:g}; must be from 0 to below 1, which is the event's"
        )


def _ids(brief: Any) -> list[str]:
    """Ids of the variants that have a sound one; no sound name can mean one of the others."""
    return [variant.id for variant in brief.variants if hasattr(variant, "id")]


def _unknown(field: str, names: Iterable[str], known: Mapping[str, object]) -> Faults:
    for name in names:
        if name not in known:
            yield Fault(field, f"`{name}` is not known; {did_you_mean(name, known)}")


def _twice(field: str, names: Iterable[str]) -> Faults:
    for name, count in Counter(names).items():
        if count > 1:
            yield Fault(field, f"`{name}` stands there {count} times; once is enough")


_RULES = (
    _primary_metric,
    _spread,
    _range,
    _secondary_metrics,
    _cvr_denominator,
    _guardrail_metrics,
    _segments,
    _audience,
    _variants,
    _control,
    _strategies,
    _shares,
    _power,
    _looks,
    _interval,
    _promotion,
    _default_reward,
    _reward_event,
)
_RULES_OF_EACH = {
    "guardrails": (_guardrail_metric, _guardrail_threshold),
    "strategies": (_weights, _floor),
}
