"""What a policy says of control: what is held, what is moved, how far and how fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from policies.authority import Within
from policies.choice import Named, section
from policies.dropout import Follows, Needs, OnBad, OnClamp, OnLost
from policies.estimating import EkfSettings, Estimation
from policies.goals import Cautious, Coming, Earning, Foreseen, Known, Rank, Target
from policies.modelled import Modelled, Scenarios
from policies.sampled import Sampled
from policies.transfer import TIMES, Response, Time
from policies.witness import SecondWitness
from policies.words import Declared, Duration, Name, Number, Positive, Span, Word


class _Goal(Declared):
    tag: Name
    """Tag that is the evidence for it."""
    unit: str
    """UCUM code in which target and limits are written; converted to the unit of `tag`."""
    scale: Positive
    """Deviation that matters as much as one `scale` of every other controlled variable, in `unit`."""
    on_bad: OnBad | None = None
    """Without evidence for it the loop goes on without it, or holds; the former where absent, if it is not the only."""
    bridge_s: Duration | None = Field(default=None, alias="bridge")
    """Time for which the model may stand in for its evidence before the loop holds [s]; not at all where absent."""


class Controlled(_Goal, Earning, Cautious):
    """A model output held on target, within limits, or both."""

    target: Target | None = None
    """Wanted value, in `unit`, or the tag that shows it; nothing is wanted within the limits where absent."""
    limits: Span
    """Lowest and highest value that is acceptable, in `unit`."""
    rank: Rank = 1
    """Whose limits are kept where not all can be: those of lower number [1]."""
    coming: Coming | None = None
    """A target that is announced before it comes; none where absent."""


class Ranked(_Goal):
    """An output of a matrix of transfer functions, held on target, within limits, or both."""

    target: Target | None = None
    """Wanted value, in `unit`, or the tag that shows it; nothing is wanted within the limits where absent."""
    limits: Span | None = None
    """Lowest and highest value that is acceptable, in `unit`; any where absent."""
    rank: Rank = 1
    """Whose limits are kept where not all can be: those of lower number [1]."""


class Moved(Declared):
    """A model input the controller may write."""

    tag: Name
    """Tag that is written."""
    unit: str
    """UCUM code in which the numbers below are written; converted to the unit of `tag`."""
    limits: Span
    """Lowest and highest value that may be written, in `unit`."""
    max_rate: Positive
    """Fastest change permitted by the guard, `unit` per second."""
    max_move: Positive
    """Largest change the plan may ask for in one sample, in `unit`."""
    scale: Positive
    """Move that costs as much as one `scale` of every other moved variable, in `unit`."""
    tolerance: Positive
    """Difference from the read-back at which a write counts as confirmed, in `unit`."""
    dead_band: Positive | None = None
    """Difference from the read-back below which nothing is written, in `unit`; `tolerance` where absent."""
    follows: Follows | None = None
    """Tag that shows whether the loop in the PLC follows it; that the PLC is remote will do where absent."""
    on_lost: OnLost = "release"
    """Whether the loop goes on without it while its PLC does not follow."""
    on_clamp: OnClamp = "narrow"
    """Whether a setpoint the PLC does not take in full becomes a limit, or releases the loop."""


class Steered(Moved, Earning):
    """A model input the controller may write, of which more or less may be worth something."""


class Rested(Moved):
    """An input of a matrix of transfer functions the controller may write."""

    rest: Number | None = None
    """Value it goes back to where the controlled variables leave it free, in `unit`; none where absent."""


class _Believed(Sampled):
    tag: Name
    """Tag that is read."""
    unit: str
    """UCUM code of the numbers below; converted to the unit of `tag`."""
    sd: Positive
    """Standard deviation of one measurement, in `unit`."""


class Measured(_Believed):
    """A measurement the estimator believes, with its own integrating bias state where the model has one."""

    bias_sd: Positive | None = None
    """Standard deviation its bias gains in the square root of a minute, in the unit of the bias; absent where the
    model takes the measurement for true."""


class Disturbed(_Believed):
    """A measurement of a matrix of transfer functions, with its own integrating bias state."""

    bias_sd: Positive
    """Standard deviation its bias gains in the square root of a minute, in the unit of the bias."""
    lag: Positive | None = None
    """Time constant through which its bias takes effect, in the unit of `time`; at once where absent."""


class Reentry(Declared):
    """How a loop that was released by something that passes arms itself again; without it only a person does."""

    after_s: Duration = Field(alias="after")
    """Time since the last cause before the loop asks for remote setpoints again [s]."""
    times: Annotated[int, Field(ge=1)] = 1
    """How often, until a person arms the loop [1]."""


class Late(Declared):
    """What happens while no new plan comes."""

    shift: Annotated[int, Field(ge=1)] = 3
    """Samples during which the last plan is followed further [1]."""
    hold: Annotated[int, Field(ge=1)] = 6
    """Samples during which the setpoints then stand still, before the loop is released [1]."""


class SqpSettings(Declared):
    """Sequential quadratic programming on the condensed horizon; the default."""

    kind: Literal["sqp"] = "sqp"
    """Solver."""
    tolerance: Annotated[Positive, Field(le=0.1)] = 3e-3
    """Share of the cost by which the last step may have missed what was predicted of it [1]."""
    feedback: Literal["full", "single"] = "full"
    """Whether steps are taken until that holds, or a single one in each sample, which costs some control."""
    steps: Annotated[int, Field(ge=2, le=50)] = 8
    """Most steps for one plan where feedback is full [1]."""
    blocks: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Samples that are corrected alike, from the first on, together the horizon [1]; fine then coarse if left out."""
    compile: bool = True
    """Whether the model is compiled where the machine has a C compiler; plans are the same, only later without."""
    forget: Annotated[int, Field(ge=1)] = 3
    """Failures in a row after which the last plan is no longer the first guess [1]."""

    @property
    def most(self) -> int:
        """Most steps for one plan [1]."""
        return 1 if self.feedback == "single" else self.steps


