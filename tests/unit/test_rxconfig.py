"""Reflex takes a misspelt option without a word; here it is refused."""

import ast
import dataclasses

import reflex as rx

from clone_studio import PROJECT_ROOT


def _given() -> dict[str, ast.expr]:
    tree = ast.parse((PROJECT_ROOT / "rxconfig.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    config = next(call for call in calls if ast.unparse(call.func) == "rx.Config")
    return {str(keyword.arg): keyword.value for keyword in config.keywords}


def test_every_option_exists() -> None:
    known = {field.name for field in dataclasses.fields(rx.Config)}
    assert _given().keys() <= known


def test_telemetry_is_off_and_origins_are_pinned() -> None:
    given = {name: ast.unparse(value) for name, value in _given().items()}
    assert given["telemetry_enabled"] == "False"
    assert given["cors_allowed_origins"] == "list(settings.allowed_origins)"
    assert given["backend_host"] == "settings.host"
    assert given["show_built_with_reflex"] == "False"
