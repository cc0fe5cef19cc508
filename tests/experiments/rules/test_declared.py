from math import sqrt
from pathlib import Path
from statistics import NormalDist

import pytest

from armlift.errors import ParameterError
from armlift.experiments.brief import load_brief
from armlift.experiments.rules import (
    daily_users,
    deciding_strategy,
    declared_design,
    design_for,
    plain_design,
)

BRIEFS = Path(__file__).parents[3] / "conf/base/briefs"


def brief(name="product_page", **changes):
    loaded = load_brief(BRIEFS / f"{name}.yml")
    return type(loaded).model_validate(loaded.model_dump() | changes)


def test_the_rule_judges_the_fixed_splits_users():
    page = brief()
    assert deciding_strategy(page).id == "split"
    assert daily_users(page) == 12_000 * 0.8
    design = declared_design(page)
    assert (design.looks, design.users_per_look, design.n_arms) == (28, 3200, 3)
    assert (design.baseline, design.mde, design.minimum_sample) == (0.04, 0.10, 1000)
    assert design.weights == (0.34, 0.33, 0.33)


def test_the_control_comes_first():
    assert declared_design(brief(control="sticky_button")).weights == (0.33, 0.34, 0.33)


def test_other_looks_keep_the_duration():
    design = design_for(brief(), looks=14)
    assert (design.looks, design.users_per_look) == (14, 6400)
    assert design_for(brief(), looks=14, users_per_look=50).users_per_look == 50


def test_a_mean_is_planned_as_the_rate_with_its_coefficient_of_variation():
    metric = {
        "id": "revenue_per_user",
        "kind": "mean",
        "baseline": 2.0,
        "mde": 0.1,
        "standard_deviation": 6.0,
    }
    page = brief(primary_metric=metric, secondary_metrics=[], cvr_denominator=None)
    rate = declared_design(page).baseline
    assert ((1.0 - rate) / rate) ** 0.5 == pytest.approx(6.0 / 2.0)


def test_a_fall_is_planned_as_a_rise_of_the_others():
    metric = {"id": "conversion", "baseline": 0.2, "mde": 0.1, "direction": "decrease"}
    design = declared_design(brief(primary_metric=metric))
    assert design.baseline == pytest.approx(0.8)
    assert design.absolute_mde == pytest.approx(0.02)


def test_without_a_brief_the_mde_is_what_one_test_finds_with_80_percent():
    design = plain_design(baseline=0.1)
    assert (design.looks, design.users_per_look, design.alpha, design.n_arms) == (30, 1000, 0.05, 2)
    error = sqrt((0.09 + 0.1 * (1 + design.mde) * (0.9 - 0.1 * design.mde)) / 30_000)
    shift = 0.1 * design.mde / error - NormalDist().inv_cdf(0.95)
    assert NormalDist().cdf(shift) == pytest.approx(0.8, abs=1e-6)


def test_without_brief_and_baseline_there_is_no_design():
    with pytest.raises(ParameterError, match=r"baseline = None: must satisfy given where there is no brief"):
        design_for(None, looks=3)
    with pytest.raises(ParameterError, match="looks = 0"):
        design_for(brief(), looks=0)
