"""The drift scenario: a world whose tastes shift, and the chain from detection to a drafted experiment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from armlift.commands.retrain import RetrainReport, drifted_windows, retrain, run_pipeline
from armlift.errors import DataFileError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from armlift.monitoring import DriftWindow
    from armlift.simulation import World
    from armlift.simulation.click_model import ClickModel
    from armlift.simulation.tastes import Tastes

_MARK = ".armlift-demo"
_REFERENCE_DAYS = 3
_RATINGS_EACH = 4
_MOST_DAYS = 5
"""Days after the shift on which detection is waited for."""

_DAYS = {"window_hours": 24, "reference_windows": _REFERENCE_DAYS, "newest_windows": None}
_PARAMETERS = {
    "data": {"ingested": "data/ingested"},
    "monitoring": {
        "sources": ["simulated", "ratings"],
        "windows": {"simulated": _DAYS, "ratings": _DAYS},
    },
}


@dataclass(frozen=True)
class Scenario:
    """What is played.

    Attributes:
        share: Share of the users' choices that shift, above 0, to 1.
        per_day: Visits a day.
        calm_days: Days between the reference and the shift.
        seed: Seed of everything random.
        env: Kedro environment; None for the default.
    """

    share: float = 0.6
    per_day: int = 3000
    calm_days: int = 2
    seed: int = 0
    env: str | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ParameterError("share", self.share, "0 < share <= 1", "Give a share such as 0.6.")
        for name, value in (("per_day", self.per_day), ("calm_days", self.calm_days)):
            if value < 1:
                raise ParameterError(name, value, f"{name} >= 1", "Choose a larger number.")


@dataclass(frozen=True)
class Played:
    """What happened.

    Attributes:
        folder: Where.
        shift: First moment of the new tastes.
        alarms_before: Windows before it in which something was said to drift.
        window: The window that was answered; None if nothing was found.
        report: What came of it.
        rates: True click rate under the new tastes of popularity, champion and challenger.
        seconds: Wall time of each step, in order.
    """

    folder: Path
    shift: pd.Timestamp
    alarms_before: int
    window: DriftWindow | None
    report: RetrainReport | None
    rates: dict[str, float]
    seconds: dict[str, float] = field(default_factory=dict)


class _World(NamedTuple):
    calm: World
    shifted: World
    tastes: tuple[Tastes, Tastes]
    model: ClickModel


def play(project: Path, folder: Path, scenario: Scenario, *, say: Callable[[str], None]) -> Played:
    """Play the scenario.

    Args:
        project: Root of the project whose conf is used.
        folder: Where it is played.
        scenario: What is played.
        say: Told of every step.

    Raises:
        DataFileError: The folder holds something else, or there is no conf.
    """
    import pandas as pd

    home = folder if folder.is_absolute() else project / folder
    seconds: dict[str, float] = {}
    with _at_home(home), _clock(seconds, "train", say, "training the recommenders"):
        _prepare(project, home, scenario)
        run_pipeline(home, "train", env=scenario.env)
        worlds = _worlds(home, scenario)
    start = pd.read_parquet(home / "data/features/future.parquet")["timestamp"].max().ceil("D")
    day = pd.Timedelta(days=1)
    shift = start + (_REFERENCE_DAYS + scenario.calm_days) * day
    since = {"monitoring": {"windows": {"ratings": {"since": start.isoformat()}}}}
    found: list[DriftWindow] = []
    report, rates = None, {}
    with _at_home(home):
        for number in range(_REFERENCE_DAYS + scenario.calm_days + _MOST_DAYS):
            today = start + number * day
            _live_a_day(home, worlds, scenario, number, today, shifted=today >= shift)
            if number < _REFERENCE_DAYS:
                say(f"  {today:%Y-%m-%d}  reference")
                continue
            with _clock(seconds, f"monitor {today:%Y-%m-%d}"):
                run_pipeline(home, "data", env=scenario.env)
                run_pipeline(
                    home, "monitor", env=scenario.env, parameters=since, to_nodes=("record_readings",)
                )
            found = drifted_windows(home)
            tastes = "new tastes" if today >= shift else "calm"
            causes = next((window.causes for window in found if window.start == today), ())
            say(f"  {today:%Y-%m-%d}  {tastes:<10}  {'DRIFT: ' + _short(causes) if causes else 'no drift'}")
            if any(window.start >= shift for window in found):
                break
        late = [window for window in found if window.start >= shift]
        if late:
            with _clock(seconds, "retrain", say, f"retraining for {late[0].key}"):
                report = retrain(home, late[0], env=scenario.env)
            rates = _true_rates(home, worlds, report)
    alarms = len({window.start for window in found if window.start < shift})
    return Played(home, shift, alarms, late[0] if late else None, report, rates, seconds)


def story(played: Played) -> str:
    """The times of the chain as a table, and what the challenger is worth."""
    rows = [("the tastes shift", f"{played.shift:%Y-%m-%d %H:%M}", "")]
    spent = sum(seconds for name, seconds in played.seconds.items() if name.startswith("monitor"))
    days = sum(name.startswith("monitor") for name in played.seconds)
    rows.insert(0, ("recommenders trained", "", f"{played.seconds['train']:.1f} s"))
    rows.insert(1, (f"{days} days monitored, in all", "", f"{spent:.1f} s"))
    if played.window is None or played.report is None:
        return _lines(rows) + "\n\nNothing was found: let more of the choices shift, or more users visit."
    report = played.report
    last = next(reversed([name for name in played.seconds if name.startswith("monitor")]))
    rows += [
        ("drift detected", f"{played.window.end:%Y-%m-%d %H:%M}", f"{played.seconds[last]:.1f} s"),
        *(
            (words, "", f"{report.seconds[name]:.1f} s")
            for name, words in (
                ("train", "retrained and checked"),
                ("register", f"challenger is version {report.version}"),
                ("draft", f"drafted {report.experiment_id}"),
            )
            if name in report.seconds
        ),
        ("from detection to the draft", "", f"{played.seconds['retrain']:.1f} s"),
    ]
    delay = (played.window.end - played.shift).total_seconds() / 3600.0
    rates = ", ".join(f"{arm} {rate:.4f}" for arm, rate in played.rates.items())
    return (
        f"{_lines(rows)}\n\n"
        f"Detected {delay:.0f} h after the shift, by {_short(played.window.causes)}; "
        f"{played.alarms_before} false alarms before it.\n"
        f"State: {report.state}. {'; '.join(f'{name}: {words}' for name, words in report.checks.items())}.\n"
        f"True click rates under the new tastes: {rates}.\n"
        f"Nothing was promoted. Next, in {played.folder}: armlift slates rebuild, then start the experiment."
    )


def _prepare(project: Path, home: Path, scenario: Scenario) -> None:
    if not (project / "conf" / "base").is_dir():
        raise DataFileError(f"{project} has no conf/base: run the demo in the root of the project.")
    if home.exists():
        if any(home.iterdir()) and not (home / _MARK).exists():
            raise DataFileError(f"{home} holds something that no demo left: name another --folder.")
        shutil.rmtree(home)
    (home / "src").mkdir(parents=True)
    (home / _MARK).touch()
    shutil.copytree(project / "conf", home / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copy(project / "pyproject.toml", home)
    (home / "conf" / "local").mkdir()
    _overrule(home / "conf" / (scenario.env or "local"))
    _make_store(home)


def _overrule(folder: Path) -> None:
    """Put the demo's parameters over those of an environment, which may not stand in two of its files."""
    from omegaconf import OmegaConf

    files = sorted(folder.glob("parameters*.yml"))
    own = OmegaConf.create(_PARAMETERS)
    merged = OmegaConf.merge(*(OmegaConf.load(file) for file in files), own)
    for file in files:
        file.unlink()
    OmegaConf.save(merged, folder / "parameters.yml")


