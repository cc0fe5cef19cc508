"""An OpenFeature provider whose `track` sends rewards: flags are experiments, their values are arms."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from time import sleep
from typing import Any, Final, NamedTuple

import requests
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import Metadata
from openfeature.track import TrackingEventDetails

logger = logging.getLogger(__name__)

Headers = dict[str, str]

_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.25
_TRY_AGAIN: Final = (429, 502, 503, 504)


class _Seen(NamedTuple):
    """What a user saw of a flag.

    Attributes:
        flag_key: The flag.
        decision_id: Signed id of the decision.
    """

    flag_key: str
    decision_id: str


class ArmliftProvider(OFREPProvider):
    """Evaluates experiments as string flags and sends tracking events as rewards.

    A tracking event is the reward of what its user saw last: of the flag that its attribute `flag_key` names,
    or that is called like the event, or else of the flag evaluated last. Its value is the reward, 1 if it has
    none. Rewards are sent in the background and in order. Nothing that happens there reaches the application:
    without a router, flags have their defaults, and rewards are given up after some attempts, with a line in
    the log.

    Args:
        base_url: Where the router is, such as `http://127.0.0.1:8000`.
        api_key: API key with the scopes `decide` and `reward`; None where the router needs none.
        headers_factory: Gives more headers for each request.
        timeout: Seconds to wait for the router.
        remembered_users: Users whose last decisions are remembered; whoever was seen longest ago goes first.
        waiting_rewards: Rewards that may wait; what comes then is dropped, with a line in the log.

    Example:
        Where no router is, flags have their defaults.

        >>> from openfeature import api
        >>> from openfeature.evaluation_context import EvaluationContext
        >>> api.set_provider(ArmliftProvider("http://127.0.0.1:9"))
        >>> client, user = api.get_client(), EvaluationContext("user-7")
        >>> client.get_string_value("movielens", "popularity", user)
        'popularity'
        >>> client.track("click", user)
        >>> api.shutdown()
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        headers_factory: Callable[[], Headers] | None = None,
        timeout: float = 1.0,
        remembered_users: int = 10_000,
        waiting_rewards: int = 1_000,
    ) -> None:
        def headers() -> Headers:
            own = {"Authorization": f"Bearer {api_key}"} if api_key else {}
            return own | (headers_factory() if headers_factory else {})

        super().__init__(base_url, headers_factory=headers, timeout=timeout)
        self._headers = headers
        self._limit = remembered_users
        self._seen: OrderedDict[str, dict[str, _Seen]] = OrderedDict()
        self._lock = Lock()
        self._places = BoundedSemaphore(waiting_rewards)
        self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="armlift-rewards")
        self._rewards = requests.Session()  # the other one is the evaluating threads'
        self._is_away = False

    def get_metadata(self) -> Metadata:
        """Give the provider's name."""
        return Metadata(name="armlift")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Ask for the user's arm, and remember the decision."""
        details = super().resolve_string_details(flag_key, default_value, evaluation_context)
        decision_id = details.flag_metadata.get("decision_id")
        user_id = evaluation_context.targeting_key if evaluation_context else None
        if user_id and isinstance(decision_id, str):
            self._remember(user_id, _Seen(flag_key, decision_id))
        return details

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Send the reward of what the user saw last; nobody waits for it."""
        user_id = evaluation_context.targeting_key if evaluation_context else None
        details = tracking_event_details or TrackingEventDetails()
        seen = (
            self._recall(user_id, details.attributes.get("flag_key"), tracking_event_name)
            if user_id
            else None
        )
        if seen is None:
            logger.debug("%s: no decision that it could be the reward of", tracking_event_name)
            return
        body = {
            "user_id": user_id,
            "decision_id": seen.decision_id,
            "reward": 1.0 if details.value is None else details.value,
            "meta": {"tracking_event": tracking_event_name} | details.attributes,
        }
        if not self._places.acquire(blocking=False):
            logger.warning("%s: dropped, too many rewards wait", tracking_event_name)
            return
        try:
            self._sender.submit(self._send, body)
        except RuntimeError:  # shut down
            self._places.release()
            logger.warning("%s: dropped after the shutdown", tracking_event_name)

    def shutdown(self) -> None:
        """Send what waits, and stop."""
        self._sender.shutdown(wait=True)
        self._rewards.close()
        self.session.close()

    def _remember(self, user_id: str, seen: _Seen) -> None:
        with self._lock:
            flags = self._seen.setdefault(user_id, {})
            flags.pop(seen.flag_key, None)  # the last one is to be the last in order
            flags[seen.flag_key] = seen
            self._seen.move_to_end(user_id)
            if len(self._seen) > self._limit:
                self._seen.popitem(last=False)

    def _recall(self, user_id: str, flag_key: object, event_name: str) -> _Seen | None:
        with self._lock:
            flags = self._seen.get(user_id, {})
            if flag_key is not None:
                return flags.get(str(flag_key))
            return flags.get(event_name) or next(reversed(flags.values()), None)

    def _send(self, body: dict[str, Any]) -> None:
        try:
            self._try(body)
        except Exception as error:  # whatever it is, it must not end the thread that sends
            logger.warning("a reward was not sent: %s", error)
        finally:
            self._places.release()

    def _try(self, body: dict[str, Any]) -> None:
        """Send a reward; sending it twice is safe, for its decision gets one."""
        url, problem = f"{self.base_url.rstrip('/')}/update", ""
        for attempt in range(1 if self._is_away else _ATTEMPTS):
            if attempt:
                sleep(_PAUSE_SECONDS * attempt)
            try:
                answer = self._rewards.post(url, json=body, headers=self._headers(), timeout=self.timeout)
            except requests.RequestException as error:
                problem = type(error).__name__
                continue
            if answer.status_code not in _TRY_AGAIN:
                self._is_away = False
                if not answer.ok:
                    logger.warning("a reward was refused: %d %s", answer.status_code, answer.text[:200])
                return
            problem = str(answer.status_code)
        self._is_away = True
        logger.warning("a reward was not sent: %s", problem)
