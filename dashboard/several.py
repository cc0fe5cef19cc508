"""One chart for each of several things, as many as there are at the moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboard.widgets import chart, empty_state, grid, live, watch

if TYPE_CHECKING:
    from dashboard.view import View


def charts_of_each(
    view: View,
    title_key: str,
    subjects: Callable[[], Sequence[str]],
    make: Callable[[str], Any],
    says: Callable[[str], str],
    *,
    empty_key: str,
    depends: Sequence[str],
    height: int = 260,
) -> pn.viewable.Viewable:
    """Charts beside each other, one for each subject.

    Args:
        view: The session's view.
        title_key: Message of their titles, with `{subject}` in it.
        subjects: Gives what there is a chart of.
        make: Draws the chart of a subject; as for `widgets.chart`.
        says: Gives its sentence, likewise.
        empty_key: Message where there is no subject.
        depends: As for `widgets.chart`.
        height: Of each figure, pixels.
    """
    place = pn.Column(sizing_mode="stretch_width")
    shown: list[tuple[str, ...] | None] = [None]

    def one(subject: str) -> pn.viewable.Viewable:
        return chart(
            view,
            title_key,
            lambda: make(subject),
            says=lambda: says(subject),
            depends=depends,
            height=height,
            values={"subject": subject},
        )

    def refresh() -> None:
        now = tuple(subjects())
        if now != shown[0]:
            shown[0] = now
            charts = [one(subject) for subject in now]
            place[:] = [grid(*charts) if charts else live(view, lambda: empty_state(view, empty_key))]

    refresh()
    watch(view, depends, refresh)
    return place
