"""Cross-rules of OPC UA: who may be known how, and what a server may report by itself."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.tags import OpcUa, Tag

PERIODS = 15
"""Periods of silence after which a subscription is lost [1]."""
_ENCRYPTED = "Basic256Sha256, Aes128Sha256RsaOaep or Aes256Sha256RsaPss"


def users(view: View) -> Iterator[Problem]:
    """Check that a password is never sent without encryption, and that a certificate can prove something."""
    for here in view.match("connections.*"):
        if view.text(*here, "protocol") != "opcua":
            continue
        security = view.text(*here, "security") or OpcUa.model_fields["security"].default
        mode = view.text(*here, "mode") or OpcUa.model_fields["mode"].default
        if security == "None" and view.text(*here, "mode") is not None:
            message = f"found {view.text(*here, 'mode')!r} with security: None, expected no mode, or {_ENCRYPTED}"
            yield view.problem((*here, "mode"), message)
        plain = "security: None" if security == "None" else "" if mode == "SignAndEncrypt" else f"mode: {mode}"
        match view.text(*here, "user", "by"):
            case "password" if plain:
                message = (
                    f"found a user with a password and {plain}, which would send the password without encryption; "
                    f"expected security: {_ENCRYPTED} with mode: SignAndEncrypt"
                )
                yield view.problem((*here, "user"), message, at_key=True)
            case "certificate" if security == "None":
                message = f"found a user with a certificate and security: None, expected security: {_ENCRYPTED}"
                yield view.problem((*here, "user"), message, at_key=True)
            case _:
                continue


def subscriptions(view: View) -> Iterator[Problem]:
    """Check that only slow tags that are read over OPC UA are reported by the server, and outlive a lost report."""
    period = view.duration("period")
    spoken = {view.text(*path) for path in (*view.match("connections.*.handshake.*"), *view.match("lockstep.*"))}
    for here in (path[:-1] for path in view.match("tags.*.scan") if view.text(*path) == "subscribe"):
        name, place = str(here[1]), (*here, "scan")
        signal = view.signals[name]
        if view.text("connections", signal.connection or "", "protocol") not in {"opcua", None}:
            yield view.problem(place, "found 'subscribe', expected a scan class: only OPC UA servers report changes")
        elif signal.writable or name in spoken:
            yield view.problem(
                place, "found 'subscribe', expected a scan class for a tag that is written or shakes hands"
            )
        elif view.text(*here, "age_from") != "source" and period is not None:
            stale = view.duration(*here, "stale_after") or Tag.model_fields["stale_after_s"].default
            if stale < PERIODS * period:
                message = (
                    f"found a value that is stale after {stale:g} s, expected a tag with stale_after of at least "
                    f"{PERIODS * period:g}s: it takes {PERIODS} periods to see that a report is lost"
                )
                yield view.problem(place, message)
