"""Where alarms of tests go."""

from alarm_catcher import catcher  # noqa: F401 - a fixture
