from dataclasses import replace
from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from calibration import assert_rate, assert_rate_at_most
from scipy import stats

from armlift.errors import ParameterError
from armlift.experiments.rules import RULES, SAFER, Design
from armlift.simulation import operating_characteristics as module
from armlift.simulation import planning_worlds
from armlift.simulation.operating_characteristics import operating_characteristics
from armlift.simulation.planning_worlds import Scenario, scenarios, simulated_looks

STATED = Design(baseline=0.1, looks=30, users_per_look=1000, mde=0.06)
EITHER = replace(STATED, any_arm=True)
AA, MDE = Scenario("aa", 0.0), Scenario("mde", 0.06)
REPLICATES = 4000


def rate_of(name, design=STATED, scenario=AA, **options):
    return operating_characteristics(RULES[name], design, scenario, **{"replicates": REPLICATES} | options)


def hits(found):
    """As many booleans as there were experiments, of the found rate."""
    return np.arange(found.replicates) < round(found.declared_winner_rate * found.replicates)


@pytest.mark.parametrize("design", [STATED, EITHER], ids=["variant", "any_arm"])
def test_one_test_at_the_end_errs_in_alpha(design):
    assert_rate(hits(rate_of("fixed_horizon", design)), 0.05)


def test_one_test_at_the_end_has_the_analytic_power():
    found = rate_of("fixed_horizon", scenario=MDE)
    error = sqrt((0.1 * 0.9 + 0.106 * 0.894) / 30_000)
    power = 1.0 - NormalDist().cdf(NormalDist().inv_cdf(0.95) - 0.006 / error)
    assert_rate(hits(found), power)
    assert found.median_stop_look == 30.0
    assert found.mean_users == 60_000.0


def test_the_source_documents_rule_errs_in_about_a_quarter_and_almost_half():
    assert 0.20 < rate_of("p_best_95").declared_winner_rate < 0.27
    assert 0.43 < rate_of("p_best_95", EITHER).declared_winner_rate < 0.50


def test_one_look_of_p_best_is_exact():
    """60 users, all results enumerated, against quadrature-free P(best) by SciPy."""
    design = Design(baseline=0.3, looks=1, users_per_look=10, mde=0.1)
    exact = 0.0
    for n in range(1, 20):
        split = stats.binom.pmf(n, 20, 0.5)
        s0, s1 = np.meshgrid(np.arange(20 - n + 1), np.arange(n + 1), indexing="ij")
        mass = stats.binom.pmf(s0, 20 - n, 0.3) * stats.binom.pmf(s1, n, 0.3)
        nodes, weights = np.polynomial.legendre.leggauss(60)
        x = ((nodes + 1) / 2)[:, None, None]
        best = (
            (weights / 2)[:, None, None]
            * stats.beta.pdf(x, 1 + s1, 1 + n - s1)
            * stats.beta.cdf(x, 1 + s0, 1 + 20 - n - s0)
        ).sum(0)
        exact += split * mass[best >= 0.95].sum()
    assert_rate(hits(rate_of("p_best_95", design, replicates=20_000)), exact)


@pytest.mark.parametrize("design", [STATED, EITHER], ids=["variant", "any_arm"])
@pytest.mark.parametrize("name", ["always_valid", "msprt", "obrien_fleming", "pocock"])
def test_safe_rules_keep_alpha(name, design):
    assert_rate_at_most(hits(rate_of(name, design)), 0.05)


def test_the_check_of_alpha_fails_the_naive_rule():
    with pytest.raises(AssertionError, match="exceeds"):
        assert_rate_at_most(hits(rate_of("p_best_95")), 0.05)


def test_three_variants_keep_alpha_together():
    design = replace(STATED, weights=(1.0, 1.0, 1.0, 1.0))
    for name in ("fixed_horizon", "always_valid", "pocock"):
        assert_rate_at_most(hits(rate_of(name, design)), 0.05)


