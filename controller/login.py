"""How somebody gets a token from an OpenID Connect issuer at a station without a browser (RFC 8628), and its keys."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from plant_io import Clock

_DISCOVERY = "/.well-known/openid-configuration"
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_HTTPS = "https://"
_PATIENCE_S = 10.0
_LONGEST = 1_000_000
_PAUSE_S, _SLOWER_S, _MOST_S = 5.0, 5.0, 600.0


@dataclass(frozen=True, slots=True)
class Login:
    """An issuer that can be reached."""

    url: str
    """Identifier of the issuer; its description lies below it."""
    ca: Path | None = None
    """File in PEM with the authorities that vouch for it; those of this machine where None."""

    async def keys(self) -> object:
        """Return its set of public keys, as it is given.

        Raises
        ------
        ValueError
            If the issuer cannot be reached, or is not the one that was named.
        """
        async with self._client() as client:
            return await _asked(client, "GET", _place(await self._described(client), "jwks_uri"))

    async def token(self, party: str, clock: Clock, say: Callable[[str], None]) -> str:
        """Return an ID token, once somebody has said yes elsewhere.

        Parameters
        ----------
        party
            Identifier of this station with the issuer.
        clock
            Waits between questions.
        say
            Told in a sentence where to say yes.

        Raises
        ------
        ValueError
            If the issuer cannot be reached, is not the one that was named, or nobody said yes.
        """
        async with self._client() as client:
            there = await self._described(client)
            asked = {"client_id": party, "scope": "openid profile"}
            begun = await _asked(client, "POST", _place(there, "device_authorization_endpoint"), asked)
            said = f"open {begun.get('verification_uri')} and enter {begun.get('user_code')}"
            say(said)
            pause_s = max(1.0, _number(begun.get("interval"), _PAUSE_S))
            until = clock.now() + min(_MOST_S, _number(begun.get("expires_in"), _MOST_S))
            wanted = {"grant_type": _GRANT, "device_code": str(begun.get("device_code")), "client_id": party}
            while clock.now() < until:
                await clock.sleep_until(clock.now() + pause_s)
                found = await _asked(client, "POST", _place(there, "token_endpoint"), wanted)
                if isinstance(token := found.get("id_token"), str):
                    return token
                if found.get("error") not in {"authorization_pending", "slow_down"}:
                    raise ValueError(f"{self.url}: {found.get('error', 'it gave no ID token')}")
                pause_s += _SLOWER_S if found["error"] == "slow_down" else 0.0
        raise ValueError(f"{self.url}: nobody said yes in time")

    def _client(self) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        return httpx.AsyncClient(verify=context, timeout=_PATIENCE_S, trust_env=False)

    async def _described(self, client: httpx.AsyncClient) -> dict[str, Any]:
        if not self.url.startswith(_HTTPS):
            raise ValueError(f"found the issuer {self.url!r}, wanted one that begins with {_HTTPS}")
        found = await _asked(client, "GET", self.url.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self.url:
            raise ValueError(f"{self.url}: it calls itself {found.get('issuer')!r}")
        return found


def _place(described: dict[str, Any], name: str) -> str:
    place = described.get(name)
    if not isinstance(place, str) or not place.startswith(_HTTPS):
        raise ValueError(f"{described['issuer']}: it offers no {name} over https")
    return place


async def _asked(client: httpx.AsyncClient, how: str, place: str, data: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what a place answers as JSON, an error it tells of in the words of OAuth included."""
    try:
        answer = await client.request(how, place, data=data)
        found: object = answer.json() if len(answer.content) <= _LONGEST else None
    except (httpx.HTTPError, ValueError) as error:
        raise ValueError(f"{place}: {str(error) or type(error).__name__}") from error
    told = isinstance(found, dict) and (answer.is_success or "error" in found)
    if not told:
        raise ValueError(f"{place}: found status {answer.status_code}, wanted an answer in JSON")
    return cast("dict[str, Any]", found)


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