def _make_store(home: Path) -> None:
    from armlift.commands.live_store import store_or_router
    from armlift.environment import RouterSettings

    with store_or_router(RouterSettings.from_environment(home)):
        pass  # opened, it has its tables


@contextmanager
def _at_home(home: Path) -> Iterator[None]:
    """MLflow's store and the live one are the demo's own, whatever the environment says."""
    own = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{home.resolve() / 'mlflow.db'}",
        "DATABASE_URL": f"sqlite:///{home.resolve() / 'data/live/armlift.db'}",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _clock(
    seconds: dict[str, float], name: str, say: Callable[[str], None] | None = None, words: str = ""
) -> Iterator[None]:
    if say is not None:
        say(words)
    started = perf_counter()
    yield
    seconds[name] = perf_counter() - started


def _worlds(home: Path, scenario: Scenario) -> _World:
    import pandas as pd

    from armlift.datasets import WorldSplit
    from armlift.simulation.click_model import build_world
    from armlift.simulation.taste_shift import shifted_tastes, world_model, world_of
    from armlift.simulation.tastes import fit_tastes

    def table(name: str) -> Any:
        return pd.read_parquet(home / "data" / f"{name}.parquet")

    future = table("features/future")
    split = WorldSplit(
        table("features/history"), future, table("features/withheld_users")["user_id"].to_numpy()
    )
    tastes = fit_tastes(future, table("processed/items"), seed=scenario.seed)
    reading = {"click_rate": 0.1, "taste_weight": 0.5, "examination_decay": 0.7}
    calm = build_world(split, table("models/slates"), tastes, **reading)
    model = world_model(calm, tastes, **reading)
    later = shifted_tastes(tastes, share=scenario.share, seed=scenario.seed)
    return _World(calm, world_of(calm, later, model), (tastes, later), model)