def test_the_alarms_cry_wolf_and_their_safer_kin_do_not():
    from armlift.statistics.sample_ratio import false_alarm_rate

    assert_rate(hits(rate_of("srm_01")), false_alarm_rate(0.01, looks=30))
    assert rate_of("rollback_20").declared_winner_rate > 0.5
    (sequential,), (beyond,) = SAFER["alarm"], SAFER["rollback"]
    assert_rate_at_most(hits(operating_characteristics(sequential, STATED, AA, replicates=REPLICATES)), 0.01)
    assert_rate_at_most(hits(operating_characteristics(beyond, STATED, AA, replicates=REPLICATES)), 0.05)


def test_the_same_seed_gives_the_same_result_whatever_is_held_in_memory(monkeypatch):
    first = rate_of("pocock", replicates=300)
    monkeypatch.setattr(planning_worlds, "_CELLS", 1)
    again = rate_of("pocock", replicates=300)
    assert again.declared_winner_rate == first.declared_winner_rate
    assert np.array_equal(again.declared_by_look, first.declared_by_look)
    assert rate_of("p_best_95", seed=1).declared_winner_rate != rate_of("p_best_95").declared_winner_rate


def test_more_replicates_leave_the_first_ones_as_they_are():
    few = np.concatenate([part.successes for part in simulated_looks(STATED, MDE, 70, seed=3)])
    many = np.concatenate([part.successes for part in simulated_looks(STATED, MDE, 500, seed=3)])
    assert len(few) == 70
    assert np.array_equal(few, many[:70])


def test_users_are_assigned_by_a_coin_of_the_planned_weights():
    design = replace(STATED, weights=(3.0, 1.0))
    (part,) = simulated_looks(design, MDE, 400, seed=0)
    assert (part.n.sum(-1) == 2000 * np.arange(1, 31)).all()
    users = part.n[:, -1, 1]
    assert users.mean() == pytest.approx(15_000, abs=4 * sqrt(60_000 * 3 / 16 / 400))
    assert users.std() == pytest.approx(sqrt(60_000 * 3 / 16), rel=0.15)
    assert part.successes[:, -1, 1].sum() / users.sum() == pytest.approx(0.106, abs=0.001)


def test_the_curve_ends_at_the_rate_and_the_median_is_where_it_passes_half():
    found = rate_of("pocock", scenario=Scenario("double_mde", 0.12))
    assert found.declared_by_look[-1] == pytest.approx(found.declared_winner_rate)
    assert (np.diff(found.declared_by_look) >= 0).all()
    half = int(np.flatnonzero(found.declared_by_look >= 0.5)[0]) + 1
    assert found.median_stop_look == half
    assert found.mean_users < 60_000
    assert found.right_winner_rate == found.declared_winner_rate


def test_the_median_is_unknown_where_fewer_than_half_stop():
    found = rate_of("always_valid")
    assert found.median_stop_look is None
    assert found.right_winner_rate == 0.0


def test_harm_and_futility_come_before_a_winner_or_not_at_all():
    stop = np.array([0, 3, 3, 2])
    found = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    assert module._comes_first(found, stop).tolist() == [True, True, False, False]


def test_scenarios_are_the_four_or_the_one_asked_for():
    assert [world.name for world in scenarios(STATED)] == ["aa", "half_mde", "mde", "double_mde"]
    assert [world.effect for world in scenarios(STATED)] == [0.0, 0.03, 0.06, 0.12]
    assert scenarios(STATED, 0.0) == (AA,)
    assert scenarios(STATED, -0.1) == (Scenario("effect", -0.1),)
    high = replace(STATED, baseline=0.9, mde=0.1)
    assert [world.name for world in scenarios(high)] == ["aa", "half_mde", "mde"]
    with pytest.raises(ParameterError, match=r"effect = 9\.5: must satisfy -1 <= effect <= 9"):
        scenarios(STATED, 9.5)


@pytest.mark.parametrize(("option", "value"), [("replicates", 1), ("seed", -1)])
def test_options_out_of_bounds_are_refused_by_name(option, value):
    with pytest.raises(ParameterError, match=f"^{option} = {value}"):
        rate_of("pocock", **{option: value})
