"""One scenario, one seed, one digest: in virtual time, in memory, in lock-step over sockets, again and again."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fakes import HOLDER
from short_runs import remembered, scenarios, short, virtually

from controller.cycle import Cycle, Phase
from controller.mpc.solver import solvers
from controller.plan import Status
from controller.records.codec import pack
from controller.records.replay import replay
from hil.library import find, open_scenario
from hil.rig.clocks import on_clock
from hil.rig.play import EPOCH, in_memory
from hil.rig.virtual import Run, in_virtual_time
from hil.virtual.network import Network
from plant_io import Quality
from policies import Access, Policy

HERE = Path(__file__).parent
SIMULATED = ("SIM.REQUEST", "SIM.DONE")


@pytest.mark.parametrize("name", ["quiet", "span", "blind"])
def test_virtual_time_gives_what_memory_gives_bit_for_bit(name: str) -> None:
    virtual, memory = virtually(name), remembered(name)
    assert virtual.ran.tally.digest() == memory.ran.tally.digest()
    assert (virtual.kpis, virtual.phases) == (memory.kpis, memory.phases)
    assert all(np.array_equal(virtual.truth[column], memory.truth[column]) for column in memory.truth)
    assert (virtual.clock, memory.clock) == ("virtual", "memory")


def test_the_same_seed_gives_the_same_digest_and_another_one_another() -> None:
    first, again, other = (virtually("links", seed).ran.tally.digest() for seed in (1, 1, 2))
    assert first == again != other


def test_values_a_server_reports_by_itself_arrive_when_virtual_time_says() -> None:
    scenario, policy = open_scenario(find("a_ua_gap"))
    run = Run(scenario.model_copy(update={"for_s": 15.0}), policy, 1, build=HOLDER)
    assert in_virtual_time(run).ran.tally.digest() == in_virtual_time(run).ran.tally.digest()


def test_a_loop_goes_to_work_in_virtual_time_and_its_record_replays(tmp_path: Path) -> None:
    cycles: list[Cycle] = []
    scenario, policy = short()
    played = in_virtual_time(Run(scenario, policy, 1, tmp_path / "record", HOLDER, sinks=(cycles.append,)))
    assert cycles[0].snapshot.at == EPOCH
    assert any(phase == Phase.ACTIVE.value for _, _, phase in played.phases)
    assert all(c.snapshot.quality[: len(policy.tags)].max() == Quality.GOOD for c in cycles)
    found = replay(tmp_path / "record")
    assert found.complete
    assert found.identical == found.cycles == len(cycles)


@pytest.mark.parametrize(("compute_s", "after_s", "status"), [(0.0, 1, "solved"), (1.5, 2, "solved"), (9.0, 9, "late")])
def test_a_solution_takes_as_long_as_the_scenario_says(compute_s: float, after_s: float, status: str) -> None:
    cycles: list[Cycle] = []
    in_memory(*short(for_s=50.0, compute_s=compute_s), 1, build=HOLDER, sinks=(cycles.append,))
    came = {(round(c.snapshot.at - plan.at), plan.status) for c in cycles for plan in c.plans}
    assert came == {(after_s, Status(status))}


def test_a_controller_that_cannot_connect_says_so_in_virtual_time() -> None:
    def unplug(network: Network, ports: Mapping[str, int]) -> None:
        for port in ports.values():
            network.refuse(port, -10.0, 1e9)

    scenario, policy = short()
    with pytest.raises(OSError, match=r"no connection to feeders.*, line.* within 20 s"):
        in_virtual_time(Run(scenario, policy, 1, build=HOLDER, disturb=unplug))


def test_a_fault_of_the_program_ends_the_run_and_is_seen() -> None:
    def stumble(cycle: Cycle) -> None:
        if cycle.number == 7:
            raise LookupError("a sink has stumbled")

    scenario, policy = short()
    with pytest.raises(LookupError, match="stumbled"):
        in_virtual_time(Run(scenario, policy, 1, build=HOLDER, sinks=(stumble,)))


@pytest.mark.slow
def test_lockstep_over_sockets_decides_as_memory_on_the_same_evidence() -> None:
    sockets: list[Cycle] = []
    memory: list[Cycle] = []
    scenario, policy = short()
    in_memory(scenario, policy, 1, build=solvers, sinks=(memory.append,))
    on_clock("lockstep", scenario, policy, 1, (sockets.append,))
    assert len(sockets) == len(memory)
    assert [pack(c.decision) for c in sockets] == [pack(c.decision) for c in memory]
    assert [seen(c, policy) for c in sockets] == [seen(c, policy) for c in memory]


@pytest.mark.slow
def test_lockstep_over_sockets_gives_one_digest_however_often_it_is_played() -> None:
    scenario, policy = short({"id": "F04", "target": "FDR_API", "after": "20s", "magnitude": 0.04}, for_s=40.0)
    digests = [on_clock("lockstep", scenario, policy, seed).ran.tally.digest() for seed in (1, 1, 1, 2)]
    assert [digest == digests[0] for digest in digests] == [True, True, True, False]


def seen(cycle: Cycle, policy: Policy) -> list[bytes]:
    """Everything of a snapshot but the two counters that lead a line, and when a register was written.

    A server over sockets stamps a register at once; in memory and in virtual time it is shown with the next period.
    """
    snapshot, start, lengths = cycle.snapshot, cycle.snapshot.index.start, cycle.snapshot.index.lengths
    kept = [i for name, i in snapshot.index.position.items() if name not in SIMULATED]
    read = [i for i in kept if i >= len(policy.tags) or list(policy.tags.values())[i].access is Access.READ]
    slots = [slot for i in kept for slot in range(start[i], start[i] + lengths[i])]
    per_tag = (snapshot.sd, snapshot.quality, snapshot.reason, snapshot.arrival)
    return [a.tobytes() for a in (snapshot.values[slots], snapshot.source[read], *(array[kept] for array in per_tag))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_repeats_of_five_scenarios_in_four_processes_give_five_digests() -> None:
    command = [sys.executable, str(HERE / "short_runs.py"), "5"]
    found: list[dict[str, str]] = []
    for pair in ((1, 2), (3, 4)):
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONHASHSEED": str(seed)})
            for seed in pair
        ]
        for process in running:
            found += json.loads(process.communicate()[0].splitlines()[-1])  # after what the links said
            assert process.returncode == 0
    assert len(found) == 20
    assert {name: len({each[name] for each in found}) for name in scenarios()} == dict.fromkeys(scenarios(), 1)
