"""The part of Jinja2 that prompts may use, small enough that every prompt ends quickly.

Prompts are written by users. Jinja2's sandbox keeps them from Python's objects, but not from
a loop without end or a string of a gigabyte. So only output, conditions, loops over the
passages or the history, and a few harmless filters are allowed: without assignment and
arithmetic nothing can grow beyond what it was given.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clone_studio.errors import InvalidInput, TooLarge

SOURCE_CHARS = 40_000
OUTPUT_CHARS = 400_000
LOOP_DEPTH = 2
LOOPS = frozenset({"passages", "history"})
VARIABLES = frozenset(
    {"persona", "language", "today", "passages", "question", "history", "no_answer"}
)
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
    _compiled(source)


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Return the text of a prompt, without blank space around it.

    Raises:
        TooLarge: The source or the result is too long.
        InvalidInput: As `check`, or an unknown attribute of a variable.
    """
    pieces: list[str] = []
    size = 0
    try:
        for piece in _compiled(source).generate(dict(variables)):
            pieces.append(piece)
            size += len(piece)
            if size > OUTPUT_CHARS:
                raise TooLarge(f"This prompt grows beyond {OUTPUT_CHARS:,} characters. Shorten it.")
    except UndefinedError as error:
        raise _wrong(_line_of(error.__traceback__), f"{error.message}.") from error
    except SecurityError as error:
        raise _wrong(_line_of(error.__traceback__), "this is not allowed in a prompt.") from error
    except (TemplateError, TypeError, ValueError) as error:
        # Filters and comparisons raise Python's own errors for values that do not fit.
        raise _wrong(_line_of(error.__traceback__), "this cannot be worked out.") from error
    return "".join(pieces).strip()


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    if len(source) > SOURCE_CHARS:
        raise TooLarge(
            f"This prompt has {len(source):,} characters, and {SOURCE_CHARS:,} is the most."
        )
    try:
        tree = _environment.parse(source)
        _check(tree, frozenset(VARIABLES), 0)
        code = _environment.compile(tree, filename=_FILE)
    except TemplateSyntaxError as error:
        raise _wrong(error.lineno, f"{error.message or 'syntax error'}.") from error
    except RecursionError as error:
        raise InvalidInput("This prompt is nested too deeply. Make it simpler.") from error
    return Template.from_code(_environment, code, dict(_environment.globals))


def _check(node: nodes.Node, known: frozenset[str], depth: int) -> None:
    """Refuse what is not on the list; `known` are the variables that exist here."""
    if not isinstance(node, _NODES):
        raise _wrong(node.lineno, f'"{type(node).__name__.lower()}" is not allowed in a prompt.')
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in known:
        names = ", ".join(sorted(VARIABLES))
        raise _wrong(node.lineno, f'there is no variable "{node.name}". There are: {names}.')
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise _wrong(node.lineno, f'there is no filter "{node.name}" in prompts.')
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise _wrong(node.lineno, f'there is no test "{node.name}" in prompts.')
    if isinstance(node, nodes.For):
        known, depth = _check_loop(node, known, depth)
    for child in node.iter_child_nodes():
        _check(child, known, depth)


def _check_loop(node: nodes.For, known: frozenset[str], depth: int) -> tuple[frozenset[str], int]:
    looped = node.iter.name if isinstance(node.iter, nodes.Name) else ""
    if looped not in LOOPS or node.recursive:
        raise _wrong(node.lineno, "a loop can only go over passages or history.")
    if not isinstance(node.target, nodes.Name) or node.target.name in VARIABLES:
        raise _wrong(node.lineno, "a loop needs one new name for its items.")
    if depth == LOOP_DEPTH:
        raise _wrong(node.lineno, "loops are nested too deeply.")
    return known | {node.target.name, "loop"}, depth + 1


def _line_of(traceback: TracebackType | None) -> int:
    """Return the line of the prompt in which an error was raised."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _wrong(line: int, what: str) -> InvalidInput:
    return InvalidInput(f"Line {line}: {what}", field="content")
