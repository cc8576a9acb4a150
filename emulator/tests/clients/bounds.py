"""Cases at and past every bound that botocore's model sets to what the API is sent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import model
from emulators import ACCOUNT, REGION

# Stand for what exists while tests run; `filled_in` puts it there.
ROOM = "<room>"
LOGGING = [f"<logging configuration {number}>" for number in range(4)]
MISSING = object()

# What each operation takes, and nothing that it does not need: a case changes one member of this.
SMALLEST: dict[str, dict[str, Any]] = {
    "CreateChatToken": {"roomIdentifier": ROOM, "userId": "alice"},
    "CreateLoggingConfiguration": {"destinationConfiguration": {"s3": {"bucketName": "chat-logs"}}},
    "CreateRoom": {},
    "DeleteLoggingConfiguration": {"identifier": LOGGING[0]},
    "DeleteMessage": {"roomIdentifier": ROOM, "id": "AbCdEf123456"},
    "DeleteRoom": {"identifier": ROOM},
    "DisconnectUser": {"roomIdentifier": ROOM, "userId": "alice"},
    "GetLoggingConfiguration": {"identifier": LOGGING[0]},
    "GetRoom": {"identifier": ROOM},
    "ListLoggingConfigurations": {},
    "ListRooms": {},
    "ListTagsForResource": {"resourceArn": ROOM},
    "SendEvent": {"roomIdentifier": ROOM, "eventName": "goal"},
    "TagResource": {"resourceArn": ROOM, "tags": {"team": "live"}},
    "UntagResource": {"resourceArn": ROOM, "tagKeys": ["team"]},
    "UpdateLoggingConfiguration": {"identifier": LOGGING[0]},
    "UpdateRoom": {"identifier": ROOM},
}

# What a text that fits a pattern may begin with; any number of "a" after it fits too. The ARNs are of the caller's own
# account and region, so that no other rule stands in the way.
_BEGINNINGS = [
    "",
    f"arn:aws:ivschat:{REGION}:{ACCOUNT}:room/",
    f"arn:aws:ivschat:{REGION}:{ACCOUNT}:logging-configuration/",
    f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
]

# Ways to spoil a text. Each is tried on the patterns that the text then no longer fits.
_SPOILERS = {
    "exclamation-mark-in-front": lambda text: "!" + text,
    "exclamation-mark-behind": lambda text: text[:-1] + "!",
    "line-feed-behind": lambda text: text[:-1] + "\n",
    "space-behind": lambda text: text[:-1] + " ",
    "letter-not-of-ascii": lambda text: text[:-1] + "é",
    "digit-not-of-ascii": lambda text: text[:-1] + "٣",
    "capital-letter": lambda text: text[:-1] + "A",
    "of-another-partition": lambda text: text.replace("arn:aws:", "arn:aws-cn:"),
    "of-another-service": lambda text: text.replace(":ivschat:", ":ivs:").replace(":lambda:", ":s3:"),
    "of-another-kind": lambda text: (
        text.replace(":logging-configuration/", ":stage/").replace(":room/", ":logging-configuration/")
    ),
    "account-of-letters": lambda text: text.replace(ACCOUNT, "a" * 12),
    "no-account": lambda text: text.replace(ACCOUNT, ""),
    "region-in-capitals": lambda text: text.replace(REGION, REGION.upper()),
    "slash-in-its-name": lambda text: text[:-1] + "/a",
}


ACCEPTED = "accepted"
REFUSED = "refused"
# Within its bounds, and still not one that the service gave out.
FORGED = "forged"

# What is not as the bounds alone would have it.
_OTHERWISE = {
    # A list without elements leaves nothing in a query string: the member, which is required, is missing.
    "UntagResource.tagKeys=0-elements": REFUSED,
    # Only the service can make a token, so none of a bound's length can be had. An empty one is taken for none at all:
    # the least length of 0 makes sense in no other way.
    **{
        f"{operation}.nextToken={length}": FORGED
        for operation in ("ListRooms", "ListLoggingConfigurations")
        for length in ("1024-characters", "1024-characters-of-two-bytes")
    },
}


@dataclass(frozen=True)
class Case:
    """A call with one member changed."""

    operation: str
    # Of the member, without the keys and positions in it.
    path: str
    value: str
    members: dict[str, Any]
    verdict: str
    # The member is the ARN of nothing.
    names_nothing: bool

    def __str__(self) -> str:
        return f"{self.operation}.{self.path}={self.value}-{self.verdict}"

    @property
    def blamed(self) -> set[str]:
        """What a refusal may call the field that it blames: its whole path, or the member of the call that it is in."""
        return {self.path, self.path.split(".")[0]}


@dataclass(frozen=True)
class Value:
    """A value of some shape, and whether it is within bounds."""

    label: str
    value: Any
    within: bool
    names_nothing: bool = False


def cases() -> Iterator[Case]:
    for operation, definition in model.OPERATIONS.items():
        shape = model.SHAPES[definition["input"]["shape"]]
        for path, value in _structure(shape):
            top = path.split(".")[0]
            members = {name: member for name, member in SMALLEST[operation].items() if name != top}
            if value.value is not MISSING:
                members[top] = value.value
            verdict = ACCEPTED if value.within else REFUSED
            verdict = _OTHERWISE.get(f"{operation}.{path}={value.label}", verdict)
            yield Case(operation, path, value.label, members, verdict, value.names_nothing)


def filled_in(value: Any, existing: dict[str, str]) -> Any:
    """The same with what exists in the place of what stands for it."""
    if isinstance(value, dict):
        return {key: filled_in(member, existing) for key, member in value.items()}
    if isinstance(value, list):
        return [filled_in(element, existing) for element in value]
    return existing.get(value, value) if isinstance(value, str) else value


def fits(shape: dict[str, Any], text: str) -> bool:
    """Whether the text fits the shape's pattern."""
    pattern = model.pattern(shape)
    return pattern is None or re.fullmatch(pattern, text) is not None