def _live_a_day(
    home: Path, worlds: _World, scenario: Scenario, number: int, today: pd.Timestamp, *, shifted: bool
) -> None:
    """Add a day to the log of the simulation, and to the ingested ratings."""
    import pandas as pd

    from armlift.datasets.ingested import ingested_ratings
    from armlift.simulation.taste_shift import play_stretch, rate_by_taste

    # Some minutes of the next day show that this one is over.
    end = today + pd.Timedelta(days=1)
    seed = scenario.seed + 1000 * (number + 1)
    made, followed = play_stretch(
        worlds.shifted if shifted else worlds.calm,
        start=today,
        end=end + pd.Timedelta(minutes=30),
        per_day=float(scenario.per_day),
        seed=seed,
        name=f"day{number}",
    )
    for name, rows in (("decisions", made), ("events", followed)):
        file = home / "data" / "simulation" / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        earlier = [pd.read_parquet(file)] if file.exists() else []
        table = pd.concat([*(old[old["ts"] < today] for old in earlier), rows], ignore_index=True)
        table.to_parquet(file)
    base = pd.read_parquet(home / "data" / "processed" / "ratings.parquet")
    known = pd.concat([base, ingested_ratings(home / "data" / "ingested")])
    ratings = rate_by_taste(worlds.tastes[shifted], known, made, each=_RATINGS_EACH, seed=seed)
    for moment, rows in ratings.groupby(ratings["timestamp"].dt.floor("D")):
        folder = home / "data" / "ingested" / "ratings" / f"day={moment:%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / f"demo-{number}.parquet", index=False)


def _true_rates(home: Path, worlds: _World, report: RetrainReport) -> dict[str, float]:
    """Click rates under the new tastes, from the world itself."""
    import numpy as np
    import pandas as pd

    from armlift.recommenders import load_recommender
    from armlift.simulation.taste_shift import world_of

    users = worlds.calm.user_ids
    assert worlds.calm.items is not None
    size = worlds.calm.items.shape[2]
    history = pd.read_parquet(home / "data" / "features" / "history.parquet")
    retrained = load_recommender(
        home / "data" / "monitoring" / "retraining" / "recommender" / report.recommender
    )
    slate = retrained.recommend(users, size, history).sort_values(["user_id", "position"])
    shown = {"challenger": slate["item_id"].to_numpy(np.int64).reshape(len(users), size)}
    for name, arm in (("popularity", "popularity"), ("champion", report.recommender)):
        shown[name] = worlds.calm.items[:, worlds.calm.arms.index(arm)]
    truth = world_of(worlds.calm, worlds.tastes[1], worlds.model, shown)
    rates = dict(zip(truth.arms, truth.means, strict=True))
    return {name: float(rates[name]) for name in ("popularity", "champion", "challenger")}


def _short(causes: tuple[str, ...]) -> str:
    more = f" and {len(causes) - 3} more" if len(causes) > 3 else ""
    return ", ".join(causes[:3]) + more


def _lines(rows: list[tuple[str, str, str]]) -> str:
    return "\n".join(f"{what:<52}{when:<18}{seconds:>8}".rstrip() for what, when, seconds in rows)
