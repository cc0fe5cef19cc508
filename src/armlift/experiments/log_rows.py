"""The rows of the log that simulated and live experiments share: decisions, events and rewards.

A row is a tuple in the order of its table's columns, so that a thousand of them are written without another
look at their fields. Times are microseconds since 1970, UTC: exact, and the same in every store.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

EventType = Literal["impression", "click_detail", "add_to_cart", "purchase", "like", "dislike", "reward"]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)


class Decision(NamedTuple):
    """One choice of an arm for one user.

    Attributes:
        decision_id: 26 characters, ascending with time, unique.
        ts: When it was made, microseconds UTC.
        experiment_id: Experiment.
        strategy_id: Strategy that the user belongs to.
        arm_id: Arm that was chosen.
        propensity: Probability with which it was chosen, floor included.
        allocation_version: Version of the strategy's allocation it was drawn from.
        user_key: Keyed hash of the user's id.
        session_id: Session; empty if the client named none.
        context: JSON object as text; `{}` if there is none.
        simulated: Made by a simulated user.
        bot_flag: Served, kept and not counted.
        flag_reasons: Why, comma-separated; empty if not flagged.
    """

    decision_id: str
    ts: int
    experiment_id: str
    strategy_id: str
    arm_id: str
    propensity: float
    allocation_version: int
    user_key: str
    session_id: str = ""
    context: str = "{}"
    simulated: bool = False
    bot_flag: bool = False
    flag_reasons: str = ""


class Event(NamedTuple):
    """Something that happened after a decision, or beside one.

    Attributes:
        event_id: Unique; the same event sent again has the same.
        decision_id: Decision it belongs to; empty if the client named none.
        ts: When it happened, by the client's clock, microseconds UTC.
        ts_server: When it arrived, microseconds UTC.
        experiment_id: Experiment.
        strategy_id: Strategy of the decision; empty without one.
        arm_id: Arm, which a product page calls variant.
        propensity: Of the decision; None without one.
        allocation_version: Of the decision; None without one.
        user_key: Keyed hash of the user's id.
        session_id: Session; empty if unknown.
        item_id: Item it is about; empty if about none.
        position: Place of the item in the slate, from 0; None if unknown.
        event_type: One of `EVENT_TYPES`.
        reward: Of a reward; None for other types.
        revenue: Of a purchase, currency.
        price: Of the item, currency.
        quantity: Items bought.
        device: Device, such as `mobile`; empty if unknown.
        channel: Channel, such as `search`; empty if unknown.
        simulated: Made by a simulated user.
        bot_flag: Kept and not counted.
        srm_flag: Arrived while the sample ratio was in alarm.
        guardrail_breach: Arrived while a guardrail was broken.
        flag_reasons: Why it is flagged, comma-separated; empty if not.
        context: JSON object as text; `{}` if there is none.
    """

    event_id: str
    decision_id: str
    ts: int
    ts_server: int
    experiment_id: str
    strategy_id: str
    arm_id: str
    propensity: float | None
    allocation_version: int | None
    user_key: str
    session_id: str
    item_id: str
    position: int | None
    event_type: str
    reward: float | None = None
    revenue: float | None = None
    price: float | None = None
    quantity: int | None = None
    device: str = ""
    channel: str = ""
    simulated: bool = False
    bot_flag: bool = False
    srm_flag: bool = False
    guardrail_breach: bool = False
    flag_reasons: str = ""
    context: str = "{}"


class Reward(NamedTuple):
    """A verified reward on its way to the store.

    Attributes:
        decision: The decision it is for, from its signed id: written too if the store lacks it.
        event: Its row, of type `reward`; its id is the decision's with `-r`, hence one reward a decision.
        counted: Whether it moves the posterior; late and flagged ones are kept without.
    """

    decision: Decision
    event: Event
    counted: bool = True
