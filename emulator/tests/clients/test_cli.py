"""The AWS CLI finds what it finds at AWS. It takes most of a second to start, so each operation is called once as it
should be and once as it should not."""

import json
from typing import Any

import pytest

import model
from conftest import Emulators
from emulators import ACCOUNT, REGION, Emulator, Printed, answered

NOTHING_PRINTED = Printed(0, "", "")
ROOM = f"arn:aws:ivschat:{REGION}:{ACCOUNT}:room/AbCdEf123456"
THEIRS = f"arn:aws:ivschat:{REGION}:999999999999:room/AbCdEf123456"
LOGGING = f"arn:aws:ivschat:{REGION}:{ACCOUNT}:logging-configuration/AbCdEf123456"
HANDLER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:review"
BUCKET = {"s3": {"bucketName": "chat-logs"}}


@pytest.fixture(scope="module")
def room(emulator: Emulator) -> str:
    """The ARN of one that no test changes."""
    return emulator.boto3().create_room(name="lobby", tags={"team": "live"})["arn"]


def printed(emulator: Emulator, *arguments: str, region: str = REGION) -> Any:
    """What the CLI prints for a call. It is all that came over the wire."""
    answer = emulator.cli("ivschat", *arguments, region=region).json()
    assert answer == emulator.calls()[-1]["answer"]
    return answer


def called(emulator: Emulator) -> tuple[str, Any]:
    last = emulator.calls()[-1]
    return last["operation"], last["input"]


# --- as it should be --------------------------------------------------------------------------------------------------


def test_create_room(emulator: Emulator) -> None:
    logging = emulator.boto3().create_logging_configuration(destinationConfiguration=BUCKET)["arn"]
    asked = {
        "name": "lobby",
        "maximumMessageLength": 280,
        "maximumMessageRatePerSecond": 2,
        "messageReviewHandler": {"uri": HANDLER, "fallbackResult": "DENY"},
        "tags": {"team": "live", "ü b": ""},
        "loggingConfigurationIdentifiers": [logging],
    }
    room = printed(
        emulator,
        *(
            "create-room",
            "--name",
            "lobby",
            "--maximum-message-length",
            "280",
            "--maximum-message-rate-per-second",
            "2",
        ),
        *("--message-review-handler", f"uri={HANDLER},fallbackResult=DENY", "--tags", json.dumps(asked["tags"])),
        *("--logging-configuration-identifiers", logging),
    )
    own = {"arn": ROOM.replace("AbCdEf123456", room["id"]), "id": room["id"]}
    assert room == asked | own | {"createTime": room["createTime"], "updateTime": room["createTime"]}
    assert called(emulator) == ("CreateRoom", asked)


def test_get_room(emulator: Emulator, room: str) -> None:
    found = printed(emulator, "get-room", "--identifier", room)
    assert (found["arn"], found["name"], found["tags"]) == (room, "lobby", {"team": "live"})


def test_update_room(emulator: Emulator) -> None:
    before = emulator.boto3().create_room(name="lobby", messageReviewHandler={"uri": HANDLER})
    # The shorthand for an empty URI, which detaches the handler.
    arguments = ("update-room", "--identifier", before["arn"], "--message-review-handler", "uri=", "--name", "foyer")
    after = printed(emulator, *arguments)
    assert ("messageReviewHandler" in after, after["name"], after["maximumMessageLength"]) == (False, "foyer", 500)
    assert called(emulator) == (
        "UpdateRoom",
        {"identifier": before["arn"], "messageReviewHandler": {"uri": ""}, "name": "foyer"},
    )


def test_delete_room(emulator: Emulator) -> None:
    arn = emulator.boto3().create_room()["arn"]
    assert emulator.cli("ivschat", "delete-room", "--identifier", arn) == NOTHING_PRINTED
    assert called(emulator) == ("DeleteRoom", {"identifier": arn})


def test_list_rooms(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="us-east-1")
    first, second = (ivschat.create_room(name="lobby")["arn"] for _ in range(2))
    page = printed(emulator, "list-rooms", "--name", "lobby", "--max-results", "1", region="us-east-1")
    assert [room["arn"] for room in page["rooms"]] == [second]
    rest = printed(emulator, "list-rooms", "--name", "lobby", "--next-token", page["nextToken"], region="us-east-1")
    assert ([room["arn"] for room in rest["rooms"]], "nextToken" in rest) == ([first], False)


