#!/usr/bin/env python3
"""Writes the JSON schemas into one C++ source: a table of (schema id, text).

usage: embed_schemas.py FILE.schema.json… OUT.cc
"""
import json
import pathlib
import sys

# A string literal may have at most 65,536 characters by the standard; compilers accept more, we do not ask.
LITERAL_MAX = 16000


def literal(text):
    pieces = [text[i:i + LITERAL_MAX] for i in range(0, len(text), LITERAL_MAX)]
    return "\n     ".join('R"schema(' + piece + ')schema"' for piece in pieces)


def main():
    *files, out = sys.argv[1:]
    rows = []
    for name in sorted(files):
        schema = json.loads(pathlib.Path(name).read_text())
        compact = json.dumps(schema, separators=(",", ":"))
        rows.append((schema["$id"], compact))
    ids = [row[0] for row in rows]
    assert len(set(ids)) == len(ids), "two schemas with one $id"
    text = ['// Generated from specs/*.schema.json by scripts/embed_schemas.py. Do not edit.',
            '#include "formats/embedded_schemas.h"', "", "namespace baleen::formats {", "",
            "std::span<const EmbeddedSchema> embedded_schemas() {",
            f"  static constexpr EmbeddedSchema kSchemas[] = {{"]
    text += [f'    {{"{schema_id}",\n     {literal(schema)}}},' for schema_id, schema in rows]
    text += ["  };", "  return kSchemas;", "}", "", "}  // namespace baleen::formats", ""]
    path = pathlib.Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text))


main()
