"""Every bound of what the API is sent: what is at it is taken, what is past it is refused, and the member is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

import bounds
import model
from bounds import ACCEPTED, FORGED, LOGGING, REFUSED, ROOM, Case
from conftest import Emulators
from emulators import ACCOUNT, REGION, Emulator, answered

CASES = list(bounds.cases())
BUCKET = {"s3": {"bucketName": "chat-logs"}}


def with_verdict(verdict: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for case in CASES if case.verdict == verdict], ids=str)


@pytest.fixture(scope="module")
def ivschat(emulator: Emulator) -> Any:
    """A client that sends what boto3 itself would refuse."""
    return emulator.boto3(validates=False)


@pytest.fixture(scope="module")
def logging(ivschat: Any) -> dict[str, str]:
    return {name: ivschat.create_logging_configuration(destinationConfiguration=BUCKET)["arn"] for name in LOGGING}


@pytest.fixture
def room(ivschat: Any) -> str:
    """A new one for each test: tags add up."""
    return ivschat.create_room()["arn"]


@pytest.fixture
def send(ivschat: Any, logging: dict[str, str], room: str) -> Callable[[Case], dict[str, Any]]:
    """Makes the call of a case, and returns its status, error code and members."""

    def send(case: Case) -> dict[str, Any]:
        return outcome(
            getattr(ivschat, xform_name(case.operation)), **bounds.filled_in(case.members, {ROOM: room, **logging})
        )

    return send


def outcome(call: Callable[..., Any], **members: Any) -> dict[str, Any]:
    try:
        response = call(**members)
    except ClientError as error:
        response = error.response
    known = {"status": response["ResponseMetadata"]["HTTPStatusCode"], "code": response.get("Error", {}).get("Code")}
    return answered(response) | known


def assert_invalid(outcome: dict[str, Any], *blamed: str) -> str:
    """Asserts that one field is at fault, of one of these names. What is said of it is returned."""
    told = {name: outcome.get(name) for name in ("status", "code", "reason")}
    assert told == {"status": 400, "code": "ValidationException", "reason": "FIELD_VALIDATION_FAILED"}
    (field,) = outcome["fieldList"]
    assert field["name"] in blamed and field["message"] and outcome["message"]
    return field["message"]


# --- the bounds of the model ------------------------------------------------------------------------------------------


@with_verdict(ACCEPTED)
def test_what_is_within_its_bounds_is_taken(send: Any, case: Case) -> None:
    found = send(case)
    if case.names_nothing and case.operation != "ListRooms":
        # As an ARN it is fine.
        assert (found["status"], found["code"]) == (404, "ResourceNotFoundException")
    else:
        assert (found["status"], found["code"]) == (model.OPERATIONS[case.operation]["http"]["responseCode"], None)


@with_verdict(REFUSED)
def test_what_is_past_its_bounds_is_refused(send: Any, case: Case) -> None:
    found = send(case)
    if case.path == "resourceArn" and case.value == "0-characters":
        # The path is `/tags/` then. AWS may well say that it has no such operation: it is invalid in any case.
        assert (found["status"], found["code"]) == (400, "ValidationException")
    else:
        assert_invalid(found, *case.blamed)


@with_verdict(FORGED)
def test_a_forged_token_of_a_legal_length_is_refused_for_what_it_is(send: Any, case: Case) -> None:
    assert "length" not in assert_invalid(send(case), "nextToken")
    # Past the bound it is the length that is wrong.
    too_long = replace(case, members={**case.members, "nextToken": "a" * 1025})
    assert "length" in assert_invalid(send(too_long), "nextToken")


def test_the_model_gives_as_many_cases_as_it_has_bounds() -> None:
    assert len({str(case) for case in CASES}) == len(CASES) >= 150
    assert len([case for case in CASES if case.verdict == FORGED]) == 4
    assert {case.operation for case in CASES} == set(model.OPERATIONS)
    for operation, definition in model.OPERATIONS.items():
        tried = {case.path.split(".")[0] for case in CASES if case.operation == operation}
        # Attributes have no bound in the model; theirs is below.
        assert tried == set(model.SHAPES[definition["input"]["shape"]]["members"]) - {"attributes"}


# --- tags -------------------------------------------------------------------------------------------------------------

# Letters and digits are those of any language.
TAG_CHARACTERS = [*"azAZ09 _.:/=+-@", "ü", "ß", "名", "٣"]
OTHER_CHARACTERS = [*"!\"#$%&'()*,;<>?[\\]^`{|}~", "\t", "\n", "\0", "€", "→", "🙂"]
TAGGING: dict[str, Callable[[Any, str, dict[str, str]], dict[str, Any]]] = {
    "create_room": lambda ivschat, room, tags: outcome(ivschat.create_room, tags=tags),
    "create_logging_configuration": lambda ivschat, room, tags: outcome(
        ivschat.create_logging_configuration, destinationConfiguration=BUCKET, tags=tags
    ),
    "tag_resource": lambda ivschat, room, tags: outcome(ivschat.tag_resource, resourceArn=room, tags=tags),
}
tagging = pytest.mark.parametrize("tag", TAGGING.values(), ids=TAGGING)


@tagging
def test_tags_take_letters_digits_and_nine_other_characters(ivschat: Any, room: str, tag: Any) -> None:
    for character in TAG_CHARACTERS:
        assert tag(ivschat, room, {f"a{character}b": f"{character}"})["status"] == 200, character


@tagging
def test_tags_take_no_other_characters(ivschat: Any, room: str, tag: Any) -> None:
    for character in OTHER_CHARACTERS:
        for tags in ({f"a{character}": ""}, {"a": character}):
            assert_invalid(tag(ivschat, room, tags), "tags")
    assert ivschat.get_room(identifier=room)["tags"] == {}


@tagging
def test_keys_that_are_for_aws_alone_are_refused(ivschat: Any, room: str, tag: Any) -> None:
    assert_invalid(tag(ivschat, room, {"aws:team": "live"}), "tags")
    assert_invalid(tag(ivschat, room, {"aws:": ""}), "tags")
    assert tag(ivschat, room, {"AWS": "", "aws": "", "my-aws:team": ""})["status"] == 200


def test_a_key_that_no_tag_can_have_cannot_be_removed_either(ivschat: Any, room: str) -> None:
    for key in (*OTHER_CHARACTERS, "aws:team"):
        assert_invalid(outcome(ivschat.untag_resource, resourceArn=room, tagKeys=["a", key]), "tagKeys")


@pytest.mark.parametrize("kind", ["room", "logging-configuration"])
def test_a_resource_has_50_tags_at_most_however_they_came(ivschat: Any, kind: str) -> None:
    def tags(*numbers: int) -> dict[str, str]:
        return {f"key-{number}": "" for number in numbers}

    if kind == "room":
        arn = ivschat.create_room(tags=tags(*range(30)))["arn"]
    else:
        first = tags(*range(30))
        arn = ivschat.create_logging_configuration(destinationConfiguration=BUCKET, tags=first)["arn"]
    assert outcome(ivschat.tag_resource, resourceArn=arn, tags=tags(*range(30, 50)))["status"] == 200
    assert_invalid(outcome(ivschat.tag_resource, resourceArn=arn, tags=tags(50)), "tags")
    # None of them is taken where not all can be.
    assert_invalid(outcome(ivschat.tag_resource, resourceArn=arn, tags={"key-0": "new", "key-50": ""}), "tags")
    assert ivschat.list_tags_for_resource(resourceArn=arn)["tags"] == tags(*range(50))
    # One that is there already is none more.
    assert outcome(ivschat.tag_resource, resourceArn=arn, tags={"key-0": "new"})["status"] == 200
    ivschat.untag_resource(resourceArn=arn, tagKeys=["key-1"])
    assert outcome(ivschat.tag_resource, resourceArn=arn, tags=tags(50))["status"] == 200


# --- attributes -------------------------------------------------------------------------------------------------------


def some_call(ivschat: Any, method: str, room: str) -> Callable[[dict[str, str]], dict[str, Any]]:
    others = {"create_chat_token": {"userId": "alice"}, "send_event": {"eventName": "goal"}}[method]
    return lambda attributes: outcome(getattr(ivschat, method), roomIdentifier=room, attributes=attributes, **others)


@pytest.mark.parametrize("method", ["create_chat_token", "send_event"])
@pytest.mark.parametrize(
    ("attributes", "more"),
    [
        ({"k" * 1000: "v" * 24}, {"k" * 1000: "v" * 25}),
        ({"k": "v" * 1023}, {"k": "v" * 1024}),
        # Bytes of UTF-8, not characters.
        ({"kü": "ü" * 510 + "v"}, {"kü": "ü" * 511}),
        # All together, not each.
        ({f"{number:04}": "v" * 28 for number in range(32)}, {f"{number:04}": "v" * 29 for number in range(32)}),
    ],
    ids=["long-key", "long-value", "two-bytes-a-character", "many"],
)
def test_attributes_have_1_kb_in_all(
    ivschat: Any, room: str, method: str, attributes: dict[str, str], more: dict[str, str]
) -> None:
    def size(them: dict[str, str]) -> int:
        return sum(len(text.encode()) for pair in them.items() for text in pair)

    call = some_call(ivschat, method, room)
    assert size(attributes) == 1024 < size(more)
    assert call(attributes)["status"] == 200
    assert_invalid(call(more), "attributes")
    assert call({})["status"] == 200


# --- what has to fit together -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["create_room", "update_room"])
@pytest.mark.parametrize(
    "elsewhere",
    [f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:review", f"arn:aws:lambda:{REGION}:999999999999:function:review"],
    ids=["another-region", "another-account"],
)
def test_a_handler_is_of_the_rooms_own_account_and_region(ivschat: Any, room: str, method: str, elsewhere: str) -> None:
    members = {"identifier": room} if method == "update_room" else {}
    found = outcome(getattr(ivschat, method), messageReviewHandler={"uri": elsewhere}, **members)
    # AWS does not say which reason it gives.
    assert (found["status"], found["code"]) == (400, "ValidationException")
    assert "messageReviewHandler" not in ivschat.get_room(identifier=room)


def test_rooms_can_be_looked_for_by_a_handler_from_anywhere(ivschat: Any) -> None:
    elsewhere = "arn:aws:lambda:eu-west-1:999999999999:function:review"
    assert ivschat.list_rooms(messageReviewHandlerUri=elsewhere)["rooms"] == []


DESTINATIONS: dict[str, dict[str, str]] = {
    "s3": {"bucketName": "chat-logs"},
    "cloudWatchLogs": {"logGroupName": "/chat"},
    "firehose": {"deliveryStreamName": "chat"},
}


@pytest.mark.parametrize("method", ["create_logging_configuration", "update_logging_configuration"])
@pytest.mark.parametrize(
    "kinds",
    [(), ("s3", "cloudWatchLogs"), ("cloudWatchLogs", "firehose"), ("s3", "cloudWatchLogs", "firehose")],
    ids=lambda kinds: "-and-".join(kinds) or "none",
)
def test_a_destination_is_exactly_one(
    ivschat: Any, logging: dict[str, str], method: str, kinds: tuple[str, ...]
) -> None:
    identifier = logging[LOGGING[1]]
    members = {"identifier": identifier} if method == "update_logging_configuration" else {}
    destination = {kind: DESTINATIONS[kind] for kind in kinds}
    assert_invalid(
        outcome(getattr(ivschat, method), destinationConfiguration=destination, **members), "destinationConfiguration"
    )
    assert ivschat.get_logging_configuration(identifier=identifier)["destinationConfiguration"] == BUCKET


# --- all of it --------------------------------------------------------------------------------------------------------


def test_every_answer_in_this_module_fits_the_model_of_the_api(emulators: Emulators) -> None:
    count, problems = model.checked(emulators.calls())
    assert problems == []
    assert count > len(CASES)
