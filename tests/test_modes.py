from pathlib import Path

from controller.cycle import Cause, Mode
from controller.modes import ASKED, TRANSITIONS, diagram, follow, service

DOCS = Path(__file__).parents[1] / "docs" / "modes.md"


def test_a_person_can_ask_for_every_mode_from_every_mode() -> None:
    for mode in Mode:
        assert {follow(mode, cause) for cause in ASKED.values()} == set(Mode)


def test_no_cause_but_a_person_leads_to_more_authority() -> None:
    authority = [Mode.OFF, Mode.SHADOW, Mode.ADVISORY, Mode.AUTO]
    for (mode, cause), wanted in TRANSITIONS.items():
        if cause not in ASKED.values():
            assert authority.index(wanted) < authority.index(mode)


def test_every_trouble_takes_a_loop_out_of_auto() -> None:
    for cause in set(Cause) - set(ASKED.values()):
        assert follow(Mode.AUTO, cause) is Mode.SHADOW


def test_the_diagrams_in_the_docs_are_drawn_from_the_tables() -> None:
    assert diagram() in DOCS.read_text()
    assert service() in DOCS.read_text()
