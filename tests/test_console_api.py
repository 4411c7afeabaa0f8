"""The JSON routes of the console keep to the document that describes them, whatever they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from shown import Told, console, show, told

from controller.console.api import document
from controller.console.console import Console

SCHEMA: Any = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def line() -> Told:
    return told()


@pytest.fixture(scope="module")
def served(line: Told) -> Iterator[Console]:
    with console(line) as served:
        show(line, served, 70)
        yield served


@pytest.fixture(scope="module")
def client(served: Console) -> Iterator[httpx.Client]:
    url = served.url.rstrip("/")
    with httpx.Client(base_url=url, headers={"origin": url}, timeout=10.0) as client:
        client.get("/")
        yield client


@SCHEMA.parametrize()  # type: ignore[untyped-decorator]  # it has no types
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: Any, served: Console, client: httpx.Client) -> None:
    session = served.hall.sessions.find(client.cookies["steadyline"])
    assert session is not None
    own = {"origin": served.url.rstrip("/"), "x-csrf-token": session.csrf}
    found = case.call(base_url=served.url.rstrip("/"), headers=own, cookies=dict(client.cookies))
    case.validate_response(found, checks=[not_a_server_error, response_schema_conformance])
    described = {*case.operation.definition.raw["responses"], "405", "404"}
    assert str(found.status_code) in described
    if found.status_code != 200:
        assert set(found.json()) <= {"error", "ordered"}


def test_the_line_is_told_as_it_is(served: Console, client: httpx.Client) -> None:
    found = client.get("/api/line").json()
    assert (found["line"], found["cycle"]) == ("A", 69)
    assert found["loops"]["blend"]["variables"]["total"]["unit"] == "kg/h"
    assert client.get("/api/tags/LINE.TOTAL_PV").json()["value"] == served.hall.board.read("LINE.TOTAL_PV").value
    assert client.get("/api/tags/NOWHERE").json() == {"error": "there is no such tag"}
    assert client.get("/api/openapi.json").json() == document()


def test_an_order_without_the_address_of_the_console_is_told_what_to_send(served: Console) -> None:
    url = served.url.rstrip("/")
    answer = httpx.post(f"{url}/api/orders", json={}, timeout=10.0)
    assert (answer.status_code, f"found no header Origin of {url}" in answer.json()["error"]) == (403, True)
