"""Simulated users of live experiments: who comes in a batch of sessions, and what they do on a slate.

Everything about a session follows from seed, batch, experiment and number, and nothing from what went before:
a batch that was interrupted goes on where it stopped, and every part of it is what it would have been.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, Protocol

import numpy as np

from armlift.experiments.brief import Brief
from armlift.experiments.log_rows import EventType
from armlift.simulation.world import Floats, World

DEVICES = ("mobile", "desktop", "tablet")
CHANNELS = ("search", "direct", "mail")

_POSITIONS = 10
_ATTENTION = 0.8  # share of the attention that the next position gets
_NEXT_SLATE = 0.4  # probability that a session goes on to another slate
_MOST_SLATES = 4
_STRANGERS = 5_000
_LIKE, _CART, _BUY = 0.2, 0.4, 0.5  # after a click; after it, a cart; after that, a purchase
_SHOP_EVENTS = ("add_to_cart", "purchase")
_SHOP_METRICS = ("conversion", "cvr", "add_to_cart_rate", "revenue_per_user")


class Session(NamedTuple):
    """A simulated session.

    Attributes:
        number: Its number in the batch, from 0.
        id: Its name, unique in all batches.
        user_id: Who comes.
        slates: How many slates are asked for, one after the other.
        context: Device, channel and, where the audience is restricted to some, category.
    """

    number: int
    id: str
    user_id: str
    slates: int
    context: dict[str, str]


class Act(NamedTuple):
    """Something that a user does with a slate.

    Attributes:
        event_type: What.
        position: Place of the item in the slate, from 0; None where it is about the whole slate.
        price: Of a purchase, currency.
    """

    event_type: EventType
    position: int | None = None
    price: float | None = None


class ClickModel(Protocol):
    """How likely a slate's first click is at each position."""

    def user(self, rng: Random) -> str:
        """Draw the user of a session."""
        ...

    def position_probability(self, user_id: str, arm: str) -> Floats:
        """P(the first click is at a position), shape (positions,)."""
        ...


class WorldClicks:
    """The fitted world: its users come as often as in the data, and click on the slates it was fitted on.

    Args:
        world: One with slates.
    """

    def __init__(self, world: World) -> None:
        assert world.position_probability is not None
        self._positions = world.position_probability
        self._arrivals = world.arrival_shares.cumsum()
        self._ids = [str(user) for user in world.user_ids]
        self._rows = {user: row for row, user in enumerate(self._ids)}
        self._arms = {arm: column for column, arm in enumerate(world.arms)}

    def user(self, rng: Random) -> str:
        """Draw a user by how often he came in the data."""
        row = int(np.searchsorted(self._arrivals, rng.random() * self._arrivals[-1], side="right"))
        return self._ids[min(row, len(self._ids) - 1)]

    def position_probability(self, user_id: str, arm: str) -> Floats:
        """P(the first click is at a position), shape (positions,)."""
        found: Floats = self._positions[self._rows[user_id], self._arms[arm]]
        return found


class PlainClicks:
    """Without a fitted world: control has the brief's baseline, and each further arm a little more.

    The last arm has twice the minimum detectable effect, so that an experiment has something to find.

    Args:
        brief: The experiment's.
    """

    def __init__(self, brief: Brief) -> None:
        arms = [brief.control, *(arm for arm in brief.arms if arm != brief.control)]
        metric = brief.primary_metric
        baseline = metric.baseline if metric.kind == "proportion" else 0.1
        steps = np.linspace(0.0, 2.0 * metric.mde, len(arms))
        rates = np.minimum(baseline * (1.0 + steps), 0.9)
        attention = _ATTENTION ** np.arange(_POSITIONS)
        by_arm = rates[:, None] * attention / attention.sum()
        self._positions = dict(zip(arms, by_arm, strict=True))

    def user(self, rng: Random) -> str:
        """Draw one of many users who are all alike."""
        return f"visitor-{rng.randrange(_STRANGERS)}"

    def position_probability(self, user_id: str, arm: str) -> Floats:
        """P(the first click is at a position), shape (positions,)."""
        found: Floats = self._positions[arm]
        return found


def click_model(brief: Brief, world: World | None) -> ClickModel:
    """Choose how users click: as in the world, if it knows all arms and what they show.

    Args:
        brief: The experiment's.
        world: The fitted world, if there is one.
    """
    if world is not None and world.position_probability is not None and set(brief.arms) <= set(world.arms):
        return WorldClicks(world)
    return PlainClicks(brief)


def sessions(brief: Brief, model: ClickModel, *, batch: str, number: int, seed: int) -> list[Session]:
    """Draw the sessions of a batch.

    Args:
        brief: The experiment's.
        model: Whose users come.
        batch: Name of the batch.
        number: Sessions.
        seed: Seed of all batches.

    Example:
        >>> from armlift.experiments.brief import load_brief
        >>> brief = load_brief("conf/base/briefs/movielens.yml")
        >>> [each.id for each in sessions(brief, PlainClicks(brief), batch="evening", number=2, seed=1)]
        ['evening.0', 'evening.1']
    """
    return [_session(brief, model, batch, each, seed) for each in range(number)]


def _session(brief: Brief, model: ClickModel, batch: str, number: int, seed: int) -> Session:
    rng = Random(f"{seed}/{batch}/{brief.id}/{number}")
    user = model.user(rng)
    slates = next((n for n in range(1, _MOST_SLATES) if rng.random() >= _NEXT_SLATE), _MOST_SLATES)
    context = {
        name: rng.choice(values)
        for name, values in (
            ("device", brief.audience.device or _without(DEVICES, brief.exclusions.device)),
            ("channel", brief.audience.channel or _without(CHANNELS, brief.exclusions.channel)),
            ("category", brief.audience.category),
        )
        if values
    }
    return Session(number, f"{batch}.{number}", user, slates, context)


def acts(
    brief: Brief, model: ClickModel, session: Session, slate: int, arm: str, *, batch: str, seed: int
) -> list[Act]:
    """What a user does with a slate: sees it, and perhaps clicks, likes, buys.

    Args:
        brief: The experiment's.
        model: How users click.
        session: Whose session it is.
        slate: Number of the slate in the session, from 0.
        arm: Arm that the slate comes from.
        batch: Name of the batch.
        seed: Seed of all batches.
    """
    rng = Random(f"{seed}/{batch}/{brief.id}/{session.number}/{slate}")
    draw, more, cart, buy = (rng.random() for _ in range(4))
    price = round(rng.lognormvariate(3.0, 0.5), 2)
    done = [Act("impression")]
    reached = model.position_probability(session.user_id, arm).cumsum()
    if draw >= reached[-1]:
        return done
    position = int((reached <= draw).sum())
    done.append(Act("click_detail", position))
    if not _is_shop(brief):
        return [*done, Act("like", position)] if more < _LIKE else done
    if cart < _CART:
        done.append(Act("add_to_cart", position))
        if buy < _BUY:
            done.append(Act("purchase", position, price))
    return done


def _is_shop(brief: Brief) -> bool:
    metrics = (brief.primary_metric.id, *brief.secondary_metrics)
    return brief.reward_event in _SHOP_EVENTS or not set(_SHOP_METRICS).isdisjoint(metrics)


def _without(values: tuple[str, ...], excluded: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value not in excluded)
