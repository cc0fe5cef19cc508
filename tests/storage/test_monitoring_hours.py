from live_log import NOON, SECOND

from armlift.storage.monitoring_hours import keep_by_hour
from armlift.storage.monitoring_rows import Reading
from armlift.storage.readings import Readings

MINUTE = 60 * SECOND


def reading(minutes, value=0.5, *, metric="sample_ratio", alarm=False, experiment="films"):
    return Reading(NOON + minutes * MINUTE, metric, "split", value, 0.001, alarm, {"n": 3}, experiment)


def kept(database):
    found = Readings(database).monitoring()
    minutes = (found["at"].dt.minute + 60 * (found["at"].dt.hour - 12)).tolist()
    return sorted(zip(minutes, found["metric"], found["alarm"].tolist(), strict=True))


def test_an_hour_has_one_row_for_what_is_measured_every_five_minutes(database):
    for minutes in (0, 5, 55, 60, 65):
        assert keep_by_hour(database, [reading(minutes), reading(minutes, metric="ctr")]) == 2
    expected = [(minutes, metric, False) for minutes in (55, 65) for metric in ("ctr", "sample_ratio")]
    assert kept(database) == expected


def test_an_alarm_that_comes_and_goes_is_kept(database):
    for minutes, alarm in ((0, False), (5, True), (10, True), (15, False)):
        keep_by_hour(database, [reading(minutes, alarm=alarm)])
    assert kept(database) == [(10, "sample_ratio", True), (15, "sample_ratio", False)]


def test_a_moment_is_measured_once(database):
    keep_by_hour(database, [reading(5, 0.5)])
    keep_by_hour(database, [reading(5, 0.7)])
    found = Readings(database).monitoring()
    assert found["value"].tolist() == [0.7]
    assert found["details"][0] == {"n": 3}


def test_other_experiments_and_later_rows_stay(database):
    keep_by_hour(database, [reading(10), reading(0, experiment="pages")])
    keep_by_hour(database, [reading(5)])
    assert [row[0] for row in kept(database)] == [0, 5, 10]
    assert keep_by_hour(database, []) == 0
