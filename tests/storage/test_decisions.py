from live_log import decision, write

from armlift.storage.decisions import last_decision


def test_the_newest_decision_of_user_and_arm_is_found_whole(database):
    last = decision(4, session_id="s", context='{"device":"mobile"}', bot_flag=True, flag_reasons="crawler")
    write(
        database,
        decision(1),
        decision(2, arm="popularity"),
        decision(3, user="u2"),
        last,
        decision(5, arm="popularity", experiment="pages"),
    )
    assert last_decision(database, "u1", "svd", 0) == last
    assert last_decision(database, "u2", "svd", 0).decision_id.endswith("3")
    assert last_decision(database, "u1", "popularity", 0).experiment_id == "pages"
    assert last_decision(database, "u1", "ease", 0) is None
    assert last_decision(database, "u3", "svd", 0) is None


def test_older_decisions_are_left_out(database):
    last = decision(4)
    write(database, decision(1), last)
    assert last_decision(database, "u1", "svd", last.ts) == last
    assert last_decision(database, "u1", "svd", last.ts + 1) is None


def test_flags_come_back_as_truth_values(database):
    write(database, decision(1))
    found = last_decision(database, "u1", "svd", 0)
    assert (found.simulated, found.bot_flag) == (False, False)
    assert type(found.bot_flag) is bool
