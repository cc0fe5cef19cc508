"""Whether a window's features still have the distribution of the reference.

A feature is said to drift where two things hold together: a test finds it, after correction over all
features of the window, and the population stability index says that it matters. Either alone cries wolf:
the test on large windows, the index on small ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from armlift.errors import ParameterError
from armlift.monitoring.distances import (
    chi_square_test,
    jensen_shannon,
    population_stability_index,
    psi_false_alarms,
    simulated_psi_false_alarms,
)
from armlift.monitoring.profiles import CategoryProfile, NumberProfile
from armlift.statistics.multiplicity import Correction, adjust

Verdict = Literal["stable", "warning", "drift", "not decided"]


@dataclass(frozen=True)
class Thresholds:
    """When a feature drifts.

    Attributes:
        psi_warning: Population stability index from which on a difference is worth a look.
        psi_drift: Index from which on it is drift.
        alpha: Accepted rate of windows in which a test finds something although nothing drifted.
        correction: How p-values are corrected over the features of a window.
        minimum_rows: Rows that reference and window must have for a verdict.
        bins: Bins of a number.
    """

    psi_warning: float = 0.1
    psi_drift: float = 0.25
    alpha: float = 0.01
    correction: Correction = "holm"
    minimum_rows: int = 50
    bins: int = 10

    def __post_init__(self) -> None:
        if not 0.0 < self.psi_warning <= self.psi_drift:
            bound = f"0 < psi_warning <= psi_drift = {self.psi_drift}"
            raise ParameterError("psi_warning", self.psi_warning, bound, "Customary are 0.1 and 0.25.")
        if not 0.0 < self.alpha < 1.0:
            raise ParameterError("alpha", self.alpha, "0 < alpha < 1", "Try 0.01.")
        for name, value, least in (("minimum_rows", self.minimum_rows, 2), ("bins", self.bins, 2)):
            if value < least:
                raise ParameterError(name, value, f"{name} >= {least}", "Choose a larger number.")


@dataclass(frozen=True)
class FeatureDrift:
    """A feature in a window.

    Attributes:
        feature: Its name.
        test: `ks` for numbers, `chi_square` for categories.
        rows: Rows of the window.
        reference_rows: Rows of the reference.
        missing: Share of the window's rows without a value.
        cells: Bins or categories with rows in the reference.
        statistic: Of the test; NaN where nothing is decided, as the next four.
        p_value: Of the test.
        psi: Population stability index.
        jensen_shannon: Jensen-Shannon distance, 0 to 1.
        p_corrected: p-value after correction over the features of the window.
        false_alarms_warning: Chance that the index alone reaches `psi_warning` without drift, by formula.
        false_alarms_drift: The same of `psi_drift`.
        simulated_warning: The same chance of `psi_warning`, by simulation.
        simulated_drift: The same of `psi_drift`.
        verdict: What is said of it.
        reason: Why nothing is decided, or which categories are new; otherwise empty.
    """

    feature: str
    test: Literal["ks", "chi_square"]
    rows: int
    reference_rows: int
    missing: float
    cells: int
    statistic: float = float("nan")
    p_value: float = float("nan")
    psi: float = float("nan")
    jensen_shannon: float = float("nan")
    p_corrected: float = float("nan")
    false_alarms_warning: float = float("nan")
    false_alarms_drift: float = float("nan")
    simulated_warning: float = float("nan")
    simulated_drift: float = float("nan")
    verdict: Verdict = "not decided"
    reason: str = ""


class Reference:
    """The distribution of each feature that windows are held against.

    Args:
        features: Values by name of the feature; a number is what has a numeric type.
        thresholds: When a feature drifts.
        seed: Seed of the simulated false alarms.
    """

    def __init__(
        self, features: Mapping[str, pd.Series], thresholds: Thresholds | None = None, *, seed: int = 0
    ) -> None:
        self.thresholds = thresholds or Thresholds()
        self._seed = seed
        self._simulated: dict[tuple[bytes, int], tuple[float, float]] = {}
        self._profiles: dict[str, NumberProfile | CategoryProfile] = {
            name: NumberProfile.of(values, self.thresholds.bins)
            if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
            else CategoryProfile.of(values)
            for name, values in features.items()
        }

    def judge(self, window: Mapping[str, pd.Series], *, simulate: bool = True) -> tuple[FeatureDrift, ...]:
        """Hold a window against the reference.

        Args:
            window: Values by name of the feature; one that is absent has no rows.
            simulate: Whether the false alarms of the index are simulated too.

        Returns:
            Each feature of the reference, in its order.
        """
        nothing = pd.Series(dtype=float)
        found = [
            self._compare(name, profile, window.get(name, nothing), simulate)
            for name, profile in self._profiles.items()
        ]
        return _verdicts(found, self.thresholds)

    def _compare(
        self, name: str, profile: NumberProfile | CategoryProfile, values: pd.Series, simulate: bool
    ) -> FeatureDrift:
        limits = self.thresholds
        rows, reference_rows = len(values), int(profile.counts.sum())
        found = FeatureDrift(
            name,
            "ks" if isinstance(profile, NumberProfile) else "chi_square",
            rows,
            reference_rows,
            float(values.isna().mean()) if rows else 0.0,
            int((profile.counts > 0.0).sum()),
        )
        for where, number in (("reference", reference_rows), ("window", rows)):
            if number < limits.minimum_rows:
                return replace(
                    found, reason=f"{number} rows in the {where}, fewer than {limits.minimum_rows}"
                )
        m, n = profile.cells(values)
        cells = int((m > 0.0).sum())
        levels = [limits.psi_warning, limits.psi_drift]
        warning, drift = psi_false_alarms(levels, cells, reference_rows, rows)
        simulated = (float("nan"), float("nan"))
        if simulate:
            simulated = self._simulated_false_alarms(m, rows)
        if isinstance(profile, NumberProfile):
            statistic, p_value = _kolmogorov_smirnov(profile, values, m, n)
            reason = ""
        else:
            test = chi_square_test(m, n)
            statistic, p_value = float(test.statistic), float(test.p_value)
            new = profile.new(values)
            reason = f"new: {', '.join(new[:5])}" if new else ""
        return replace(
            found,
            cells=cells,
            statistic=statistic,
            p_value=p_value,
            psi=float(population_stability_index(m, n)),
            jensen_shannon=float(jensen_shannon(m, n)),
            false_alarms_warning=float(warning),
            false_alarms_drift=float(drift),
            simulated_warning=simulated[0],
            simulated_drift=simulated[1],
            reason=reason,
        )

    def _simulated_false_alarms(
        self, reference: np.ndarray[tuple[int], np.dtype[np.float64]], rows: int
    ) -> tuple[float, float]:
        key = (reference.tobytes(), rows)
        if key not in self._simulated:
            levels = [self.thresholds.psi_warning, self.thresholds.psi_drift]
            rates = simulated_psi_false_alarms(levels, reference, rows, seed=self._seed)
            self._simulated[key] = (float(rates[0]), float(rates[1]))
        return self._simulated[key]


def _kolmogorov_smirnov(
    profile: NumberProfile,
    values: pd.Series,
    m: np.ndarray[tuple[int], np.dtype[np.float64]],
    n: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float]:
    """The test of what has values; where some have none, that share is tested too, for half of alpha each."""
    from scipy.stats import ks_2samp

    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    statistic, p_value = 0.0, 1.0
    if len(numbers) and len(profile.values):
        test = ks_2samp(profile.values, numbers, method="asymp")
        statistic, p_value = float(test.statistic), float(test.pvalue)
    if m[-1] + n[-1] > 0.0:
        presence = chi_square_test([m[:-1].sum(), m[-1]], [n[:-1].sum(), n[-1]])
        p_value = min(1.0, 2.0 * min(p_value, float(presence.p_value)))
    return statistic, p_value


def _verdicts(found: Sequence[FeatureDrift], limits: Thresholds) -> tuple[FeatureDrift, ...]:
    decided = [number for number, each in enumerate(found) if not np.isnan(each.p_value)]
    if not decided:
        return tuple(found)
    corrected = adjust([found[number].p_value for number in decided], limits.correction)
    judged = list(found)
    for number, p_value in zip(decided, corrected, strict=True):
        psi = found[number].psi
        verdict: Verdict = "stable"
        if p_value < limits.alpha and psi >= limits.psi_warning:
            verdict = "drift" if psi >= limits.psi_drift else "warning"
        judged[number] = replace(found[number], p_corrected=float(p_value), verdict=verdict)
    return tuple(judged)
