"""The API's reference as one HTML page, complete in itself: no script, no network, prints well."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

__all__ = ["render"]

REF: Final = "#/components/schemas/"
_METHODS: Final = ("get", "post", "put", "patch", "delete")

_STYLE: Final = """
:root{--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--back:#fff;--well:#f6f8fa;--mark:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--back:#0d1117;--well:#161b22;
--mark:#6cb0f6}}
*{box-sizing:border-box}body{margin:0;color:var(--ink);background:var(--back);font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 6rem}h1{margin:0 0 .25rem}h2{margin:2.5rem 0 .5rem}
a{color:var(--mark)}code,pre{font-family:ui-monospace,monospace;font-size:.875em}.soft{color:var(--soft)}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;background:var(--back)}
summary{padding:.6rem .9rem;cursor:pointer}details[open]>summary{border-bottom:1px solid var(--line)}
.in{padding:.4rem .9rem .9rem}.verb{display:inline-block;min-width:4.5em;font-weight:600;color:var(--mark)}
.tag{border:1px solid var(--line);border-radius:4px;padding:0 .35em;font-size:.8em;color:var(--soft)}
table{border-collapse:collapse;width:100%;margin:.3rem 0 .8rem}td,th{text-align:left;vertical-align:top;
padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}th{font-weight:600;color:var(--soft)}
nav{background:var(--well);border-radius:6px;padding:.6rem .9rem;margin:1.2rem 0}
nav a{display:inline-block;margin-right:1em}h4{margin:.8rem 0 .2rem}
"""


def render(openapi: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document that `api.openapi` made."""
    tags: dict[str, list[str]] = {}
    for path, item in openapi["paths"].items():
        for method in _METHODS:
            if method in item:
                tags.setdefault(item[method]["tags"][0], []).append(_operation(path, method, item[method]))
    schemas = openapi["components"]["schemas"]
    links = "".join(f'<a href="#tag-{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    sections = "".join(
        f'<h2 id="tag-{escape(tag)}">{escape(tag)}</h2>{"".join(operations)}' for tag, operations in tags.items()
    )
    shapes = "".join(_schema(name, schema) for name, schema in schemas.items())
    info = openapi["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(info["title"])} API</h1><p class="soft">Version {escape(info["version"])}, also as '
        '<a href="/v1/openapi.json">OpenAPI JSON</a> and <a href="/v1/openapi.yaml">YAML</a>.</p>'
        f"<p>{_prose(info['description'])}</p><nav>{links}"
        f'<a href="#schemas">schemas</a></nav>{sections}<h2 id="schemas">schemas</h2>{shapes}</main></body></html>\n'
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    marks = "".join(f' <span class="tag">{escape(mark)}</span>' for mark in _marks(operation))
    parts = [f"<p>{_prose(operation['description'])}</p>"] if "description" in operation else []
    if operation["parameters"]:
        rows = [
            (
                f"<code>{escape(one['name'])}</code>",
                escape(one["in"]) + ("" if not one["required"] else ", required"),
                _type(one["schema"]) + (f"<br>{_prose(one['description'])}" if "description" in one else ""),
            )
            for one in operation["parameters"]
        ]
        parts.append("<h4>Parameters</h4>" + _table(rows))
    if "requestBody" in operation:
        parts.append(f"<h4>Body</h4><p>{_type(_content(operation['requestBody']))}</p>")
    rows = [
        (
            f"<code>{escape(status)}</code>",
            _prose(response["description"]),
            _type(_content(response)) if status.startswith("2") else "",
        )
        for status, response in operation["responses"].items()
    ]
    parts.append("<h4>Answers</h4>" + _table(rows))
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><span class="verb">{method.upper()}</span> '
        f'<code>{escape(path)}</code> <span class="soft">{escape(operation["summary"])}</span>{marks}</summary>'
        f'<div class="in">{"".join(parts)}</div></details>'
    )


def _marks(operation: Mapping[str, Any]) -> Iterable[str]:
    if "security" not in operation:
        yield "public"
    elif operation["x-agent-scope"] != "none":
        yield f"agent keys: {operation['x-agent-scope']}"
    if operation.get("x-stability"):
        yield operation["x-stability"]


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(member)}</code>" + ("" if member not in required else " *"),
            _type(shape),
            _prose(shape.get("description", "")),
        )
        for member, shape in schema.get("properties", {}).items()
    ]
    return (
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code> '
        f'<span class="soft">{_prose(schema.get("description", ""))}</span></summary>'
        f'<div class="in">{_table(rows)}</div></details>'
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF))
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(arm) for arm in schema["anyOf"])
    if "enum" in schema:
        words = ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
        return f"one of {words}{_default(schema)}"
    kind = schema.get("type", "any")
    if kind == "array":
        # A tuple names its members one by one, and says of others that there are none.
        members = schema.get("prefixItems") or [schema.get("items", {})]
        return f"list of {_type(members[0])}"
    names = kind if isinstance(kind, str) else " or ".join(kind)
    notes = [schema[key] for key in ("format",) if key in schema]
    notes += [f"{word} {schema[key]}" for key, word in _BOUNDS if key in schema]
    return escape(", ".join([names, *notes])) + _default(schema)


_BOUNDS: Final = (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "length at most"))


def _default(schema: Mapping[str, Any]) -> str:
    return f", default <code>{escape(str(schema['default']))}</code>" if schema.get("default") not in (None, "") else ""


def _content(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = next(iter(holder["content"].values()))["schema"]
    return schema


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{body}</table>" if body else ""


def _prose(text: str) -> str:
    """Escaped text in which `code` is set as code."""
    pieces = escape(text).split("`")
    return "".join(piece if index % 2 == 0 else f"<code>{piece}</code>" for index, piece in enumerate(pieces))
