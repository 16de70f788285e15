"""The part of Jinja2 that prompts may use, small enough that every prompt ends quickly.

Prompts are written by users. Jinja2's sandbox keeps them from Python's objects, but not from
a loop without end or a string of a gigabyte. So only output, conditions, loops over the
passages or the history, and a few harmless filters are allowed: without assignment and
arithmetic nothing can grow beyond what it was given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clone_studio.errors import InvalidInput, TooLarge

SOURCE_CHARS = 40_000
TOO_LONG = f"This prompt has more characters than {SOURCE_CHARS:,}, which is the most. Shorten it."
OUTPUT_CHARS = 400_000
LOOP_DEPTH = 2
LOOPS = frozenset({"passages", "history"})
FAULTS_SHOWN = 20
# What prompts may use, with the words in which it is explained to those who write them.
EXPLAINED: Mapping[str, str] = {
    "persona": "The clone: persona.name, persona.purpose and persona.description",
    "language": "The language set for the clone, empty for the language of the question",
    "today": "The date of the question",
    "passages": "What was found in the files, for a loop: number, file, page, heading and text",
    "question": "What was asked",
    "history": "The turns before, for a loop: role and content",
    "no_answer": "What the clone says when its files do not hold the answer",
}
VARIABLES = frozenset(EXPLAINED)
FILTERS = frozenset({"default", "first", "last", "length", "lower", "trim", "upper"})
TESTS = frozenset({"defined", "undefined", "none", "string", "number"})
_NODES: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
    nodes.Test,
)
_FILE = "<prompt>"
_TOO_DEEP = "this prompt is nested too deeply. Make it simpler."


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a prompt, and the line, from 1, where it stands."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.text}"


class _Faulty(Exception):
    """Carries a fault from where it is found to where it becomes an error or a row."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(line, text)


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox without Jinja2's own global functions."""

    def __init__(self) -> None:
        # Prompts are plain text for a model, never HTML: nothing is to be escaped.
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}


_environment = _Environment()


def check(source: str) -> None:
    """Check a prompt's text without rendering it.

    Raises:
        TooLarge: Longer than `SOURCE_CHARS`.
        InvalidInput: A syntax error, an unknown variable or something prompts may not use,
            with the line.
    """
    try:
        _compiled(source)
    except _Faulty as error:
        raise _wrong(error) from error


