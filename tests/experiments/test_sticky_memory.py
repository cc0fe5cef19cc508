from armlift.experiments.allocation import Assignment
from armlift.experiments.sticky_memory import StickyMemory

ARM = Assignment("bandit", "svd", 0.5, 3)


def test_what_was_used_longest_ago_goes_and_that_is_known():
    memory = StickyMemory(limit=2)
    memory.keep("films", "a", ARM)
    memory.keep("films", "b", ARM)
    assert memory.is_complete
    assert memory.find("films", "a") is ARM
    memory.keep("films", "c", ARM)
    assert (memory.find("films", "b"), len(memory), memory.is_complete) == (None, 2, False)
    assert memory.find("films", "a") is ARM


def test_a_user_is_forgotten_in_all_experiments_and_others_are_not():
    memory = StickyMemory()
    for experiment in ("films", "books"):
        memory.keep(experiment, "a", ARM)
    memory.keep("films", "b", ARM)
    memory.forget("a")
    assert (len(memory), memory.find("films", "a"), memory.find("films", "b")) == (1, None, ARM)


def test_what_was_left_in_the_store_is_noted():
    memory = StickyMemory()
    memory.leave_out()
    assert not memory.is_complete
