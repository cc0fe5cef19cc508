"""The errors armlift raises on purpose.

ArmliftError
├── ParameterError          a value outside its bound
├── DataError               the data cannot be used
│   ├── DataFileError       a file is missing, truncated or not in the expected format
│   └── BadRowsError        rows of a file break the schema and `data.on_bad_rows` is `raise`
├── DownloadError           a data set could not be fetched, checked or unpacked
├── BriefError              an experiment brief has faults, listed by field
├── NotFittedError          a recommender was asked before `fit`
├── WorldError              no simulation world can be built from this data
├── SimulationError         a simulation contradicts itself
├── TrackingError           the MLflow store cannot be used
├── NotificationError       nobody could be told of an alarm
└── LiveError               the live router refuses, or cannot do, what it was asked
    ├── StateError          the experiment's state does not allow the action
    ├── UnknownExperiment   no experiment has this id
    ├── ForgedDecision      a decision id that was not signed here
    ├── ExpiredDecision     a decision id older than the reward window
    ├── MismatchedDecision  user, arm or experiment differ from the signed decision
    ├── RewardConflict      the decision has another reward already
    ├── StoreUnavailable    the store cannot commit now
    └── StoreLocked         another router holds the store
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ArmliftError(Exception):
    """Root of all errors that armlift raises on purpose."""


class ParameterError(ArmliftError, ValueError):
    """A parameter lies outside its bound.

    Args:
        name: Parameter as the user writes it, such as `world.click_rate`.
        value: The offending value.
        bound: What is allowed, such as `0 < click_rate < 1`.
        remedy: What to do about it.
    """

    def __init__(self, name: str, value: object, bound: str, remedy: str) -> None:
        super().__init__(f"{name} = {value!r}: must satisfy {bound}. {remedy}")
        self.name, self.value, self.bound, self.remedy = name, value, bound, remedy


class DataError(ArmliftError):
    """The data cannot be used."""


class DataFileError(DataError):
    """A file is missing, truncated or not in the expected format."""


class BadRowsError(DataError):
    """Rows of a file break the schema and bad rows are not to be dropped."""


class DownloadError(ArmliftError):
    """A data set could not be fetched, checked or unpacked."""


class Fault(NamedTuple):
    """One thing that is wrong with a document.

    Attributes:
        field: Where, such as `strategies[0].share`; empty where it is the document as a whole.
        message: What is wrong and what to write instead.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class BriefError(ArmliftError):
    """An experiment brief has faults.

    Args:
        faults: All of them.
        source: Name of the file, if it came from one.
    """

    def __init__(self, faults: Sequence[Fault], source: str = "brief") -> None:
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n  ".join([f"{source} has {number}:", *map(str, faults)]))
        self.faults, self.source = tuple(faults), source


class NotFittedError(ArmliftError):
    """A recommender was asked before `fit`."""


class WorldError(ArmliftError):
    """No simulation world can be built from this data."""


class SimulationError(ArmliftError):
    """A simulation contradicts itself: a fault of armlift, not of its input."""


class TrackingError(ArmliftError):
    """The MLflow store cannot be used."""


class NotificationError(ArmliftError):
    """Nobody could be told of an alarm."""


class LiveError(ArmliftError):
    """The live router refuses, or cannot do, what it was asked."""


class StateError(LiveError):
    """The experiment's state does not allow the action.

    Args:
        action: What was asked, such as `pause`.
        state: State of the experiment, such as `draft`.
        possible: Actions that this state allows.
    """

    def __init__(self, action: str, state: str, possible: Sequence[str]) -> None:
        remedy = f"Possible now: {', '.join(possible)}." if possible else "Nothing more is possible."
        super().__init__(f"{action} is not possible while the experiment is {state}. {remedy}")
        self.action, self.state, self.possible = action, state, tuple(possible)


