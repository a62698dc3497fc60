"""`GET /docs`: the OpenAPI document as a page to read; no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#222;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #ddd}
details{border:1px solid #ddd;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}summary b{display:inline-block;min-width:4.2rem;color:#0072b2}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f6f6f6;padding:.6rem;overflow:auto}
table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as HTML."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    )
    intro = (
        f"<h1>{title}</h1><p>{escape(document['info'].get('summary', ''))}</p>"
        "<p>Everything but the probes wants <code>Authorization: Bearer gradus_…</code>. Errors are "
        "<code>application/problem+json</code>. The same as JSON: "
        '<a href="/openapi.json">/openapi.json</a>.</p>'
    )
    return "".join([head, intro, *_operations(document), *_schemas(document), "</html>"])


def _operations(document: dict[str, Any]) -> Iterator[str]:
    shown = ""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            if tag != shown:
                shown = tag
                yield f"<h2>{escape(tag)}</h2>"
            yield _operation(method.upper(), path, operation)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    head = f"<summary><b>{method}</b> <code>{escape(path)}</code></summary>"
    text = f"<p>{escape(operation.get('description', ''))}</p>"
    body = operation.get("requestBody", {}).get("content", {})
    parts = [head, text, _parameters(operation.get("parameters", []))]
    parts += [f"<p>Body, {escape(form)}:</p>{_json(media.get('schema', {}))}" for form, media in body.items()]
    answers = ", ".join(operation["responses"])
    return f"<details>{''.join(parts)}<p>Answers: {escape(answers)}</p></details>"


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = [
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}<td>"
        f"<code>{escape(json.dumps(p.get('schema', {}), ensure_ascii=False))}</code>"
        for p in parameters
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield "<h2>schemas</h2>"
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        yield f"<details><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>"


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
