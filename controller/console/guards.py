"""What stands before every page: which names of the host are ours, how large a request may be, and headers that bar."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of every page: nothing but our own files, nothing inline."""
LARGEST = 65_536
"""Largest request [B]."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_STRICT = "max-age=31536000"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guards:
    """Looks at every request before a page does, and at every answer after it.

    Parameters
    ----------
    app
        What answers.
    hosts
        Names under which the console may be asked for; any where None.
    secure
        Whether it is served under TLS.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] | None, *, secure: bool) -> None:
        self._app, self._secure = app, secure
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wrong = self._wrong(scope)

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if self._secure:
                    headers.setdefault("strict-transport-security", _STRICT)
            await send(message)

        if wrong:
            status, said = wrong
            api = scope["path"].startswith("/api/")
            answer = JSONResponse({"error": said}, status) if api else PlainTextResponse(said + "\n", status)
            await answer(scope, receive, headed)
            return
        await self._app(scope, _Measured(receive), headed)

    def _wrong(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and sentence of a refusal; None where there is none."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and host.rpartition(":")[0] not in self._hosts and host not in self._hosts:
            return 421, "this console is not served under that name"
        if scope["method"] in _SAFE:
            return None
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST:
            return 413, f"found a request of {length[:20]} bytes, wanted at most {LARGEST}"
        ours = f"{'https' if self._secure else 'http'}://{host}"
        if headers.get("origin") != ours:
            return 403, f"found no header Origin of {ours}: this did not come from a page of this console"
        return None


class _Measured:
    """Gives the body of a request, and nothing more once it is too large."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._left = receive, LARGEST

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                return {"type": "http.disconnect"}
        return message