class UnknownExperiment(LiveError):  # noqa: N818 - the names of the router's refusals say what is wrong
    """No experiment has this id.

    Args:
        experiment_id: What was asked for; empty if the first running one was.
        known: Ids that exist.
    """

    def __init__(self, experiment_id: str, known: Sequence[str] = ()) -> None:
        missing = (
            f"experiment = {_short(experiment_id)}: is not known" if experiment_id else "none is running"
        )
        remedy = f"Choose one of {', '.join(known)}." if known else "Create and start one first."
        super().__init__(f"{missing}. {remedy}")
        self.experiment_id, self.known = experiment_id, tuple(known)


class ForgedDecision(LiveError):  # noqa: N818
    """A decision id was not signed here.

    Args:
        decision_id: The id as it was given.
        reason: What is wrong with it.
    """

    def __init__(self, decision_id: str, reason: str = "its signature does not fit") -> None:
        super().__init__(
            f"decision_id = {_short(decision_id)}: {reason}. Send back the decision_id of /choose unchanged."
        )
        self.decision_id, self.reason = decision_id, reason


class ExpiredDecision(LiveError):  # noqa: N818
    """A decision id is older than the reward window.

    Args:
        age_seconds: Age of the decision.
        window_seconds: Reward window of the experiment.
    """

    def __init__(self, age_seconds: float, window_seconds: float) -> None:
        super().__init__(
            f"the decision is {age_seconds:.0f} s old; rewards count for {window_seconds:.0f} s. "
            "Send rewards sooner, or raise reward_window_minutes in the brief."
        )
        self.age_seconds, self.window_seconds = age_seconds, window_seconds


class MismatchedDecision(LiveError):  # noqa: N818
    """A field differs from the signed decision's.

    Args:
        field: Which one, such as `arm`.
        given: What was given; None where it must not be repeated, such as a user's id.
        signed: What was signed; None likewise.
    """

    def __init__(self, field: str, given: str | None = None, signed: str | None = None) -> None:
        value = field if given is None else f"{field} = {_short(given)}"
        bound = "the signed one" if signed is None else _short(signed)
        super().__init__(
            f"{value}: differs from the decision's, must be {bound}. "
            f"Send the {field} that /choose answered for."
        )
        self.field, self.given, self.signed = field, given, signed


class RewardConflict(LiveError):  # noqa: N818
    """The decision has another reward already.

    Args:
        decision_id: The decision's own id, not its signed text.
        reward: The reward that came now.
        previous: The reward that counts; None if it is not known.
    """

    def __init__(self, decision_id: str, reward: float, previous: float | None) -> None:
        known = "another" if previous is None else f"{previous:g}"
        super().__init__(
            f"reward = {reward:g}: decision {decision_id} has {known} already, and the first one counts. "
            "Choose again for another reward."
        )
        self.decision_id, self.reward, self.previous = decision_id, reward, previous


class StoreUnavailable(LiveError):  # noqa: N818
    """The store cannot commit now, and nothing was counted.

    Args:
        reason: What the store said.
        retry_after_seconds: When to try again.
    """

    def __init__(self, reason: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(f"the store cannot commit: {reason}. Nothing was counted; send it again.")
        self.reason, self.retry_after_seconds = reason, retry_after_seconds


class StoreLocked(LiveError):  # noqa: N818
    """Another router holds the store.

    Args:
        store: File or URL without credentials.
        holder: Who holds it, such as `process 4711`; empty if unknown.
    """

    def __init__(self, store: str, holder: str = "") -> None:
        by = f" by {holder}" if holder else ""
        super().__init__(
            f"{store} is held{by}; one router at a time may write a SQLite store. "
            "Stop the other one, or set DATABASE_URL to a PostgreSQL database, which serves many."
        )
        self.store, self.holder = store, holder


def _short(text: str, limit: int = 60) -> str:
    """A value for a message, cut where it is long."""
    return repr(text if len(text) <= limit else f"{text[:limit]}...")
