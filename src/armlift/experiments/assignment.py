"""Which arm a user belongs to: computed from the user's id alone, so that every process answers alike.

A user's id and the salt are hashed (BLAKE2b) to one waiting time for each arm, exponential with the arm's
weight as its rate; the arm that comes first has the user. This is weighted rendezvous hashing. Its shares are
the weights, and when weights change it moves hardly more users than must move: no rule without a memory can
do better for all changes at once (Moulton and Jiang 2018). With TV for the total variation distance of the
old and the new shares, the share of users that move is

- TV, the least possible, when one arm's weight changes against all the others, and so always with two arms,
  for a new arm at the end, and for an arm whose weight becomes 0;
- at most 2 TV / (1 + TV) when several weights change by different factors, and then
  1 - sum_i 1 / sum_j max(w_j / w_i, w'_j / w'_i).

Cumulative edges on the unit interval would move more: from (1/3, 1/3, 1/3) to (1/2, 1/4, 1/4) a quarter of
the users instead of a sixth.

Sources: Thaler and Ravishankar (1998), "Using name-based mappings to increase hit rates"; Moulton and Jiang
(2018), "Maximally consistent sampling and the Jaccard index of probability distributions".
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import frexp, inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

AssignmentRule = Literal["hash", "modulo"]

# Odd, and close to 2^64 over the golden ratio: the step of SplitMix64.
_STEP_INTEGER = 0x9E3779B97F4A7C15
_STEP = np.uint64(_STEP_INTEGER)
_MASK = 0xFFFFFFFFFFFFFFFF

_LN2 = 0.6931471805599453
_ARTANH = tuple(1.0 / odd for odd in range(19, 0, -2))  # coefficients of its series in z^2, highest first


def assign(
    user_ids: ArrayLike, salt: str, weights: Sequence[float], rule: AssignmentRule = "hash"
) -> NDArray[np.int64]:
    """Assign users to arms; the same user, salt and weights give the same arm everywhere and for ever.

    Users of one salt are assigned independently of their assignment under another. To drop an arm, give it
    the weight 0 and keep its place: the arms behind it keep their users.

    Args:
        user_ids: Whole numbers or texts, shape (U,); the number 7 and the text "7" are one user.
        salt: Name of the experiment.
        weights: Share of each arm, shape (K,), at least 0 and not all 0; need not sum to 1.
        rule: `hash`, or `modulo` for `user_id % K`: easy to follow by eye, but the arms differ in whatever
            the ids are ordered by, every experiment splits alike, and only equal weights are possible.

    Returns:
        Index of each user's arm, 0 to K - 1, shape (U,).

    Raises:
        ParameterError: An id is neither whole number nor text, the salt is empty, the weights are out of
            their bound, or the rule cannot be used with them.

    Example:
        >>> assign([1, 2, 3, 4], "movielens", [0.5, 0.5]).tolist()
        [1, 1, 0, 1]
        >>> assign([1, 2, 3, 4], "movielens", [1, 1], rule="modulo").tolist()
        [1, 0, 1, 0]
    """
    users = np.asarray(user_ids).reshape(-1)
    rates = _checked_weights(weights)
    if rule == "modulo":
        return _modulo(users, rates)
    if rule != "hash":
        raise ParameterError("rule", rule, "hash or modulo", "Use hash for an experiment.")
    if not salt:
        raise ParameterError("salt", salt, "a text that is not empty", "Give the experiment's name.")
    waiting = np.full((len(rates), len(users)), np.inf)
    state = _hashes(users, salt)
    with np.errstate(over="ignore"):  # whoever waits longer than a float can say never comes
        for arm, rate in enumerate(rates):
            state = state + _STEP
            if rate > 0.0:
                waiting[arm] = _minus_log(_uniform(state)) / rate
    arms: NDArray[np.int64] = waiting.argmin(axis=0)
    return arms


class Assigner:
    """`assign` for one user at a time, with the same answers and without its cost of arrays.

    Args:
        salt: Name of the experiment.
        weights: Share of each arm, shape (K,), at least 0 and not all 0.

    Raises:
        ParameterError: The salt is empty or the weights are out of their bound.

    Example:
        >>> [Assigner("movielens", [0.5, 0.5]).arm(str(user)) for user in (1, 2, 3, 4)]
        [1, 1, 0, 1]
    """

    __slots__ = ("_hash", "_rates")

    def __init__(self, salt: str, weights: Sequence[float]) -> None:
        if not salt:
            raise ParameterError("salt", salt, "a text that is not empty", "Give the experiment's name.")
        self._rates: list[float] = _checked_weights(weights).tolist()
        self._hash = blake2b(blake2b(salt.encode()).digest(), digest_size=8)

    def arm(self, user_id: str) -> int:
        """Index of the user's arm, 0 to K - 1."""
        digest = self._hash.copy()
        digest.update(user_id.encode())
        state = int.from_bytes(digest.digest(), "little")
        first, shortest = 0, inf
        for arm, rate in enumerate(self._rates):
            state = (state + _STEP_INTEGER) & _MASK
            if rate > 0.0:
                mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
                mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
                mantissa, exponent = frexp((((mixed ^ (mixed >> 31)) >> 11) + 1.0) * 2.0**-53)
                z = (1.0 - mantissa) / (1.0 + mantissa)
                square, series = z * z, 0.0
                for term in _ARTANH:
                    series = series * square + term
                waiting = (2.0 * z * series - exponent * _LN2) / rate
                if waiting < shortest:
                    first, shortest = arm, waiting
        return first


