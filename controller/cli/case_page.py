"""The page of one case: what QA reviews, from the event to the signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import exp, isfinite, nan
from typing import Any

from anomaly.cases import Case, Evidence, Window
from controller.cases.checked import Checked, intact
from controller.cases.history import Kept, fingerprint
from controller.cli import page
from controller.cli.case_curves import Curve

_CHARTS, _DIGITS, _LONG = 6, 4, 1e4
STYLE = (
    ":root{color-scheme:light dark;--line:#b8b8b8;--quiet:#666;--band:#eee}"
    "@media(prefers-color-scheme:dark){:root{--line:#555;--quiet:#a8a8a8;--band:#2b2b2b}}"
    "body{font-size:15px;line-height:1.45;padding:0 1em}h2{border-bottom:1px solid var(--line);margin-top:1.8em}"
    "td,th{border-color:var(--line);vertical-align:top}th{background:var(--band)}table{margin:.6em 0}"
    ".quiet{color:var(--quiet)}.box{border:2px solid currentColor;padding:.4em 1em;margin:1em 0}"
    ".hash{font-family:monospace;font-size:.85em;overflow-wrap:anywhere}"
    ".charts{display:flex;flex-wrap:wrap;gap:.5em}"
    "meter{width:8em}.modebar-container{display:none}"
    "h1.next{break-before:page;margin-top:3em}"
    "@media print{:root{color-scheme:light}body{max-width:none;margin:0;font-size:10pt}"
    "h2{break-after:avoid}table,.charts>div,.box{break-inside:avoid}}"
)
"""CSS of the page besides that of every page."""
_INK = "#7d7d7d"
_CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """One case with everything its page shows."""

    case: Case
    """The case."""
    kept: Kept
    """Record that says how it stands."""
    signatures: Sequence[Checked]
    """Signatures under its disposition, looked at again."""
    similar: Sequence[tuple[float, Case]]
    """Other cases with their distance from it [1], the nearest first."""
    curves: Sequence[Curve]
    """What its tags showed, where no library froze a window."""
    trail: Sequence[tuple[str, int, Mapping[str, Any]]]
    """What the audit trails say of it, with record and sequence number [1], oldest first."""


def utc(at: float | None) -> str:
    """Return an instant in words, UTC.

    Parameters
    ----------
    at
        The instant, POSIX time [s]; a dash where None.
    """
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def of(found: Reviewed) -> Iterator[str]:
    """Give the page of a case in parts of HTML."""
    yield _verdict(found)
    yield from _event(found.case)
    yield from _evidence(found.case.evidence)
    if found.curves:
        yield _curves(found)
    for one in found.case.more:
        yield f"<h2>Told otherwise at {escape(utc(one.at))}</h2>"
        yield page.said(one.what)
        yield from _evidence(one, "h3")
    yield from _similar(found)
    yield from _procedure(found.case)
    yield from _results(found.case)
    yield from _disposition(found)
    yield from _trail(found)
    yield from _behind(found)


def _verdict(found: Reviewed) -> str:
    case, verified = found.case, found.kept.verified
    judged = "open" if case.disposition is None else f"{case.disposition.value}: {case.why}"
    bad = [one for one in found.signatures if one.wrong]
    proofs = [
        f"Stage: {case.stage.value}. Disposition: {judged}.",
        "Frozen evidence: unchanged." if intact(case) else "FROZEN EVIDENCE DOES NOT FIT ITS SHA-256.",
        f"Record: {'not looked at' if verified is None else verified.sentence()}.",
        f"Signatures: {len(case.signatures)}"
        + (f", OF WHICH {len(bad)} DO NOT HOLD." if bad else ", all hold." if case.signatures else "."),
    ]
    return f'<div class="box">{page.said(*proofs)}</div>'


def _event(case: Case) -> Iterator[str]:
    one = case.evidence
    yield "<h2>Event</h2>"
    yield page.said(one.what)
    facts = (
        ("case", case.id),
        ("incident", case.incident or "-"),
        ("opened", utc(case.opened)),
        ("began, as believed", f"{utc(one.onset)}, {_number((one.at - one.onset) / 60.0)} min before"),
        ("told by", ", ".join(one.watches)),
        ("told to", ", ".join(one.routes)),
        ("priority", one.priority),
        ("score over limit [1]", f"{_number(one.score)} over {_number(one.limit)}"),
        ("closed", utc(case.closed)),
    )
    yield _facts(facts)


def _evidence(one: Evidence, head: str = "h2") -> Iterator[str]:
    yield f"<{head}>Evidence, frozen at {escape(utc(one.at))}</{head}>"
    if one.window is not None:
        yield _charts(one, one.window)
    if one.signs:
        yield "<h3>Contributions: distance from normal</h3>"
        yield _contributions(one)
    if one.matched:
        yield "<h3>Library: what it may be</h3>"
        yield _library(one)
    if one.facts:
        yield "<h3>Numbers</h3>"
        rows = (_fact(key, one.facts[key]) for key in sorted(one.facts) if not key.endswith(" explains [1]"))
        yield page.table(("quantity", "value", "unit"), rows)
    if one.values:
        yield "<h3>Values</h3>"
        shown = ((v.tag, _number(v.value), v.unit, v.quality, utc(_there(v.taken))) for v in one.values)
        yield page.table(("tag", "value", "unit", "quality", "taken"), shown)


def _there(at: float) -> float | None:
    return at if isfinite(at) and at > 0.0 else None


def _fact(key: str, value: float) -> tuple[str, str, str]:
    name, bracket, unit = key.rpartition(" [")
    return (name, _number(value), unit.rstrip("]")) if bracket else (key, _number(value), "")


def _charts(one: Evidence, window: Window) -> str:
    order = {sign.tag: i for i, sign in enumerate(one.signs)}
    said = page.said(
        "Points as the library looked at them; grey: what is normal, dotted two standard deviations from it.",
        "Dashed: when it is believed to have begun.",
    )
    tags = sorted(window.tags, key=lambda tag: order.get(tag, len(order)))[:_CHARTS]
    return f'<div class="charts">{"".join(_chart(one, window, window.tags.index(tag)) for tag in tags)}</div>{said}'


def _chart(one: Evidence, window: Window, i: int) -> str:
    log, count = window.scales[i] == "log", len(window.points)
    minutes = [(window.ends - one.at - (count - 1 - k) * window.every_s) / 60.0 for k in range(count)]
    normal, sd = window.normal[i], window.sd[i]
    band = [_shown(normal + side * sd, log=log) for side in (-2.0, 0.0, 2.0)]
    flat: dict[str, object] = {"mode": "lines", "x": [minutes[0], minutes[-1]], "hoverinfo": "skip"}
    points = [_shown(point[i], log=log) for point in window.points]
    onset = (one.onset - one.at) / 60.0
    traces: list[Mapping[str, object]] = [
        flat | {"y": [band[0]] * 2, "name": "normal, two sd", "line": {"color": _INK, "dash": "dot", "width": 1}},
        flat | {"y": [band[2]] * 2, "showlegend": False, "line": {"color": _INK, "dash": "dot", "width": 1}},
        flat | {"y": [band[1]] * 2, "name": "normal", "line": {"color": _INK, "width": 1}},
        {"x": minutes, "y": points, "name": window.tags[i], "mode": "lines+markers", "line": {"color": "#2f7ed8"}},
    ]
    unit = "" if window.units[i] == "1" else f" [{window.units[i]}]"
    return _drawn(traces, f"{window.tags[i]}{unit}", onset if onset > minutes[0] else None)


def _drawn(traces: Sequence[Mapping[str, object]], y: str, onset: float | None) -> str:
    """Return a chart; `onset` is marked, time from the call [min]."""
    mark = {"type": "line", "x0": onset, "x1": onset, "y0": 0, "y1": 1, "yref": "paper"}
    axis = {"gridcolor": "rgba(128,128,128,.25)", "zeroline": False}
    layout: dict[str, object] = {
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "font": {"color": _INK},
        "showlegend": False,
        "shapes": [] if onset is None else [mark | {"line": {"color": "#c0504d", "dash": "dash"}}],
        "margin": {"t": 8, "b": 42, "l": 62, "r": 8},
        "height": 230,
        "width": 365,
        "xaxis": axis | {"title": {"text": "time from the call [min]"}},
        "yaxis": axis | {"title": {"text": y}},
    }
    return f"<div>{page.drawn(traces, '', '', layout)}</div>"


def _curves(found: Reviewed) -> str:
    """Return what tags showed, out of the record, where no library froze a window."""
    onset = (found.case.evidence.onset - found.case.evidence.at) / 60.0
    charts = "".join(
        _drawn(
            [{"x": one.minutes, "y": one.values, "mode": "lines", "line": {"color": "#2f7ed8"}}],
            one.tag if one.unit == "1" else f"{one.tag} [{one.unit}]",
            onset,
        )
        for one in found.curves
    )
    return f'<div class="charts">{charts}</div>' + page.said("Good values out of the record. Dashed: the onset.")


def _shown(value: float, *, log: bool) -> float | None:
    if not isfinite(value):
        return None
    return exp(value) if log else value


def _contributions(one: Evidence) -> str:
    most = max(abs(sign.z) for sign in one.signs) or 1.0
    rows = "".join(
        f"<tr><td>{escape(sign.tag)}</td><td>{'above' if sign.z >= 0.0 else 'below'}</td>"
        f"<td>{_number(abs(sign.z))}</td><td>{_bar(abs(sign.z) / most, sign.tag)}</td></tr>"
        for sign in one.signs
    )
    head = "<tr><th>tag</th><th>side</th><th>distance [sd]</th><th></th></tr>"
    return f"<table>{head}{rows}</table>"


def _library(one: Evidence) -> str:
    chances = sorted(one.chances.items(), key=lambda each: -each[1])
    named = one.entry.split("+") if one.entry else [""]
    rows = "".join(
        f"<tr><td>{escape(name or 'none of them: unknown')}{' (told)' if name in named else ''}</td>"
        f"<td>{100.0 * share:.1f} %</td><td>{_bar(share, name or 'unknown')}</td>"
        f"<td>{_number(one.facts.get(f'{name} explains [1]', nan))}</td></tr>"
        for name, share in chances
    )
    told = page.said(f"Told as: {one.named}." if one.named else "Told as: unknown trend.")
    return f"{told}<table><tr><th>entry</th><th>probability</th><th></th><th>explains [1]</th></tr>{rows}</table>"


def _bar(share: float, what: str) -> str:
    return f'<meter min="0" max="1" value="{max(0.0, min(1.0, share)):.3f}" title="{escape(what)}"></meter>'


def _similar(found: Reviewed) -> Iterator[str]:
    yield "<h2>Similar events</h2>"
    if not found.similar:
        yield page.said("There is no other case in the records that were given.")
        return
    yield page.said(
        "Distance [1] of the frozen evidence: 0 the same, 1 nothing agrees.",
        "It weighs the directions in which tags moved and what the library thought; it is no probability.",
    )
    rows = (
        (
            f"{far:.2f}",
            case.id,
            utc(case.opened),
            case.evidence.named or ("unknown trend" if case.unknown else case.evidence.watches[0]),
            "open" if case.disposition is None else f"{case.disposition.value}: {case.why}",
        )
        for far, case in found.similar
    )
    yield page.table(("distance", "case", "opened", "told as", "turned out to be"), rows)


def _procedure(case: Case) -> Iterator[str]:
    yield "<h2>Procedure</h2>"
    rows = (
        (
            task.name,
            task.what + (" (confirmatory test)" if task.confirms else ""),
            task.sop or "-",
            task.owner,
            utc(task.due),
            "-" if task.done is None else f"{utc(task.done)} by {task.who}: {task.why}",
            "-" if task.escalated is None else f"{utc(task.escalated)}, told to {task.escalates}",
        )
        for task in case.steps
    )
    yield page.table(("step", "what", "procedure", "owner", "by", "done", "late"), rows)


def _results(case: Case) -> Iterator[str]:
    yield "<h2>Confirmatory result</h2>"
    if not case.results:
        yield page.said("None has been entered.")
        return
    rows = ((utc(r.at), r.who, r.test, r.found, r.supports, r.reference or "-", r.why) for r in case.results)
    yield page.table(("entered", "by", "test", "found", "it", "kept under", "remark"), rows)


def _disposition(found: Reviewed) -> Iterator[str]:
    case = found.case
    yield "<h2>Disposition and signatures</h2>"
    if case.disposition is None:
        yield page.said("The case has not been judged.")
        return
    yield page.said(f"{case.disposition.value}, {utc(case.judged)}. Reason: {case.why}")
    rows = list[tuple[str, ...]]()
    for one in found.signatures:
        said = one.approval
        printed = one.signed.who if said is None else f"{said.who} ({one.signed.who})"
        why = case.why if said is None else said.why
        rows.append((printed, one.signed.meaning or "-", utc(one.signed.at), why, one.sentence()))
    yield page.table(("name", "meaning", "time", "reason", "verification"), rows)
    if case.entry:
        yield page.said(f"Library entry {case.entry} was drafted from it, sha256 of the draft {case.draft}.")


def _trail(found: Reviewed) -> Iterator[str]:
    yield "<h2>What happened</h2>"
    rows = (
        (
            f"{record} {seq}",
            utc(float(said["at"])),
            str(said["who"]),
            str(said["what"]),
            _plainly(said["new"]),
            str(said["why"]),
        )
        for record, seq, said in found.trail
    )
    yield page.table(("record", "time", "who", "what", "value", "why"), rows)


def _plainly(said: object) -> str:
    return "" if said is None else str(said)


def _behind(found: Reviewed) -> Iterator[str]:
    case, head = found.case, found.kept.head
    yield "<h2>What is behind it</h2>"
    facts = [
        ("record", found.kept.directory.name + (f", begun in {case.origin}" if case.origin else "")),
        ("line", str(head["line"])),
        ("policy file", str(head["policy_name"])),
        ("version", str(head["versions"].get("steadyline", "-"))),
    ]
    facts += [(f"sha256 of {name}", digest) for name, digest in case.evidence.hashes.items()]
    facts += [("sha256 of the frozen evidence", case.digest), ("sha256 of the case as it stands", fingerprint(case))]
    yield _facts(facts, "hash")
    yield page.said(
        "Times are those of the clock of the run.",
        "Nothing here is the truth of a plant: it is what instruments and models showed, and what people wrote.",
    )


def _facts(facts: Sequence[tuple[str, str]], kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    rows = "".join(f"<tr><td>{escape(name)}</td><td{mark}>{escape(value)}</td></tr>" for name, value in facts)
    return f"<table>{rows}</table>"


def _number(value: float) -> str:
    if not isfinite(value):
        return "no end" if value > 0.0 else "-"
    return f"{value:.0f}" if abs(value) >= _LONG else f"{value:.{_DIGITS}g}"
