"""Estimates, tests and plans on statistics that add up; `docs/statistics.md` states every formula."""

from armlift.statistics.adaptive import aipw_scores, arm_scores, ipw_scores, stabilised
from armlift.statistics.anomalies import Anomalies, anomalies
from armlift.statistics.best_arm import probability_best_beta, probability_best_normal
from armlift.statistics.change_points import ChangePoints, Cusum, change_points, cusum
from armlift.statistics.chi_square import ChiSquare, chi_square
from armlift.statistics.comparison import Baseline, Comparison
from armlift.statistics.cuped import cuped, variance_reduction
from armlift.statistics.effect import Alternative, Effect, Reason
from armlift.statistics.effect_sizes import cohens_d, cohens_h
from armlift.statistics.effects import difference, non_inferiority, relative_difference
from armlift.statistics.expected_loss import expected_loss, expected_loss_between
from armlift.statistics.lift import Lift, paired_lift
from armlift.statistics.moments import (
    CovariateMean,
    CovariateRatio,
    Estimate,
    Mean,
    Proportion,
    Ratio,
    Sample,
)
from armlift.statistics.multiplicity import (
    benjamini_hochberg,
    bonferroni,
    hochberg,
    holm,
    weighted_bonferroni,
)
from armlift.statistics.posterior_difference import difference_interval, probability_above
from armlift.statistics.posteriors import (
    Interval,
    credible_interval,
    probability_beats,
    probability_best,
)
from armlift.statistics.power import (
    SampleSize,
    duration,
    minimum_detectable_effect,
    power,
    sample_size,
)
from armlift.statistics.sample_ratio import (
    SampleRatio,
    false_alarm_rate,
    propensity_ratio_test,
    sample_ratio_test,
    sequential_sample_ratio_test,
)
from armlift.statistics.segments import Heterogeneity, SegmentEffects, heterogeneity, segment_effects
from armlift.statistics.sequential import (
    Bounds,
    Verdict,
    beta_binomial_sequence,
    confidence_sequence,
    group_sequential,
    group_sequential_bounds,
    mixture_sprt,
    running,
    verdicts,
)
from armlift.statistics.stratification import Stratified, post_stratify
from armlift.statistics.trend import Trend, trend

__all__ = [
    "Alternative",
    "Anomalies",
    "Baseline",
    "Bounds",
    "ChangePoints",
    "ChiSquare",
    "Comparison",
    "CovariateMean",
    "CovariateRatio",
    "Cusum",
    "Effect",
    "Estimate",
    "Heterogeneity",
    "Interval",
    "Lift",
    "Mean",
    "Proportion",
    "Ratio",
    "Reason",
    "Sample",
    "SampleRatio",
    "SampleSize",
    "SegmentEffects",
    "Stratified",
    "Trend",
    "Verdict",
    "aipw_scores",
    "anomalies",
    "arm_scores",
    "benjamini_hochberg",
    "beta_binomial_sequence",
    "bonferroni",
    "change_points",
    "chi_square",
    "cohens_d",
    "cohens_h",
    "confidence_sequence",
    "credible_interval",
    "cuped",
    "cusum",
    "difference",
    "difference_interval",
    "duration",
    "expected_loss",
    "expected_loss_between",
    "false_alarm_rate",
    "group_sequential",
    "group_sequential_bounds",
    "heterogeneity",
    "hochberg",
    "holm",
    "ipw_scores",
    "minimum_detectable_effect",
    "mixture_sprt",
    "non_inferiority",
    "paired_lift",
    "post_stratify",
    "power",
    "probability_above",
    "probability_beats",
    "probability_best",
    "probability_best_beta",
    "probability_best_normal",
    "propensity_ratio_test",
    "relative_difference",
    "running",
    "sample_ratio_test",
    "sample_size",
    "segment_effects",
    "sequential_sample_ratio_test",
    "stabilised",
    "trend",
    "variance_reduction",
    "verdicts",
    "weighted_bonferroni",
]
