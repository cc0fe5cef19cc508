"""`armlift retrain`: a drifted window becomes a challenger, and an experiment that nobody has started yet."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    import pandas as pd

    from armlift.monitoring import DriftWindow

_REPORTS = ("drift_report", "decay_report")
_FOLDER = Path("data/monitoring")
_WAIT_SECONDS = 3600.0


@dataclass(frozen=True)
class RetrainReport:
    """What came of a drifted window.

    Attributes:
        window: Key of the window.
        state: `challenger`, or `blocked` by a check: then nothing was registered.
        already: Whether all of it had been done before; then nothing was done now.
        run_id: MLflow run of the training.
        recommender: Name of the recommender that was trained.
        version: Its version in the registry; None if blocked.
        experiment_id: Draft of champion against challenger; None if blocked.
        brief: File of its brief; None if blocked.
        checks: What each check said, in words, by name.
        seconds: Wall time of each step that was done now, by name.
    """

    window: str
    state: Literal["challenger", "blocked"]
    already: bool
    run_id: str
    recommender: str
    version: int | None
    experiment_id: str | None
    brief: Path | None
    checks: Mapping[str, str]
    seconds: Mapping[str, float]


def drifted_windows(project: Path) -> list[DriftWindow]:
    """Give the windows of the last monitoring in which something drifted or decayed, the earliest first.

    Args:
        project: Root of the project; before its first monitoring there are none.
    """
    from armlift.monitoring.reports import drifted

    if not all((project / _FOLDER / f"{name}.parquet").is_file() for name in _REPORTS):
        return []
    drift, decay = (_table(project, name) for name in _REPORTS)
    return drifted(drift, decay)


def retrain(project: Path, window: DriftWindow, *, env: str | None = None) -> RetrainReport:
    """Answer a drifted window, once: train, check, register as challenger, draft an experiment.

    The champion's recommender is trained on the data up to the window's end. If it passes its checks it
    becomes `challenger`, and a brief of champion against challenger is drafted; the champion stays. What is
    done is written down step by step: killed anywhere and called again, it goes on where it stood, and what
    is finished is not done again. Two calls at once take turns.

    Args:
        project: Root of the project.
        window: From `drifted_windows`.
        env: Kedro environment of the run; None for the default.

    Raises:
        TrackingError: The MLflow store cannot be used.
        LiveError: The live store is away; all but the draft is then done, and the next call drafts it.
    """
    marker = _Marker(project / _FOLDER / "retrained" / f"{window.key}.json")
    with _alone(marker.file.parent):
        if marker.read().get("state"):
            return _report(project, window, marker.read(), {}, already=True)
        seconds: dict[str, float] = {}
        for name, step in (("train", _train), ("register", _register), ("draft", _draft)):
            done = marker.read()
            if name not in done:
                started = perf_counter()
                marker.write(done | {name: step(project, window, done, env)})
                seconds[name] = perf_counter() - started
            if not _passed(marker.read()["train"]):
                break
        state = "challenger" if _passed(marker.read()["train"]) else "blocked"
        marker.write(marker.read() | {"state": state})
        return _report(project, window, marker.read(), seconds, already=False)


class _Marker:
    """What has been done for a window: a JSON file, whole or as it was before."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.file.read_text("utf-8")))
        except FileNotFoundError:
            return {}

    def write(self, done: Mapping[str, Any]) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(done, indent=2), "utf-8")
        partial.replace(self.file)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second retraining waiting, by a lock that ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(folder / "lock.db", timeout=_WAIT_SECONDS, isolation_level=None)
    with contextlib.closing(lock) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def _train(project: Path, window: DriftWindow, done: Mapping[str, Any], env: str | None) -> dict[str, Any]:
    """Run the pipeline, unless its last result is this window's already."""
    from armlift import tracking

    result = project / _FOLDER / "retraining" / "result.json"
    found = json.loads(result.read_text("utf-8")) if result.is_file() else {}
    if found.get("window") != window.key:
        tracking.use_store(project)
        champion = tracking.aliased_versions().get("champion")
        wanted = {"window": window.key, "until": window.end.isoformat()}
        if champion is not None:
            wanted["recommender"] = champion.recommender
        run_pipeline(project, "retrain", env=env, parameters={"retraining": wanted})
        found = json.loads(result.read_text("utf-8"))
    return dict(found)


