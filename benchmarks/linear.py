"""A matrix of transfer functions: the condensed program against IPOPT under do-mpc on the same problems.

Both solve the problems of one closed loop on the column of Wood and Berry and on the Shell fractionator, as shipped but
without limits of outputs, against a plant whose gains are off. Ours runs with every sample free, which is the same
program, and with the blocks it has by default.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import policies
from benchmarks.tool import Result, main
from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.mpc.linear_estimator import LinearEstimator
from controller.plan import Problem, Status
from plant_io.clocks import stopwatch
from policies import TransferFunction, load

Floats = NDArray[np.float64]

EXAMPLES = Path(policies.__file__).parent / "examples"
SEED = 11
SAMPLES, QUICK = 200, 40


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One loop of an example."""

    declared: TransferFunction
    """The loop, without limits of outputs."""
    target: Floats
    """Wanted controlled variables after the first samples, shape ``(n_c,)``, units of the model."""


def case(name: str, target: list[float]) -> Case:
    """Return the loop of an example, without limits of outputs and rests, its moves bounded by limits only."""
    policy = load(EXAMPLES / f"{name}.yaml")
    (declared,) = policy.loops.values()
    assert isinstance(declared, TransferFunction)  # noqa: S101  # the examples are matrices
    controlled = {n: one.model_copy(update={"limits": None}) for n, one in declared.controlled.items() if one.target}
    moved = {n: one.model_copy(update={"rest": None, "max_move": 10.0}) for n, one in declared.moved.items()}
    return Case(declared.model_copy(update={"controlled": controlled, "moved": moved}), np.array(target))


def problems(given: Case, samples: int) -> list[Problem]:
    """Return the problems of one closed loop against a plant whose gains are a fifth off, with noise."""
    declared, rng = given.declared, np.random.default_rng(SEED)
    model, solver = Transfer(declared, {}), LinearSolver("l", declared)
    estimator, n_u = LinearEstimator(model, declared), len(declared.moved)
    u, none = np.zeros(n_u), np.zeros(0)
    estimate = truth = estimator.start(u, none, dict.fromkeys(model.measured, 0.0))
    low, high = (np.array([one.limits[end] for one in declared.moved.values()]) for end in (0, 1))
    noise, found = np.array([one.sd for one in declared.measured.values()]), list[Problem]()
    for k in range(samples):
        wanted = given.target if k >= samples // 10 else np.zeros_like(given.target)
        found.append(Problem("l", k + 1, float(k), estimate.x, u, none, wanted, low, high))
        u = solver.solve(found[-1]).moves[0]
        truth = estimator.step(truth, 1.2 * u, none, {})
        shown = estimator.outputs(truth) + rng.normal(0.0, noise)
        estimate = estimator.step(estimate, u, none, dict(zip(model.measured, shown.tolist(), strict=True)))
    return found


