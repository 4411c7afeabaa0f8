"""The verbs probe and browse: what the devices of a policy answer, and what a server offers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.ends import Refused, Unreachable, reading
from controller.cli.options import Connect, Json, Pki, pairs
from controller.cli.show import give, people

if TYPE_CHECKING:
    from plant_io.diagnosis import Finding
    from plant_io.offer import Node, Offer
    from plant_io.survey import Look, Survey
    from policies import OpcUa

_COLOURS = {"uncertain": "yellow", "bad": "red"}


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(probe)
    app.command()(browse)


def probe(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="Policy file.")],
    *,
    connect: Connect = None,
    pki: Pki = None,
    json: Json = None,
) -> int:
    """Connect to every device of a policy once, read every tag, and say what is wrong and what to do."""
    from plant_io.diagnosis import diagnosed  # noqa: PLC0415  # heavy
    from plant_io.survey import survey  # noqa: PLC0415  # heavy
    from policies import load, rebind  # noqa: PLC0415  # heavy

    with reading():
        bound = rebind(load(policy), pairs(connect), pki)
        with people.status("reading every tag twice", spinner="line"):
            found = asyncio.run(survey(bound))
    findings = diagnosed(found)
    for look in found.looks:
        _show(look, found, [finding for finding in findings if finding.connection == look.connection])
    rows = [row for look in found.looks for row in _rows(look, found)]
    give({"tags": rows, "links": [_link(look) for look in found.looks], "troubles": _plain(findings)}, json)
    if not any(look.answers for look in found.looks):
        raise Unreachable(f"no connection answers: {', '.join(bound.connections)}")
    return 1 if any(row["quality"] == "bad" for row in rows) else 0


def browse(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Server, such as opc.tcp://10.0.0.5:4840.")],
    *,
    security: Annotated[str, typer.Option(help="Security policy, such as Basic256Sha256.")] = "None",
    mode: Annotated[str, typer.Option(help="SignAndEncrypt or Sign.")] = "SignAndEncrypt",
    user: Annotated[str | None, typer.Option(help="Name of the user; anonymous if absent.")] = None,
    password_from: Annotated[str | None, typer.Option(metavar="FILE", help="File that holds the password.")] = None,
    pki: Pki = None,
    json: Json = None,
) -> int:
    """List the variables of an OPC UA server, and print a tag table to be pasted into a policy."""
    from plant_io.offer import policy_part  # noqa: PLC0415  # heavy
    from plant_io.survey import offer  # noqa: PLC0415  # heavy

    identity = {"by": "password", "name": user, "password_from": password_from} if user else None
    server = _server(endpoint, {"security": security, "mode": mode, "user": identity} | ({"pki": pki} if pki else {}))
    with people.status("looking through the server", spinner="line"):
        try:
            found = asyncio.run(offer(server))
        except OSError as error:
            raise Unreachable(f"{endpoint}: {error or 'it does not answer in time'}") from error
        except ValueError as error:
            raise Refused(str(error)) from error
    _list(found)
    if json != "-":
        typer.echo(policy_part(server, found), nl=False)
    give({"nodes": [_node(node) for node in found.nodes], "namespaces": found.namespaces}, json)
    return 0


def _server(endpoint: str, options: Mapping[str, object]) -> OpcUa:
    """Return how a server is reached; a mistake in it is one sentence."""
    from pydantic import ValidationError  # noqa: PLC0415  # heavy

    from policies import OpcUa  # noqa: PLC0415  # heavy

    given = {"protocol": "opcua", "endpoint": endpoint, "namespace": "", **options}
    try:
        return OpcUa.model_validate(given)
    except ValidationError as error:
        where = error.errors(include_url=False)[0]["loc"][0]
        wanted = {
            "endpoint": "an address such as opc.tcp://10.0.0.5:4840",
            "security": "None, Basic256Sha256, Aes128Sha256RsaOaep or Aes256Sha256RsaPss",
            "mode": "SignAndEncrypt or Sign",
            "user": "a name, with --password-from",
        }.get(str(where), "another value")
        raise Refused(f"{where}: found {given.get(str(where))!r}, wanted {wanted}") from error


def _show(look: Look, survey: Survey, findings: Sequence[Finding]) -> None:
    """Show one connection to people, a device that gave no answer in one row."""
    from plant_io.latch import tags_of  # noqa: PLC0415  # heavy

    timing = "no answer"
    if look.opened_s is not None and look.read_s is not None:
        timing = f"opened in {1000 * look.opened_s:.0f} ms, all tags read in {1000 * look.read_s:.1f} ms"
        timing += "" if look.apart is None else f", meanwhile scans of the PLC: {look.apart:.0f}"
    title = escape(f"{look.connection}  {look.address}")
    table = Table("tag", "value", "unit", "quality", "reason", "age, s", title=title)
    table.caption = timing
    for column in (1, 5):
        table.columns[column].justify = "right"
    rows = _rows(look, survey) if look.answers else []
    if not rows:
        table.add_row(f"{len(tags_of(look.connection, survey.policy))} tags, none read", style=_COLOURS["bad"])
    for row in rows:
        quality, age = str(row["quality"]), row["age_s"]
        shown = "" if not isinstance(age, float) or age != age else f"{age:.1f}"  # noqa: PLR0124  # not a number
        cells = (str(row["name"]), _written(row["value"]), str(row["unit"]), quality, str(row["reason"]), shown)
        table.add_row(*map(escape, cells), style=_COLOURS.get(quality))
    people.print(table)
    for name, text in look.identity.texts.items():
        people.print(f"  {name}: {text!r}", markup=False)
    for finding in findings:
        people.print(f"  {finding.tag or finding.connection}: {finding.sentence}", style="bold", markup=False)
        people.print(f"      {finding.remedy}", markup=False)


def _rows(look: Look, survey: Survey) -> list[dict[str, object]]:
    from plant_io.diagnosis import spoken  # noqa: PLC0415  # heavy
    from plant_io.latch import tags_of  # noqa: PLC0415  # heavy
    from plant_io.quality import Reason  # noqa: PLC0415  # heavy

    seen, rows = survey.snapshots[-1], list[dict[str, object]]()
    for name, tag in tags_of(look.connection, survey.policy).items():
        sample, i = seen[name], seen.index.position[name]
        values = seen.values[seen.index.start[i] : seen.index.start[i] + tag.length].tolist()
        since = sample.source if tag.age_from == "source" else sample.arrival
        rows.append(
            {
                "name": name,
                "connection": look.connection,
                "value": values[0] if tag.length == 1 else values,
                "unit": tag.unit,
                "quality": sample.quality.name.lower(),
                "reason": "" if sample.reason is Reason.NONE else spoken(sample.reason),
                "age_s": seen.at - since,
            }
        )
    return rows


def _link(look: Look) -> dict[str, object]:
    return {
        "name": look.connection,
        "address": look.address,
        "answers": bool(look.answers),
        "opened_ms": None if look.opened_s is None else 1000 * look.opened_s,
        "read_ms": None if look.read_s is None else 1000 * look.read_s,
        "scans_apart": look.apart,
        "why": look.trouble,
        "notes": look.identity.notes,
        "texts": dict(look.identity.texts),
    }


def _plain(findings: Iterable[Finding]) -> list[dict[str, object]]:
    from plant_io.troubles import TROUBLES  # noqa: PLC0415  # heavy

    return [
        {
            "trouble": finding.trouble,
            "what": TROUBLES[finding.trouble].what,
            "connection": finding.connection,
            "tag": finding.tag,
            "sentence": finding.sentence,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]


def _written(value: object) -> str:
    if not isinstance(value, list):
        return f"{value:.6g}"
    values = cast("list[float]", value)
    return f"{len(values)} values, {min(values):.4g} to {max(values):.4g}"


def _list(found: Offer) -> None:
    table = Table("node", "name", "type", "unit", "range", "access", title=f"{len(found.nodes)} variables")
    for node in found.nodes:
        kind = node.type if node.length == 1 else f"{node.type} [{node.length}]"
        span = "" if node.span is None else f"{node.span[0]:g} to {node.span[1]:g}"
        unit = node.unit or node.claim.text
        cells = (node.identifier, node.path[-1], kind, unit, span, "write" if node.writable else "read")
        table.add_row(*map(escape, cells))
    people.print(table)
    if not found.complete:
        people.print("There are more; the search was ended after its time.", style="bold")


def _node(node: Node) -> dict[str, object]:
    return {
        "path": ".".join(node.path),
        "namespace": node.namespace,
        "identifier": node.identifier,
        "type": node.type,
        "length": node.length,
        "unit": node.unit,
        "unit_text": node.claim.text,
        "range": node.span,
        "writable": node.writable,
        "description": node.description,
    }
