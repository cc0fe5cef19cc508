"""Buttons that lead an experiment to its next state: through the router, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from armlift.errors import ArmliftError, StoreLocked
from armlift.experiments.life_cycle import Action, possible_actions
from dashboard.documents import soon
from dashboard.parts import NOT_PRINTED, Html
from dashboard.view import View
from dashboard.widgets import watch

_LONGEST_REASON = 1000
_LASTING = ("complete", "force", "archive")

Ask = Callable[[str, str, dict[str, Any]], Any]


class Controls:
    """The buttons of an experiment, and the question that each one asks.

    Args:
        view: The session's view.
        ask: Sends a request to the router: method, path, body; None for the router of the settings.

    Attributes:
        part: Buttons, question and answer.
    """

    def __init__(self, view: View, ask: Ask | None = None) -> None:
        self._view, self._ask = view, ask or _router(view)
        self._action: Action | None = None
        self._shown: tuple[object, ...] = ()
        self._buttons = pn.FlexBox(gap="8px", stylesheets=[NOT_PRINTED])
        self._question = pn.Column(sizing_mode="stretch_width", visible=False, margin=(12, 0, 4, 0))
        self._said = Html(sizing_mode="stretch_width")
        self._reason = pmui.TextInput(size="small", margin=0, max_length=_LONGEST_REASON, width=420)
        self._arm = pmui.Select(size="small", margin=0, width=220)
        self.part = pn.Column(
            self._buttons, self._question, self._said, sizing_mode="stretch_width", margin=(10, 0)
        )
        watch(view, ("snapshot", "experiment", "language"), self._refresh)
        self._refresh()

    @property
    def usable(self) -> bool:
        """Whether this person may change experiments, and the router can be asked."""
        now = self._view.snapshot
        return self._view.operator and now.router.reachable and now.store_error is None

    def _refresh(self) -> None:
        view, row = self._view, self._view.row
        actions = possible_actions(row.state) if row else ()
        shown = (row.id if row else None, actions, self.usable, view.operator, view.language)
        if shown == self._shown:
            return
        self._shown = shown
        if self._action not in actions or not self.usable:
            self._close()
        buttons = []
        for action in actions:
            button = pmui.Button(
                label=view.say(f"act.{action}"),
                size="small",
                margin=0,
                variant="outlined",
                color="error" if action in _LASTING else "primary",
                disabled=not self.usable,
            )
            button.on_click(partial(self._open, action))
            buttons.append(button)
        if actions and not self.usable:
            key = "act.viewer" if not view.operator else "act.away"
            buttons.append(Html(html=f'<p class="note">{escape(view.say(key))}</p>'))
        self._buttons[:] = buttons

    def _open(self, action: Action, *_: object) -> None:
        view, row = self._view, self._view.row
        if row is None or not self.usable:
            return
        self._action = action
        self._said.html = ""
        self._reason.param.update(value="", value_input="", label=view.say("act.reason"))
        self._arm.param.update(
            label=view.say("act.arm"), options=list(row.brief.arms), value=row.brief.arms[0]
        )
        confirm = pmui.Button(
            label=view.say("act.confirm", action=view.say(f"act.{action}")), size="small", margin=0
        )
        cancel = pmui.Button(label=view.say("act.cancel"), size="small", margin=0, variant="text")
        confirm.on_click(lambda *_: self._confirm())
        cancel.on_click(lambda *_: self._close())
        words = f"<p>{escape(view.say(f'act.{action}.asks', name=row.id, control=row.brief.control))}</p>"
        self._question[:] = [
            Html(html=words, sizing_mode="stretch_width", margin=(0, 0, 12, 0)),
            pn.FlexBox(
                *([self._arm] if action == "force" else []),
                self._reason,
                confirm,
                cancel,
                gap="10px",
                align_items="end",
            ),
        ]
        self._question.visible = True

    def _close(self) -> None:
        self._action = None
        self._question.visible = False
        self._question[:] = []

    def _confirm(self) -> None:
        view, row, action = self._view, self._view.row, self._action
        if row is None or action is None or not self.usable:
            return
        reason = (self._reason.value_input or self._reason.value or "").strip()
        if not reason:
            self._say("bad", view.say("act.needs_reason"))
            return
        body = {"reason": reason, "who": view.user or "dashboard"}
        if action == "force":
            body["arm"] = str(self._arm.value)
        done = view.say(f"act.{action}.done", name=row.id, arm=body.get("arm", ""))
        self._close()
        self._say("warn", view.say("act.sent"))
        self._in_background(partial(self._send, f"/api/experiments/{row.id}/{action}", body, done))

    def _send(self, path: str, body: dict[str, Any], done: str) -> Callable[[], None]:
        try:
            self._ask("POST", path, body)
        except ArmliftError as error:
            return partial(self._say, "bad", self._view.say("act.refused", error=str(error)))
        return partial(self._say, "good", done)

    def _say(self, tone: str, words: str) -> None:
        role = "alert" if tone == "bad" else "status"
        self._said.html = f'<div class="notice {tone}" role="{role}">{escape(words)}</div>'

    def _in_background(self, work: Callable[[], Callable[[], None]]) -> None:
        """Do what takes time away from the loop that serves sessions, and say the end in this one."""
        document = pn.state.curdoc
        if document is None or document.session_context is None:
            work()()
            return
        threading.Thread(target=lambda: soon(document, work()), daemon=True, name="act").start()


def _router(view: View) -> Ask:
    from armlift.commands.live_store import RouterApi

    settings = view.sources.settings
    return RouterApi(settings.api_base_url, StoreLocked(settings.database_url.rpartition("@")[2], "")).ask
