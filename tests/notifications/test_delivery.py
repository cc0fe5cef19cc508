import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from alarm_catcher import SECRET

from armlift.environment import notify_urls
from armlift.errors import NotificationError, ParameterError
from armlift.notifications import PERIOD, Alarm, notify

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_alarm(subject="train", **changes):
    about = {"what": "No ratings were found.", "since": NOON, "remedy": "Run the data job."} | changes
    return Alarm("run failed", subject, **about)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "live" / "alarms.db"


def test_the_message_says_what_happened_since_when_and_what_to_do(catcher, state):
    delivery = notify(an_alarm(), [catcher.url], state, now=NOON)
    assert (delivery.told, delivery.repeats, delivery.failed) == (True, 0, ())
    (message,) = catcher.caught
    assert message["title"] == "armlift: run failed: train"
    assert message["message"] == (
        "No ratings were found.\nSince: 2026-03-01 12:00 UTC\nWhat to do: Run the data job."
    )


def test_a_repeated_alarm_is_told_once_a_period_with_its_count(catcher, state):
    for minutes in range(0, 50, 10):
        delivery = notify(an_alarm(), [catcher.url], state, now=NOON + timedelta(minutes=minutes))
        assert (delivery.told, delivery.repeats) == (minutes == 0, minutes // 10)
    assert len(catcher.caught) == 1
    assert notify(an_alarm(), [catcher.url], state, now=NOON + PERIOD).told
    assert "Repeated 4 times since the last message, 2026-03-01 12:00 UTC." in catcher.caught[1]["message"]
    assert notify(an_alarm(), [catcher.url], state, now=NOON + 2 * PERIOD).told
    assert "Repeated" not in catcher.caught[2]["message"]


def test_alarms_of_other_subjects_are_told_and_of_one_group_are_not(catcher, state):
    for alarm in (an_alarm("train"), an_alarm("plan"), an_alarm("a", group="g"), an_alarm("b", group="g")):
        notify(alarm, [catcher.url], state, now=NOON)
    assert [message["title"].split()[-1] for message in catcher.caught] == ["train", "plan", "a"]


def test_callers_at_the_same_time_take_turns(catcher, state):
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: notify(an_alarm(), [catcher.url], state, now=NOON).told, range(8)))
    assert told.count(True) == 1
    assert len(catcher.caught) == 1


def test_an_alarm_that_reached_nobody_is_told_the_next_time(catcher, state):
    catcher.status = 500
    with pytest.raises(NotificationError, match="json could not be reached"):
        notify(an_alarm(), [catcher.url], state, now=NOON)
    catcher.status = 200
    assert notify(an_alarm(), [catcher.url], state, now=NOON).told


def test_one_service_that_fails_does_not_keep_the_others_from_telling(catcher, state):
    away = f"json://me:{SECRET}@127.0.0.1:1/"
    delivery = notify(an_alarm(), [away, catcher.url], state, now=NOON)
    assert (delivery.told, delivery.failed) == (True, ("json",))
    assert len(catcher.caught) == 1


def test_without_a_service_the_alarm_is_logged_once_in_full(state, caplog):
    delivery = notify(an_alarm(), [], state, now=NOON)
    assert not delivery.told
    assert "No ratings were found.\nSince: 2026-03-01 12:00 UTC" in caplog.text


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", SECRET, f"slack://{SECRET}"])
def test_a_url_of_no_service_is_refused_and_never_shown(url, state, caplog, capfd):
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(ParameterError, match="ARMLIFT_NOTIFY_URLS") as refusal,
    ):
        notify(an_alarm(), [url], state)
    assert SECRET not in f"{refusal.value}{caplog.text}{''.join(capfd.readouterr())}"


def test_a_secret_is_never_shown_when_a_service_fails(catcher, state, caplog, capfd):
    catcher.status = 403
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationError) as refusal:
        notify(an_alarm(), [catcher.url], state)
    assert SECRET not in f"{refusal.value}{caplog.text}{''.join(capfd.readouterr())}"


def test_the_environment_names_services_separated_by_spaces():
    assert notify_urls({}) == notify_urls({"ARMLIFT_NOTIFY_URLS": "  "}) == ()
    assert notify_urls({"ARMLIFT_NOTIFY_URLS": " json://a/?x=1,2\n mailto://b "}) == (
        "json://a/?x=1,2",
        "mailto://b",
    )
