"""Policies read from files, checked, and sealed with a fingerprint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from policies import check_approved, library, table
from policies.check import checked
from policies.check_shape import published
from policies.check_view import View
from policies.errors import PolicyError, Problem
from policies.model import Policy
from policies.positions import LARGEST, Document, read
from policies.sentences import among
from policies.tags import Connection, OpcUa, PlugIn

_TABLE = "tag_table"
_LIBRARY = "watches.*.library"
NAMED = (
    "soft_sensors.*.model",
    "soft_sensors.*.challenger.model",
    "soft_sensors.*.transfer",
    "soft_sensors.*.process",
    "loops.*.process",
    "loops.*.model.file",
    "watches.*.model",
    "material.units.*.rtd",
    _LIBRARY,
)
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
_LARGEST_NAMED = 64_000_000
_PARTS = ("soft_sensors", "loops", "watches")
"""Sections whose parts can be looked at one without the other."""
_ROUNDS = 5
_LINES = Path(__file__).parent / "lines"
_ADDRESS = re.compile(r"(?P<scheme>opc\.tcp://)?(?P<host>[^\s/:@]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})(?P<rest>/\S*)?")
_LAST_PORT = 65535


def load(path: Path) -> Policy:
    """Return the policy in a file, with the files it names.

    Its fingerprint is the SHA-256 of what ``{ sha256sum < POLICY; sha256sum NAMED...; } | sha256sum`` hashes, the
    named files in the order of their names: one line per file of its own SHA-256, two spaces and its name as the
    policy gives it (``-`` for the policy itself).

    Raises
    ------
    PolicyError
        If the file cannot be read, is no policy, or is one that makes no sense; it lists every problem.
    """
    return _sealed(_read(path), str(path), _beside(path))


def examined(path: Path) -> tuple[Policy | None, list[Problem]]:
    """Return every problem of the policy in a file, and as much of it as can be looked at further without them.

    Soft sensors, loops and watches with problems are left out, and what builds on them; None if nothing is left to be
    looked at.

    Raises
    ------
    PolicyError
        If the file cannot be read, or is no YAML.
    """
    document, files, policy, problems = _judged(_read(path), str(path), _beside(path))
    if not problems and policy is not None:
        named = {key: content for key, content in files.items() if key}
        return policy.sealed(_fingerprint(files[""], named), files), problems
    wrong, rest = problems, document
    for _ in range(_ROUNDS):
        rest = _without(rest, wrong)
        policy, found = checked(rest)
        if found == wrong or not found:
            break
        wrong = found
    return policy and policy.sealed("", files), problems


def _without(document: Document, problems: Sequence[Problem]) -> Document:
    """Return a document without the parts that have problems, as far as parts can be left out."""
    data = dict(cast("Mapping[str, object]", document.data)) if isinstance(document.data, dict) else {}
    for section in _PARTS:
        parts = data.get(section)
        if isinstance(parts, dict):
            kept = cast("Mapping[str, object]", parts).items()
            data[section] = {key: part for key, part in kept if not _amiss(f"{section}.{key}", problems)}
    return replace(document, data=data, problems=[])


def _amiss(place: str, problems: Sequence[Problem]) -> bool:
    return any(problem.path == place or problem.path.startswith((f"{place}.", f"{place}[")) for problem in problems)


def _read(path: Path) -> bytes:
    try:
        return _bytes(path, LARGEST)
    except OSError as error:
        raise PolicyError([Problem(str(path), 1, 1, "", _why(error))]) from None


def _beside(path: Path) -> Callable[[str], bytes]:
    folder = path.parent.resolve()

    def beside(name: str) -> bytes:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise PermissionError(0, "it lies outside the folder of the policy")
        return _bytes(file, _LARGEST_NAMED)

    return beside


def parse(data: bytes, name: str, files: Mapping[str, bytes]) -> Policy:
    """Return the policy in bytes already at hand, for example those of a record.

    Parameters
    ----------
    data
        The policy file.
    name
        Its name, for the messages.
    files
        The files it names, by name.

    Raises
    ------
    PolicyError
        If it is no policy, or one that makes no sense; it lists every problem.
    """

    def handed(wanted: str) -> bytes:
        if wanted not in files:
            raise FileNotFoundError(0, "no such file")
        return files[wanted]

    return _sealed(data, name, handed)


def rebind(policy: Policy, connect: Mapping[str, str], pki: str | None = None) -> Policy:
    """Return the same policy bound to a site: where a device is reached and keys lie is no part of what was approved.

    Parameters
    ----------
    policy
        Policy as it was loaded; fingerprint and files stay.
    connect
        ``host:port`` by name of connection; for OPC UA an endpoint such as ``opc.tcp://host:port`` too.
    pki
        Folder of certificates and keys; None for that of the policy.

    Raises
    ------
    ValueError
        If a connection is unknown or an address is none.
    """
    connections = dict(policy.connections)
    for name, address in connect.items():
        if name not in connections:
            raise ValueError(f"found the connection {name!r}, {among(policy.connections, 'connection', 'expected')}")
        connections[name] = _moved(connections[name], address)
    for name, link in connections.items():
        if pki is not None and isinstance(link, OpcUa):
            connections[name] = link.model_copy(update={"pki": pki})
    served = policy.served if pki is None else policy.served.model_copy(update={"pki": pki})
    return policy.model_copy(update={"connections": connections, "served": served})


def shipped(line: str) -> Path:
    """Return the file of a line that comes with Steadyline.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    known = sorted(folder.name for folder in _LINES.iterdir() if (folder / f"line_{folder.name}.yaml").is_file())
    name = line.lower()
    if name not in known:
        raise ValueError(f"found the line {line!r}, expected one of {', '.join(known).upper()}")
    return _LINES / name / f"line_{name}.yaml"


