"""Pages put where they are wanted: as one file of HTML, or printed to a PDF by a browser that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from controller.cli.ends import Refused
from controller.cli.show import people, writable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
"""Browsers that print a page without showing it, by the name they are started with."""
_PATIENCE_S = 120.0
_DRAWN_MS = 10_000
_OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND"

Out = Annotated[
    str | None,
    typer.Option("--out", metavar="F", help="Page to write, .html, or .pdf by a browser.", callback=writable),
]


def put(path: Path, page: str) -> None:
    """Write a page, or print it where the name ends with ``.pdf``.

    Parameters
    ----------
    path
        Where it goes.
    page
        One page of HTML that needs nothing besides itself.

    Raises
    ------
    Refused
        If it cannot be written, or no browser is there to print it.
    """
    try:
        if path.suffix.lower() == ".pdf":
            _print(path, page)
        else:
            path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: this cannot be written: {error.strerror}") from error


def _print(path: Path, page: str) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise Refused(f"{path}: found no browser to print it, wanted one of {', '.join(BROWSERS)}; or take .html")
    with people.status(f"printing {path.name}", spinner="line"), TemporaryDirectory() as folder:
        source, printed = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page, encoding="utf-8")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # the page is our own, and reaches nothing
        words = ["--headless", "--disable-gpu", _OFFLINE, f"--user-data-dir={folder}/profile", "--no-pdf-header-footer"]
        words += [f"--virtual-time-budget={_DRAWN_MS}", f"--print-to-pdf={printed}", source.as_uri()]
        try:
            done = subprocess.run(  # noqa: S603  # a fixed list of browsers, and a page of our own
                [browser, *sandbox, *words], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"{path}: {browser} did not print it within {_PATIENCE_S:g} s") from None
        if done.returncode or not printed.exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Refused(f"{path}: {browser} did not print it: {last}")
        shutil.copyfile(printed, path)