def _checked_weights(weights: Sequence[float]) -> NDArray[np.float64]:
    given = [float(weight) for weight in weights]
    if not all(isfinite(weight) and weight >= 0.0 for weight in given) or sum(given) <= 0.0:
        raise ParameterError(
            "weights", given, "numbers of at least 0, not all 0", "Give one for each arm, such as 0.5,0.5."
        )
    return np.array(given) / max(given)


def _modulo(users: NDArray[Any], rates: NDArray[np.float64]) -> NDArray[np.int64]:
    if users.dtype.kind not in "iu":
        raise ParameterError("user_ids", users.dtype.name, "whole numbers for modulo", "Use the rule hash.")
    if (rates != 1.0).any():
        raise ParameterError("weights", rates.tolist(), "all equal for modulo", "Use the rule hash.")
    arms: NDArray[np.int64] = users.astype(np.int64) % len(rates)
    return arms


def _hashes(users: NDArray[Any], salt: str) -> NDArray[np.uint64]:
    """64 bits a user."""
    ids = users.tolist()
    if users.dtype.kind not in "iu" and not all(type(user) in (str, int) for user in ids):
        wrong = next(user for user in ids if type(user) not in (str, int))
        raise ParameterError(
            "user_ids", wrong, "whole numbers or texts", "Convert the ids, and leave missing ones out."
        )
    # The salt's digest has a fixed length, so that no salt and user run into another salt and user.
    prefix = blake2b(salt.encode()).digest()
    digests = b"".join([blake2b(prefix + str(user).encode(), digest_size=8).digest() for user in ids])
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _uniform(state: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Mix 64 bits (finaliser of SplitMix64: Steele, Lea and Flood 2014) to a number in (0, 1]."""
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53


def _minus_log(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """-ln x for x in (0, 1], to 10 digits.

    Only operations that IEEE 754 rounds exactly: the last bits of `np.log` depend on the processor, and could
    give one user two arms.
    """
    mantissa, exponent = np.frexp(numbers)
    z = (1.0 - mantissa) / (1.0 + mantissa)  # 0 to 1/3; -ln m = 2 artanh z
    square, series = z * z, np.zeros_like(z)
    for term in _ARTANH:
        series = series * square + term
    return 2.0 * z * series - exponent * _LN2
