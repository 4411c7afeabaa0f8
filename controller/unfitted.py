"""A policy whose monitors have no models yet: in their places stand models that never speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from anomaly.gathering import blank
from policies import Monitor, Policy, parse

_MODEL = ".monitor.json"


def unfitted(path: Path) -> Policy:
    """Return a policy with models that never speak in the places of those of its monitors.

    Parameters
    ----------
    path
        The policy; files of models need not be there.

    Raises
    ------
    PolicyError
        If it cannot be used for another reason.
    FileNotFoundError
        If there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    policy = parse(path.read_bytes(), str(path), _Beside(path.parent))
    monitors = [watch for watch in policy.watches.values() if isinstance(watch, Monitor)]
    blanks = {one.model: blank(one).model_dump_json().encode() for one in monitors}
    return policy.sealed(policy.fingerprint, {**policy.files, **blanks})


class _Beside(Mapping[str, bytes]):
    """The files beside a policy; a model that is not there yet is empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def __getitem__(self, name: str) -> bytes:
        file = (self._folder / name).resolve()
        if file.is_relative_to(self._folder) and file.is_file():
            return file.read_bytes()
        if name.endswith(_MODEL):
            return b""
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
