"""How well the runtime itself is: cycles, solutions, connections, stale values, room on the disk, the record."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import lru_cache
from math import floor, isfinite, nan
from pathlib import Path

import numpy as np

from controller.console.board import Board
from controller.console.picture import Cells
from controller.console.words import BAD, NOTHING, Cell, about, age
from controller.plan import Status
from plant_io import Quality
from plant_io.clocks import WallClock
from plant_io.quality import Reason
from plant_io.security.certificates import load
from plant_io.security.store import Store
from policies import OpcUa

_DAY_S = 86_400.0
_SHORT_DAYS = 7.0
_SOON_DAYS = 30.0
_STATES = {0.0: "local", 1.0: "remote", 2.0: "fallback", 3.0: "starting"}


def links(board: Board) -> list[str]:
    """Return the connections of the line."""
    return list(board.kit.policy.connections)


def cells(board: Board) -> Cells:
    """Return everything on the page of health."""
    found = _cycles(board) | _solutions(board) | _disk(board)
    for name in links(board):
        found |= _link(board, name)
    return found


def _cycles(board: Board) -> Cells:
    busy, late = np.array(board.busy_s), np.abs(np.array(board.late_s))
    period_ms = 1e3 * board.kit.policy.period_s
    p99 = _percentile(busy, 99)
    running = 0.0 if board.now is None else board.at - board.began
    return {
        "h.period": Cell(f"{period_ms:g} ms"),
        "h.busy50": Cell(_ms(_percentile(busy, 50))),
        "h.busy99": Cell(_ms(p99), BAD if p99 > board.kit.policy.period_s else ""),
        "h.late99": Cell(_ms(_percentile(late, 99))),
        "h.overruns": Cell(str(board.overruns), "unc" if board.overruns else ""),
        "h.running": Cell(age(running)),
    }


def _percentile(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], share: int) -> float:
    return float(np.percentile(values, share)) if len(values) else nan


def _ms(seconds: float) -> str:
    return f"{about(1e3 * seconds)} ms" if isfinite(seconds) else NOTHING


def _solutions(board: Board) -> Cells:
    failed = board.plans.total() - board.plans[Status.SOLVED.value]
    writes = board.writes
    found: Cells = {
        "h.solved": Cell(str(board.plans[Status.SOLVED.value])),
        "h.failed": Cell(str(failed), "unc" if failed else ""),
        "h.written": Cell(str(writes["taken"])),
        "h.refused": Cell(str(writes["refused"]), "unc" if writes["refused"] else ""),
        "h.confirmed": Cell(str(writes["confirmed"])),
    }
    for name in board.kit.loops:
        state = None if board.now is None else board.now.state.loops[name]
        plan_age = nan if state is None or state.plan is None else board.at - state.plan.at
        found[f"h.plan.{name}"] = Cell(age(plan_age))
        found[f"h.why.{name}"] = Cell(board.solved[name].failed, BAD if board.solved[name].failed else "")
    return found


def _link(board: Board, name: str) -> Cells:
    """Return how a connection is, by what its tags and its PLC say."""
    policy = board.kit.policy
    tags = [tag for tag, one in policy.tags.items() if one.connection == name]
    reads = [board.read(tag) for tag in tags]
    down = bool(reads) and all(one.reason in {Reason.LINK_DOWN, Reason.NEVER_READ} for one in reads)
    stale = sum(one.reason is Reason.STALE for one in reads)
    bad = sum(one.quality == Quality.BAD for one in reads)
    words = board.kit.handshakes.get(name)
    said = NOTHING
    if words is not None and words.state_tag is not None:
        said = _STATES.get(board.read(words.state_tag).value, NOTHING)
    armed = board.now is not None and name in board.now.state.armed
    claim = None if words is None or words.epoch is None else board.read(words.epoch).value
    mine = None if board.now is None else board.now.state.claims.get(name)
    led = NOTHING if claim is None or not claim or mine is None else "this controller" if claim == mine else "another"
    oldest = max((one.age_s for one in reads if isfinite(one.age_s)), default=nan)
    return {
        f"h.up.{name}": Cell("down" if down else "up", BAD if down else ""),
        f"h.plc.{name}": Cell(said, "unc" if armed and said != "remote" else ""),
        f"h.tags.{name}": Cell(str(len(tags))),
        f"h.bad.{name}": Cell(str(bad), BAD if bad else ""),
        f"h.stale.{name}": Cell(str(stale), "unc" if stale else ""),
        f"h.oldest.{name}": Cell(age(oldest)),
        f"h.peer.{name}": Cell(led, "unc" if led == "another" else ""),
        f"h.cert.{name}": certificate(board, name),
    }


def certificate(board: Board, name: str) -> Cell:
    """Return how long our own certificate on a connection still lasts; nothing where it needs none."""
    link = board.kit.policy.connections[name]
    if not isinstance(link, OpcUa) or link.security == "None" or not isfinite(board.at):
        return Cell(NOTHING)
    ends = _ends(str(Store(Path(link.pki)).certificate))
    if ends is None:
        return Cell("cannot be read", BAD)
    days = (ends - WallClock().now()) / _DAY_S
    return Cell(about(max(0.0, floor(days))), BAD if days < _SHORT_DAYS else "unc" if days < _SOON_DAYS else "")


@lru_cache(8)
def _ends(path: str) -> float | None:
    try:
        return load(Path(path)).ends
    except (OSError, ValueError):
        return None


def _disk(board: Board) -> Cells:
    if board.record is None or not board.record.exists():
        return {"h.room": Cell("no record is kept", "unc"), "h.days": Cell(NOTHING), "h.size": Cell(NOTHING)}
    free = shutil.disk_usage(board.record).free
    size = sum(file.stat().st_size for file in board.record.iterdir() if file.is_file())
    ran_s = 0.0 if board.now is None else board.at - board.began
    days = free / (size / ran_s * _DAY_S) if ran_s > 0.0 and size else nan
    return {
        "h.room": Cell(f"{free / 1e9:.1f} GB"),
        "h.size": Cell(f"{size / 1e6:.1f} MB"),
        "h.days": Cell(about(days) if isfinite(days) else NOTHING, BAD if days < _SHORT_DAYS else ""),
    }
