"""Writes the JSON Schema of a site file, so that an editor completes it: python -m magnumhub.domain.schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from magnumhub.domain.spec import Site

SCHEMA_FILE = Path("deployments/site.schema.json")


def site_schema() -> str:
    """The schema as the text of a file."""
    schema = _without_titles(Site.model_json_schema(by_alias=True))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A site of magnumhub"}
    return json.dumps({**head, **schema}, indent=2) + "\n"


def _without_titles(schema: Any) -> Any:
    """Without pydantic's titles, which only repeat each key in capitals."""
    if isinstance(schema, dict):
        return {key: _without_titles(item) for key, item in schema.items() if key != "title"}
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    SCHEMA_FILE.write_text(site_schema(), encoding="utf-8")
