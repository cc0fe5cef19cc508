"""From a sound brief to an experiment: created as a draft and started, by the router, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from armlift.errors import ArmliftError, StoreLocked
from armlift.experiments.brief import Brief
from dashboard.documents import soon
from dashboard.parts import Html
from dashboard.view import View
from dashboard.widgets import watch

_LONGEST_REASON = 1000

Ask = Callable[[str, str, dict[str, Any]], Any]


class Starter:
    """The buttons that create and start what was planned.

    Args:
        view: The session's view.
        brief: Gives the brief; None while it has faults.
        ask: Sends a request to the router: method, path, body; None for the router of the settings.

    Attributes:
        part: Reason, buttons and answer.
    """

    def __init__(self, view: View, brief: Callable[[], Brief | None], ask: Ask | None = None) -> None:
        self._view, self._brief, self._ask = view, brief, ask
        self._busy = False
        self._reason = pmui.TextInput(
            size="small", margin=0, max_length=_LONGEST_REASON, sizing_mode="stretch_width"
        )
        self._create = pmui.Button(size="small", margin=0, variant="outlined")
        self._start = pmui.Button(size="small", margin=0, variant="outlined")
        self._why, self._said = Html(sizing_mode="stretch_width"), Html(sizing_mode="stretch_width")
        self._create.on_click(lambda *_: self._send(starts=False))
        self._start.on_click(lambda *_: self._send(starts=True))
        buttons = pn.FlexBox(self._create, self._start, gap="8px", margin=(8, 0))
        self.part = pn.Column(
            self._reason, buttons, self._why, self._said, sizing_mode="stretch_width", margin=(12, 0)
        )
        watch(view, ("snapshot", "language"), self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Allow what can be done now, and say why not."""
        view, hindrance = self._view, self.hindrance
        for button, name in ((self._create, "create"), (self._start, "start")):
            changes = {"label": view.say(f"plan.{name}"), "disabled": bool(hindrance) or self._busy}
            button.param.update(**{key: new for key, new in changes.items() if getattr(button, key) != new})
        self._reason.param.update(label=view.say("plan.reason"), disabled=bool(hindrance))
        words = view.say(f"plan.hindrance.{hindrance}") if hindrance else ""
        self._why.html = f'<p class="note">{escape(words)}</p>' if words else ""

    @property
    def hindrance(self) -> str:
        """Why nothing can be created now, as the end of a message's key; empty if it can."""
        view, brief = self._view, self._brief()
        if not view.operator:
            return "viewer"
        if not view.snapshot.router.reachable or view.snapshot.store_error:
            return "away"
        if brief is None:
            return "faults"
        return "exists" if view.snapshot.experiment(brief.id) else ""

    def _send(self, *, starts: bool) -> None:
        view, brief = self._view, self._brief()
        if brief is None or self.hindrance or self._busy:
            return
        reason = (self._reason.value_input or self._reason.value or "").strip()
        if not reason:
            self._say("bad", view.say("plan.needs_reason"))
            return
        self._busy = True
        self.refresh()
        self._say("warn", view.say("plan.sent"))
        document = pn.state.curdoc
        work = partial(self._do, brief, {"reason": reason, "who": view.user or "dashboard"}, starts=starts)
        if document is None or document.session_context is None:
            work()()
            return
        threading.Thread(target=lambda: soon(document, work()), daemon=True, name="plan-start").start()

    def _do(self, brief: Brief, body: dict[str, Any], *, starts: bool) -> Callable[[], None]:
        """Ask the router; give what is then to be said."""
        view, ask = self._view, self._ask or _router(self._view)
        try:
            ask("POST", "/api/experiments", {"brief": brief.model_dump(mode="json"), **body})
            if starts:
                ask("POST", f"/api/experiments/{brief.id}/start", body)
        except ArmliftError as error:
            return partial(self._end, "bad", view.say("plan.refused", error=str(error)))
        key = "plan.started" if starts else "plan.created"
        return partial(self._end, "good", view.say(key, name=brief.id))

    def _end(self, tone: str, words: str) -> None:
        self._busy = False
        self._say(tone, words)
        self.refresh()

    def _say(self, tone: str, words: str) -> None:
        role = "alert" if tone == "bad" else "status"
        self._said.html = f'<div class="notice {tone}" role="{role}">{escape(words)}</div>'


def _router(view: View) -> Ask:
    from armlift.commands.live_store import RouterApi

    settings = view.sources.settings
    return RouterApi(settings.api_base_url, StoreLocked(settings.database_url.rpartition("@")[2], "")).ask
