"""Whether one model is better than another, or whether the data do not decide."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from armlift.errors import ParameterError
from armlift.evaluation.results import direction
from armlift.statistics.effect import Effect, Reason
from armlift.statistics.moments import ratio
from armlift.statistics.multiplicity import holm

#: Spread of differences, relative to their size, below which they count as constant.
_ROUNDING = 1e-12


def corrected_resampled_t(
    differences: ArrayLike, test_train_ratio: float, *, confidence: float = 0.95
) -> Effect:
    """Test whether paired differences have mean 0, though the folds share their train ratings.

    The variance of the mean is (1 / J + n_test / n_train) s^2 instead of s^2 / J. With a ratio of 0 it is
    the ordinary paired t-test, the right one for units that share nothing, such as users.

    Args:
        differences: One for each of J folds, shape (..., J).
        test_train_ratio: Test ratings over train ratings; 1 / (k - 1) for k folds.
        confidence: Coverage of the interval.

    Returns:
        Shape (...). With one fold, or differences that do not vary, no bounds and a p-value of 1.

    Raises:
        ParameterError: A parameter is out of its bound, or a difference is not finite.

    Source: Nadeau and Bengio (2003). For k folds, where the test parts do not overlap, and for windows of
    time it is an approximation, and no test of folds is exact (Bengio and Grandvalet 2004).

    Example:
        >>> effect = corrected_resampled_t([0.03, 0.01, 0.02, 0.02, 0.02], 0.25)
        >>> print(effect.p_value.round(4), corrected_resampled_t([0.03, 0.01, 0.02], 0).p_value.round(4))
        0.0135 0.0742
    """
    from scipy.special import stdtr, stdtrit

    values = np.atleast_1d(np.asarray(differences, float))
    if not np.isfinite(values).all():
        raise ParameterError("differences", "not finite", "finite numbers", "Leave out undefined metrics.")
    if not test_train_ratio >= 0:
        raise ParameterError("test_train_ratio", test_train_ratio, "test_train_ratio >= 0", "Count both.")
    if not 0 < confidence < 1:
        raise ParameterError("confidence", confidence, "0 < confidence < 1", "95 % is 0.95.")
    n = values.shape[-1]
    if n == 0:
        raise ParameterError("differences", "none", "at least one fold", "Evaluate first.")
    mean = values.mean(axis=-1)
    spread = values.std(axis=-1, ddof=1) if n > 1 else np.zeros(mean.shape)
    constant = spread <= _ROUNDING * np.abs(values).max(axis=-1)
    error = np.where(constant, 0.0, spread * np.sqrt(1 / n + test_train_ratio))
    half = np.where(constant, np.inf, -stdtrit(max(n - 1, 1), (1 - confidence) / 2) * error)
    p_value = np.where(constant, 1.0, 2 * stdtr(max(n - 1, 1), -np.abs(ratio(mean, error))))
    because = np.int8(Reason.NO_VARIANCE if n > 1 else Reason.TOO_FEW)
    return Effect(
        estimate=mean,
        standard_error=error,
        low=mean - half,
        high=mean + half,
        p_value=p_value,
        reason=np.where(constant, because, np.int8(Reason.NONE)),
        confidence=confidence,
    )


def compare_models(
    metrics: pd.DataFrame, test_train_ratio: float, *, reference: str | None = None, alpha: float = 0.05
) -> pd.DataFrame:
    """Compare models by their folds, metric by metric.

    Args:
        metrics: Columns model, split, fold, metric, value, of one split; metrics that are no matter of
            better or worse (novelty, coverage, ...) are passed over, and so are models without a metric, or
            without the reference's.
        test_train_ratio: See `corrected_resampled_t`; `CrossValidation` knows it.
        reference: Compare the others with this model only; None compares all pairs.
        alpha: Accepted chance of any false verdict among the pairs of a metric.

    Returns:
        The table that `compare_paired` gives, with the columns `split` and `metric` in front.

    Raises:
        ParameterError: The reference is none of the models, there are several splits or no metrics to
            compare, or `alpha` is out of its bound.
    """
    splits = metrics["split"].unique()
    if len(splits) != 1:
        raise ParameterError("metrics", f"{len(splits)} splits", "one split", "Compare on each split alone.")
    if reference is not None and reference not in set(metrics["model"]):
        models = ", ".join(metrics["model"].unique())
        raise ParameterError("reference", reference, f"one of {models}", "Name a model.")
    tables = []
    for metric, rows in metrics.groupby("metric", sort=False):
        sign = direction(str(metric))
        if sign and (reference is None or reference in set(rows["model"])):
            wide = rows.pivot_table(index="fold", columns="model", values="value", dropna=False)
            wide = wide[list(rows["model"].unique())]
            table = compare_paired(
                wide, test_train_ratio, lower_is_better=sign < 0, reference=reference, alpha=alpha
            )
            table.insert(0, "metric", str(metric))
            tables.append(table)
    if not tables:
        raise ParameterError("metrics", "none", "metrics of better and worse", "Add one, such as ndcg@10.")
    compared = pd.concat(tables, ignore_index=True)
    compared.insert(0, "split", splits[0])
    return compared


def compare_paired(
    values: pd.DataFrame,
    test_train_ratio: float = 0.0,
    *,
    lower_is_better: bool = False,
    reference: str | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Compare models by values paired by unit: a fold, or a user.

    Args:
        values: One row a unit, one column a model; units where one of two models has NaN do not count for
            that pair.
        test_train_ratio: See `corrected_resampled_t`; 0 for users.
        lower_is_better: Whether the values are errors.
        reference: Compare the others with this model only; None compares all pairs.
        alpha: Accepted chance of any false verdict in the table.

    Returns:
        `model` and `other`; `units`; `difference`, model minus other, in the metric's unit, with `low` and
        `high`, its own interval at 1 - alpha; `p_value`; `adjusted_p_value` by Holm over the table; and
        `verdict`: `better` or `worse` where the adjusted p-value is below alpha, else `not decided`. The
        interval belongs to the unadjusted p-value.

    Raises:
        ParameterError: The reference is none of the models, or `alpha` is out of its bound.

    Example:
        >>> folds = pd.DataFrame({"svd": [0.87, 0.88, 0.86], "mean": [0.95, 0.97, 0.95]})
        >>> compare_paired(folds, 0.25, lower_is_better=True)["verdict"].tolist()
        ['better']
    """
    if not 0 < alpha < 1:
        raise ParameterError("alpha", alpha, "0 < alpha < 1", "Give a rate such as 0.05.")
    models = [str(model) for model in values.columns]
    if reference is not None and reference not in models:
        raise ParameterError("reference", reference, f"one of {', '.join(models)}", "Name a model.")
    pairs = (
        list(combinations(models, 2))
        if reference is None
        else [(model, reference) for model in models if model != reference]
    )
    rows = []
    for model, other in pairs:
        paired = values[[model, other]].dropna()
        if len(paired):
            effect = corrected_resampled_t(
                (paired[model] - paired[other]).to_numpy(), test_train_ratio, confidence=1 - alpha
            )
            bounds = (effect.estimate, effect.low, effect.high, effect.p_value)
            rows.append((model, other, len(paired), *map(float, bounds)))
    names, numbers = ["model", "other"], ["difference", "low", "high", "p_value"]
    # The types of an empty table too, or it would spoil those of the tables it is put together with.
    types = dict.fromkeys(names, "str") | {"units": "int64"} | dict.fromkeys(numbers, "float64")
    table = pd.DataFrame(rows, columns=list(types)).astype(types)
    adjusted = holm(table["p_value"]) if rows else np.empty(0)
    gain = table["difference"].to_numpy(float) * (-1 if lower_is_better else 1)
    verdict = np.where(adjusted >= alpha, "not decided", np.where(gain > 0, "better", "worse"))
    return table.assign(adjusted_p_value=adjusted, verdict=verdict)
