import subprocess
import sys
from hashlib import blake2b
from math import isclose, log
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from armlift.errors import ParameterError
from armlift.experiments.assignment import Assigner, assign

USERS = np.arange(1, 100_001)
MOVERS = USERS[:10_000]
KNOWN_HALVES = [1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1]
KNOWN_THIRDS = [2, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1, 0, 1, 1, 1, 1, 2, 1, 2, 1]
KNOWN_TEXTS = [3, 3, 3, 0]
WEIGHTS = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6)


def by_the_book(user, salt, weights):
    """The same race, one user at a time, in plain Python."""
    digest = blake2b(blake2b(salt.encode()).digest() + str(user).encode(), digest_size=8).digest()
    state, waiting = int.from_bytes(digest, "little"), []
    for weight in weights:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        z = z ^ (z >> 31)
        waiting.append(-log(((z >> 11) + 1) / 2**53) / weight if weight else float("inf"))
    return waiting.index(min(waiting))


def shares(weights):
    return np.array(weights) / sum(weights)


def moves(before, after):
    """Arms of the first users before and after."""
    return assign(MOVERS, "moves", before), assign(MOVERS, "moves", after)


def moved(before, after):
    was, now = moves(before, after)
    return (was != now).mean()


def total_variation(before, after):
    return np.abs(shares(before) - shares(after)).sum() / 2


def near(share):
    """Five standard errors of a share of the users."""
    return pytest.approx(share, abs=5 * np.sqrt(max(share, 1e-4) * (1 - min(share, 1)) / len(MOVERS)))


def test_known_answers():
    """These never change: a change would move users between the arms of running experiments."""
    assert assign(range(1, 21), "movielens", [0.5, 0.5]).tolist() == KNOWN_HALVES
    assert assign(range(1, 21), "movielens", [0.2, 0.5, 0.3]).tolist() == KNOWN_THIRDS
    assert assign(["ada", "grace", "이서연", ""], "page", [1, 1, 1, 1]).tolist() == KNOWN_TEXTS


def test_another_process_gives_the_same_arms():
    code = (
        "from armlift.experiments.assignment import assign\n"
        "print(assign(range(1, 21), 'movielens', [0.5, 0.5]).tolist())"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == str(KNOWN_HALVES)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(), min_size=1), st.text(min_size=1), WEIGHTS)
def test_it_is_the_race_of_the_book(users, salt, weights):
    users = np.array(users, dtype=object)
    assert assign(users, salt, weights).tolist() == [by_the_book(user, salt, weights) for user in users]


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=50), st.randoms())
def test_neighbours_in_the_batch_do_not_matter(users, random):
    alone = {user: assign([user], "alone", [0.3, 0.7])[0] for user in users}
    random.shuffle(users)
    assert assign(users, "alone", [0.3, 0.7]).tolist() == [alone[user] for user in users]
    assert assign(list(map(str, users)), "alone", [0.3, 0.7]).tolist() == [alone[user] for user in users]


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.9, 0.1], [1, 2, 3], [0.2, 0, 0.5, 0.3], [1] * 12])
def test_shares_are_the_weights(weights):
    counts = np.bincount(assign(USERS, "shares", weights), minlength=len(weights))
    expected = shares(weights) * len(USERS)
    assert (counts[expected == 0] == 0).all()
    assert chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-4


def test_salts_are_independent():
    table = np.zeros((2, 2))
    np.add.at(table, (assign(USERS, "one", [1, 1]), assign(USERS, "two", [1, 1])), 1)
    assert chisquare(table.ravel()).pvalue > 1e-4
    assert (assign(USERS, "1", [1, 1]) != assign(USERS, "11", [1, 1])).any()


def test_consecutive_users_are_independent():
    arms = assign(USERS, "runs", [1, 1])
    assert chisquare(np.bincount(2 * arms[:-1:2] + arms[1::2], minlength=4)).pvalue > 1e-4


