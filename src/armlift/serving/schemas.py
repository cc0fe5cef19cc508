"""What clients send and get, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from armlift.errors import ParameterError
from armlift.experiments.log_rows import EVENT_TYPES

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
ItemId = Annotated[str, msgspec.Meta(max_length=128)] | int
Label = Annotated[str, msgspec.Meta(max_length=64)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Time = str | float

# Microseconds of the years 2000 and 2100: what lies outside is another unit or a broken clock.
_EARLIEST, _LATEST = 946_684_800_000_000, 4_102_444_800_000_000


class Item(msgspec.Struct, frozen=True):
    """One item of a slate."""

    item_id: int
    title: str
    year: int | None
    genres: list[str]


class Choice(msgspec.Struct, frozen=True):
    """The answer of /choose.

    `decision_id` is what a reward is sent for; it is null where nothing was decided, because the visitor
    takes no part or the experiment is not running. `recorded` is false where no exposure will be in the log.
    """

    decision_id: str | None
    experiment: str
    state: str
    strategy: str | None
    arm: str
    propensity: float
    slates: str
    recorded: bool
    items: msgspec.Raw


class ChooseBody(msgspec.Struct, forbid_unknown_fields=True):
    """What GET /choose takes in its query, as a body."""

    user_id: Id | int
    experiment: Label | None = None
    context: dict[str, Any] = {}
    session_id: Id | None = None
    simulated: bool = False


class UpdateBody(msgspec.Struct, forbid_unknown_fields=True):
    """A reward for a decision.

    Without `decision_id`, which only development on loopback allows, the user's last decision for the arm is
    meant.
    """

    user_id: Id | int
    reward: float
    arm: Label | None = None
    decision_id: Token | None = None
    item_id: ItemId | None = None
    ts: Time | None = None
    meta: dict[str, Any] = {}


class Updated(msgspec.Struct, frozen=True):
    """The answer of /update."""

    ok: bool
    duplicate: bool


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """One event; the words of the product page in brackets are accepted too.

    `event_type` [`type`]: impression, click_detail [click], add_to_cart, purchase [conversion], like,
    dislike.
    `item_id` [`product_id`], `experiment_id` [`experiment`], `arm_id` [`arm`, `variant_id`].
    """

    event_type: str
    user_id: Id | int
    decision_id: Token | None = None
    event_id: Id | None = None
    ts: Time | None = None
    session_id: Id | None = None
    item_id: ItemId | None = None
    experiment_id: Label | None = None
    arm_id: Label | None = None
    position: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    device: Label | None = None
    channel: Label | None = None
    price: Amount | None = None
    quantity: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    revenue: Amount | None = None
    dwell_seconds: Amount | None = None
    simulated: bool = False
    meta: dict[str, Any] = {}


class EventAnswer(msgspec.Struct, frozen=True):
    """What became of one event of a batch, in its order."""

    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None = None
    detail: str | None = None


class Ingested(msgspec.Struct, frozen=True):
    """The answer of /events."""

    accepted: int
    duplicates: int
    rejected: int
    items: list[EventAnswer]


def check_event_type(name: str) -> None:
    """Refuse types that are not events of a client.

    Raises:
        ParameterError: There is no such type, or it is the router's own.
    """
    if name not in EVENT_TYPES or name == "reward":
        allowed = ", ".join(kind for kind in EVENT_TYPES if kind != "reward")
        raise ParameterError("event_type", name, f"one of {allowed}", "Rewards go to /update.")


def microseconds(ts: Time | None, now: int) -> int:
    """Read a time: ISO 8601, with an offset or in UTC, or seconds since 1970.

    Args:
        ts: As the client sent it; None for now.
        now: Microseconds UTC.

    Raises:
        ParameterError: It is no time between the years 2000 and 2100.
    """
    if ts is None:
        return now
    try:
        if isinstance(ts, str):
            parsed = datetime.fromisoformat(ts)
            moment = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            found = round(moment.timestamp() * 1e6)
        else:
            found = round(ts * 1e6)
    except (ValueError, OverflowError):
        found = 0
    if not _EARLIEST <= found <= _LATEST:
        raise ParameterError("ts", ts, "a time between 2000 and 2100", "Send ISO 8601 or seconds since 1970.")
    return found