def faults(source: str) -> tuple[Fault, ...]:
    """Return what is wrong with a prompt's text, from the top, at most `FAULTS_SHOWN`.

    Of syntax errors only the first can be known.

    Raises:
        TooLarge: Longer than `SOURCE_CHARS`.
    """
    try:
        found = sorted(set(_found(_parsed(source))), key=lambda one: (one.line, one.text))
        _compiled("" if found else source)
    except _Faulty as error:
        return (error.fault,)
    return tuple(found[:FAULTS_SHOWN])


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Return the text of a prompt, without blank space around it.

    Raises:
        TooLarge: The source or the result is too long.
        InvalidInput: As `check`, or an unknown attribute of a variable.
    """
    try:
        return _rendered(source, variables)
    except _Faulty as error:
        raise _wrong(error) from error


def fault_with(source: str, variables: Mapping[str, Any]) -> Fault | None:
    """Return what goes wrong when a prompt is rendered with `variables`, if anything does.

    Raises:
        TooLarge: The source or the result is too long.
    """
    try:
        _rendered(source, variables)
    except _Faulty as error:
        return error.fault
    return None


def used(source: str) -> frozenset[str]:
    """Return the variables and attributes that a prompt uses, by their bare names.

    Raises:
        InvalidInput: The text is wrong, with the line.
    """
    try:
        tree = _parsed(source)
    except _Faulty as error:
        raise _wrong(error) from error
    names = {one.name for one in tree.find_all(nodes.Name) if one.ctx == "load"}
    names |= {one.attr for one in tree.find_all(nodes.Getattr)}
    keys = [one.arg for one in tree.find_all(nodes.Getitem)]
    return frozenset(names | {str(key.value) for key in keys if isinstance(key, nodes.Const)})


def _rendered(source: str, variables: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    try:
        for piece in _compiled(source).generate(dict(variables)):
            pieces.append(piece)
            size += len(piece)
            if size > OUTPUT_CHARS:
                raise TooLarge(f"This prompt grows beyond {OUTPUT_CHARS:,} characters. Shorten it.")
    except UndefinedError as error:
        raise _Faulty(_line_of(error.__traceback__), f"{error.message}.") from error
    except SecurityError as error:
        raise _Faulty(_line_of(error.__traceback__), "this is not allowed in a prompt.") from error
    except (TemplateError, TypeError, ValueError) as error:
        # Filters and comparisons raise Python's own errors for values that do not fit.
        raise _Faulty(_line_of(error.__traceback__), "this cannot be worked out.") from error
    return "".join(pieces).strip()


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    tree = _parsed(source)
    for fault in _found(tree):
        raise _Faulty(fault.line, fault.text)
    try:
        code = _environment.compile(tree, filename=_FILE)
    except TemplateSyntaxError as error:
        raise _syntax(error) from error
    except RecursionError as error:
        raise _Faulty(1, _TOO_DEEP) from error
    return Template.from_code(_environment, code, dict(_environment.globals))


def _parsed(source: str) -> nodes.Template:
    if len(source) > SOURCE_CHARS:
        raise TooLarge(TOO_LONG)
    try:
        return _environment.parse(source)
    except TemplateSyntaxError as error:
        raise _syntax(error) from error
    except RecursionError as error:
        raise _Faulty(1, _TOO_DEEP) from error


def _found(tree: nodes.Template) -> Iterator[Fault]:
    """Walk a parsed prompt; one that is nested too deeply is at fault as a whole."""
    try:
        yield from _check(tree, frozenset(VARIABLES), 0)
    except RecursionError:
        yield Fault(1, _TOO_DEEP)


def _check(node: nodes.Node, known: frozenset[str], depth: int) -> Iterator[Fault]:
    """Find what is not on the list; `known` are the variables that exist here."""
    if not isinstance(node, _NODES):
        yield Fault(node.lineno, f'"{type(node).__name__.lower()}" is not allowed in a prompt.')
        return
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in known:
        names = ", ".join(sorted(VARIABLES))
        yield Fault(node.lineno, f'there is no variable "{node.name}". There are: {names}.')
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        yield Fault(node.lineno, f'there is no filter "{node.name}" in prompts.')
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        yield Fault(node.lineno, f'there is no test "{node.name}" in prompts.')
    if isinstance(node, nodes.For):
        if wrong := _loop_fault(node, depth):
            yield Fault(node.lineno, wrong)
            return
        known, depth = known | {str(getattr(node.target, "name", "")), "loop"}, depth + 1
    for child in node.iter_child_nodes():
        yield from _check(child, known, depth)


def _loop_fault(node: nodes.For, depth: int) -> str:
    """Return what is wrong with a loop, empty for nothing."""
    looped = node.iter.name if isinstance(node.iter, nodes.Name) else ""
    if looped not in LOOPS or node.recursive:
        return "a loop can only go over passages or history."
    if not isinstance(node.target, nodes.Name) or node.target.name in VARIABLES:
        return "a loop needs one new name for its items."
    return "loops are nested too deeply." if depth == LOOP_DEPTH else ""


def _line_of(traceback: TracebackType | None) -> int:
    """Return the line of the prompt in which an error was raised."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _syntax(error: TemplateSyntaxError) -> _Faulty:
    return _Faulty(error.lineno, f"{error.message or 'syntax error'}.")


def _wrong(error: _Faulty) -> InvalidInput:
    return InvalidInput(str(error.fault), field="content")
