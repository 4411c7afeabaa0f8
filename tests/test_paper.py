"""A report goes where it is wanted: as a page, or printed by a browser that others wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign import program

from controller.cli import page, paper
from controller.cli.ends import Refused


def test_a_page_is_written_as_it_is(tmp_path: Path) -> None:
    paper.put(tmp_path / "r.html", "<!doctype html>\n")
    assert (tmp_path / "r.html").read_text() == "<!doctype html>\n"


def test_without_a_browser_a_pdf_is_refused_in_one_sentence_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=r"found no browser to print it, wanted one of chromium, .*; or take \.html"):
        paper.put(tmp_path / "r.pdf", "<!doctype html>\n")
    assert not (tmp_path / "r.pdf").exists()


def test_a_browser_that_fails_is_told_with_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho starting >&2\necho no room left >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Refused, match="did not print it: no room left"):
        paper.put(tmp_path / "r.pdf", "<!doctype html>\n")


@pytest.mark.interop
def test_a_page_with_a_plot_is_printed_whole(tmp_path: Path) -> None:
    program("chromium", "chromium")
    drawn = page.drawn([{"x": [0, 1, 2], "y": [3.0, 1.0, 2.0]}], "time [h]", "API [%]")
    text, plotted = tmp_path / "text.pdf", tmp_path / "plotted.pdf"
    paper.put(text, page.page("A report", [page.said("Without a plot.")]))
    paper.put(plotted, page.page("A report", [page.said("With a plot."), drawn]))
    assert plotted.read_bytes().startswith(b"%PDF-")
    assert plotted.stat().st_size > 1.1 * text.stat().st_size
