"""The API's reference as one page of ours, made from the document: it works offline, without a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_openapi3.openapi import OpenAPI

reference = Blueprint("reference", __name__)


class Field(NamedTuple):
    """A parameter of a request, or a member of a body."""

    name: str
    kind: str
    needed: bool
    about: str


class Operation(NamedTuple):
    """What one method of a path takes and answers."""

    method: str
    path: str
    about: str
    right: str
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]


@reference.get("/api/docs")
def browse() -> ResponseReturnValue:
    """Show the reference; it tells of no user, as the document."""
    assert isinstance(current_app, OpenAPI)
    document = current_app.api_doc
    groups: dict[str, list[Operation]] = {}
    for tag, operation in _operations(document):
        groups.setdefault(tag, []).append(operation)
    return render_template("reference.html", groups=groups, version=document["info"]["version"])


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scopes = [scope for scheme in operation.get("security", []) for scope in scheme["bearer"]]
            yield (
                operation.get("tags", ["document"])[0],
                Operation(
                    method=method.upper(),
                    path=path,
                    about=operation.get("summary", ""),
                    right=" ".join(scopes),
                    parameters=[_parameter(one) for one in operation.get("parameters", [])],
                    body=_members(_content(operation.get("requestBody")), schemas),
                    answer=_members(_content(operation["responses"]["200"]), schemas),
                ),
            )


def _content(carrier: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (carrier or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _parameter(parameter: Mapping[str, Any]) -> Field:
    schema = parameter.get("schema", {})
    about = parameter.get("description") or schema.get("description", "")
    return Field(
        parameter["name"], f"{_kind(schema)}, in the {parameter['in']}", parameter.get("required", False), about
    )


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Field]:
    """Return the members of an object; those of the items of a list stand below it."""
    schema = _resolved(schema, schemas)
    needed = schema.get("required", [])
    found = []
    for name, member in schema.get("properties", {}).items():
        found.append(Field(name, _kind(member), name in needed, member.get("description", "")))
        inner = _resolved(member.get("items", {}), schemas)
        found += [Field(f"{name}[].{one.name}", *one[1:]) for one in _members(inner, schemas)] if inner else []
    return found


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference_to = schema.get("$ref")
    found: Mapping[str, Any] = schemas[reference_to.rpartition("/")[2]] if reference_to else schema
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a value is."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "anything"))