def test_tag_resource(emulator: Emulator) -> None:
    ivschat = emulator.boto3()
    arn = ivschat.create_room()["arn"]
    arguments = ("tag-resource", "--resource-arn", arn, "--tags", "team=live,stage=")
    assert emulator.cli("ivschat", *arguments) == NOTHING_PRINTED
    assert ivschat.get_room(identifier=arn)["tags"] == {"team": "live", "stage": ""}


def test_untag_resource(emulator: Emulator) -> None:
    ivschat = emulator.boto3()
    arn = ivschat.create_room(tags={"a b": "", "c/d": "", "e+f": "", "ü": "", "kept": ""})["arn"]
    arguments = ("untag-resource", "--resource-arn", arn, "--tag-keys", "a b", "c/d", "e+f", "ü")
    assert emulator.cli("ivschat", *arguments) == NOTHING_PRINTED
    assert ivschat.get_room(identifier=arn)["tags"] == {"kept": ""}


def test_list_tags_for_resource(emulator: Emulator, room: str) -> None:
    assert printed(emulator, "list-tags-for-resource", "--resource-arn", room) == {"tags": {"team": "live"}}


def test_create_chat_token(emulator: Emulator, room: str) -> None:
    token = printed(
        emulator,
        *("create-chat-token", "--room-identifier", room, "--user-id", "alice"),
        *("--capabilities", "SEND_MESSAGE", "DISCONNECT_USER", "--session-duration-in-minutes", "180"),
        *("--attributes", "color=red"),
    )
    assert set(token) == {"token", "tokenExpirationTime", "sessionExpirationTime"}
    assert called(emulator) == (
        "CreateChatToken",
        {
            "roomIdentifier": room,
            "userId": "alice",
            "capabilities": ["SEND_MESSAGE", "DISCONNECT_USER"],
            "sessionDurationInMinutes": 180,
            "attributes": {"color": "red"},
        },
    )


def test_send_event(emulator: Emulator, room: str) -> None:
    arguments = ("send-event", "--room-identifier", room, "--event-name", "goal", "--attributes", "score=1:0")
    assert set(printed(emulator, *arguments)) == {"id"}
    assert called(emulator) == (
        "SendEvent",
        {"roomIdentifier": room, "eventName": "goal", "attributes": {"score": "1:0"}},
    )


def test_delete_message(emulator: Emulator, room: str) -> None:
    arguments = ("delete-message", "--room-identifier", room, "--id", "AbCdEf123456", "--reason", "spam")
    assert set(printed(emulator, *arguments)) == {"id"}
    assert called(emulator) == ("DeleteMessage", {"roomIdentifier": room, "id": "AbCdEf123456", "reason": "spam"})


def test_disconnect_user(emulator: Emulator, room: str) -> None:
    arguments = ("disconnect-user", "--room-identifier", room, "--user-id", "alice", "--reason", "spam")
    assert emulator.cli("ivschat", *arguments) == NOTHING_PRINTED
    assert called(emulator) == ("DisconnectUser", {"roomIdentifier": room, "userId": "alice", "reason": "spam"})


def test_create_logging_configuration(emulator: Emulator) -> None:
    destination = {"cloudWatchLogs": {"logGroupName": "/chat"}}
    configuration = printed(
        emulator,
        *("create-logging-configuration", "--name", "archive", "--tags", "team=live"),
        *("--destination-configuration", "cloudWatchLogs={logGroupName=/chat}"),
    )
    asked = {"name": "archive", "destinationConfiguration": destination, "tags": {"team": "live"}}
    own = {"arn": LOGGING.replace("AbCdEf123456", configuration["id"]), "id": configuration["id"], "state": "ACTIVE"}
    times = {"createTime": configuration["createTime"], "updateTime": configuration["createTime"]}
    assert configuration == asked | own | times
    assert called(emulator) == ("CreateLoggingConfiguration", asked)


def test_get_logging_configuration(emulator: Emulator) -> None:
    arn = emulator.boto3().create_logging_configuration(destinationConfiguration=BUCKET)["arn"]
    found = printed(emulator, "get-logging-configuration", "--identifier", arn)
    assert (found["arn"], found["state"], found["destinationConfiguration"]) == (arn, "ACTIVE", BUCKET)


def test_list_logging_configurations(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="us-east-1")
    first, second = (
        answered(ivschat.create_logging_configuration(destinationConfiguration=BUCKET))["arn"] for _ in range(2)
    )
    page = printed(emulator, "list-logging-configurations", region="us-east-1")
    assert [found["arn"] for found in page["loggingConfigurations"]] == [second, first]


