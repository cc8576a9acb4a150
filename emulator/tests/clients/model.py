"""Holds what the emulator answered against botocore's model of Amazon IVS Chat.

    python model.py < journal.json

takes what `GET /_emulator/calls` answers. It prints how many answers it checked and exits with 0, or prints everything
that is wrong with them and exits with 1.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from botocore.loaders import Loader

# Only the model that botocore ships, not one that somebody keeps in a directory of theirs.
_LOADER = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
_MODEL = _LOADER.load_service_model("ivschat", "service-2")

OPERATIONS: dict[str, Any] = _MODEL["operations"]
SHAPES: dict[str, Any] = _MODEL["shapes"]

# The patterns of the model that do not say what they mean.
_MENDED = {
    # One character as the kind of a resource: as it stands, no ARN fits.
    "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:[a-z-]/[a-zA-Z0-9-]+": (
        "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:[a-z-]+/[a-zA-Z0-9-]+"
    ),
    # "Empty, or an ARN", but written so that every text has the first of the two at its end.
    "$|^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+.*": "|arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+",
}

# Errors that stand in front of every operation, so that operations do not declare them, and their status.
# AccessDeniedException is IAM's answer too: tag operations do not declare it, and are refused with it all the same.
_COMMON_ERRORS = {
    "AccessDeniedException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "SerializationException": 400,
    "ServiceUnavailable": 503,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 403,
}

_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

# Not of IVS Chat, and not JSON.
_OTHER_SERVICES = ("GetCallerIdentity",)


def pattern(shape: dict[str, Any]) -> str | None:
    """The shape's pattern, mended. It is to match the whole of a text: the model leaves the anchors out."""
    text = shape.get("pattern")
    return None if text is None else _MENDED.get(text, text)


def checked(calls: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many calls of a journal have an answer to check, and all that is wrong with those answers."""
    own = [call for call in calls if not call["faulted"] and call["operation"] not in _OTHER_SERVICES]
    return len(own), [problem for call in own for problem in violations(call)]


def violations(call: dict[str, Any]) -> list[str]:
    """All that is wrong with the answer to one call of a journal."""
    name, status, error = call["operation"], call["status"], call["error"]
    operation = OPERATIONS.get(name)
    if operation is None:
        return [f"{name}: there is no such operation"]
    problems = _success(operation, call) if error is None else _error(operation, call)
    return [f"{name}, {error or 'answer'} {status}: {problem}" for problem in problems]


def _success(operation: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    expected = operation["http"]["responseCode"]
    if call["status"] != expected:
        yield f"the status must be {expected}"
    if "output" in operation:
        yield from _value(operation["output"]["shape"], call["answer"], "")
    elif call["answer"] is not None:
        yield f"must have no body, found {json.dumps(call['answer'])}"


def _error(operation: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    code = call["error"]
    shape = SHAPES.get(code, {})
    declared = [error["shape"] for error in operation["errors"]]
    if code not in declared and code not in _COMMON_ERRORS:
        yield "the operation has no such error"
    expected = shape.get("error", {}).get("httpStatusCode", _COMMON_ERRORS.get(code))
    if expected is not None and call["status"] != expected:
        yield f"the status must be {expected}"
    if shape.get("exception"):
        yield from _value(code, call["answer"], "")
    elif not (isinstance(call["answer"], dict) and isinstance(call["answer"].get("message"), str)):
        yield f"must have a message, found {json.dumps(call['answer'])}"


def _value(name: str, value: Any, path: str) -> Iterator[str]:
    """What is wrong with a value of the shape of this name."""
    shape = SHAPES[name]
    where = path or "the body"
    kind, python, check = _TYPES[shape["type"]]
    # To Python a bool is an int.
    if not isinstance(value, python) or isinstance(value, bool):
        yield f"{where} must be {kind}, found {json.dumps(value)}"
        return
    yield from check(shape, value, path)


def _string(shape: dict[str, Any], value: str, path: str) -> Iterator[str]:
    yield from _within(shape, len(value), f"the length of {path}")
    expression = pattern(shape)
    if expression is not None and not re.fullmatch(expression, value):
        yield f"{path} must match {expression}, found {json.dumps(value)}"
    if value not in shape.get("enum", [value]):
        yield f"{path} must be one of {', '.join(shape['enum'])}, found {json.dumps(value)}"


def _integer(shape: dict[str, Any], value: int, path: str) -> Iterator[str]:
    yield from _within(shape, value, path)


def _timestamp(_shape: dict[str, Any], value: str, path: str) -> Iterator[str]:
    parts = _ISO_8601.fullmatch(value)
    try:
        # The digits may still be those of no day.
        datetime.strptime(parts[1] if parts else "", "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        yield f"{path} must be an ISO 8601 time, found {json.dumps(value)}"


def _structure(shape: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
    dot = f"{path}." if path else ""
    for name in shape.get("required", []):
        if name not in value:
            yield f"{dot}{name} is missing"
    for name, member in value.items():
        if name in shape["members"]:
            yield from _value(shape["members"][name]["shape"], member, f"{dot}{name}")
        else:
            yield f"{dot}{name} is unknown"
    if shape.get("union") and len(value) != 1:
        yield f"{path} must have exactly one member, found {len(value)}"


def _map(shape: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
    # AWS's own tags come on top of the 50.
    counted = [key for key in value if not key.startswith("aws:")]
    yield from _within(shape, len(counted), f"the number of {path}")
    for key, member in value.items():
        yield from _value(shape["key"]["shape"], key, f"a key of {path}")
        yield from _value(shape["value"]["shape"], member, f"{path}.{key}")


def _list(shape: dict[str, Any], value: list[Any], path: str) -> Iterator[str]:
    yield from _within(shape, len(value), f"the number of {path}")
    for index, element in enumerate(value):
        yield from _value(shape["member"]["shape"], element, f"{path}[{index}]")


# The types of the model: what they are in JSON, what that is in Python, and what else is to be checked.
_TYPES: dict[str, tuple[str, type, Callable[..., Iterator[str]]]] = {
    "string": ("a string", str, _string),
    "integer": ("an integer", int, _integer),
    "timestamp": ("a string", str, _timestamp),
    "structure": ("an object", dict, _structure),
    "map": ("an object", dict, _map),
    "list": ("an array", list, _list),
}


def _within(shape: dict[str, Any], number: int, what: str) -> Iterator[str]:
    if "min" in shape and number < shape["min"]:
        yield f"{what} must be at least {shape['min']}, found {number}"
    if "max" in shape and number > shape["max"]:
        yield f"{what} must be at most {shape['max']}, found {number}"


def main() -> int:
    count, problems = checked(json.load(sys.stdin)["calls"])
    for problem in problems:
        print(problem)
    if problems:
        return 1
    print(f"{count} answers checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
