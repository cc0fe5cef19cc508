"""Signing in and out: with a password, or by someone else who speaks OAuth 2.

Panel brings the protocols. The pages are ours: its own load from another server, and are in English alone.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Final

import panel as pn
from jinja2 import Environment, FileSystemLoader
from panel.auth import AUTH_PROVIDERS, BasicAuthProvider, BasicLoginHandler, LogoutHandler, OAuthProvider
from tornado.web import HTTPError, RequestHandler

from armlift.environment import DashboardSettings
from armlift.errors import ParameterError
from armlift.messages import speak
from dashboard.access import is_password, read_users

PROVIDERS: Final = tuple(sorted(AUTH_PROVIDERS.keys() - {"pam", "password"}))
"""Who can sign people in elsewhere; those left out want a password after all."""

_TRIES, _PAUSE_SECONDS = 5, 60.0
_NOBODY: Final = "scrypt$" + "A" * 24 + "$" + "A" * 44  # takes as long as a known name's hash
_TEMPLATE: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
).get_template("login.html")
_LOG = logging.getLogger(__name__)


class PasswordProvider(BasicAuthProvider):  # type: ignore[misc]  # panel has no types
    """Signs people in by the users of a file.

    Args:
        file: The file.

    Raises:
        ParameterError: It cannot be read, or names nobody.
    """

    def __init__(self, file: Path) -> None:
        if not read_users(file):
            remedy = "Add a user: python -m dashboard add-user NAME --role operator."
            raise ParameterError("DASHBOARD_USERS", str(file), "a file that names someone", remedy)
        self._file = file  # its parent asks for the handlers at once
        super().__init__()

    @property
    def login_handler(self) -> Any:
        """What answers on the login page."""
        PasswordLogin.users_file = self._file
        PasswordLogin._login_endpoint = self._login_endpoint
        return PasswordLogin

    @property
    def logout_handler(self) -> Any:
        """What answers when someone leaves."""
        return _SignOut


class ElsewhereProvider(OAuthProvider):  # type: ignore[misc]
    """Has people signed in elsewhere, by OAuth 2.

    Args:
        settings: Settings of the dashboard, which name the provider.

    Raises:
        ParameterError: Nobody is known by that name.
    """

    def __init__(self, settings: DashboardSettings) -> None:
        name = settings.oauth_provider
        if name not in PROVIDERS:
            bound = f"one of {', '.join(PROVIDERS)}"
            raise ParameterError("DASHBOARD_OAUTH_PROVIDER", name, bound, "Choose one.")
        pn.config.oauth_provider = name
        super().__init__()

    @property
    def login_handler(self) -> Any:
        """What sends people there, and hears what came of it."""
        return type("ElsewhereLogin", (_Refusing, super().login_handler), {})

    @property
    def logout_handler(self) -> Any:
        """What answers when someone leaves."""
        return _SignOut


def _page(request: RequestHandler, shows: str, **more: object) -> str:
    """Write one of the pages around signing in: `form`, `refused` or `out`."""
    messages = speak(accepts=request.request.headers.get("Accept-Language", ""))
    request.set_header("Cache-Control", "no-store")
    request.set_header("Content-Type", "text/html; charset=utf-8")
    request.set_header("X-Frame-Options", "DENY")
    return _TEMPLATE.render(
        say=lambda key: messages.say(f"dash.login.{key}"), language=messages.language, shows=shows, **more
    )


class PasswordLogin(BasicLoginHandler):  # type: ignore[misc]
    """The page to sign in on; after five wrong passwords a name has to wait a minute."""

    users_file = Path()
    _wrong: dict[str, list[float]] = {}  # noqa: RUF012 (shared by all requests on purpose)

    def get(self) -> None:
        """Show the page."""
        if "next" in self.request.arguments or not self.get_cookie("next_url"):
            super().get()
            self._write_buffer.clear()
        self.write(_page(self, "form", failed="error" in self.request.arguments, action=self._login_endpoint))

    def _validate(self, username: str, password: str) -> bool:
        now = time.monotonic()
        wrong = [at for at in self._wrong.get(username, ()) if now - at < _PAUSE_SECONDS]
        if len(wrong) >= _TRIES:
            return False
        user = read_users(self.users_file).get(username)
        good = is_password(password, user.hashed if user else _NOBODY) and user is not None
        if good:
            self._wrong.pop(username, None)
        else:
            self._wrong[username] = [*wrong, now]
        return good


class _Refusing(RequestHandler):
    """Says so when someone was not signed in elsewhere, and lets them try again."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1]
        known = isinstance(error, HTTPError)
        if not known:
            _LOG.error("signing in elsewhere failed: %s", error)
        self.clear_all_cookies()
        self.finish(_page(self, "refused", reason=(error.log_message or error.reason) if known else ""))


class _SignOut(LogoutHandler):  # type: ignore[misc]
    """Forgets who it was. It leads nowhere: who was signed in elsewhere would be again at once."""

    def get(self) -> None:
        super().get()
        self._write_buffer.clear()
        self.write(_page(self, "out"))