class IpoptSettings(Declared):
    """The interior-point solver of do-mpc; the reference."""

    kind: Literal["ipopt"] = "ipopt"
    """Solver."""


SOLVERS = ("sqp", "ipopt")
"""Names of the solvers."""


Solver = Annotated[
    SqpSettings | IpoptSettings,
    Field(discriminator="kind"),
    BeforeValidator(section(*SOLVERS)),
    Named(SOLVERS),
]
"""Who solves the problems of a loop, by name or with settings."""


class _Held(Declared):
    """What every loop held by a model over a horizon says."""

    sample_s: Duration = Field(alias="sample")
    """Time between two solutions [s], a whole multiple of the period."""
    horizon: Annotated[int, Field(ge=2, le=200)]
    """Samples looked ahead [1]."""
    deadline_s: Duration = Field(alias="deadline")
    """Time after which a solution not yet there counts as late [s]."""
    max_solve_s: Duration = Field(alias="max_solve")
    """Wall time after which the solver must give up by itself [s]."""
    move_weight: Positive
    """Cost of moves relative to deviations [1]."""
    late: Late = Late()
    """What happens while no new plan comes."""
    hold_s: Duration = Field(alias="hold_on_bad")
    """Time a controlled variable may be without evidence before the loop is released [s]."""
    settle: Annotated[int, Field(ge=1)] = 10
    """Cycles with full evidence that are wanted before the loop may take over [1]."""
    verify_s: Duration = Field(default=5.0, alias="verify")
    """Time in which a read-back must show what was written [s]."""
    needs: Needs = Needs()
    """The fewest controlled and moved variables the loop goes on with."""
    reentry: Reentry | None = None
    """Whether the loop may arm itself again after a release; a person must where absent."""
    authority: Within = 1.0
    """By how much a moved variable may at most be corrected from its value at take-over: share, or amounts by name."""
    witness: SecondWitness | None = None
    """Who must agree before it may be corrected further; nobody where absent."""


