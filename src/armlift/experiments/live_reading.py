"""A reading of a running experiment, and the tables that readings are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LiveReading:
    """One thing that was measured.

    Attributes:
        metric: `sample_ratio`, `aa_p_value`, `excluded_share`, `traffic_share`, `ctr`, `cvr`, `reward`,
            `regret`, or the metric of a guardrail.
        segment: Strategy, `strategy/arm` of a guardrail, or empty for the whole experiment.
        value: In the metric's unit; None where there is no data yet.
        threshold: Beyond which there is an alarm; None where nothing is compared.
        alarm: Whether there is one.
        details: Numbers behind it, for JSON.
    """

    metric: str
    segment: str
    value: float | None
    threshold: float | None = None
    alarm: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


class Cells:
    """Numbers by strategy and arm, 0 where a table has no row for them.

    Args:
        table: One row for each `strategy_id` and `arm_id`.
        brief: Says which strategies and arms, and in which order.
    """

    def __init__(self, table: pd.DataFrame, brief: Brief) -> None:
        places = {strategy.id: place for place, strategy in enumerate(brief.strategies)}
        arms = {arm: place for place, arm in enumerate(brief.arms)}
        numbers = table.drop(columns=["experiment_id"], errors="ignore")
        names = [name for name in numbers.columns if name not in ("strategy_id", "arm_id")]
        values = numbers[names].to_numpy(dtype=float)
        cells = np.zeros((len(places), len(arms), len(names)))
        for row, key in enumerate(zip(numbers["strategy_id"], numbers["arm_id"], strict=True)):
            if key[0] in places and key[1] in arms:
                cells[places[key[0]], arms[key[1]]] = values[row]
        self._cells, self._places = cells, places
        self._columns = {name: place for place, name in enumerate(names)}

    def of(self, strategy: Strategy, column: str) -> Floats:
        """Give a strategy's column by arm."""
        return self._cells[self._places[strategy.id], :, self._columns[column]].copy()


def by_arm(arms: Sequence[str], values: Floats) -> dict[str, float]:
    """Give values by arm, for JSON."""
    return dict(zip(arms, np.asarray(values, float).tolist(), strict=True))
