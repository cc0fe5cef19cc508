import pytest

from armlift.tuning import MedianPruning, NoPruning, SuccessiveHalving

NAN = float("nan")
ROUND = {4: {1: 0.1}, 5: {1: 0.3}, 6: {1: 0.2}, 7: {1: 0.4}}


def test_without_a_rule_all_go_on():
    assert NoPruning().survivors(1, ROUND, [{1: 9.0}], maximise=True) == {4, 5, 6, 7}


def test_the_median_is_that_of_earlier_rounds_at_the_same_fold():
    earlier = [{1: 0.1, 2: 0.9}, {1: 0.2, 2: 0.9}, {1: 0.3}, {}]
    assert MedianPruning().survivors(1, ROUND, earlier, maximise=True) == {5, 6, 7}
    assert MedianPruning().survivors(1, ROUND, earlier, maximise=False) == {4, 6}


def test_later_folds_compare_means_over_the_same_folds():
    # Over both folds the earlier trials have .5 and .55, the median is .525; by the best fold all would stay.
    earlier = [{1: 0.1, 2: 0.9}, {1: 0.2, 2: 0.9}, {1: 0.9}]
    current = {0: {1: 0.9, 2: 0.1}, 1: {1: 0.2, 2: 0.86}}
    assert MedianPruning().survivors(2, current, earlier, maximise=True) == {1}


def test_the_first_round_has_no_median():
    assert MedianPruning().survivors(1, ROUND, [], maximise=True) == set(ROUND)


@pytest.mark.parametrize(("factor", "kept"), [(2, {5, 7}), (3, {5, 7}), (4, {7}), (9, {7})])
def test_halving_keeps_the_best_of_the_round(factor, kept):
    assert SuccessiveHalving(factor).survivors(1, ROUND, [{1: 9.0}], maximise=True) == kept


def test_halving_breaks_ties_by_number_and_drops_what_is_not_finite():
    current = {0: {1: NAN}, 1: {1: 0.5}, 2: {1: 0.5}, 3: {1: 0.5}}
    assert SuccessiveHalving().survivors(1, current, [], maximise=False) == {1, 2}