def _register(project: Path, window: DriftWindow, done: Mapping[str, Any], env: str | None) -> dict[str, Any]:
    from armlift import tracking

    tracking.use_store(project)
    trained = done["train"]
    evidence = tracking.Evidence("temporal.ndcg@10", trained["ndcg"], trained["run_id"])
    version = tracking.register_challenger(
        trained["run_id"],
        trained["recommender"],
        trained["model_id"],
        data_hash=trained["data_hash"],
        window=window.key,
        evidence=evidence,
    )
    return {"version": version.number}


def _draft(project: Path, window: DriftWindow, done: Mapping[str, Any], env: str | None) -> dict[str, Any]:
    from armlift.commands.challenge_brief import challenge_brief, draft, write_brief
    from armlift.environment import RouterSettings

    brief = challenge_brief(window, done["train"]["recommender"], _table(project, "decay_report"))
    file = _FOLDER / "briefs" / f"{brief.id}.yml"
    write_brief(brief, project / file)
    why = f"{', '.join(window.causes[:5]) or 'drift'} in {window.key}"
    draft(brief, RouterSettings.from_environment(project), why=why)
    return {"experiment_id": brief.id, "brief": str(file)}


def run_pipeline(
    project: Path,
    name: str,
    *,
    env: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    to_nodes: tuple[str, ...] = (),
) -> None:
    """Run a Kedro pipeline of a project in a session of its own.

    Args:
        project: Root of the project; relative paths of its parameters start there.
        name: Registered name of the pipeline.
        env: Kedro environment; None for the default.
        parameters: Parameters that overrule those of the files.
        to_nodes: Nodes that it ends with; all of them if empty.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    with contextlib.chdir(project):
        bootstrap_project(project)
        opened: Any = KedroSession.create(project, env=env, runtime_params=dict(parameters or {}))
        with opened as session:
            session.run(pipeline_names=[name], to_nodes=list(to_nodes))


def _table(project: Path, name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(project / _FOLDER / f"{name}.parquet")


def _passed(trained: Mapping[str, Any]) -> bool:
    return all(check["passed"] for check in trained["checks"].values())


def _report(
    project: Path,
    window: DriftWindow,
    done: Mapping[str, Any],
    seconds: Mapping[str, float],
    *,
    already: bool,
) -> RetrainReport:
    trained, drafted = done["train"], done.get("draft", {})
    return RetrainReport(
        window=window.key,
        state=done["state"],
        already=already,
        run_id=trained["run_id"],
        recommender=trained["recommender"],
        version=done.get("register", {}).get("version"),
        experiment_id=drafted.get("experiment_id"),
        brief=project / drafted["brief"] if drafted else None,
        checks={name: check["words"] for name, check in trained["checks"].items()},
        seconds=dict(seconds),
    )


@click.command("retrain")
@click.option("--window", "key", help="Answer this window only; otherwise every drifted one.")
@click.option("--list", "only_list", is_flag=True, help="List the drifted windows and do nothing.")
@click.option("--env", help="Kedro environment of the training.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def retrain_command(key: str | None, only_list: bool, env: str | None, as_json: bool) -> None:
    """Answer drifted windows with a challenger.

    The windows are those of the last `kedro run --pipelines=monitor`. For each, once: the champion's
    recommender is trained on the data up to the window's end; if it passes its checks it becomes challenger,
    and an experiment of champion against challenger is drafted. The champion stays; only `armlift promote`
    moves it.
    """
    from dataclasses import asdict

    from armlift.errors import ParameterError

    project = Path.cwd()
    windows = drifted_windows(project)
    if key is not None:
        windows = [window for window in windows if window.key == key]
        if not windows:
            raise ParameterError("window", key, "a drifted window", "See them: armlift retrain --list")
    if only_list:
        listed = [{"window": window.key, "causes": list(window.causes)} for window in windows]
        lines = [f"{each['window']}  {', '.join(each['causes'])}" for each in listed]
        click.echo(json.dumps(listed, indent=2) if as_json else "\n".join(lines) or "Nothing drifted.")
        return
    reports = [retrain(project, window, env=env) for window in windows]
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports], indent=2, default=str))
        return
    for report in reports:
        click.echo(in_words(report))
    if not reports:
        click.echo("Nothing drifted.")


def in_words(report: RetrainReport) -> str:
    """Say what came of a window, and what is next."""
    checks = "; ".join(f"{name}: {words}" for name, words in report.checks.items())
    if report.state == "blocked":
        return f"{report.window}: {report.recommender} is blocked. {checks}."
    again = " already" if report.already else ""
    return (
        f"{report.window}: {report.recommender} is challenger{again}, version {report.version}. {checks}.\n"
        f"Drafted {report.experiment_id}. Next: armlift slates rebuild, then "
        f"armlift experiments start {report.experiment_id}"
    )
