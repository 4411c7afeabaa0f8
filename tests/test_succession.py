"""Another policy follows by order of a person, after everything about it was seen, and the one before can come back."""

import io
from pathlib import Path
from queue import SimpleQueue

import pytest
from linear_plant import Led
from stationed import OWN, signs, spoken, station

from controller.cli.access import Station, gate
from controller.cli.orders import Listener
from controller.cli.succession import Succession, Version
from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Desk
from controller.kit import prepare
from controller.records.audit import started
from plant_io.clocks import WallClock
from policies import load
from policies.people import Meaning

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"
NARROW = ("limits: [-0.6, 0.6], max_rate", "limits: [-0.5, 0.5], max_rate")


def written(tmp_path: Path, name: str = "new.yaml", text: str = "") -> Path:
    file = tmp_path / name
    file.write_text((text or EXAMPLE.read_text()).replace(*NARROW))
    return file


def begun(first: Path = EXAMPLE, directory: Path = Path("none"), *, real: bool = True) -> Succession:
    return Succession(Version(load(first), first.name), {}, Station(directory), real=real)


def test_a_policy_that_is_ordered_ends_the_run_and_follows_on_it(tmp_path: Path) -> None:
    succession, file = begun(), written(tmp_path)
    assert succession.asked() == ""
    succession.take("eli", f"adopt {file} limits after the trial")
    why = succession.asked()
    assert why == f"superseded by {load(file).fingerprint[:16]}, ordered by eli: limits after the trial"
    following = succession.step(why)
    assert following is not None
    assert succession.now.policy.fingerprint == load(file).fingerprint
    assert succession.asked() == ""
    assert succession.head(following, tmp_path / "rec") == {
        "fingerprint": load(EXAMPLE).fingerprint, "who": "eli", "why": "limits after the trial", "record": "rec",
    }  # fmt: skip


def test_the_policy_before_comes_back_as_it_was_whatever_became_of_its_file(tmp_path: Path) -> None:
    first = tmp_path / "first.yaml"
    first.write_text(EXAMPLE.read_text())
    old = load(first).fingerprint
    succession = begun(first)
    with pytest.raises(ValueError, match="there was no policy before"):
        succession.take("eli", "rollback assay drifts")
    succession.take("eli", f"adopt {written(tmp_path)} limits after the trial")
    succession.step(succession.asked())
    first.write_text("rubbish")
    succession.take("eli", "rollback assay drifts")
    succession.step(succession.asked())
    assert succession.now.policy.fingerprint == old
    assert succession.before is not None
    succession.take("eli", "rollback it was the probe")
    assert succession.asked().endswith("it was the probe")


def test_what_cannot_follow_is_refused_before_anything_happens(tmp_path: Path) -> None:
    good, bad = written(tmp_path), tmp_path / "bad.yaml"
    bad.write_text("policy: 1\n")
    other = written(tmp_path, "other.yaml", EXAMPLE.read_text().replace("line: wood_berry", "line: another"))
    succession = begun()
    for line, said in (
        (f"adopt {bad} why not", r"bad\.yaml:1:"),
        (f"adopt {tmp_path / 'none.yaml'} why not", "no such file"),
        (f"adopt {other} why not", "of line another, wanted one of line wood_berry"),
        (f"adopt {EXAMPLE} why not", "the policy that is in force"),
        (f"adopt {good}", "say why, for the record"),
        ("adopt", "expected a policy file and why"),
    ):
        with pytest.raises((ValueError, OSError), match=said):
            succession.take("eli", line)
    assert succession.asked() == ""
    with pytest.raises(ValueError, match="has a time of its own"):
        begun(real=False).take("eli", f"adopt {good} why not")


def test_a_policy_follows_only_with_what_it_and_the_one_in_force_demand(tmp_path: Path) -> None:
    people = station(tmp_path)
    first = tmp_path / "first.yaml"
    first.write_text(EXAMPLE.read_text() + "\npeople: {signatures: [authorship, approval]}\n")
    file = written(tmp_path)
    succession = Succession(Version(load(first), first.name), {}, Station(people.directory), real=True)
    with pytest.raises(ValueError, match="wanted signatures for"):
        succession.take("eli", f"adopt {file} no demands any more")
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    signs(people, "ana", Meaning.APPROVAL, file)
    succession.take("eli", f"adopt {file} limits after the trial")
    assert succession.asked()


def test_loops_are_put_in_the_modes_they_were_in_and_one_that_was_released_waits(tmp_path: Path) -> None:
    led = Led()
    decision = led.cycle(Order("ana", "go", SetMode("column", Mode.AUTO)))
    succession = begun()
    succession.watch(Cycle(0, led.snapshot(), (), (), decision, ()))
    succession.take("eli", f"adopt {written(tmp_path)} limits")
    off = led.cycle(Order("system", "ends", SetMode("column", Mode.OFF)))
    succession.watch(Cycle(1, led.snapshot(), (), (), off, ()))
    following = succession.step(succession.asked())
    assert following is not None
    (timed,) = succession.orders(following)
    assert timed.order == Order("eli", "as before: limits", SetMode("column", Mode.AUTO))
    succession._modes = {"column": (Mode.AUTO, Phase.SHED)}
    assert [each.order.act for each in succession.orders(following)] == [SetMode("column", Mode.SHADOW)]


def test_a_run_that_ended_for_another_reason_is_not_gone_on_with(tmp_path: Path) -> None:
    succession = begun()
    succession.take("eli", f"adopt {written(tmp_path)} limits")
    assert succession.step("stopped by a person") is None
    assert succession.now.policy.fingerprint == load(EXAMPLE).fingerprint


def test_the_desk_hands_every_loop_back_when_another_policy_is_to_follow() -> None:
    desk = Desk(prepare(load(EXAMPLE)), WallClock(), (), SimpleQueue(), None, 0.0)
    desk.asked = lambda: "superseded"
    assert [order.act for order in desk()] == [SetMode("column", Mode.OFF)]
    assert desk.over(1)
    assert desk.stopping == "superseded"


@pytest.mark.parametrize(("who", "said"), [("eli", ""), ("olga", "the role operator may not adopt a policy")])
def test_who_orders_another_policy_must_have_the_right(
    tmp_path: Path, who: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    people, first = station(tmp_path), tmp_path / "first.yaml"
    first.write_text(EXAMPLE.read_text() + "\npeople: {orders: users}\n")
    there = Station(people.directory, None, str(tmp_path / "pki"), spoken(OWN))
    succession = Succession(Version(load(first), first.name), {}, there, real=True)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{who}: adopt {written(tmp_path)} limits\n"))
    Listener(SimpleQueue(), ("column",), gate(load(first), there), succession.take)._listen()
    assert (succession.asked() == "") == bool(said)
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_the_audit_trail_says_who_adopted_which_policy_after_which_and_why() -> None:
    before = {"fingerprint": "a" * 64, "who": "eli", "why": "limits", "record": "rec"}
    deed = started(1.0, {"fingerprint": "b" * 64, "policy_name": "new.yaml", "supersedes": before}, "key")[-1]
    assert (deed.who, deed.what, deed.old, deed.new, deed.why) == (
        "eli",
        "policy adopted",
        "a" * 64,
        "b" * 64,
        "limits",
    )
    assert deed.exception