def test_update_logging_configuration(emulator: Emulator) -> None:
    arn = emulator.boto3().create_logging_configuration(name="archive", destinationConfiguration=BUCKET)["arn"]
    arguments = ("update-logging-configuration", "--identifier", arn, "--name", "attic")
    after = printed(emulator, *arguments)
    assert (after["arn"], after["name"], after["destinationConfiguration"]) == (arn, "attic", BUCKET)


def test_delete_logging_configuration(emulator: Emulator) -> None:
    arn = emulator.boto3().create_logging_configuration(destinationConfiguration=BUCKET)["arn"]
    assert emulator.cli("ivschat", "delete-logging-configuration", "--identifier", arn) == NOTHING_PRINTED
    assert called(emulator) == ("DeleteLoggingConfiguration", {"identifier": arn})


def test_sts_get_caller_identity(emulator: Emulator) -> None:
    identity = emulator.cli("sts", "get-caller-identity").json()
    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/emulator")


# --- as it should not -------------------------------------------------------------------------------------------------


# The CLI itself refuses what is missing or shorter than the API's least, so these are something else.
REFUSED = [
    ("ValidationException", "create-room", "--maximum-message-length", "501"),
    ("ResourceNotFoundException", "get-room", "--identifier", ROOM),
    ("AccessDeniedException", "update-room", "--identifier", THEIRS),
    ("ValidationException", "delete-room", "--identifier", LOGGING),
    ("ValidationException", "list-rooms", "--next-token", "forged"),
    ("ValidationException", "tag-resource", "--resource-arn", ROOM, "--tags", "aws:a=b"),
    ("ResourceNotFoundException", "untag-resource", "--resource-arn", ROOM, "--tag-keys", "a"),
    ("ValidationException", "list-tags-for-resource", "--resource-arn", "room"),
    ("ResourceNotFoundException", "create-chat-token", "--room-identifier", ROOM, "--user-id", "alice"),
    ("ResourceNotFoundException", "send-event", "--room-identifier", ROOM, "--event-name", "goal"),
    ("ValidationException", "delete-message", "--room-identifier", ROOM, "--id", "AbCdEf1234567"),
    ("AccessDeniedException", "disconnect-user", "--room-identifier", THEIRS, "--user-id", "alice"),
    ("ValidationException", "create-logging-configuration", "--destination-configuration", "s3={bucketName=LOGS}"),
    ("ResourceNotFoundException", "get-logging-configuration", "--identifier", LOGGING),
    ("ValidationException", "list-logging-configurations", "--max-results", "51"),
]


@pytest.mark.parametrize(
    ("code", "arguments"), [(code, rest) for code, *rest in REFUSED], ids=[row[1] for row in REFUSED]
)
def test_a_refusal_is_told(emulator: Emulator, code: str, arguments: list[str]) -> None:
    assert_refused(emulator, code, *arguments)


def test_logging_in_transition_is_a_conflict(emulators: Emulators) -> None:
    emulator = emulators("--logging-transition", "1000h")
    arn = emulator.boto3().create_logging_configuration(destinationConfiguration=BUCKET)["arn"]
    for command in ("update-logging-configuration", "delete-logging-configuration"):
        assert_refused(emulator, "ConflictException", command, "--identifier", arn)


def test_a_room_too_many_is_over_the_quota(emulators: Emulators) -> None:
    assert_refused(emulators("--room-limit", "0"), "ServiceQuotaExceededException", "create-room")


def assert_refused(emulator: Emulator, code: str, command: str, *arguments: str) -> None:
    operation = command.title().replace("-", "")
    refusal = emulator.cli("ivschat", command, *arguments)
    last = emulator.calls()[-1]
    assert (last["operation"], last["error"]) == (operation, code)
    message = last["answer"]["message"]
    # Every failure is 255 in version 1 of the CLI; version 2 has 254 for those that the service answers.
    told = f"\nAn error occurred ({code}) when calling the {operation} operation: {message}\n"
    assert refusal == Printed(255, "", told)


# --- all of it --------------------------------------------------------------------------------------------------------


def test_every_answer_in_this_module_fits_the_model_of_the_api(emulators: Emulators) -> None:
    calls = emulators.calls()
    count, problems = model.checked(calls)
    assert problems == []
    assert {call["operation"] for call in calls if call["error"] is None} == {*model.OPERATIONS, "GetCallerIdentity"}
    assert count >= 50
