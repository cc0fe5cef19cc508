"""Aliases of recommenders move, and every move is written down.

The audit log is kept where the aliases are: each move is one tag of the registered model `recommender`,
`armlift.move.<time>.<alias>`, with the whole entry as JSON. It is written before the alias moves, so that no
move goes unrecorded, whoever moves it and wherever the registry is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from getpass import getuser

from armlift.tracking.client import tracking_client
from armlift.tracking.registry import (
    EVALUATION_TAG,
    RECOMMENDERS,
    RecommenderVersion,
    registered_aliases,
)

_MOVE_TAG = "armlift.move."


@dataclass(frozen=True)
class Evidence:
    """What speaks for a recommender.

    Attributes:
        metric: `<split>.<metric>` of the evaluation.
        value: Its value for the recommender.
        run_id: MLflow run of the evaluation.
        champion_value: Its value for the champion; None where none was compared.
    """

    metric: str
    value: float
    run_id: str
    champion_value: float | None = None


@dataclass(frozen=True)
class AliasMove:
    """One entry of the audit log.

    Attributes:
        alias: What moved.
        recommender: Name of the recommender that it moved to.
        from_version: Version that it moved from; None if it was new.
        to_version: Version that it moved to.
        who: Name of the account.
        when: Time in UTC, ISO 8601.
        why: Reason in words.
        evidence: Evaluation that spoke for it; None if there was none.
        overruled: Objection that was overruled; None if there was none.
    """

    alias: str
    recommender: str
    from_version: int | None
    to_version: int
    who: str
    when: str
    why: str
    evidence: Evidence | None = None
    overruled: str | None = None


def move_alias(
    alias: str,
    version: RecommenderVersion,
    *,
    why: str,
    evidence: Evidence | None = None,
    overruled: str | None = None,
) -> AliasMove:
    """Move an alias, without asking whether that is wise; `promote` does.

    Args:
        alias: One of `ALIASES`.
        version: Where to.
        why: Reason in words.
        evidence: Evaluation that speaks for it; linked to the version as tag.
        overruled: Objection that is overruled.

    Returns:
        The entry of the audit log.

    Raises:
        TrackingError: The store cannot be used.
    """
    now = datetime.now(UTC)
    with tracking_client() as client:
        before = registered_aliases(client).get(alias)
        move = AliasMove(
            alias=alias,
            recommender=version.recommender,
            from_version=before,
            to_version=version.number,
            who=getuser(),
            when=now.isoformat(timespec="microseconds"),
            why=why,
            evidence=evidence,
            overruled=overruled,
        )
        key = f"{_MOVE_TAG}{now:%Y%m%dT%H%M%S.%fZ}.{alias}"
        client.set_registered_model_tag(RECOMMENDERS, key, json.dumps(asdict(move), ensure_ascii=False))
        if evidence is not None:
            client.set_model_version_tag(RECOMMENDERS, str(version.number), EVALUATION_TAG, evidence.run_id)
        client.set_registered_model_alias(RECOMMENDERS, alias, str(version.number))
    return move


def alias_moves() -> tuple[AliasMove, ...]:
    """Give the audit log, the oldest entry first.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        found = client.search_registered_models(f"name = '{RECOMMENDERS}'")
        tags = found[0].tags if found else {}
    return tuple(_read(tags[key]) for key in sorted(tags) if key.startswith(_MOVE_TAG))


def _read(text: str) -> AliasMove:
    entry = json.loads(text)
    evidence = entry.pop("evidence")
    return AliasMove(**entry, evidence=Evidence(**evidence) if evidence else None)
