"""The API's description as one HTML page, without scripts or external resources."""

import json
from html import escape
from typing import Any, Final

STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c1c22;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #ccc}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:#f4f4f6;padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.3rem .6rem .3rem 0}
@media(prefers-color-scheme:dark){body{color:#e8e8ee;background:#17171b}pre{background:#24242b}td,th{border-color:#444}}
"""


def docs_page(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    parts = [f"<h1>{escape(info['title'])}</h1><p>{escape(info['summary'])} {escape(info['description'])}</p>"]
    parts += [_call(path, method, call) for path, item in document["paths"].items() for method, call in item.items()]
    parts += [_schema(name, schema) for name, schema in schemas.items()]
    example = json.dumps(schemas["Order"]["examples"][0])
    curl = f"curl -H 'Content-Type: application/json' -d '{example}' http://HOST/order"
    parts.append(
        f"<h2>Try it</h2><pre>{escape(curl)}</pre><p>For machines: <a href='/openapi.json'>openapi.json</a></p>"
    )
    head = f"<meta charset=utf-8><title>{escape(info['title'])}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>"


def _call(path: str, method: str, call: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(status)}</code><td>{escape(reply['description'])}"
        for status, reply in call["responses"].items()
    )
    title = f"<h2 id='{escape(call['operationId'])}'><code>{method.upper()} {escape(path)}</code></h2>"
    types = ", ".join(call.get("requestBody", {}).get("content", ()))
    takes = f"<p>Takes <code>{escape(types)}</code>.</p>" if types else ""
    headers = "".join(
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['description'])}"
        for each in call.get("parameters", ())
    )
    headers = f"<table><tr><th>Header<th>{headers}</table>" if headers else ""
    return f"{title}<p>{escape(call['summary'])}</p>{takes}{headers}<table><tr><th>Status<th>{rows}</table>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(what.get('type', ''))}"
        f"<td>{'yes' if field in required else ''}<td>{escape(what.get('description', ''))}"
        for field, what in schema["properties"].items()
    )
    table = f"<table><tr><th>Field<th>Type<th>Required<th>{rows}</table>"
    return f"<h2 id='schema-{escape(name)}'>{escape(name)}</h2><p>{escape(schema['description'])}</p>{table}"
