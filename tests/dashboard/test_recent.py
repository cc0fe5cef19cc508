from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dashboard.recent import Recent


def test_a_value_is_read_once_until_others_were_asked_for_since():
    recent, made = Recent(2), []

    def get(key):
        return recent.get(key, lambda: made.append(key) or key)

    assert [get(key) for key in "abac"] == list("abac")
    assert made == ["a", "b", "c"]
    assert get("a") == "a"
    assert get("b") == "b"  # which went when c came, as a had been asked for since
    assert made == ["a", "b", "c", "b"]


def test_what_one_thread_reads_others_wait_for():
    recent, made, together = Recent(5), [], Barrier(4)

    def get(_):
        together.wait()
        return recent.get("x", lambda: made.append(1) or object())

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(get, range(4)))
    assert (len(found), len(made)) == (1, 1)


def test_nothing_and_errors_are_read_again():
    recent, answers = Recent(5), [None, ValueError("away"), 3]

    def read():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert recent.get("x", read) is None
    with pytest.raises(ValueError, match="away"):
        recent.get("x", read)
    assert recent.get("x", read) == 3
    assert recent.get("x", read) == 3
    assert answers == []
