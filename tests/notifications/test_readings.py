from datetime import UTC, datetime, timedelta

import pandas as pd

from armlift.notifications import reading_alarms

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def readings(*rows):
    columns = ["minutes", "experiment_id", "metric", "segment", "value", "threshold", "alarm"]
    table = pd.DataFrame(rows, columns=columns)
    table["at"] = [NOON + timedelta(minutes=minutes) for minutes in table["minutes"]]
    return table.assign(at=pd.to_datetime(table["at"], utc=True)).drop(columns="minutes")


def test_only_alarms_are_told_each_experiment_and_sort_once():
    alarms = reading_alarms(
        readings(
            (0, "a", "error_rate", "", 0.02, 0.005, True),
            (5, "a", "error_rate", "", 0.03, 0.005, True),
            (5, "a", "sample_ratio", "", 0.0001, 0.001, True),
            (5, "b", "error_rate", "", 0.001, 0.005, False),
            (5, "", "drift:rating", "new", 0.31, 0.25, True),
        )
    )
    told = {(alarm.kind, alarm.subject): alarm for alarm in alarms}
    assert set(told) == {("guardrail breach", "a"), ("sample ratio", "a"), ("drift", "all traffic")}
    breach = told["guardrail breach", "a"]
    assert breach.what == "error_rate is 0.03, threshold 0.005."
    assert breach.since == NOON
    assert told["drift", "all traffic"].what == "drift:rating of new is 0.31, threshold 0.25."
    assert len({alarm.group for alarm in alarms}) == 3
    assert all(alarm.remedy for alarm in alarms)


def test_many_readings_are_counted_not_listed():
    rows = [(0, "", f"drift:feature_{number}", "", 0.3, 0.25, True) for number in range(8)]
    (alarm,) = reading_alarms(readings(*rows))
    assert alarm.what.endswith(", and 3 more.")


def test_without_alarms_nobody_is_told():
    assert reading_alarms(readings((0, "a", "ctr", "", 0.1, None, False))) == []
    assert reading_alarms(readings()) == []
