import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.experiments.rules import (
    ALARM,
    RULES,
    Design,
    Rollback,
    SampleRatioAlarm,
    SequentialSampleRatioAlarm,
    SignificantRollback,
    decision_rule,
)
from armlift.statistics.best_arm import probability_best_beta
from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import Verdict

NAMES = [
    "fixed_horizon", "p_best_95", "always_valid", "msprt", "obrien_fleming", "pocock", "srm_01",
    "rollback_20",
]  # fmt: skip
DESIGN = Design(baseline=0.1, looks=4, users_per_look=1000, mde=0.2)
WINNERS = [name for name in NAMES if RULES[name].declares == "winner"]


def looks(control, variant, users=1000):
    """One experiment whose arms convert like this at each of the looks."""
    conversions = np.cumsum(np.stack([control, variant], axis=-1), axis=0)[None]
    return Proportion(users * np.arange(1, len(control) + 1)[None, :, None] * np.ones(2), conversions)


def codes(name, *arms, design=DESIGN):
    return RULES[name].verdicts(looks(*arms), design)[0, :, 0]


def test_the_names_are_the_issues():
    assert list(RULES) == NAMES
    assert all(decision_rule(name).id == name for name in NAMES)
    with pytest.raises(ParameterError, match="rule = 'nobody': must satisfy one of fixed_horizon"):
        decision_rule("nobody")


@pytest.mark.parametrize("name", WINNERS)
def test_a_large_effect_wins_and_its_mirror_image_harms(name):
    low, high = [100] * 4, [200] * 4
    assert codes(name, low, high)[-1] == Verdict.WIN
    assert codes(name, high, low)[-1] == Verdict.HARM
    assert codes(name, low, low)[-1] in (Verdict.CONTINUE, Verdict.FUTILE)


@pytest.mark.parametrize("name", NAMES)
def test_a_look_is_judged_by_what_was_known_at_it(name):
    control, variant = [100, 110, 90, 95], [150, 80, 70, 260]
    whole = codes(name, control, variant)
    for n in (1, 2, 3):
        assert np.array_equal(codes(name, control[:n], variant[:n]), whole[:n])


@pytest.mark.parametrize("name", NAMES)
def test_thousands_are_judged_as_each_alone(name):
    rng = np.random.default_rng(1)
    counts = rng.binomial(2000, 0.5, (50, 4, 1))
    counts = np.concatenate([counts, 2000 - counts], axis=-1).cumsum(1)
    many = Proportion(counts, rng.binomial(counts, [0.1, 0.13]))
    together = RULES[name].verdicts(many, DESIGN)
    assert together.shape == (50, 4, 1)
    assert together.dtype == np.int8
    assert len(np.unique(together)) > 1
    for r in (0, 17, 49):
        assert np.array_equal(RULES[name].verdicts(many[r], DESIGN), together[r])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_without_users_or_below_the_minimum_sample(name):
    empty = Proportion(np.zeros((1, 4, 2)), np.zeros((1, 4, 2)))
    assert not RULES[name].verdicts(empty, DESIGN).any()
    demanding = Design(baseline=0.1, looks=4, users_per_look=1000, mde=0.2, minimum_sample=2001)
    found = codes(name, [0] * 4, [400] * 4, design=demanding)
    assert not found[:2].any()


@pytest.mark.parametrize("name", NAMES)
def test_arms_that_never_convert_give_no_warning_and_no_winner(name):
    assert not np.isin(codes(name, [0] * 4, [0] * 4), [Verdict.WIN, Verdict.HARM]).any()


def test_p_best_is_the_probability_of_the_best_arm():
    control, variant = [100, 100, 100, 100], [108, 115, 120, 118]
    data = looks(control, variant)
    best = probability_best_beta(1.0 + data.successes, 1.0 + data.n - data.successes)[0, :, 1]
    assert np.array_equal(codes("p_best_95", control, variant) == Verdict.WIN, best >= 0.95)
    assert (best >= 0.95).any()
    assert (best < 0.95).any()


def test_the_fixed_horizon_only_judges_the_planned_end():
    assert codes("fixed_horizon", [100] * 4, [300] * 4).tolist() == [0, 0, 0, Verdict.WIN]


def test_a_control_that_wins_counts_only_where_any_arm_may():
    found = RULES["pocock"].verdicts(looks([200] * 4, [100] * 4), DESIGN)
    either = Design(baseline=0.1, looks=4, users_per_look=1000, mde=0.2, any_arm=True)
    assert not RULES["pocock"].declared(found, DESIGN).any()
    assert RULES["pocock"].declared(found, either).any()


def test_every_variant_is_judged_and_shares_alpha():
    design = Design(baseline=0.1, looks=1, users_per_look=1000, mde=0.2, weights=(1, 1, 1))
    data = Proportion(np.full((1, 1, 3), 1000), np.array([[[100, 125, 160]]]))
    assert RULES["fixed_horizon"].verdicts(data, design).tolist() == [[[Verdict.CONTINUE, Verdict.WIN]]]
    alone = Design(baseline=0.1, looks=1, users_per_look=1000, mde=0.2)
    assert RULES["fixed_horizon"].verdicts(data[..., :2], alone).tolist() == [[[Verdict.WIN]]]


def test_the_sample_ratio_alarm_asks_users_not_conversions():
    lopsided = Proportion([[[5000, 5300]]], [[[500, 530]]])
    assert SampleRatioAlarm().verdicts(lopsided, DESIGN).tolist() == [[[ALARM]]]
    planned = Design(baseline=0.1, looks=4, users_per_look=1000, mde=0.2, weights=(5000, 5300))
    assert not SampleRatioAlarm().verdicts(lopsided, planned).any()
    assert SequentialSampleRatioAlarm().id == "srm_01_sequential"
    assert SampleRatioAlarm(0.001).id == "srm_001"


def test_the_rollback_looks_at_the_latest_window_alone():
    control, variant = [100, 100, 100], [200, 100, 79]
    assert codes("rollback_20", control, variant).tolist() == [0, 0, Verdict.HARM]
    assert codes("rollback_20", control, [200, 100, 81]).tolist() == [0, 0, 0]


def test_a_rollback_beyond_chance_needs_more_than_a_small_window():
    few = Proportion([[[50, 50]]], [[[5, 4]]])
    many = Proportion([[[50_000, 50_000]]], [[[5000, 4000]]])
    assert Rollback().verdicts(few, DESIGN).item() == Verdict.HARM
    assert SignificantRollback().verdicts(few, DESIGN).item() == Verdict.CONTINUE
    assert SignificantRollback().verdicts(many, DESIGN).item() == Verdict.HARM


def test_what_does_not_fit_the_design_is_refused():
    with pytest.raises(ParameterError, match="looks = 5: must satisfy at most 4"):
        codes("pocock", [1] * 5, [1] * 5)
    three = Proportion(np.ones((1, 1, 3)), np.ones((1, 1, 3)))
    with pytest.raises(ParameterError, match="arms = 3: must satisfy 2"):
        RULES["pocock"].verdicts(three, DESIGN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("baseline", 0.0),
        ("baseline", float("nan")),
        ("looks", 0),
        ("users_per_look", 0),
        ("mde", -0.1),
        ("alpha", 0.5),
        ("minimum_sample", -1),
        ("weights", (1.0,)),
        ("tuned_at", 0.0),
    ],
)
def test_a_design_out_of_bounds_is_refused_by_name(field, value):
    given = {"baseline": 0.1, "looks": 4, "users_per_look": 100, "mde": 0.1} | {field: value}
    with pytest.raises(ParameterError, match=f"^{field} = "):
        Design(**given)
