"""The console for programs: the line, its tags and alarms as JSON, orders, and the document that describes them."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.console.board import Board
from controller.console.faces import face
from controller.console.hall import Hall
from controller.console.sessions import Session
from plant_io import Quality

Plain = dict[str, object]


async def line(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with time, cycle and loops of the line."""
    board = hall.board
    cycle = None if board.now is None else board.now.cycle.number
    loops = {name: _loop(board, name) for name in board.kit.loops}
    return JSONResponse(
        {"line": board.kit.policy.line, "fingerprint": board.kit.policy.fingerprint}
        | {"at": _finite(board.at), "cycle": cycle, "loops": loops}
    )


def _loop(board: Board, name: str) -> Plain:
    one = face(board, name)
    variables = {each.name: {"value": _finite(each.value), "unit": each.unit} for each in one.variables}
    return {
        "mode": one.mode.value,
        "phase": one.phase.value,
        "why_not": list(one.why_not),
        "offered_at": _finite(one.offered_at),
        "variables": variables,
    }


async def tags(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with every tag of one value."""
    return JSONResponse({name: _tag(hall.board, name) for name in hall.board.ring.tags})


async def tag(hall: Hall, request: Request, _session: Session) -> Response:
    """Answer with one tag."""
    name = unquote(request.path_params["name"])
    if name not in hall.board.ring.tags:
        raise HTTPException(404, "there is no such tag")
    return JSONResponse(_tag(hall.board, name))


def _tag(board: Board, name: str) -> Plain:
    read = board.read(name)
    return {
        "value": _finite(read.value),
        "unit": board.units[name],
        "quality": Quality(read.quality).name.lower(),
        "reason": read.reason.name.lower(),
        "age_s": _finite(read.age_s),
    }


async def alarms(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with every alarm that is not normal."""
    now = hall.board.now
    found = () if now is None else now.state.alarms.alarms.values()
    return JSONResponse([{**asdict(one), "state": one.state.value} for one in found])


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


async def described(_hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with the document that describes all of it (OpenAPI 3.1)."""
    return JSONResponse(document())


def document() -> Plain:
    """Return the document that describes what programs may ask (OpenAPI 3.1)."""
    text: Plain = {"type": "string"}
    since: Plain = {"name": "since", "in": "query", "required": False, "schema": {"type": "number"}}
    topic: Plain = {"name": "topic", "in": "query", "required": True, "schema": text}
    name: Plain = {"name": "name", "in": "path", "required": True, "schema": text}
    paths: Plain = {
        "/api/line": {"get": _asked("time, cycle and loops", {"$ref": "#/components/schemas/Line"})},
        "/api/tags": {"get": _asked("every tag", {"type": "object", "additionalProperties": _ref("Tag")})},
        "/api/tags/{name}": {"get": _asked("one tag", _ref("Tag"), [name], more=("404",))},
        "/api/alarms": {"get": _asked("alarms that are not normal", {"type": "array", "items": {"type": "object"}})},
        "/api/charts": {
            "get": _asked("charts of a page", {"type": "object"}, [topic, since], more=("400", "404")),
        },
        "/api/orders": {"post": _ordered()},
    }
    schemas: Plain = {"Tag": _TAG, "Line": _LINE, "Error": _ERROR, "Order": _ORDER}
    info: Plain = {"title": "Steadyline operator console", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _ref(name: str) -> Plain:
    return {"$ref": f"#/components/schemas/{name}"}


def _said(what: str, schema: Plain) -> Plain:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


def _asked(what: str, schema: Plain, given: list[Plain] | None = None, more: tuple[str, ...] = ()) -> Plain:
    refused = {status: _said("one sentence", _ref("Error")) for status in ("401", *more)}
    return {"summary": what, "parameters": given or [], "responses": {"200": _said(what, schema), **refused}}


def _ordered() -> Plain:
    token, origin = (
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": what}
        for name, what in (
            ("X-CSRF-Token", "the hidden field csrf of any form of a page whose cookie comes with it"),
            ("Origin", "the address of this console, such as http://127.0.0.1:8020"),
        )
    )
    body: Plain = {"required": True, "content": {"application/json": {"schema": _ref("Order")}}}
    refused = {status: _said("one sentence", _ref("Error")) for status in ("400", "401", "403", "413", "422")}
    done: Plain = {"type": "object", "properties": {"ordered": {"const": True}}, "required": ["ordered"]}
    answers = {"202": _said("it is on the desk; what becomes of it stands in the events", done), **refused}
    return {"summary": "an order", "parameters": [token, origin], "requestBody": body, "responses": answers}


_NUMBER: Plain = {"type": ["number", "null"]}
_TAG: Plain = {
    "type": "object",
    "required": ["value", "unit", "quality", "reason", "age_s"],
    "properties": {
        "value": _NUMBER,
        "unit": {"type": "string"},
        "quality": {"enum": ["good", "uncertain", "bad"]},
        "reason": {"type": "string"},
        "age_s": _NUMBER,
    },
}
_LINE: Plain = {
    "type": "object",
    "required": ["line", "fingerprint", "at", "cycle", "loops"],
    "properties": {
        "line": {"type": "string"},
        "fingerprint": {"type": "string"},
        "at": _NUMBER,
        "cycle": {"type": ["integer", "null"]},
        "loops": {"type": "object"},
    },
}
_ERROR: Plain = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_ORDER: Plain = {
    "type": "object",
    "required": ["kind", "why"],
    "properties": {
        "kind": {"enum": ["mode", "accept", "limits", "target", "alarm", "case", "line"]},
        "why": {"type": "string"},
        "password": {"type": "string"},
        "loop": {"type": "string"},
        "mode": {"type": "string"},
        "proposed_at": {"type": "number"},
        "name": {"type": "string"},
        "low": {"type": "number"},
        "high": {"type": "number"},
        "target": {"type": "number"},
        "policy": {"type": "boolean"},
        "alarm": {"type": "string"},
        "attention": {"type": "string"},
        "minutes": {"type": "number"},
        "raised": {"type": "number"},
        "case": {"type": "string"},
        "step": {"type": "string"},
        "does": {"type": "string"},
        "directive": {"type": "string"},
    },
}
