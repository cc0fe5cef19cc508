"""What somebody should know about now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Alarm:
    """Something went wrong, or may soon.

    Attributes:
        kind: What sort of thing, such as `run failed` or `guardrail breach`.
        subject: What it is about, such as a job or an experiment.
        what: What happened, in a sentence.
        since: When it began, with a time zone.
        remedy: What to do about it, in a sentence.
        group: Alarms of one group are told once a period; kind and subject unless given.
    """

    kind: str
    subject: str
    what: str
    since: datetime
    remedy: str
    group: str = ""

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", f"{self.kind}/{self.subject}")

    @property
    def title(self) -> str:
        """The message's first line."""
        return f"armlift: {self.kind}: {self.subject}"

    def body(self, repeats: int = 0, told: datetime | None = None) -> str:
        """Write the message.

        Args:
            repeats: Alarms of the group that were not told since the last one that was.
            told: When that was.

        Example:
            >>> begun = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
            >>> print(Alarm("run failed", "train", "No ratings.", begun, "Run data first.").body())
            No ratings.
            Since: 2026-03-01 09:30 UTC
            What to do: Run data first.
        """
        lines = [self.what, f"Since: {_said(self.since)}", f"What to do: {self.remedy}"]
        if repeats and told is not None:
            times = "once" if repeats == 1 else f"{repeats} times"
            lines.append(f"Repeated {times} since the last message, {_said(told)}.")
        return "\n".join(lines)


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
