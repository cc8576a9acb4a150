"""The checker itself: it takes what is right, and reports what is wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import model

ROOM = {
    "arn": "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEf123456",
    "id": "AbCdEf123456",
    "name": "lobby",
    "createTime": "2026-01-02T03:04:05.678Z",
    "updateTime": "2026-01-02T03:04:05Z",
    "maximumMessageLength": 500,
    "maximumMessageRatePerSecond": 10,
    "messageReviewHandler": {
        "uri": "arn:aws:lambda:us-west-2:123456789012:function:review",
        "fallbackResult": "DENY",
    },
    "tags": {"team": "live"},
    "loggingConfigurationIdentifiers": [],
}
NOT_FOUND = {"message": "none", "resourceId": "AbCdEf123456", "resourceType": "ROOM"}
THROTTLED = {"message": "slow down", "resourceId": "123456789012", "resourceType": "ROOM", "limit": 5}
INVALID = {"message": "no", "reason": "FIELD_VALIDATION_FAILED", "fieldList": [{"name": "name", "message": "no"}]}


def call(
    operation: str, status: int | None, answer: Any, error: str | None = None, *, faulted: bool = False
) -> dict[str, Any]:
    """An entry of a journal, of which the checker looks at these."""
    return {"operation": operation, "status": status, "answer": answer, "error": error, "faulted": faulted}


RIGHT = [
    call("GetRoom", 200, ROOM),
    call("GetRoom", 200, {}),
    call("UpdateRoom", 200, ROOM | {"name": "", "messageReviewHandler": {"uri": ""}}),
    call("DeleteRoom", 204, None),
    call("TagResource", 200, {}),
    call("ListTagsForResource", 200, {"tags": {f"{number}": "" for number in range(50)} | {"aws:team": "live"}}),
    call("ListRooms", 200, {"rooms": [{"arn": ROOM["arn"]}], "nextToken": "more"}),
    call(
        "GetLoggingConfiguration",
        200,
        {"destinationConfiguration": {"s3": {"bucketName": "logs"}}, "state": "CREATING"},
    ),
    call("GetRoom", 404, NOT_FOUND, "ResourceNotFoundException"),
    call("GetRoom", 400, INVALID, "ValidationException"),
    # No room operation declares it.
    call("GetRoom", 429, THROTTLED, "ThrottlingException"),
    call("TagResource", 403, {"message": "no"}, "AccessDeniedException"),
    call("GetRoom", 503, {"message": "later"}, "ServiceUnavailable"),
]

WRONG = [
    (call("DropRoom", 200, {}), ["DropRoom: there is no such operation"]),
    (call("GetRoom", 201, {}), ["GetRoom, answer 201: the status must be 200"]),
    (call("DeleteRoom", 200, {}), [
        "DeleteRoom, answer 200: the status must be 204",
        "DeleteRoom, answer 200: must have no body, found {}",
    ]),
    (call("TagResource", 200, None), ["TagResource, answer 200: the body must be an object, found null"]),
    (call("GetRoom", None, None), [
        "GetRoom, answer None: the status must be 200",
        "GetRoom, answer None: the body must be an object, found null",
    ]),
    (call("GetRoom", 200, {"color": "red"}), ["GetRoom, answer 200: color is unknown"]),
    # A summary has neither maximum.
    (call("ListRooms", 200, {"rooms": [{}, {"maximumMessageLength": 7}]}), [
        "ListRooms, answer 200: rooms[1].maximumMessageLength is unknown"
    ]),
    (call("ListRooms", 200, {}), ["ListRooms, answer 200: rooms is missing"]),
    (call("GetRoom", 200, {"maximumMessageLength": "7"}), [
        'GetRoom, answer 200: maximumMessageLength must be an integer, found "7"'
    ]),
    (call("GetRoom", 200, {"maximumMessageLength": 7.0}), [
        "GetRoom, answer 200: maximumMessageLength must be an integer, found 7.0"
    ]),
    (call("GetRoom", 200, {"maximumMessageLength": True}), [
        "GetRoom, answer 200: maximumMessageLength must be an integer, found true"
    ]),
    (call("GetRoom", 200, {"messageReviewHandler": None}), [
        "GetRoom, answer 200: messageReviewHandler must be an object, found null"
    ]),
    (call("GetRoom", 200, {"tags": []}), ["GetRoom, answer 200: tags must be an object, found []"]),
    (call("GetRoom", 200, {"maximumMessageLength": 501, "maximumMessageRatePerSecond": 0}), [
        "GetRoom, answer 200: maximumMessageLength must be at most 500, found 501",
        "GetRoom, answer 200: maximumMessageRatePerSecond must be at least 1, found 0",
    ]),
    (call("GetRoom", 200, {"id": "AbCdEf12345"}), [
        "GetRoom, answer 200: the length of id must be at least 12, found 11"
    ]),
    (call("GetRoom", 200, {"id": "AbCdEf12345-"}), [
        'GetRoom, answer 200: id must match [a-zA-Z0-9]+, found "AbCdEf12345-"'
    ]),
    # Anchored at both ends, also where the model's own pattern is not.
    (call("GetRoom", 200, {"messageReviewHandler": {"uri": "a function"}}), [
        "GetRoom, answer 200: messageReviewHandler.uri must match "
        '|arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+, found "a function"'
    ]),
    (call("GetRoom", 200, {"messageReviewHandler": {"fallbackResult": "allow"}}), [
        'GetRoom, answer 200: messageReviewHandler.fallbackResult must be one of ALLOW, DENY, found "allow"'
    ]),
    (call("GetRoom", 200, {"createTime": 1767323045.0}), [
        "GetRoom, answer 200: createTime must be a string, found 1767323045.0"
    ]),
    (call("GetRoom", 200, {"createTime": "2026-02-30T00:00:00Z"}), [
        'GetRoom, answer 200: createTime must be an ISO 8601 time, found "2026-02-30T00:00:00Z"'
    ]),
    (call("GetRoom", 200, {"createTime": "2026-02-03 00:00:00"}), [
        'GetRoom, answer 200: createTime must be an ISO 8601 time, found "2026-02-03 00:00:00"'
    ]),
    (call("ListTagsForResource", 200, {"tags": {"": "a" * 257}}), [
        "ListTagsForResource, answer 200: the length of a key of tags must be at least 1, found 0",
        "ListTagsForResource, answer 200: the length of tags. must be at most 256, found 257",
    ]),
    (call("ListTagsForResource", 200, {"tags": {f"{number}": "" for number in range(51)}}), [
        "ListTagsForResource, answer 200: the number of tags must be at most 50, found 51"
    ]),
    (call("CreateLoggingConfiguration", 200, {"state": "CREATING"}), [
        'CreateLoggingConfiguration, answer 200: state must be one of ACTIVE, found "CREATING"'
    ]),
    (call("GetLoggingConfiguration", 200, {"destinationConfiguration": {}}), [
        "GetLoggingConfiguration, answer 200: destinationConfiguration must have exactly one member, found 0"
    ]),
    (call("GetLoggingConfiguration", 200, {"destinationConfiguration": {"s3": {}}}), [
        "GetLoggingConfiguration, answer 200: destinationConfiguration.s3.bucketName is missing"
    ]),
    (call("GetRoom", 409, NOT_FOUND, "ConflictException"), [
        "GetRoom, ConflictException 409: the operation has no such error"
    ]),
    (call("GetRoom", 418, {"message": "no"}, "TeapotException"), [
        "GetRoom, TeapotException 418: the operation has no such error"
    ]),
    (call("CreateRoom", 400, THROTTLED, "ServiceQuotaExceededException"), [
        "CreateRoom, ServiceQuotaExceededException 400: the status must be 402"
    ]),
    (call("GetRoom", 400, {"message": "no"}, "UnrecognizedClientException"), [
        "GetRoom, UnrecognizedClientException 400: the status must be 403"
    ]),
    (call("GetRoom", 404, {"message": "none"}, "ResourceNotFoundException"), [
        "GetRoom, ResourceNotFoundException 404: resourceId is missing",
        "GetRoom, ResourceNotFoundException 404: resourceType is missing",
    ]),
    (call("GetRoom", 404, NOT_FOUND | {"resourceType": "LOGGING_CONFIGURATION"}, "ResourceNotFoundException"), [
        'GetRoom, ResourceNotFoundException 404: resourceType must be one of ROOM, found "LOGGING_CONFIGURATION"'
    ]),
    (call("GetRoom", 400, INVALID | {"fieldList": [{"name": "name"}]}, "ValidationException"), [
        "GetRoom, ValidationException 400: fieldList[0].message is missing"
    ]),
    (call("GetRoom", 403, {}, "InvalidSignatureException"), [
        "GetRoom, InvalidSignatureException 403: must have a message, found {}"
    ]),
]  # fmt: skip

# Left out: struck by a fault, or of another service.
NO_MATTER = [
    call("GetRoom", None, None, faulted=True),
    call("GetRoom", 500, {}, "Boom", faulted=True),
    call("GetCallerIdentity", 200, None),
]


@pytest.mark.parametrize("entry", RIGHT, ids=lambda entry: f"{entry['operation']}-{entry['status']}")
def test_a_right_answer_is_taken(entry: dict[str, Any]) -> None:
    assert model.violations(entry) == []


@pytest.mark.parametrize(("entry", "problems"), WRONG, ids=[problems[0] for _, problems in WRONG])
def test_a_wrong_answer_is_reported_with_all_that_is_wrong(entry: dict[str, Any], problems: list[str]) -> None:
    assert model.violations(entry) == problems


def test_every_shape_and_pattern_of_the_model_is_one_that_the_checker_knows() -> None:
    known = {"string", "integer", "timestamp", "structure", "map", "list"}
    assert {shape["type"] for shape in model.SHAPES.values()} == known
    # Whoever moves to a model that mends its patterns itself can drop ours.
    assert model.pattern(model.SHAPES["ResourceArn"]) != model.SHAPES["ResourceArn"]["pattern"]
    assert model.pattern(model.SHAPES["LambdaArn"]) != model.SHAPES["LambdaArn"]["pattern"]


def piped(document: Any) -> tuple[int, str, str]:
    program = [sys.executable, str(Path(model.__file__))]
    ended = subprocess.run(program, input=json.dumps(document), capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_a_journal_can_be_piped_through_it() -> None:
    assert piped({"calls": RIGHT + NO_MATTER, "counts": {}}) == (0, f"{len(RIGHT)} answers checked\n", "")


def test_a_journal_with_wrong_answers_ends_with_all_that_is_wrong_in_them() -> None:
    calls = [*RIGHT, *(entry for entry, _ in WRONG), *NO_MATTER]
    problems = [problem for _, problems in WRONG for problem in problems]
    assert piped({"calls": calls, "counts": {}}) == (1, "".join(f"{problem}\n" for problem in problems), "")