def _structure(shape: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    """A path below the structure, and the value of the path's first part that puts something there."""
    for name, member in shape["members"].items():
        # What is in the path of the URL cannot be left out, only be empty: that is its length of 0.
        if name in shape.get("required", []) and member.get("location") != "uri":
            yield name, Value("missing", MISSING, False)
        below = model.SHAPES[member["shape"]]
        if below["type"] == "structure":
            for path, inner in _structure(below):
                first = path.split(".")[0]
                outer = {} if inner.value is MISSING else {first: inner.value}
                yield f"{name}.{path}", Value(inner.label, outer, inner.within, inner.names_nothing)
        else:
            for value in _values(below):
                yield name, value


def _values(shape: dict[str, Any]) -> Iterator[Value]:
    yield from {"string": _strings, "integer": _integers, "list": _lists, "map": _maps}[shape["type"]](shape)


def _integers(shape: dict[str, Any]) -> Iterator[Value]:
    for number in (shape["min"] - 1, shape["min"], shape["max"], shape["max"] + 1):
        yield Value(str(number), number, shape["min"] <= number <= shape["max"])


def _strings(shape: dict[str, Any]) -> Iterator[Value]:
    for known in shape.get("enum", []):
        yield Value(known, known, True)
        yield Value(known.lower(), known.lower(), False)
    if "enum" in shape:
        yield Value("unknown", "UNKNOWN", False)
        yield Value("0-characters", "", False)
    if "max" not in shape:
        return

    beginning = next(text for text in _BEGINNINGS if fits(shape, text + "a"))
    least, most = shape["min"], shape["max"]

    def of_length(length: int) -> str:
        return beginning + "a" * (length - len(beginning)) if length > len(beginning) else "a" * length

    names_nothing = beginning.startswith("arn:aws:ivschat:")
    # An ARN is longer than the least length: its own least is that of a name of one letter.
    for length in sorted({least, len(beginning) + 1, most} if beginning else {least, most}):
        if fits(shape, of_length(length)):
            yield Value(f"{length}-characters", of_length(length), True, names_nothing)
    if least > 0:
        yield Value(f"{least - 1}-characters", of_length(least - 1), False)
    yield Value(f"{most + 1}-characters", of_length(most + 1), False)
    if "pattern" not in shape:
        # Characters are counted, not bytes.
        yield Value(f"{most}-characters-of-two-bytes", "ü" * most, True)
        yield Value(f"{most + 1}-characters-of-two-bytes", "ü" * (most + 1), False)
        return
    right = of_length(len(beginning) + 12)
    for label, spoil in _SPOILERS.items():
        wrong = spoil(right)
        if wrong != right and not fits(shape, wrong) and least <= len(wrong) <= most:
            yield Value(label, wrong, False)


def _lists(shape: dict[str, Any]) -> Iterator[Value]:
    element = model.SHAPES[shape["member"]["shape"]]
    for size in _sizes(shape):
        elements = (
            LOGGING[:size] if "arn:" in element.get("pattern", "") else [f"key-{number}" for number in range(size)]
        )
        yield Value(f"{size}-elements", elements, shape["min"] <= size <= shape["max"])
    for value in _values(element):
        yield Value(f"[{value.label}]", [value.value], value.within, value.names_nothing)


def _maps(shape: dict[str, Any]) -> Iterator[Value]:
    for size in _sizes(shape):
        members = {f"key-{number}": "" for number in range(size)}
        yield Value(f"{size}-entries", members, shape["min"] <= size <= shape["max"])
    for value in _values(model.SHAPES[shape["key"]["shape"]]):
        yield Value(f"key-of-{value.label}", {value.value: "value"}, value.within)
    for value in _values(model.SHAPES[shape["value"]["shape"]]):
        yield Value(f"value-of-{value.label}", {"key": value.value}, value.within)


def _sizes(shape: dict[str, Any]) -> list[int]:
    return [shape["min"], shape["max"], shape["max"] + 1] if "max" in shape else []
