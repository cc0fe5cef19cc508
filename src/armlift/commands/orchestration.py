"""The parameters of what runs by itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Weekday = Literal["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]


def _divides_an_hour(minutes: int) -> int:
    if 60 % minutes:
        raise ValueError(f"{minutes} is no divisor of 60: the last interval of each hour would be shorter")
    return minutes


Minutes = Annotated[int, Field(ge=1, le=60), AfterValidator(_divides_an_hour)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Count = Annotated[int, Field(ge=1)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionBatchParameters(_Parameters):
    """Batches of simulated sessions.

    Attributes:
        every_minutes: Minutes between two batches, a divisor of 60.
        sessions: Sessions of a batch, for each running experiment.
        seed: Seed of all batches.
        catch_up: Missed batches that are made up for; older ones are left out.
    """

    every_minutes: Minutes = 2
    sessions: Count = 50
    seed: Annotated[int, Field(ge=0)] = 0
    catch_up: Annotated[int, Field(ge=1, le=1000)] = 15


class AggregateParameters(_Parameters):
    """Aggregation of new events.

    Attributes:
        every_minutes: Minutes between two, a divisor of 60.
    """

    every_minutes: Minutes = 5


class DailyParameters(_Parameters):
    """What is done once a day.

    Attributes:
        at: Time of day, UTC.
    """

    at: TimeOfDay


class IngestParameters(DailyParameters):
    """Ingest of files.

    Attributes:
        inbox: Drop folder; relative to the project's root.
        folder: Where ingested tables are kept, likewise.
    """

    inbox: Path = Path("data/raw/inbox")
    folder: Path = Path("data/ingested")


class ReportParameters(DailyParameters):
    """Snapshots of running experiments.

    Attributes:
        weekday: Day on which the past week is reported too.
    """

    weekday: Weekday = "monday"

    @property
    def weekday_number(self) -> int:
        """Number of the day as cron counts, Sunday being 0."""
        return get_args(Weekday).index(self.weekday)


class OrchestrationParameters(_Parameters):
    """What runs by itself, and when.

    Attributes:
        first_day: First day partition.
        session_batch: Simulated sessions.
        aggregate: Aggregation.
        ingest: Ingest.
        report: Reports.
        retrain_check: Check for drift.
        retries: Of what is safe to repeat.
        retry_seconds: Before the first one, doubled each time.
    """

    first_day: date
    session_batch: SessionBatchParameters = SessionBatchParameters()
    aggregate: AggregateParameters = AggregateParameters()
    ingest: IngestParameters = IngestParameters(at="02:10")
    report: ReportParameters = ReportParameters(at="02:30")
    retrain_check: DailyParameters = DailyParameters(at="03:00")
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    retry_seconds: Annotated[float, Field(gt=0.0)] = 10.0


def load_orchestration(root: Path, env: str | None = None) -> OrchestrationParameters:
    """Read the parameters from the project's configuration.

    Args:
        root: Root of the project.
        env: Environment of the configuration beside `base`; None for Kedro's default.

    Raises:
        ParameterError: A value lies outside its bound.
    """
    from kedro.config import OmegaConfigLoader
    from pydantic import ValidationError

    from armlift.errors import ParameterError
    from armlift.settings import CONFIG_LOADER_ARGS

    arguments: dict[str, Any] = dict(CONFIG_LOADER_ARGS)
    loader = OmegaConfigLoader(str(root / "conf"), env=env, **arguments)
    try:
        return OrchestrationParameters.model_validate(loader["parameters"]["orchestration"])
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, ("orchestration", *first["loc"])))
        raise ParameterError(
            name, first["input"], first["msg"], "Mend it in conf/base/parameters/orchestration.yml."
        ) from None


def cron_of(at: str) -> str:
    """Cron expression of a time of day.

    Example:
        >>> cron_of("02:10")
        '10 2 * * *'
    """
    hour, minute = at.split(":")
    return f"{int(minute)} {int(hour)} * * *"
