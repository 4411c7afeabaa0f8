"""The command `steadyline`: its verbs, and what its exit status means."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated, cast

import typer
from typer.exceptions import Abort, TyperException

from controller.cli import verbs
from controller.cli.ends import Refused, Unreachable

DONE, BAD_INPUT, UNREACHABLE = 0, 2, 3


def build() -> typer.Typer:
    """Return the application: our own verbs, and those of installed plug-ins (entry point ``steadyline.commands``)."""
    app = typer.Typer(
        name="steadyline",
        help="Supervisory control and anomaly detection for continuous pharmaceutical lines. Not a safety system.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_top)
    verbs.add(app)
    for point in importlib.metadata.entry_points(group="steadyline.commands"):
        point.load()(app)
    return app


def _version(asked: bool) -> None:  # noqa: FBT001  # typer hands it over so
    if asked:
        typer.echo(importlib.metadata.version("steadyline"))
        raise typer.Exit


def _top(
    *, _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False
) -> None: ...


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and leave with 0 done, 1 a check failed, 2 bad input, 3 plant unreachable, or 130 interrupted."""
    sys.exit(status(sys.argv[1:] if arguments is None else arguments))


def status(arguments: list[str]) -> int:
    """Run one verb and return its exit status; anything a user can cause is one sentence, never a traceback."""
    try:
        command = typer.main.get_command(build())
        found = cast("object", command.main(arguments, prog_name="steadyline", standalone_mode=False))
    except (KeyboardInterrupt, Abort):
        return verbs.INTERRUPTED
    except TyperException as error:
        return _say(error.format_message(), BAD_INPUT)
    except Refused as error:
        return _say(str(error), BAD_INPUT)
    except Unreachable as error:
        return _say(str(error), UNREACHABLE)
    return found if isinstance(found, int) else DONE


def _say(sentence: str, code: int) -> int:
    typer.echo(sentence, err=True)
    return code
