"""Features of a window against the reference: values against scipy, edge cases, how often it cries wolf."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp

from armlift.errors import ParameterError
from armlift.monitoring import Reference, Thresholds
from armlift.monitoring.profiles import CategoryProfile, NumberProfile

RNG = np.random.default_rng(0)
NORMAL = pd.Series(RNG.normal(size=1000))
LETTERS = pd.Series(RNG.choice(list("aaaabbbccd"), size=1000))


def judged(reference, window, **thresholds):
    judge = Reference({"x": pd.Series(reference)}, Thresholds(**thresholds))
    (found,) = judge.judge({"x": pd.Series(window)}, simulate=False)
    return found


def test_a_number_is_tested_as_scipy_does():
    window = pd.Series(RNG.normal(0.3, 1.0, 200))
    found, expected = judged(NORMAL, window), ks_2samp(NORMAL, window, method="asymp")
    assert (found.test, found.rows, found.reference_rows) == ("ks", 200, 1000)
    assert (found.statistic, found.p_value) == (expected.statistic, expected.pvalue)


def test_quantile_bins_are_fixed_on_the_reference_and_of_equal_share():
    profile = NumberProfile.of(NORMAL, 10)
    assert profile.counts.tolist() == [100.0] * 10 + [0.0]
    low, high = profile.cells(pd.Series([-100.0] * 3 + [100.0] * 2)), profile.edges
    assert low.window[0] == 3.0
    assert low.window[-2] == 2.0
    assert len(high) == 9


def test_few_values_have_a_bin_each():
    stars = pd.Series([1.0, 1.0, 2.0, 5.0])
    profile = NumberProfile.of(stars, 10)
    cells = profile.cells(pd.Series([0.5, 1.0, 3.0, 5.0, 6.0, np.nan, np.inf]))
    #      below  1   2  ..5  above  missing
    assert cells.reference.tolist() == [0.0, 2.0, 1.0, 1.0, 0.0, 0.0]
    assert cells.window.tolist() == [1.0, 1.0, 0.0, 2.0, 1.0, 2.0]


@given(arrays(float, st.integers(1, 60), elements=st.floats(-1e6, 1e6)))
def test_every_row_has_one_bin(values):
    profile = NumberProfile.of(pd.Series(values), 5)
    assert profile.counts.sum() == len(values)
    assert (np.diff(profile.edges) > 0).all()
    assert (profile.cells(pd.Series(values)).window == profile.counts).all()


def test_a_shift_is_drift_and_none_is_not():
    assert judged(NORMAL, RNG.normal(1.0, 1.0, 300)).verdict == "drift"
    assert judged(NORMAL, RNG.normal(0.0, 1.0, 300)).verdict == "stable"
    assert judged(LETTERS, RNG.choice(list("abcddddd"), size=300)).verdict == "drift"
    assert judged(LETTERS, RNG.choice(list("aaaabbbccd"), size=300)).verdict == "stable"


def test_a_difference_that_is_certain_and_small_is_no_drift():
    reference, window = RNG.normal(size=50_000), RNG.normal(0.05, 1.0, 50_000)
    found = judged(reference, window)
    assert found.p_value < 1e-6
    assert found.verdict == "stable"


def test_between_the_thresholds_is_a_warning():
    found = judged(NORMAL, RNG.normal(0.45, 1.0, 2000))
    assert 0.1 <= found.psi < 0.25
    assert found.verdict == "warning"


def test_an_index_that_a_small_window_explains_is_no_drift():
    reference = pd.Series(RNG.choice(list("abcdefghijklmnopqrst"), size=5000))
    found = [
        judged(reference, reference.sample(100, random_state=seed), minimum_rows=20) for seed in range(40)
    ]
    assert max(each.psi for each in found) >= 0.1
    assert {each.verdict for each in found} == {"stable"}


@pytest.mark.parametrize("value", [3.0, "drama"])
def test_a_constant_is_stable_until_it_changes(value):
    other = 2.0 if value == 3.0 else "comedy"
    still = judged([value] * 200, [value] * 100)
    assert (still.verdict, still.psi, still.p_value) == ("stable", 0.0, 1.0)
    assert judged([value] * 200, [other] * 100).verdict == "drift"


def test_values_that_go_missing_are_drift():
    window = pd.Series(RNG.normal(size=300)).where(RNG.random(300) < 0.5)
    found = judged(NORMAL, window)
    assert found.missing == pytest.approx(window.isna().mean())
    assert found.verdict == "drift"
    lost = judged(NORMAL, pd.Series([np.nan] * 100))
    assert (lost.verdict, lost.missing) == ("drift", 1.0)


def test_new_categories_are_named_and_few_of_them_are_no_drift():
    few = judged(LETTERS, [*LETTERS[:297], "z", "y", "z"])
    assert (few.verdict, few.reason) == ("stable", "new: y, z")
    assert judged(LETTERS, [*LETTERS[:150], *["z"] * 150]).verdict == "drift"


def test_rare_categories_are_counted_together():
    profile = CategoryProfile.of(pd.Series(["a"] * 80 + ["b"] * 10 + ["c"] * 6 + ["d"] * 4))
    cells = profile.cells(pd.Series(["a"] * 50 + ["d"] * 7 + ["new"] * 3))
    # Of 60 rows are expected: new 1.1, c 2.3 and b 3.8, which share a cell; d 4.1; a 48.8; none is missing.
    assert cells.reference.tolist() == [16.0, 4.0, 80.0, 0.0]
    assert cells.window.tolist() == [3.0, 7.0, 50.0, 0.0]


def test_what_is_all_but_absent_has_no_cell_of_its_own():
    profile = CategoryProfile.of(pd.Series(["a"] * 900 + ["b"] * 100))
    cells = profile.cells(pd.Series(["a"] * 90 + ["b"] * 9 + ["new"]))
    assert cells.reference.tolist() == [100.0, 900.0, 0.0]
    assert cells.window.tolist() == [10.0, 90.0, 0.0]


def popularity(categories):
    """Shares as those of items in a catalogue."""
    shares = 1.0 / np.arange(1.0, categories + 1.0)
    return shares / shares.sum()


@pytest.mark.parametrize(
    ("reference_rows", "rows", "shares"),
    [
        (782, 260, np.full(200, 1 / 200)),
        (782, 260, popularity(1000)),
        (300, 2000, popularity(1000)),
        (20_000, 60, np.array([0.97, 0.02, 0.009, 0.001])),
    ],
    ids=["equal", "as items", "a short reference", "rare ones"],
)
def test_many_or_rare_categories_do_not_cry_wolf(reference_rows, rows, shares):
    rng = np.random.default_rng(5)
    names, draws = np.arange(len(shares)).astype(str), 200
    found = [
        judged(rng.choice(names, reference_rows, p=shares), rng.choice(names, rows, p=shares))
        for _ in range(draws)
    ]
    # Three standard errors above; below, chi-square is careful where cells are nearly empty.
    assert 0.01 < np.mean([each.p_value < 0.05 for each in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert sum(each.verdict != "stable" for each in found) <= 0.01 * draws + 3 * np.sqrt(0.01 * draws)


def test_a_slate_of_other_items_is_found_among_many():
    rng, shares = np.random.default_rng(6), popularity(1000)
    reference = rng.choice(1000, 782, p=shares).astype(str)
    for _ in range(20):
        window = rng.permutation(1000)[rng.choice(1000, 260, p=shares)]
        assert judged(reference, window.astype(str)).verdict == "drift"


@pytest.mark.parametrize(
    ("reference", "window", "reason"),
    [
        (NORMAL, [], "0 rows in the window, fewer than 50"),
        (NORMAL, [1.0] * 49, "49 rows in the window, fewer than 50"),
        ([1.0] * 10, NORMAL, "10 rows in the reference, fewer than 50"),
    ],
)
def test_too_few_rows_decide_nothing(reference, window, reason):
    found = judged(reference, window)
    assert (found.verdict, found.reason) == ("not decided", reason)
    assert np.isnan([found.statistic, found.p_value, found.psi, found.p_corrected]).all()


def test_p_values_are_corrected_over_what_is_decided():
    judge = Reference({"x": NORMAL, "y": NORMAL, "z": NORMAL})
    window = {"x": NORMAL[:300] + 0.2, "y": NORMAL[300:600], "absent": NORMAL}
    x, y, z = judge.judge(window, simulate=False)
    assert x.p_corrected == pytest.approx(2.0 * min(x.p_value, y.p_value))
    assert z.verdict == "not decided"


def test_both_false_alarm_rates_are_stated():
    (found,) = Reference({"x": NORMAL}).judge({"x": NORMAL[:100]})
    assert found.false_alarms_warning == pytest.approx(0.43, abs=0.01)
    assert found.simulated_warning == pytest.approx(found.false_alarms_warning, abs=0.08)
    assert found.simulated_drift == pytest.approx(found.false_alarms_drift, abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [{"psi_warning": 0.0}, {"psi_warning": 0.3}, {"alpha": 1.0}, {"minimum_rows": 1}, {"bins": 1}],
)
def test_thresholds_out_of_bounds_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Thresholds(**wrong)


def windows_that_cry_wolf(windows, seed):
    """Windows of nothing but chance, 12 features each, in which a test finds something."""
    rng = np.random.default_rng(seed)
    numbers = {f"number{each}": pd.Series(rng.normal(size=600)) for each in range(6)}
    texts = {f"text{each}": pd.Series(rng.choice(list("abcdefgh"), size=600)) for each in range(6)}
    alarms = tested = 0
    for _ in range(windows):
        # A new reference for each: windows on one reference err together.
        fresh = {name: pd.Series(rng.normal(size=600)) for name in numbers}
        fresh |= {name: pd.Series(rng.choice(list("abcdefgh"), size=600)) for name in texts}
        window = {name: pd.Series(rng.normal(size=150)) for name in numbers}
        window |= {name: pd.Series(rng.choice(list("abcdefgh"), size=150)) for name in texts}
        found = Reference(fresh, Thresholds(alpha=0.05)).judge(window, simulate=False)
        alarms += any(each.verdict in ("drift", "warning") for each in found)
        tested += any(each.p_corrected < 0.05 for each in found)
    return alarms, tested


def test_windows_of_chance_seldom_cry_wolf():
    alarms, tested = windows_that_cry_wolf(40, seed=1)
    assert alarms <= tested <= 7  # more than 7 of 40 at a rate of 5 %: one in 1,000


@pytest.mark.slow
def test_windows_of_chance_keep_alpha():
    alarms, tested = windows_that_cry_wolf(600, seed=2)
    assert alarms <= tested <= 48  # 5 % of 600 and 3.4 standard errors
