"""Parameters of what runs by itself."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from armlift.commands.orchestration import (
    OrchestrationParameters,
    ReportParameters,
    SessionBatchParameters,
    cron_of,
    load_orchestration,
)
from armlift.errors import ParameterError

PROJECT = Path(__file__).parents[2]


def test_the_projects_own_parameters_are_the_defaults():
    found = load_orchestration(PROJECT)
    assert found == OrchestrationParameters(first_day=date(2026, 1, 1))
    assert (found.session_batch.every_minutes, found.aggregate.every_minutes) == (2, 5)


def test_a_value_out_of_bounds_is_named(tmp_path):
    folder = tmp_path / "conf" / "base"
    folder.mkdir(parents=True)
    (tmp_path / "conf" / "local").mkdir()
    content = {"orchestration": {"first_day": "2026-01-01", "session_batch": {"every_minutes": 7}}}
    (folder / "parameters.yml").write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(ParameterError, match=r"orchestration\.session_batch\.every_minutes = 7.*divisor"):
        load_orchestration(tmp_path)


@pytest.mark.parametrize("at", ["24:00", "9:00", "noon"])
def test_times_of_day_have_one_form(at):
    with pytest.raises(ValidationError):
        ReportParameters(at=at)


def test_cron():
    assert cron_of("00:05") == "5 0 * * *"
    assert ReportParameters(at="02:30", weekday="sunday").weekday_number == 0
    assert SessionBatchParameters(every_minutes=60).every_minutes == 60
