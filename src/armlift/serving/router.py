"""The live router: the parts of one process, how they start, keep up to date and stop."""

from __future__ import annotations

import gc
import logging
import random
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from armlift.environment import RouterSettings
from armlift.errors import ArmliftError, ParameterError
from armlift.experiments.allocation import Assignment, LiveExperiment, live_experiment
from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.engine import Engine
from armlift.experiments.log_rows import Decision
from armlift.experiments.signing import DecisionSigner, load_secrets
from armlift.experiments.standing import ExperimentStanding, standing
from armlift.experiments.sticky_memory import StickyMemory
from armlift.experiments.traffic_filter import TrafficFilter
from armlift.serving.access_log import AccessLog
from armlift.serving.clock import now_us
from armlift.serving.decisions import Decisions
from armlift.serving.metrics import Metrics
from armlift.serving.middleware import Keyring
from armlift.serving.rewards import Rewards
from armlift.serving.shelf import Shelf
from armlift.storage import (
    Database,
    ExperimentStore,
    GroupCommit,
    KeyRing,
    LiveState,
    SlateSnapshot,
    StrategySums,
    expire,
    find_assignment,
    last_decision,
    load_keys,
    migrate,
    open_database,
    recent_assignments,
    record_deployment,
    settle,
)
from armlift.storage.refusals import refusals_in_words

logger = logging.getLogger(__name__)

EXAMPLE_BRIEF = Path("conf/base/briefs/movielens.yml")

REFRESH_SECONDS = 0.1
UPKEEP_SECONDS = 1.0
RETENTION_SECONDS = 86_400.0
GARBAGE_SECONDS = 3_600.0
# A decision is committed within 100 ms; until this long after its window no default reward takes its place.
SETTLING_GRACE_US = 5_000_000


