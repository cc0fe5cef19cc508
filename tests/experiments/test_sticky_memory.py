from hashlib import blake2b

from armlift.experiments.allocation import Assignment
from armlift.experiments.sticky_memory import StickyMemory

ARM = Assignment("bandit", "svd", 0.5, 3)


def key(user):
    return blake2b(str(user).encode(), digest_size=16).hexdigest()


def test_what_was_used_longest_ago_goes():
    memory = StickyMemory(limit=2)
    memory.keep("films", key("a"), ARM)
    memory.keep("films", key("b"), ARM)
    assert memory.find("films", key("a")) is ARM
    memory.keep("films", key("c"), ARM)
    assert (memory.find("films", key("b")), len(memory)) == (None, 2)
    assert memory.find("films", key("a")) is ARM


def test_whoever_was_here_is_never_taken_for_new():
    memory = StickyMemory(limit=10)
    for user in range(20_000):
        memory.keep("films", key(user), ARM)
    assert len(memory) == 10
    assert not any(memory.is_new("films", key(user)) for user in range(20_000))
    strangers = sum(memory.is_new("films", key(user)) for user in range(20_000, 40_000))
    assert strangers > 19_990
    assert sum(memory.is_new("books", key(user)) for user in range(20_000)) > 19_990


def test_a_user_is_forgotten_in_all_experiments_and_others_are_not():
    memory = StickyMemory()
    for experiment in ("films", "books"):
        memory.keep(experiment, key("a"), ARM)
    memory.keep("films", key("b"), ARM)
    memory.forget(key("a"))
    assert (len(memory), memory.find("films", key("a")), memory.find("films", key("b"))) == (1, None, ARM)


def test_where_the_store_holds_more_nobody_is_surely_new():
    memory = StickyMemory()
    assert memory.is_new("films", key("a"))
    memory.leave_out()
    assert not memory.is_new("films", key("a"))
