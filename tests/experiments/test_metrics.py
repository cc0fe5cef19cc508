import pytest

from armlift.errors import ParameterError
from armlift.experiments.metrics import METRICS, SIGNALS, find_metrics
from armlift.experiments.summary import MEASURES


def test_every_metric_is_made_of_measures():
    for name, metric in METRICS.items():
        assert metric.id == name
        assert metric.numerator in MEASURES
        assert metric.denominator in (MEASURES if metric.kind == "ratio" else ["users"])
        assert metric.unit
    assert not set(METRICS) & set(SIGNALS)


@pytest.mark.parametrize(("denominator", "kind"), [("clicks", "ratio"), ("users", "mean")])
def test_the_denominator_of_cvr_is_named(denominator, kind):
    (cvr,) = find_metrics(["cvr"], cvr_denominator=denominator)
    assert (cvr.kind, cvr.denominator) == (kind, denominator)
    assert cvr.unit == f"purchases per {denominator[:-1]}"


def test_metrics_keep_their_order():
    assert [metric.id for metric in find_metrics(["revenue_per_user", "ctr"])] == ["revenue_per_user", "ctr"]


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="clickss"):
        find_metrics(["clickss"])
    with pytest.raises(ParameterError, match="cvr_denominator"):
        find_metrics(["cvr"], cvr_denominator="sessions")