@settings(max_examples=25)
@given(WEIGHTS, st.data(), st.floats(0.0, 4.0))
def test_one_changed_weight_moves_the_total_variation_distance(before, data, factor):
    after = list(before)
    arm = data.draw(st.integers(0, len(before) - 1))
    after[arm] *= factor
    was, now = moves(before, after)
    changed = was != now
    assert changed.mean() == near(total_variation(before, after))
    assert ((was == arm) | (now == arm))[changed].all()


@settings(max_examples=25)
@given(WEIGHTS, st.floats(0.05, 1.0))
def test_a_new_arm_takes_its_share_and_no_other_user_moves(before, weight):
    was, now = moves(before, [*before, weight])
    assert (now[was != now] == len(before)).all()
    assert (was != now).mean() == near(weight / (sum(before) + weight))


@settings(max_examples=25)
@given(st.data(), st.integers(2, 6))
def test_several_changed_weights_move_what_the_formula_says(data, arms):
    either = st.lists(st.floats(0.05, 1.0), min_size=arms, max_size=arms)
    before, after = data.draw(either), data.draw(either)
    ratios = np.maximum(
        np.divide.outer(np.array(before), before), np.divide.outer(np.array(after), after)
    )  # max(w_j / w_i, w'_j / w'_i) in row j, column i
    exact = 1 - (1 / ratios.sum(axis=0)).sum()
    distance = total_variation(before, after)
    assert moved(before, after) == near(exact)
    assert distance - 1e-9 <= exact <= 2 * distance / (1 + distance) + 1e-9
    if arms == 2:
        assert isclose(exact, distance, abs_tol=1e-9)


def test_scaling_all_weights_moves_nobody():
    assert moved([0.1, 0.2, 0.7], [1, 2, 7]) == 0


def test_modulo_is_the_source_documents_example():
    assert assign([0, 1, 2, 3, 10**12 + 1], "any", [0.5, 0.5], "modulo").tolist() == [0, 1, 0, 1, 1]
    assert assign([-1, 5], "any", [1, 1, 1], "modulo").tolist() == [2, 2]


def test_a_hundred_thousand_users_take_less_than_a_second():
    started = process_time()
    assign(USERS, "fast", [0.4, 0.3, 0.3])
    assert process_time() - started < 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], "s", [1, 1]), "user_ids = 1.0: must satisfy whole numbers or texts"),
        (([True], "s", [1, 1]), "user_ids = True"),
        ((np.array(["a", None], dtype=object), "s", [1, 1]), "user_ids = None"),
        (([1], "", [1, 1]), "salt = ''"),
        (([1], "s", []), "weights"),
        (([1], "s", [0, 0]), "not all 0"),
        (([1], "s", [1, -1]), "numbers of at least 0"),
        (([1], "s", [1, float("nan")]), "numbers of at least 0"),
        (([1], "s", [1, float("inf")]), "numbers of at least 0"),
        (([1], "s", [1, 2], "modulo"), "all equal for modulo. Use the rule hash"),
        ((["a"], "s", [1, 1], "modulo"), "whole numbers for modulo"),
        (([1], "s", [1, 1], "random"), "rule = 'random': must satisfy hash or modulo"),
    ],
)
def test_bad_input_names_the_bound_and_the_remedy(arguments, message):
    with pytest.raises(ParameterError, match=message):
        assign(*arguments)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1, 1, 1, 1, 1), (0.34, 0.33, 0.33), (1, 0, 3, 0.001)])
def test_one_user_at_a_time_gets_the_same_arm(weights):
    users = [f"user-{number}" for number in range(20_000)]
    assigner = Assigner("films", weights)
    assert [assigner.arm(user) for user in users] == assign(users, "films", weights).tolist()


def test_one_at_a_time_has_the_same_bounds():
    with pytest.raises(ParameterError, match="salt"):
        Assigner("", [1, 1])
    with pytest.raises(ParameterError, match="weights"):
        Assigner("films", [0, 0])
