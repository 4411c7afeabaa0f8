"""Records in quarantine, tried again after a person has seen to what was wrong."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from controller.records.outbox import Outbox
from controller.records.quarantine import held
from controller.records.site import Poison, Site


async def retry(site: Site, directories: Iterable[Path]) -> dict[Path, str]:
    """Try every record in quarantine again; return by file why it is still refused, empty where it is copied now.

    Parameters
    ----------
    site
        The database.
    directories
        Record directories.

    Raises
    ------
    Away
        If the database cannot be reached, or will not do.
    ValueError
        If a record or what is in quarantine cannot be read.
    """
    found = dict[Path, str]()
    for directory in directories:
        with closing(Outbox(directory)) as outbox:
            await site.open()
            await site.resume(outbox.about)
            for each in held(directory):
                try:
                    there = await site.admit(outbox.about, outbox.alone(each.entry))
                except Poison as error:
                    found[each.file] = str(error)
                    continue
                found[each.file] = "" if there else "the copy has not come so far yet"
                if there:
                    each.file.unlink()
    return found
