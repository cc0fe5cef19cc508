"""Whether the world still is what the models were trained on: drift of data, decay of performance.

`docs/drift.md` states the formulas and conventions.
"""

from armlift.monitoring.decay import Decay, performance_decay, unit_sums
from armlift.monitoring.distances import (
    ChiSquareTest,
    chi_square_test,
    jensen_shannon,
    population_stability_index,
    psi_false_alarms,
    simulated_psi_false_alarms,
)
from armlift.monitoring.drift import FeatureDrift, Reference, Thresholds
from armlift.monitoring.features import (
    click_features,
    item_facts,
    rating_features,
    slate_features,
    visit_features,
)
from armlift.monitoring.performance import click_rates, rating_aucs, slate_aucs
from armlift.monitoring.windows import DriftWindow, Windows, drift_windows, one_row_per_user

__all__ = [
    "ChiSquareTest",
    "Decay",
    "DriftWindow",
    "FeatureDrift",
    "Reference",
    "Thresholds",
    "Windows",
    "chi_square_test",
    "click_features",
    "click_rates",
    "drift_windows",
    "item_facts",
    "jensen_shannon",
    "one_row_per_user",
    "performance_decay",
    "population_stability_index",
    "psi_false_alarms",
    "rating_aucs",
    "rating_features",
    "simulated_psi_false_alarms",
    "slate_aucs",
    "slate_features",
    "unit_sums",
    "visit_features",
]