class Router:
    """One router process.

    Args:
        settings: From the environment.
        root: Root of the project, where `data/live/` is.

    Raises:
        StoreLocked: Another router has the SQLite file.
    """

    def __init__(self, settings: RouterSettings, root: Path) -> None:
        self.settings, self.root = settings, root
        self.secrets = load_secrets(root, settings.mode)
        self.metrics = Metrics()
        self.access_log = AccessLog(sys.stdout)
        self.database: Database = open_database(settings.database_url, exclusive=True)
        migrate(self.database)
        self.store = ExperimentStore(self.database)
        self.shelf = Shelf(root / "data" / "live" / "slates")
        self.engine = Engine(DecisionSigner(self.secrets), StickyMemory(), random.Random())
        self.log = GroupCommit(self.database)
        self._keys: KeyRing = load_keys(self.database, self.secrets.users)
        self.keyring = Keyring(
            lambda text: self._keys.find(text),
            required=settings.keys_required,
            rate=settings.rate_limit,
        )
        traffic = TrafficFilter()
        shared = self.database.dialect == "postgresql"
        self.decisions = Decisions(
            self.engine,
            self.shelf,
            self.log,
            self.secrets.user_key,
            traffic,
            None if shared else self._find_assignment,
            self.metrics,
        )
        self.rewards = Rewards(
            self.engine,
            self.log,
            self.secrets.user_key,
            traffic,
            None if settings.require_decision_id else self._last_decision,
            self.metrics,
        )
        self._briefs: dict[str, Brief] = {}
        self._sums: dict[tuple[str, str], StrategySums] = {}
        self._live: dict[str, tuple[LiveState, LiveExperiment]] = {}
        self._deployed: SlateSnapshot | None = None
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._refreshing = threading.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered: the store was read, and commits."""
        return bool(self._threads) and self.log.healthy

    def start(self) -> None:
        """Read the store and begin to keep up with it."""
        if not self.store.rows() and (self.root / EXAMPLE_BRIEF).is_file():
            self._start_example(self.root / EXAMPLE_BRIEF)
        self._recall_assignments()
        self.refresh()
        self._upkeep()
        self.log.start()
        for name, work, seconds in (
            ("refresh", self.refresh, REFRESH_SECONDS),
            ("upkeep", self._upkeep, UPKEEP_SECONDS),
            ("retention", self._expire, RETENTION_SECONDS),
            ("deployments", self._note_deployment, UPKEEP_SECONDS),
            ("garbage", gc.collect, GARBAGE_SECONDS),
        ):
            thread = threading.Thread(
                target=self._repeat, args=(work, seconds), name=f"router-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)
        logger.info("serving %s; experiments: %s", self.shelf.source, ", ".join(self._live) or "none")

    def stop(self) -> None:
        """Write what is still to be written, and let go of the store."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.log.close()
        self.access_log.flush()
        self.database.close()

    def standing(self, experiment_id: str) -> ExperimentStanding | None:
        """Say how an experiment that was started stands, as far as this process knows; None for others."""
        known = self._live.get(experiment_id)
        if known is None:
            return None
        state, live = known
        return standing(live.brief, state.state, state.winner, state.revision, live)

    def refresh(self) -> None:
        """Take over what changed in the store: states, winners, and the sums behind the allocations."""
        with self._refreshing:
            found = self.store.live({key: sums.version for key, sums in self._sums.items()})
            self._sums |= found.changed
            live = {state.experiment_id: (state, self._rebuilt(state)) for state in found.experiments}
            if found.changed or live.keys() != self._live.keys():
                self.engine.replace(experiment for _, experiment in live.values())
            self._live = live

    def _rebuilt(self, state: LiveState) -> LiveExperiment:
        before = self._live.get(state.experiment_id)
        if before is not None and before[0] == state:
            return before[1]
        if state.experiment_id not in self._briefs:
            self._briefs[state.experiment_id] = self.store.row(state.experiment_id).brief
        sums = {strategy: self._sums[state.experiment_id, strategy].sums for strategy in state.versions}
        return live_experiment(
            self._briefs[state.experiment_id], state.state, state.winner, state.versions, sums
        )

    def _upkeep(self) -> None:
        # What needs no store comes first: it must go on, and be told, while the store is away.
        self.shelf.refresh()
        self.access_log.flush()
        self.metrics.writer_pending.set(self.log.pending)
        self.metrics.writer_dropped.set(self.log.dropped)
        self.metrics.store_healthy.set(self.log.healthy)
        self._keys = load_keys(self.database, self.secrets.users)
        for _, experiment in list(self._live.values()):
            reward = experiment.brief.default_reward
            if reward is not None:
                before = now_us() - experiment.reward_window - SETTLING_GRACE_US
                settle(self.database, experiment.id, before, reward)

    def _expire(self) -> None:
        expire(self.database, self.settings.retention_days)

    def _note_deployment(self) -> None:
        slates = self.shelf.snapshot
        if slates is not None and slates is not self._deployed:
            record_deployment(self.database, slates, now_us())
            self._deployed = slates

    def _repeat(self, work: Callable[[], object], seconds: float) -> None:
        failing = False
        while not self._stopping.wait(seconds):
            try:
                work()
                failing = False
            except Exception as error:  # the store may be away; what was known is served until it is back
                if not failing:
                    logger.error("%s", error, exc_info=not isinstance(error, ArmliftError))
                failing = True

    def _start_example(self, file: Path) -> None:
        brief, why = load_brief(file), "example of a fresh installation"
        with suppress(ParameterError):  # another process was quicker
            self.store.create(brief, who="armlift serve", why=why, start=True)

    def _recall_assignments(self) -> None:
        memory = self.engine.memory
        for experiment_id, user_key, assignment in recent_assignments(self.database, memory.limit):
            memory.keep(experiment_id, user_key, assignment)
        if len(memory) == memory.limit:
            memory.leave_out()

    def _find_assignment(self, experiment_id: str, user_key: str) -> Assignment | None:
        with refusals_in_words(self.database):
            return find_assignment(self.database, experiment_id, user_key)

    def _last_decision(self, user_key: str, arm: str) -> Decision | None:
        windows = [experiment.reward_window for experiment in self.engine.experiments.values()]
        with refusals_in_words(self.database):
            return last_decision(self.database, user_key, arm, now_us() - max(windows, default=0))
