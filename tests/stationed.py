"""A station with users of every role, whose passwords cost next to nothing to try."""

import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from controller.people import Known, People, User
from controller.signed import Act, sign, told
from plant_io.security.passwords import Hashing
from policies import load
from policies.approval import Approval
from policies.people import SIGNING, Meaning, Right, Role

CHEAP = Hashing(memory_kib=8, passes=1, lanes=1)
FIRST, OWN = "a first password", "quite another one"
NOW = 1.7e9
USERS = {"eli": Role.ENGINEER, "eve": Role.ENGINEER, "ana": Role.QA, "bob": Role.QA, "olga": Role.OPERATOR}


def station(directory: Path) -> People:
    shutil.copytree(_template(), directory / "people")
    return People(directory / "people", CHEAP)


@lru_cache(1)
def _template() -> Path:
    people = People(Path(tempfile.mkdtemp()) / "people", CHEAP)
    people.first(User("chief", "Charlotte Chief", Role.ADMIN), OWN, "root", NOW)
    admin = people.allowed("chief", OWN, Right.ADMINISTER, NOW)
    for name, role in USERS.items():
        people.add(admin, User(name, f"{name.title()} Example", role), FIRST, "joined", NOW)
        people.password(people.known(name, FIRST, NOW), name, OWN, "my own", NOW)
    return people.directory


def known(people: People, name: str, meaning: Meaning) -> Known:
    return people.allowed(name, OWN, SIGNING[meaning], NOW + 60.0)


def signs(people: People, name: str, meaning: Meaning, file: Path, why: str = "as agreed") -> Approval:
    policy = load(file)
    act = Act(file, policy.fingerprint, told(policy, file.name), meaning, why)
    return sign(people, known(people, name, meaning), act, NOW + 60.0)


def spoken(*lines: str) -> int:
    """Return a file descriptor that gives these lines."""
    reads, writes = os.pipe()
    os.write(writes, "".join(line + "\n" for line in lines).encode())
    os.close(writes)
    return reads
