"""A small interpreter of Structured Text (IEC 61131-3), enough to execute the guard the docs give to PLC programmers.

It is strict where PLCs differ: an integer that leaves its type, a division by zero or a word that is not declared is an
error, and AND and OR evaluate both sides. REAL is computed in the width asked for.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_TOKEN = re.compile(
    r"\s+|\(\*.*?\*\)"
    r"|(?P<real>\d+\.\d+(?:[eE][+-]?\d+)?)|(?P<int>\d+)|(?P<word>[A-Za-z_]\w*)|(?P<sign>:=|<=|>=|<>|=>|[-+*/()<>=:;,.&])",
    re.DOTALL,
)
_INTEGERS = {"UINT": 16, "UDINT": 32, "USINT": 8}
_LEVELS: tuple[Mapping[str, Callable[[Any, Any], Any]], ...] = (
    {"OR": operator.or_},
    {"XOR": operator.xor},
    {"AND": operator.and_, "&": operator.and_},
    {"=": operator.eq, "<>": operator.ne},
    {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv, "MOD": operator.mod},
)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "MIN": min,
    "MAX": max,
    "LIMIT": lambda low, value, high: min(max(value, low), high),
}
Expression = Callable[["Instance"], Any]
Statement = Callable[["Instance"], None]


@dataclass(frozen=True)
class Variable:
    """One declared variable."""

    name: str
    section: str
    retained: bool
    kind: str
    initial: Expression | None


@dataclass(frozen=True)
class Block:
    """One function block, or program."""

    name: str
    variables: Mapping[str, Variable]
    body: Statement


@dataclass
class Instance:
    """A block with its memory."""

    block: Block
    library: Mapping[str, Block]
    width: type[np.floating[Any]]
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start(cold=True)

    def start(self, *, cold: bool) -> None:
        """Initialise what is not retained; everything, if the start is cold."""
        for variable in self.block.variables.values():
            kept = self.values.get(variable.name)
            if isinstance(kept, Instance):
                kept.start(cold=cold)
            elif kept is None or cold or not variable.retained:
                self.values[variable.name] = self._initial(variable)

    def call(self, inputs: Mapping[str, Any] | None = None, through: Mapping[str, str] | None = None) -> None:
        """Run the body once; `through` names the variables of the caller that stand for VAR_IN_OUT."""
        for name, value in (inputs or {}).items():
            self.set(name, value)
        missing = {v.name for v in self.block.variables.values() if v.section == "VAR_IN_OUT"} - {*(through or {})}
        if missing:
            raise TypeError(f"{self.block.name} is called without {', '.join(sorted(missing))}")
        self.block.body(self)

    def get(self, name: str) -> Any:
        """Return a variable."""
        return self.values[name]

    def set(self, name: str, value: Any) -> None:
        """Assign a variable, as its type."""
        self.values[name] = self._typed(self.block.variables[name], value)

    def _initial(self, variable: Variable) -> Any:
        if variable.kind in self.library:
            return Instance(self.library[variable.kind], self.library, self.width)
        if variable.initial is not None:
            return self._typed(variable, variable.initial(self))
        return self._typed(variable, False if variable.kind == "BOOL" else 0.0 if variable.kind == "REAL" else 0)

    def _typed(self, variable: Variable, value: Any) -> Any:
        if variable.kind == "BOOL" and isinstance(value, bool | np.bool_):
            return bool(value)
        if variable.kind == "REAL" and isinstance(value, float | np.floating):
            return self.width(value)
        if variable.kind in _INTEGERS and isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value < 2 ** _INTEGERS[variable.kind]:
                return value
            raise OverflowError(f"{self.block.name}.{variable.name}: {value} is no {variable.kind}")
        raise TypeError(f"{self.block.name}.{variable.name}: {value!r} is no {variable.kind}")


def compiled(text: str) -> dict[str, Block]:
    """Return the blocks of a program text by name."""
    return {block.name: block for block in _Parser(text).blocks()}


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise SyntaxError(f"cannot read {text[at : at + 30]!r}")
            if match.lastgroup is not None:
                self._tokens.append((match.lastgroup, match.group()))
            at = match.end()
        self._at = 0

    def blocks(self) -> Iterator[Block]:
        while self._at < len(self._tokens):
            kind = self._word("FUNCTION_BLOCK", "PROGRAM")
            name, variables = self._name(), dict[str, Variable]()
            while self._peek().startswith("VAR"):
                variables |= {v.name: v for v in self._section()}
            self._declared = variables
            yield Block(name, variables, self._body(f"END_{kind}"))
            self._word(f"END_{kind}")

    def _section(self) -> Iterator[Variable]:
        section = self._word("VAR", "VAR_INPUT", "VAR_OUTPUT", "VAR_IN_OUT")
        retained = self._taken("RETAIN")
        while not self._taken("END_VAR"):
            name = self._name()
            self._word(":")
            kind = self._name()
            initial = self._expression() if self._taken(":=") else None
            self._word(";")
            yield Variable(name, section, retained, kind, initial)

    def _body(self, *ends: str) -> Statement:
        found: list[Statement] = []
        while self._peek() not in ends:
            found.append(self._statement())

        def run(instance: Instance) -> None:
            for statement in found:
                statement(instance)

        return run

    def _statement(self) -> Statement:
        if self._taken("IF"):
            return self._if()
        name = self._variable()
        if self._taken("("):
            return self._call(name)
        self._word(":=")
        value = self._expression()
        self._word(";")
        return lambda instance: instance.set(name, value(instance))

    def _if(self) -> Statement:
        cases: list[tuple[Expression, Statement]] = []
        while True:
            condition = self._expression()
            self._word("THEN")
            cases.append((condition, self._body("ELSIF", "ELSE", "END_IF")))
            if not self._taken("ELSIF"):
                break
        other = self._body("END_IF") if self._taken("ELSE") else None
        self._word("END_IF")
        self._word(";")

        def run(instance: Instance) -> None:
            for condition, body in cases:
                if _truth(condition(instance)):
                    body(instance)
                    return
            if other is not None:
                other(instance)

        return run

    def _call(self, name: str) -> Statement:
        given: dict[str, Expression] = {}
        words: dict[str, str] = {}
        while True:
            parameter = self._name()
            self._word(":=")
            words[parameter] = self._peek()
            given[parameter] = self._expression()
            if not self._taken(","):
                break
        self._word(")")
        self._word(";")

        def run(instance: Instance) -> None:
            block: Instance = instance.get(name)
            shared = {p: words[p] for p in given if block.block.variables[p].section == "VAR_IN_OUT"}
            block.call({p: value(instance) for p, value in given.items()}, shared)
            for parameter, word in shared.items():
                instance.set(word, block.get(parameter))

        return run

    def _expression(self, level: int = 0) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._expression(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._word()
            left = _both(sign, _LEVELS[level][sign], left, self._expression(level + 1))
        return left

    def _unary(self) -> Expression:
        if self._taken("NOT"):
            inner = self._unary()
            return lambda instance: not _truth(inner(instance))
        if self._taken("-"):
            negative = self._unary()
            return lambda instance: -negative(instance)
        if self._taken("("):
            whole = self._expression()
            self._word(")")
            return whole
        return self._primary()

    def _primary(self) -> Expression:
        kind, text = self._tokens[self._at]
        if kind in ("real", "int"):
            self._at += 1
            number = float(text) if kind == "real" else int(text)
            return lambda instance: instance.width(number) if kind == "real" else number
        if text in ("TRUE", "FALSE"):
            self._at += 1
            return lambda _: text == "TRUE"
        if text in _FUNCTIONS:
            return self._function()
        name = self._variable()
        if self._taken("."):
            part = self._name()
            return lambda instance: instance.get(name).get(part)
        return lambda instance: instance.get(name)

    def _function(self) -> Expression:
        function = _FUNCTIONS[self._word()]
        self._word("(")
        arguments = [self._expression()]
        while self._taken(","):
            arguments.append(self._expression())
        self._word(")")
        return lambda instance: function(*(argument(instance) for argument in arguments))

    def _variable(self) -> str:
        name = self._name()
        if name not in self._declared:
            raise SyntaxError(f"{name} is not declared")
        return name

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _taken(self, text: str) -> bool:
        found = self._peek() == text
        self._at += found
        return found

    def _word(self, *wanted: str) -> str:
        text = self._peek()
        if wanted and text not in wanted:
            raise SyntaxError(f"found {text!r}, expected {' or '.join(wanted)}")
        self._at += 1
        return text

    def _name(self) -> str:
        kind, text = self._tokens[self._at]
        if kind != "word":
            raise SyntaxError(f"found {text!r}, expected a name")
        self._at += 1
        return text


def _truth(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{value!r} is no BOOL")
    return bool(value)


def _both(sign: str, act: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    def run(instance: Instance) -> Any:
        one, other = left(instance), right(instance)
        if sign in ("OR", "XOR", "AND", "&"):
            return act(_truth(one), _truth(other))
        if isinstance(one, int) is not isinstance(other, int):
            raise TypeError(f"{one!r} {sign} {other!r}: types do not agree")
        if sign == "/" and isinstance(one, int):
            return one // other
        found = act(one, other)
        if isinstance(found, int) and not isinstance(found, bool | np.bool_) and found < 0:
            raise OverflowError(f"{one} {sign} {other} is below zero")
        return found

    return run
