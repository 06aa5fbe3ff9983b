"""Just enough of JSON Schema (draft 7) to check our documents independently of the program's own validator."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$id", "title", "description", "type", "const", "enum", "required", "properties", "definitions",
         "additionalProperties", "items", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
         "minLength", "maxLength", "minItems", "maxItems", "$ref", "if", "then", "else", "allOf", "anyOf", "oneOf"}


def is_of_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def resolve(schema, root):
    while "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def problems(value, schema, root=None, where="$"):
    """Yields a line for each way in which the value does not fit."""
    root = root or schema
    if schema is True:
        return
    if schema is False:
        yield f"{where}: not allowed"
        return
    schema = resolve(schema, root)
    unknown = set(schema) - KNOWN
    if unknown:
        yield f"{where}: the schema uses {sorted(unknown)}, which this validator does not know"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_of_type(value, name) for name in types):
        yield f"{where}: {value!r} is no {types}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{where}: {value!r} does not match {schema['pattern']}"
        yield from bounds(len(value), schema, "minLength", "maxLength", where)
    if is_of_type(value, "number"):
        yield from bounds(value, schema, "minimum", "maximum", where)
        if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
            yield f"{where}: {value} is not above {schema['exclusiveMinimum']}"
        if "exclusiveMaximum" in schema and not value < schema["exclusiveMaximum"]:
            yield f"{where}: {value} is not below {schema['exclusiveMaximum']}"
    if isinstance(value, list):
        yield from bounds(len(value), schema, "minItems", "maxItems", where)
        for i, item in enumerate(value):
            yield from problems(item, schema.get("items", True), root, f"{where}[{i}]")
    if isinstance(value, dict):
        for key in schema.get("required", []):
            if key not in value:
                yield f"{where}: {key} is missing"
        members = schema.get("properties", {})
        for key, member in value.items():
            inner = members.get(key, schema.get("additionalProperties", True))
            yield from problems(member, inner, root, f"{where}.{key}")
    for part in schema.get("allOf", []):
        yield from problems(value, part, root, where)
    for name, fits in (("anyOf", lambda n: n >= 1), ("oneOf", lambda n: n == 1)):
        if name in schema and not fits(sum(not list(problems(value, part, root)) for part in schema[name])):
            yield f"{where}: does not fit {name}"
    if "if" in schema:
        branch = "else" if list(problems(value, schema["if"], root)) else "then"
        yield from problems(value, schema.get(branch, True), root, where)


def bounds(value, schema, low, high, where):
    if low in schema and value < schema[low]:
        yield f"{where}: {value} is below {low} {schema[low]}"
    if high in schema and value > schema[high]:
        yield f"{where}: {value} is above {high} {schema[high]}"