class Reference:
    """The same problem in do-mpc, solved by IPOPT.

    Parameters
    ----------
    declared
        The loop.
    """

    def __init__(self, declared: TransferFunction) -> None:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            import casadi as ca  # noqa: PLC0415  # takes half a second  # pyright: ignore[reportMissingTypeStubs]
            import do_mpc  # noqa: PLC0415  # takes seconds  # pyright: ignore[reportMissingTypeStubs]

            self.mpc: Any = _assembled(declared, ca, do_mpc)

    def solve(self, problem: Problem) -> Floats:
        """Return the inputs of the first sample, shape ``(n_u,)``, units of the model."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            template = self.mpc.get_tvp_template()
            template["_tvp", :, "r"] = problem.targets
            self.mpc.set_tvp_fun(_always(template))
            self.mpc.x0, self.mpc.u0 = problem.state, problem.inputs
            self.mpc.set_initial_guess()
            return np.asarray(self.mpc.make_step(problem.state), dtype=np.float64).ravel()


def _assembled(declared: TransferFunction, ca: Any, do_mpc: Any) -> Any:  # noqa: ANN401  # CasADi and do-mpc are untyped
    model = Transfer(declared, {})
    ahead, entry, shown = _matrices(model)
    rows = [list(model.measured).index(name) for name in model.controlled]
    plant = do_mpc.model.Model("discrete", "SX")
    x, u = plant.set_variable("_x", "x", (len(ahead), 1)), plant.set_variable("_u", "u", (entry.shape[1], 1))
    wanted = plant.set_variable("_tvp", "r", (len(rows), 1))
    plant.set_rhs("x", ca.sparsify(ca.DM(ahead)) @ x + ca.sparsify(ca.DM(entry)) @ u)
    plant.setup()
    mpc = do_mpc.controller.MPC(plant)
    mpc.settings.n_horizon, mpc.settings.t_step = declared.horizon, declared.sample_s
    mpc.settings.store_full_solution = False
    mpc.settings.nlpsol_opts = {"print_time": 0, "ipopt.print_level": 0, "ipopt.sb": "yes"}
    scale = ca.DM([declared.controlled[name].scale for name in model.controlled])
    cost = ca.sumsqr((ca.sparsify(ca.DM(shown[rows])) @ x - wanted) / scale)
    mpc.set_objective(lterm=cost, mterm=cost)
    moved = list(declared.moved.values())
    mpc.set_rterm(u=declared.move_weight / np.array([one.scale for one in moved]) ** 2)
    mpc.bounds["lower", "_u", "u"] = [one.limits[0] for one in moved]
    mpc.bounds["upper", "_u", "u"] = [one.limits[1] for one in moved]
    template = mpc.get_tvp_template()
    mpc.set_tvp_fun(_always(template))
    mpc.setup()
    return mpc


def _always(template: Any) -> Callable[[float], Any]:  # noqa: ANN401  # do-mpc is untyped
    def at(_time: float) -> Any:  # noqa: ANN401  # do-mpc is untyped
        return template

    return at


def _matrices(model: Transfer) -> tuple[Floats, Floats, Floats]:
    """Return next states by states and by inputs, and measurements by states, inputs remembered among the states."""
    step, n_d = model.step, model.n_d
    n_h, n_u = sum(step.lengths), len(step.lengths)
    shift, new = np.eye(n_h, k=-1), np.zeros((n_h, n_u))
    shift[step.first], new[step.first] = 0.0, np.eye(n_u)
    ahead = np.block([[step.a, step.g @ shift], [np.zeros((n_h, n_d)), shift]])
    return ahead, np.vstack([step.g @ new, new]), np.hstack([step.c, step.e])


def timed(solve: Any, posed: list[Problem]) -> tuple[list[Any], Floats]:  # noqa: ANN401  # either solver
    """Return the answers, and how long each took [ms]."""
    answers, times = list[Any](), list[float]()
    for problem in posed:
        watch = stopwatch()
        answers.append(solve(problem))
        times.append(1e3 * watch())
    return answers, np.array(times)


def run(quick: bool) -> Result:  # noqa: FBT001  # called by keyword of the command line
    """Compare the solver of matrices with IPOPT under do-mpc."""
    result, samples = Result("linear", seeds=[SEED]), QUICK if quick else SAMPLES
    for name, target in (("wood_berry", [0.75, 0.5]), ("shell_hof", [0.2, -0.2])):
        given = case(name, target)
        posed = problems(given, samples)
        free = given.declared.model_copy(update={"blocks": (1,) * given.declared.horizon})
        plans, whole_ms = timed(LinearSolver("l", free).solve, posed)
        blocked, ours_ms = timed(LinearSolver("l", given.declared).solve, posed)
        moves, ipopt_ms = timed(Reference(given.declared).solve, posed)
        failed = sum(plan.status is not Status.SOLVED for plan in (*plans, *blocked))
        span = float(np.ptp([one.limits for one in given.declared.moved.values()]))
        off = max(float(np.abs(p.moves[0] - m).max()) for p, m in zip(plans, moves, strict=True))
        away = max(float(np.abs(p.moves[0] - m).max()) for p, m in zip(blocked, moves, strict=True))
        result.figures |= {
            f"p50_ms_{name}": round(float(np.median(ours_ms)), 3),
            f"p99_ms_{name}": round(float(np.quantile(ours_ms, 0.99)), 3),
            f"p50_ms_every_sample_free_{name}": round(float(np.median(whole_ms)), 3),
            f"failed_{name}": failed,
            f"first_move_off_share_{name}": float(f"{off / span:.2g}"),
            f"first_move_off_share_blocks_{name}": float(f"{away / span:.2g}"),
        }
        result.baselines[f"ipopt_do_mpc_p50_ms_{name}"] = round(float(np.median(ipopt_ms)), 2)
        result.ratios |= {
            f"p50_speedup_{name}": round(float(np.median(ipopt_ms) / np.median(ours_ms)), 1),
            f"p99_speedup_{name}": round(float(np.quantile(ipopt_ms, 0.99) / np.quantile(ours_ms, 0.99)), 1),
            f"p50_speedup_every_sample_free_{name}": round(float(np.median(ipopt_ms) / np.median(whole_ms)), 1),
        }
    result.config |= {"samples": samples, "horizon": 40}
    return result


if __name__ == "__main__":
    main(run)
