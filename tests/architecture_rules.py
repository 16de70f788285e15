"""House rules that a machine can check: each takes a parsed module and yields its faults."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

FILE_LINES = 400
FUNCTION_LINES = 50
UNWANTED_NAMES = {"utils", "helpers", "manager", "util", "helper", "misc", "common"}
# Given back by a handler these run through `eval`, which the content security policy forbids.
EVALUATED = {"toast", "set_clipboard", "call_function"}
# Called they only return an iterator; what blocks in them is awaited.
ITERATORS = {"attach", "subscribe"}
NOWHERE = {"call_script", "run_script", "upload"}
Fault = tuple[int, str]


def public_state_methods(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """Everything public on a state can be called by any browser: only what is meant to be."""
    for method, _ in _state_methods(tree, path):
        if not method.name.startswith("_") and not _decorators(method) & {"event", "var"}:
            yield method.lineno, f"{method.name} is public without @rx.event or @rx.var"


def computed_vars_are_pure(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """A computed var runs at every change and while the pages are built: it reads state only."""
    for method, _ in _state_methods(tree, path):
        if "var" not in _decorators(method):
            continue
        if isinstance(method, ast.AsyncFunctionDef):
            yield method.lineno, f"{method.name} is an async computed var"
        for call in _calls(method):
            if _name(call.func) in {"services", "open", "to_thread", "get_settings", "urlopen"}:
                yield call.lineno, f"{method.name} does I/O in a computed var"


def services_run_in_threads(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """The database blocks: async code reaches services by `asyncio.to_thread` or by awaiting."""
    if path.parts[0] != "clone_studio":
        return
    for function in ast.walk(tree):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        awaited = {id(one.value) for one in _own(function) if isinstance(one, ast.Await)}
        looped = {id(one.iter) for one in _own(function) if isinstance(one, ast.AsyncFor)}
        for node in _own(function):
            free = id(node) not in awaited | looped
            if free and isinstance(node, ast.Call) and _is_service_call(node):
                yield node.lineno, f"{function.name} calls a service on the event loop"


def no_waiting_with_the_lock(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """Inside `async with self` nothing slow is awaited: the tab's other events wait for it."""
    for block in ast.walk(tree):
        if isinstance(block, ast.AsyncWith) and any(
            _name(item.context_expr) == "self" for item in block.items
        ):
            for inner in block.body:
                for node in ast.walk(inner):
                    if isinstance(node, ast.Await) and _name(_called(node)) in {
                        "to_thread",
                        "sleep",
                        "gather",
                        "wait_for",
                    }:
                        yield node.lineno, "awaits inside `async with self`"
                    if isinstance(node, ast.Call) and _is_service_call(node):
                        yield node.lineno, "calls a service inside `async with self`"


def markup_only_in_one_place(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """Markdown and HTML are made safe in components/markdown.py and nowhere else."""
    if path.as_posix() != "clone_studio/components/markdown.py":
        yield from _reflex_names(tree, {"markdown", "html"})


def nothing_evaluated(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """No code is sent to the browser to be evaluated, and Reflex's own upload is not mounted."""
    yield from _reflex_names(tree, NOWHERE)
    if path.parts[:2] == ("clone_studio", "state"):
        yield from _reflex_names(tree, EVALUATED)


def short_files_and_functions(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """What does not fit on a few screens is two things."""
    last = max((getattr(node, "end_lineno", 0) or 0 for node in tree.body), default=0)
    if last > FILE_LINES:
        yield last, f"the file has {last} lines, more than {FILE_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines, more than {FUNCTION_LINES}"


def names_say_what_is_inside(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """A module is named for what it holds."""
    if {*path.parts[:-1], path.stem} & UNWANTED_NAMES:
        yield 1, f"{path.stem} does not say what is inside"


def tests_use_seams(tree: ast.Module, path: PurePosixPath) -> Iterator[Fault]:
    """No mocks, no patched internals, no skipped tests, no sleeping."""
    if path.parts[0] != "tests":
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            if any("mock" in module for module in modules):
                yield node.lineno, "imports a mocking library"
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail"}:
            yield node.lineno, f"uses {node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, called = _name(node.func.value), node.func.attr
            if owner == "monkeypatch" and called in {"setattr", "setitem", "delattr"}:
                yield node.lineno, f"patches internals by monkeypatch.{called}"
            if (owner, called) == ("time", "sleep"):
                yield node.lineno, "sleeps instead of waiting for a condition"


RULES = (
    public_state_methods,
    computed_vars_are_pure,
    services_run_in_threads,
    no_waiting_with_the_lock,
    markup_only_in_one_place,
    nothing_evaluated,
    short_files_and_functions,
    names_say_what_is_inside,
    tests_use_seams,
)

Method = ast.FunctionDef | ast.AsyncFunctionDef


def _state_methods(tree: ast.Module, path: PurePosixPath) -> Iterator[tuple[Method, ast.ClassDef]]:
    if path.parts[:2] != ("clone_studio", "state"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            (_name(base) or "").endswith("State") for base in node.bases
        ):
            for item in node.body:
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield item, node


def _decorators(method: Method) -> set[str]:
    named = (one.func if isinstance(one, ast.Call) else one for one in method.decorator_list)
    return {_name(one) or "" for one in named}


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Call))


def _own(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Walk a function without the functions inside it: those run in threads of their own."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _is_service_call(call: ast.Call) -> bool:
    """Recognise `services().personas.get_for(…)` and the same through `studio`."""
    func = call.func
    if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute)):
        return False
    root = func.value.value
    if func.value.attr in {"events", "settings"} or func.attr in ITERATORS:
        return False
    return (isinstance(root, ast.Call) and _name(root.func) == "services") or (
        isinstance(root, ast.Name) and root.id == "studio"
    )


def _called(node: ast.Await) -> ast.expr:
    return node.value.func if isinstance(node.value, ast.Call) else node.value


def _name(node: ast.expr) -> str | None:
    """Return the last name of `a.b.c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _reflex_names(tree: ast.Module, names: set[str]) -> Iterator[Fault]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in names:
            continue
        if isinstance(node.value, ast.Name) and node.value.id in {"rx", "reflex"}:
            yield node.lineno, f"uses rx.{node.attr}"