class Mpc(_Held):
    """A loop held by model-predictive control."""

    kind: Literal["mpc"]
    """Law of the loop."""
    source: Modelled = Field(alias="model")
    """Control model: its name, or a file beside the policy."""
    identified: str | None = Field(default=None, alias="process")
    """Identified parameters of the model, beside the policy; none where a file needs none."""
    controlled: Annotated[dict[Word, Controlled], Field(min_length=1)]
    """Model outputs held on target."""
    moved: Annotated[dict[Word, Steered], Field(min_length=1)]
    """Model inputs written."""
    measured: Annotated[dict[Word, Measured], Field(min_length=1)]
    """Measurements of the estimator."""
    foreseen: dict[Word, Known] = Field(default_factory=dict[str, Foreseen], alias="known")
    """Model inputs that are only read: the tag of each, alone or with the value that comes next and when."""
    estimator: Estimation = EkfSettings()
    """Who estimates its state: `ekf`, `mhe`, or one of them with its settings."""
    solver: Solver = SqpSettings()
    """Who solves it: `sqp`, `ipopt`, or one of them with its settings."""
    scenarios: Scenarios | None = None
    """Plants a plan is to hold for besides the one identified, with IPOPT; none where absent."""

    @property
    def model(self) -> str:
        """Name of the control model, or of its file."""
        return self.source.name or self.source.file or ""

    @property
    def model_file(self) -> str | None:
        """File of the control model; None where it is installed."""
        return self.source.file

    @property
    def process(self) -> str:
        """File of the identified parameters; empty where there is none."""
        return self.identified or ""

    @property
    def known(self) -> dict[str, str]:
        """Model inputs that are only read, with their tags."""
        return {name: one.tag for name, one in self.foreseen.items()}


class TransferFunction(_Held):
    """A loop held by model-predictive control with a matrix of transfer functions, which needs no code."""

    kind: Literal["transfer_function"]
    """Law of the loop."""
    time: Time
    """Unit of the plant's own times, in which dead times, lags and leads are written."""
    matrix: Annotated[dict[Word, dict[Word, Response]], Field(min_length=1)]
    """How each measurement answers to each input, moved or known; pairs that are absent have nothing to do."""
    controlled: Annotated[dict[Word, Ranked], Field(min_length=1)]
    """Measurements held on target or within limits."""
    moved: Annotated[dict[Word, Rested], Field(min_length=1)]
    """Inputs written."""
    measured: Annotated[dict[Word, Disturbed], Field(min_length=1)]
    """Measurements of the estimator; all are rows of the matrix, and not all need be controlled."""
    known: dict[Word, Name] = Field(default_factory=dict)
    """Model inputs that are only read, with their tags."""
    trigger: Name | None = None
    """Tag that counts the samples of the plant: a sample begins when it changes; by the clock where absent."""
    blocks: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Samples for which an input stands, from the first on, together the horizon [1]; fine then coarse if left out."""
    _cycle_s: float = PrivateAttr(default=0.0)

    def every(self, period_s: float) -> TransferFunction:
        """Return the loop as it is turned every `period_s` [s]."""
        copy = self.model_copy()
        copy._cycle_s = period_s  # noqa: SLF001  # its own class
        return copy

    @property
    def step_s(self) -> float:
        """Time between two steps of the model [s]: a sample where the plant counts them, else a cycle."""
        return self._cycle_s if self.trigger is None else self.sample_s

    @property
    def time_s(self) -> float:
        """Length of the unit of the plant's own times [s]."""
        return TIMES[self.time]


Loop = Annotated[Mpc | TransferFunction, Field(discriminator="kind")]
"""Any loop."""
