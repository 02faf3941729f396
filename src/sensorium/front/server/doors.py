"""Who may come in: a page of ours, or a program of somebody who may. Pure decisions over request headers.

A page elsewhere can make a browser send requests here, by the name of this machine or, with DNS rebinding, by
a name of its own. The first is known by its Origin, the second by its Host. Knows nothing of sockets.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import NamedTuple

from sensorium.errors import BadInput

MIN_TOKEN_CHARS = 16
MAX_TOKEN_CHARS = 256
# A chat request may carry pictures and sound in base64.
MAX_BODY_BYTES = 30_000_000
_READING = ("GET", "HEAD", "OPTIONS")
# How a browser's WebSocket to an OpenAI-style server carries its key.
_KEY_PROTOCOL = "openai-insecure-api-key."

# What a review of a page that opens microphones expects; the first three make SharedArrayBuffer available.
PAGE_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(self), display-capture=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Headers = Iterable[tuple[bytes, bytes]]


class Refusal(NamedTuple):
    """`reason`: one line that tells a person what to do. `is_guess`: a token was given, and is another one;
    `wait_s`: whole seconds after which to ask again, 0 where that does not help."""

    status: HTTPStatus
    code: str
    reason: str
    is_guess: bool = False
    wait_s: int = 0


class Door(NamedTuple):
    """`host`: the address that is listened at; `names`: others by which this machine is known. Everything but
    `open_paths` needs the `token`, unless that is ""."""

    host: str
    port: int
    token: str = ""
    names: frozenset[str] = frozenset()
    open_paths: frozenset[str] = frozenset()

    @property
    def cookie(self) -> str:
        """Its name; browsers share cookies between the ports of a machine."""
        return f"sensorium-{self.port}"

    def refusal(
        self,
        method: str,
        path: str,
        headers: Headers,
        *,
        websocket: bool = False,
        guess: Callable[[], int] = lambda: 0,
    ) -> Refusal | None:
        """Why this request may not come in; None when it may. `guess` is asked before a token is looked at:
        how many seconds to wait first."""
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = found.get("host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return Refusal(HTTPStatus.FORBIDDEN, "host", "this room is not known by that name")
        changes = websocket or method not in _READING
        if changes and not _same_site(found.get("origin", []), hosts[0]):
            return Refusal(HTTPStatus.FORBIDDEN, "origin", "only the room's own page may do this")
        if method not in _READING and (refusal := _body_refusal(found)) is not None:
            return refusal
        if self.token and path not in self.open_paths:
            return self._token_refusal(self._tokens(found, websocket=websocket), guess)
        return None

    def _token_refusal(self, given: list[str], guess: Callable[[], int]) -> Refusal | None:
        reason = "this room needs its token: open the link that was printed"
        if not given:
            return Refusal(HTTPStatus.UNAUTHORIZED, "token", reason)
        if wait_s := guess():
            return too_many("too many wrong tokens came from there", wait_s)
        if any(secrets.compare_digest(one.strip().encode(), self.token.encode()) for one in given):
            return None
        return Refusal(HTTPStatus.UNAUTHORIZED, "token", reason, is_guess=True)

    def _is_ours(self, host: str) -> bool:
        """Whoever names an address has not been led here by a name of somebody else's."""
        name = _without_port(host.lower())
        if name in ("localhost", self.host.lower()) or name in self.names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)

    def _tokens(self, found: Mapping[str, list[str]], *, websocket: bool) -> list[str]:
        """All that the request gives for one."""
        given = [value[7:] for value in found.get("authorization", []) if value[:7].lower() == "bearer "]
        for cookies in found.get("cookie", []):
            given += _cookie(cookies, self.cookie)
        if websocket:
            protocols = ",".join(found.get("sec-websocket-protocol", [])).split(",")
            given += [
                p.strip()[len(_KEY_PROTOCOL) :] for p in protocols if p.strip().startswith(_KEY_PROTOCOL)
            ]
        return given


def too_many(reason: str, wait_s: int) -> Refusal:
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too_many", f"{reason}: wait {wait_s} s", wait_s=wait_s)


def is_loopback(host: str) -> bool:
    """Can only this machine reach it?"""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_token(host: str, token: str) -> str:
    """Raises BadInput for an address that others reach without a token, or one that can be guessed."""
    if not token:
        if is_loopback(host):
            return ""
        raise BadInput(
            f"others can reach {host}, and anybody could walk in",
            remedy=f"add --token, or `token` in config.toml, {MIN_TOKEN_CHARS} characters or more, "
            "or stay on 127.0.0.1",
        )
    if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS:
        raise BadInput(f"a token has {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters, not {len(token)}")
    if not all(c.isascii() and (c.isalnum() or c in "-_.~") for c in token):
        raise BadInput("a token is made of letters, digits, - _ . and ~")
    return token


def _same_site(origins: list[str], host: str) -> bool:
    """Browsers always say where such a request comes from; programs that are none do not."""
    if not origins:
        return True
    return len(origins) == 1 and origins[0].lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _body_refusal(found: Mapping[str, list[str]]) -> Refusal | None:
    lengths = found.get("content-length", ["0"])
    if "transfer-encoding" in found or len(lengths) != 1 or not lengths[0].isdecimal():
        return Refusal(HTTPStatus.LENGTH_REQUIRED, "length", "say how long the body is")
    if int(lengths[0][:12]) > MAX_BODY_BYTES:
        most = f"a body has at most {MAX_BODY_BYTES:,} bytes"
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", most)
    return None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _cookie(cookies: str, name: str) -> list[str]:
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return []
    return [found.value] if found is not None else []