def schema() -> dict[str, object]:
    """Return the JSON Schema of a policy, for editors and other tools."""
    found = published(Policy)
    # The tags may all stand in a table, which the loader adds before it looks.
    required = [key for key in cast("list[str]", found["required"]) if key != "tags"]
    return found | {"required": required, "anyOf": [{"required": ["tags"]}, {"required": [_TABLE]}]}


def _sealed(data: bytes, name: str, get: Callable[[str], bytes]) -> Policy:
    _, files, policy, problems = _judged(data, name, get)
    if problems or policy is None:
        raise PolicyError(problems)
    named = {key: content for key, content in files.items() if key}
    return policy.sealed(_fingerprint(data, named), files)


def _judged(
    data: bytes, name: str, get: Callable[[str], bytes]
) -> tuple[Document, dict[str, bytes], Policy | None, list[Problem]]:
    """Return a document, the bytes of it and of the files it names, the policy in it, and every problem."""
    document = read(data, name)
    files: dict[str, bytes] = {}
    missing = list(_missing_files(document, (_TABLE,), get, files))
    for file, content in files.items():
        table.merge(document, content, str(Path(name).parent / file))
    policy, problems = checked(document)
    problems += [*missing, *_missing_files(document, NAMED, get, files)]
    problems += check_approved.approvals(document, get, files, NAMED)
    problems.sort(key=lambda problem: (problem.file != name, problem.line, problem.column, problem.path))
    problems += _library_problems(document, files)
    return document, {"": data, **files}, policy, problems


def _missing_files(
    document: Document, named: Sequence[str], get: Callable[[str], bytes], files: dict[str, bytes]
) -> Iterator[Problem]:
    """Fill `files` with the files the document names in some places, and say which cannot be had."""
    view = View(document)
    for path in (path for pattern in named for path in view.match(pattern)):
        name = view.text(*path)
        if name is None or name in files:
            continue
        if not _FILE_NAME.fullmatch(name):
            yield view.problem(path, f"found {name!r}, expected the name of a file in the folder of the policy")
            continue
        try:
            files[name] = get(name)
        except OSError as error:
            yield view.problem(path, f"found {name!r}, expected a file beside the policy: {_why(error)}")


def _library_problems(document: Document, files: Mapping[str, bytes]) -> Iterator[Problem]:
    view = View(document)
    named = dict.fromkeys(view.text(*path) or "" for path in view.match(_LIBRARY))
    for name in (name for name in named if name in files):
        try:
            library.read(files[name], str(Path(document.name).parent / name))
        except PolicyError as error:
            yield from error.problems


def _fingerprint(data: bytes, files: Mapping[str, bytes]) -> str:
    lines = [f"{hashlib.sha256(data).hexdigest()}  -\n"]
    lines += [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _bytes(path: Path, largest: int) -> bytes:
    if path.exists() and not path.is_file():
        raise IsADirectoryError(0, "it is no file")
    if path.stat().st_size > largest:
        raise OSError(0, f"it is larger than {largest} bytes")
    return path.read_bytes()


def _why(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "no such file"
        case PermissionError() if error.errno:
            return "it may not be read"
        case _:
            return error.strerror or "it cannot be read"


def _moved(connection: Connection, address: str) -> Connection:
    if isinstance(connection, PlugIn):
        return connection.model_copy(update={"options": dict(connection.options) | {"address": address}})
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) <= _LAST_PORT:
        raise ValueError(f"found the address {address!r}, expected host:port, for example 127.0.0.1:4840")
    if isinstance(connection, OpcUa):
        return connection.model_copy(update={"endpoint": address if match["scheme"] else f"opc.tcp://{address}"})
    if match["scheme"] or match["rest"]:
        raise ValueError(f"found the address {address!r}, expected host:port for a Modbus connection")
    return connection.model_copy(update={"host": match["host"].strip("[]"), "port": int(match["port"])})
