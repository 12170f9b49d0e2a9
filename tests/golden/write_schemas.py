"""Writes the catalogue of topics and the schemas: `python -m tests.golden.write_schemas`."""

import json
from pathlib import Path

from pydantic import BaseModel

from tradeops.domain.event_schemas.raw_records import RAW_SCHEMAS
from tradeops.domain.event_schemas.wire_events import EVENT_SCHEMAS, UP_CASTERS
from tradeops.domain.topics import RAW_TO_VALIDATED, SEALED, TOPICS, Topic

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "schemas"
CATALOGUE = DOCS / "topics.md"

HEAD = """# Topics

Written by `python -m tests.golden.write_schemas`; a test holds it equal to the code.

A key always falls into the same partition (CRC-32 of it). Nothing is deleted unless a retention is given.
What cannot be processed goes, with its bytes and the reason, to the topic's dead-letter topic.

| topic | key | schema | partitions | retention | dead letters | goes to |
|---|---|---|---|---|---|---|
"""


def write_schemas() -> dict[Path, str]:
    """Each document with the file that it belongs into."""
    models: dict[str, dict[int, type[BaseModel]]] = {kind: {**versions} for kind, versions in EVENT_SCHEMAS.items()}
    models |= {f"{RAW_TO_VALIDATED[topic].event_type}.raw": {**versions} for topic, versions in RAW_SCHEMAS.items()}
    schemas = {
        FOLDER / f"{kind}.v{version}.json": _write_schema(kind, version, model)
        for kind, versions in models.items()
        for version, model in versions.items()
    }
    return schemas | {CATALOGUE: HEAD + "".join(_write_row(topic) for topic in TOPICS.values())}


def _write_schema(kind: str, version: int, model: type[BaseModel]) -> str:
    schema = model.model_json_schema() | {"title": f"{kind}, version {version}", "$id": f"{kind}.v{version}.json"}
    schema["properties"]["schema_version"] = {"const": version}
    if "type" in schema["properties"]:
        schema["properties"]["type"] = {"const": kind}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _write_row(topic: Topic) -> str:
    versions = [topic.schema_version, *(v for kind, v in UP_CASTERS if kind == topic.event_type)]
    names = (f"{topic.event_type}.v{version}" for version in sorted(versions, reverse=True))
    schemas = ", ".join(f"[{name}](schemas/{name}.json)" for name in names)
    retention = "for ever" if topic.retention_days is None else f"{topic.retention_days} days"
    cells = (topic.name, topic.key, schemas, topic.partitions, retention, topic.dead_letters, _name_reader(topic))
    return f"| {' | '.join(map(str, cells))} |\n"


def _name_reader(topic: Topic) -> str:
    if topic.is_raw:
        return RAW_TO_VALIDATED[topic.name].name
    return "the lake" if topic in SEALED else "–"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, document in write_schemas().items():
        path.write_text(document)


if __name__ == "__main__":
    main()
