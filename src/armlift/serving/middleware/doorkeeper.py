"""What every request passes first and last: allowed hosts, allowed origins, size, log and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from armlift.serving.access_log import AccessLog
from armlift.serving.metrics import Metrics
from armlift.serving.middleware.answers import refuse

MAX_BODY = 64 * 1024
_Header = tuple[bytes, bytes]
_NO_STORE: _Header = (b"cache-control", b"no-store")
_UNKNOWN = "unknown"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Doorkeeper:
    """Refuses foreign hosts, foreign origins and large bodies; logs and counts every answer.

    Args:
        app: What comes next.
        hosts: Host names that may stand in `Host`, without ports; `*` for any.
        origins: Origins of other sites whose pages may call; none by default.
        metrics: Told every answer.
        log: Told every answer.
        paths: Path templates, for the log and the metrics: what a client typed goes into neither.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str],
        origins: Sequence[str],
        metrics: Metrics,
        log: AccessLog,
        paths: Sequence[str],
    ) -> None:
        self._app, self._metrics, self._log = app, metrics, log
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._origins = frozenset(origin.rstrip("/").lower().encode() for origin in origins)
        self._paths = frozenset(path for path in paths if "{" not in path)
        self._prefixes = tuple(
            (path.split("{")[0], path) for path in sorted(paths, key=len, reverse=True) if "{" in path
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or refuse, and take note of the answer."""
        if scope["type"] not in (ScopeType.HTTP, ScopeType.WEBSOCKET):  # the server starts or stops
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0
        headers = dict(scope["headers"])
        host, origin = headers.get(b"host", b""), headers.get(b"origin", b"")
        length = headers.get(b"content-length", b"")
        allow = origin if origin and origin.lower() in self._origins else b""

        def noting(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_defaults(message["headers"], allow)
            return send(message)

        if not self._knows(host):
            self._metrics.refused.labels("host").inc()
            detail = "Add the name to ARMLIFT_ALLOWED_HOSTS."
            await refuse(
                scope, receive, noting, 400, "host_denied", "This host name is not served here", detail
            )
        elif origin and not allow and not _same_origin(origin, host, scope):
            self._metrics.refused.labels("origin").inc()
            detail = "Add the origin to ARMLIFT_ALLOWED_ORIGINS."
            await refuse(
                scope, receive, noting, 403, "origin_denied", "This origin may not call here", detail
            )
        elif "\0" in scope["path"]:  # neither files nor stores have such names
            await refuse(scope, receive, noting, 404, "not_found", "There is nothing here", "")
        elif length and (not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY):
            self._metrics.refused.labels("size").inc()
            detail = f"At most {MAX_BODY} bytes. Send events in smaller batches."
            await refuse(scope, receive, noting, 413, "too_large", "The request is too large", detail)
        elif allow and scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS":
            await noting({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._app(scope, receive, noting)
        if scope["type"] == ScopeType.HTTP:
            path, seconds = self._template(scope["path"]), perf_counter() - started
            self._metrics.answered(path, status, seconds)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._log.note(method, path, status, seconds)

    def _knows(self, host: bytes) -> bool:
        if host in self._hosts or b"*" in self._hosts:
            return True
        name = host.lower()
        name = name[: name.rfind(b"]") + 1] if name.startswith(b"[") else name.split(b":")[0]
        return name in self._hosts

    def _template(self, path: str) -> str:
        if path in self._paths:
            return path
        for prefix, template in self._prefixes:
            if path.startswith(prefix):
                return template
        return _UNKNOWN


def _same_origin(origin: bytes, host: bytes, scope: Scope) -> bool:
    scheme = b"http" if scope["scheme"] in ("http", "ws") else b"https"
    return origin.lower() in (scheme + b"://" + host.lower(), b"https://" + host.lower())


def _with_defaults(headers: Iterable[_Header], origin: bytes) -> list[_Header]:
    """Add what every answer says unless it says otherwise: that it is not to be kept, and who may read it."""
    given = list(headers)
    for name, _ in given:
        if name == b"cache-control":
            break
    else:
        given.append(_NO_STORE)
    if origin:
        given += [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, if-none-match, x-api-key"),
            (b"access-control-expose-headers", b"etag, retry-after"),
            (b"access-control-max-age", b"600"),
            (b"vary", b"origin"),
        ]
    return given
