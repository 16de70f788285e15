"""`/api/docs`: the API's description as one plain page, without a script and without a vendor."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

STYLE = """
body{font:16px/1.5 Inter,system-ui,sans-serif;max-width:960px;margin:0 auto;padding:24px;
background:#fff;color:#1a1a1a}
h1{font-size:28px}h2{margin-top:40px;border-bottom:1px solid #ddd}
details{border:1px solid #ddd;border-radius:8px;margin:8px 0;padding:8px 12px}
summary{cursor:pointer}code,pre{font:14px/1.5 ui-monospace,monospace}
pre{background:#f5f5f5;padding:12px;border-radius:8px;overflow:auto}
b.verb{display:inline-block;min-width:72px;color:#8a3d00}
table{border-collapse:collapse}td,th{text-align:left;padding:2px 16px 2px 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#16161a;color:#e8e8ea}
details,h2{border-color:#3a3a42}pre{background:#222228}b.verb{color:#ffb066}a{color:#ffb066}}
"""


def router_for(app: FastAPI) -> APIRouter:
    """Return the route of the page that describes `app`."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi()))

    return router


def _page(spec: dict[str, Any]) -> str:
    info = spec["info"]
    groups: dict[str, list[str]] = {}
    for path, methods in spec["paths"].items():
        for verb, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, verb, operation))
    sections = "".join(
        f'<section><h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>{"".join(rows)}</section>'
        for tag, rows in groups.items()
    )
    shapes = "".join(
        _shape(name, shape) for name, shape in sorted(spec["components"]["schemas"].items())
    )
    title = escape(f"{info['title']} API {info['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p><a href="/api/openapi.json">OpenAPI description (JSON)</a></p>'
        f'{sections}<section><h2 id="shapes">Shapes</h2>{shapes}</section></main></body></html>'
    )


def _operation(path: str, verb: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(_type(one['schema']))}</td></tr>"
        for one in operation.get("parameters", [])
    )
    body = _content(operation.get("requestBody", {}))
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{_content(answer)}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<details><summary><b class="verb">{verb.upper()}</b> <code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<p>Parameters</p><table>{parameters}</table>" if parameters else "")
        + (f"<p>Body: {body}</p>" if body else "")
        + f"<p>Answers</p><table>{answers}</table></details>"
    )


def _content(part: dict[str, Any]) -> str:
    return ", ".join(
        f"{_type_link(kind['schema'])} <small>{escape(media)}</small>"
        for media, kind in part.get("content", {}).items()
        if kind.get("schema")
    )


def _shape(name: str, shape: dict[str, Any]) -> str:
    required = set(shape.get("required", []))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else '?'}</td>"
        f"<td>{_type_link(schema)}</td></tr>"
        for field, schema in shape.get("properties", {}).items()
    )
    return (
        f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{escape(shape.get('description', ''))}</p><table>{rows}</table></details>"
    )


def _type_link(schema: dict[str, Any]) -> str:
    text = escape(_type(schema))
    name = _reference(schema) or _reference(schema.get("items", {}))
    return f'<a href="#shape-{escape(name)}">{text}</a>' if name else text


def _type(schema: dict[str, Any]) -> str:
    if name := _reference(schema):
        return name
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or schema.get("title") or "any")


def _reference(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
