from pathlib import Path

import pytest
from reporting.live_sums import ab, row, table

from armlift.reporting.live_segments import funnel, live_segments, rates
from armlift.statistics import Proportion, difference, holm, segment_effects

ROOT = Path(__file__).parents[2]
BRIEF = ab(ROOT)


def segments():
    return table(
        [
            row("fixed", "popularity", 4000, 400),
            row("fixed", "lightgbm", 4000, 520),
            row("fixed", "popularity", 1000, 100),
            row("fixed", "lightgbm", 1000, 95),
            row("fixed", "lightgbm", 77, 7),
        ],
        segment_value=["phone", "phone", "desktop", "desktop", ""],
    )


def test_effects_by_segment_with_correction():
    found = live_segments(segments(), BRIEF)
    desktop, phone = found.effects.itertuples()
    assert (desktop.value, phone.value) == ("desktop", "phone")  # unknown values are no segment
    assert phone.estimate == pytest.approx(520 / 4000 - 400 / 4000)
    assert desktop.estimate == pytest.approx(-0.005)
    # Intervals hold together: 97.5 % each.
    alone = difference(Proportion(4000, 520), Proportion(4000, 400), confidence=0.975)
    assert (phone.low, phone.high) == (pytest.approx(float(alone.low)), pytest.approx(float(alone.high)))
    plain = [
        float(difference(Proportion(1000, 95), Proportion(1000, 100)).p_value),
        float(alone.p_value),
    ]
    assert [desktop.p_value, phone.p_value] == pytest.approx(list(holm(plain)))


def test_whether_effects_differ_is_cochrans_question():
    found = live_segments(segments(), BRIEF)
    expected = segment_effects(
        Proportion([1000, 4000], [95, 520]), Proportion([1000, 4000], [100, 400])
    ).heterogeneity
    assert found.differ == {"lightgbm": pytest.approx(float(expected.p_value))}


def test_a_segment_without_control_says_nothing():
    only = segments()
    only = only[~((only["segment_value"] == "desktop") & (only["arm_id"] == "popularity"))]
    found = live_segments(only, BRIEF).effects.set_index("value")
    assert found.loc["desktop", ["low", "high"]].isna().all()
    assert found.loc["desktop", "p_value"] == 1.0
    assert found.loc["phone", "p_value"] < 0.01


def test_no_segments():
    assert live_segments(segments()[:0], BRIEF).effects.empty


def test_steps_of_the_funnel():
    rows = table(
        [
            row("fixed", "popularity", 100, 0, impressions=100, clicks=20, purchases=5),
            row("bandit", "popularity", 50, 0, impressions=60, clicks=10, purchases=0),
        ]
    )
    found = funnel(rows, BRIEF)
    assert [step.name for step in found["popularity"]] == ["impressions", "clicks", "purchases"]
    _, clicks, purchases = found["popularity"]
    assert (clicks.times, clicks.share, clicks.onwards) == (
        30,
        pytest.approx(30 / 160),
        pytest.approx(30 / 160),
    )
    assert (purchases.share, purchases.onwards) == (pytest.approx(5 / 160), pytest.approx(5 / 30))
    assert [step.times for step in found["lightgbm"]] == [0, 0, 0]
    assert [step.onwards for step in found["lightgbm"]] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("denominator", "of", "cvr"),
    [(None, "clicks", 4 / 10), ("clicks", "clicks", 4 / 10), ("impressions", "impressions", 4 / 80)],
)
def test_cvr_has_the_briefs_denominator(denominator, of, cvr):
    rows = table([row("fixed", "popularity", 90, 8, impressions=80, clicks=10, purchases=4, revenue=12.5)])
    found = rates(rows, ab(ROOT, cvr_denominator=denominator))
    assert (found.cvr_of, found.cvr) == (of, pytest.approx(cvr))
    assert (found.ctr, found.revenue, found.reward, found.rewards) == (10 / 80, 12.5, 8.0, 90)


def test_rates_of_nothing_are_unknown():
    found = rates(segments()[:0], BRIEF)
    assert (found.ctr, found.cvr, found.decisions, found.revenue) == (None, None, 0, 0.0)
