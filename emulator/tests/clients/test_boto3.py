"""boto3 finds what it finds at AWS: every operation, and every error that can be provoked."""

import base64
import binascii
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.paginate import Paginator
from botocore.utils import parse_timestamp

import model
from conftest import Emulators
from emulators import ACCOUNT, PATIENCE_SECONDS, REGION, Emulator, answered, eventually

HANDLER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:review"
OTHER_ACCOUNT = "999999999999"
MINUTE = timedelta(minutes=1)

# Every operation that names a room, as boto3 calls it, with members that are right but for the room.
ON_A_ROOM: dict[str, Callable[[str], dict[str, Any]]] = {
    "get_room": lambda arn: {"identifier": arn},
    "update_room": lambda arn: {"identifier": arn, "name": "foyer"},
    "delete_room": lambda arn: {"identifier": arn},
    "tag_resource": lambda arn: {"resourceArn": arn, "tags": {"team": "live"}},
    "untag_resource": lambda arn: {"resourceArn": arn, "tagKeys": ["team"]},
    "list_tags_for_resource": lambda arn: {"resourceArn": arn},
    "create_chat_token": lambda arn: {"roomIdentifier": arn, "userId": "alice"},
    "send_event": lambda arn: {"roomIdentifier": arn, "eventName": "goal"},
    "delete_message": lambda arn: {"roomIdentifier": arn, "id": "AbCdEf123456"},
    "disconnect_user": lambda arn: {"roomIdentifier": arn, "userId": "alice"},
}
# The same for logging configurations.
ON_LOGGING: dict[str, Callable[[str], dict[str, Any]]] = {
    "get_logging_configuration": lambda arn: {"identifier": arn},
    "update_logging_configuration": lambda arn: {"identifier": arn, "name": "archive"},
    "delete_logging_configuration": lambda arn: {"identifier": arn},
    "tag_resource": ON_A_ROOM["tag_resource"],
    "untag_resource": ON_A_ROOM["untag_resource"],
    "list_tags_for_resource": ON_A_ROOM["list_tags_for_resource"],
}
ON_ANYTHING = [
    *(("room", method, members) for method, members in ON_A_ROOM.items()),
    *(("logging-configuration", method, members) for method, members in ON_LOGGING.items()),
]
BUCKET = {"s3": {"bucketName": "chat-logs"}}

on_anything = pytest.mark.parametrize(
    ("kind", "method", "members"), ON_ANYTHING, ids=[f"{kind}-{method}" for kind, method, _ in ON_ANYTHING]
)


@pytest.fixture(scope="module")
def ivschat(emulator: Emulator) -> Any:
    return emulator.boto3()


def arn_of(kind: str, name: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:ivschat:{region}:{account}:{kind}/{name}"


def created(client: Any, kind: str) -> str:
    """The ARN of something new."""
    if kind == "room":
        return client.create_room()["arn"]
    return client.create_logging_configuration(destinationConfiguration=BUCKET)["arn"]


def refused(call: Callable[..., Any], **members: Any) -> dict[str, Any]:
    """The error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return told(caught.value)


def told(error: ClientError) -> dict[str, Any]:
    """Status, code and every member of an error but the message, whose words are the emulator's own."""
    members = answered(error.response)
    code, message = members["Error"]["Code"], members.pop("message")
    assert message and members.pop("Error") == {"Code": code, "Message": message}
    # An error of the model is an exception of its own name.
    assert type(error).__name__ == code
    return {"status": error.response["ResponseMetadata"]["HTTPStatusCode"], "code": code, **members}


def not_found(resource: str) -> dict[str, Any]:
    return {"status": 404, "code": "ResourceNotFoundException", "resourceId": resource, "resourceType": "ROOM"}


def conflict(resource: str) -> dict[str, Any]:
    return {"status": 409, "code": "ConflictException", "resourceId": resource, "resourceType": "ROOM"}


def over_quota(limit: int) -> dict[str, Any]:
    members = {"resourceId": ACCOUNT, "resourceType": "ROOM", "limit": limit}
    return {"status": 402, "code": "ServiceQuotaExceededException", **members}


def throttled(limit: int) -> dict[str, Any]:
    members = {"resourceId": ACCOUNT, "resourceType": "ROOM", "limit": limit}
    return {"status": 429, "code": "ThrottlingException", **members}


ACCESS_DENIED = {"status": 403, "code": "AccessDeniedException"}


def happened(call: dict[str, Any], shown: datetime) -> datetime:
    """The time that the answer to a call shows, which is the one it came in at or a moment later."""
    came_in = parse_timestamp(call["at"])
    assert came_in <= shown < came_in + MINUTE / 12
    return shown


# --- rooms ------------------------------------------------------------------------------------------------------------


def test_a_room_is_created_with_the_defaults_of_the_api(emulator: Emulator) -> None:
    room = answered(emulator.boto3().create_room())
    now = happened(emulator.calls("CreateRoom")[-1], room["createTime"])
    assert abs(datetime.now(timezone.utc) - now) < MINUTE
    assert room == {
        "arn": arn_of("room", room["id"]),
        "id": room["id"],
        "name": "",
        "createTime": now,
        "updateTime": now,
        "maximumMessageLength": 500,
        "maximumMessageRatePerSecond": 10,
        "tags": {},
        "loggingConfigurationIdentifiers": [],
    }


def test_a_room_keeps_all_that_it_is_created_with(ivschat: Any) -> None:
    # Not in the order of anything else.
    logging = [created(ivschat, "logging-configuration") for _ in range(3)][::-1]
    asked = {
        "name": "lobby-1_A",
        "maximumMessageLength": 1,
        "maximumMessageRatePerSecond": 100,
        "messageReviewHandler": {"uri": HANDLER, "fallbackResult": "DENY"},
        "tags": {"team": "live", "Team": "", "ü b": "c/d"},
        "loggingConfigurationIdentifiers": logging,
    }
    room = answered(ivschat.create_room(**asked))
    own = {"arn": arn_of("room", room["id"]), "id": room["id"]}
    times = {"createTime": room["createTime"], "updateTime": room["createTime"]}
    assert room == asked | own | times
    assert answered(ivschat.get_room(identifier=room["arn"])) == room


def test_two_rooms_may_have_one_name(ivschat: Any) -> None:
    first, second = (ivschat.create_room(name="twin") for _ in range(2))
    assert first["name"] == second["name"] == "twin"
    assert first["id"] != second["id"]


def test_a_handler_lets_messages_through_when_it_fails_unless_it_says_otherwise(ivschat: Any) -> None:
    room = ivschat.create_room(messageReviewHandler={"uri": HANDLER})
    assert room["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "ALLOW"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "foyer"},
        {"name": ""},
        {"maximumMessageLength": 7},
        {"maximumMessageRatePerSecond": 99},
        {"messageReviewHandler": {"uri": f"{HANDLER}-2", "fallbackResult": "ALLOW"}},
        {"loggingConfigurationIdentifiers": []},
        {"name": "foyer", "maximumMessageLength": 500},
    ],
    ids=str,
)
def test_an_update_changes_what_it_names_and_nothing_else(ivschat: Any, change: dict[str, Any]) -> None:
    before = answered(
        ivschat.create_room(
            name="lobby",
            maximumMessageLength=100,
            messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"},
            tags={"team": "live"},
            loggingConfigurationIdentifiers=[created(ivschat, "logging-configuration")],
        )
    )
    after = answered(ivschat.update_room(identifier=before["arn"], **change))
    assert after == before | change | {"updateTime": after["updateTime"]}
    assert after["updateTime"] >= before["updateTime"]
    assert answered(ivschat.get_room(identifier=before["arn"])) == after


def test_an_empty_uri_detaches_the_handler(ivschat: Any) -> None:
    before = answered(ivschat.create_room(messageReviewHandler={"uri": HANDLER}))
    after = answered(ivschat.update_room(identifier=before["arn"], messageReviewHandler={"uri": ""}))
    del before["messageReviewHandler"]
    assert after == before | {"updateTime": after["updateTime"]}
    assert answered(ivschat.get_room(identifier=before["arn"])) == after


def test_a_detached_handler_may_come_back_as_an_empty_object(emulators: Emulators) -> None:
    ivschat = emulators("--detached-handler-is-empty-object").boto3()
    before = answered(ivschat.create_room(messageReviewHandler={"uri": HANDLER}))
    after = answered(ivschat.update_room(identifier=before["arn"], messageReviewHandler={"uri": ""}))
    assert after == before | {"updateTime": after["updateTime"], "messageReviewHandler": {}}


def test_an_empty_list_detaches_all_logging(ivschat: Any) -> None:
    logging = [created(ivschat, "logging-configuration") for _ in range(2)]
    before = answered(ivschat.create_room(loggingConfigurationIdentifiers=logging))
    after = answered(ivschat.update_room(identifier=before["arn"], loggingConfigurationIdentifiers=[]))
    assert after == before | {"updateTime": after["updateTime"], "loggingConfigurationIdentifiers": []}


def test_logging_that_does_not_exist_cannot_be_attached(ivschat: Any) -> None:
    room, none = created(ivschat, "room"), [arn_of("logging-configuration", "none")]
    assert refused(ivschat.create_room, loggingConfigurationIdentifiers=none) == not_found("none")
    assert refused(ivschat.update_room, identifier=room, loggingConfigurationIdentifiers=none) == not_found("none")


def test_a_deleted_room_is_gone_from_every_call(ivschat: Any) -> None:
    room = ivschat.create_room()
    deleted = ivschat.delete_room(identifier=room["arn"])
    assert (deleted["ResponseMetadata"]["HTTPStatusCode"], answered(deleted)) == (204, {})
    for method, members in ON_A_ROOM.items():
        assert refused(getattr(ivschat, method), **members(room["arn"])) == not_found(room["id"]), method


# --- lists ------------------------------------------------------------------------------------------------------------


def pages(method: Any, result: str, size: int, **members: Any) -> list[list[dict[str, Any]]]:
    """The pages that botocore's own paginator finds; it refuses a token that comes twice. botocore ships no pagination
    settings for this service, so that `get_paginator` knows none of its lists: here they are."""
    tokens = {"input_token": "nextToken", "output_token": "nextToken", "limit_key": "maxResults", "result_key": result}
    operation = method.__self__.meta.service_model.operation_model(
        method.__self__.meta.method_to_api_mapping[method.__name__]
    )
    paginator = Paginator(method, tokens, operation)
    return [page[result] for page in paginator.paginate(**members, PaginationConfig={"PageSize": size})]


def test_a_room_in_a_list_has_neither_maximum(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="ap-south-1")
    room = answered(ivschat.create_room(name="lobby", tags={"team": "live"}))
    del room["maximumMessageLength"], room["maximumMessageRatePerSecond"]
    assert answered(ivschat.list_rooms()) == {"rooms": [room]}


def test_rooms_come_in_pages_the_one_updated_last_first(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="ap-northeast-1")
    arns = [created(ivschat, "room") for _ in range(7)]
    ivschat.update_room(identifier=arns[0], name="first")
    order = [arns[0], *reversed(arns[1:])]
    listed = [[room["arn"] for room in page] for page in pages(ivschat.list_rooms, "rooms", 3)]
    assert listed == [order[:3], order[3:6], order[6:]]
    # No page follows one that ends with the last room.
    assert len(pages(ivschat.list_rooms, "rooms", 7)) == 1


def test_a_page_holds_50_rooms_unless_it_is_told_otherwise(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="ap-northeast-2")
    for _ in range(51):
        ivschat.create_room()
    first = ivschat.list_rooms()
    rest = ivschat.list_rooms(nextToken=first["nextToken"])
    assert (len(first["rooms"]), len(rest["rooms"]), "nextToken" in rest) == (50, 1, False)


def test_rooms_are_found_by_name_handler_and_logging(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="eu-central-1")
    handler = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:review"
    logging = created(ivschat, "logging-configuration")
    plain = ivschat.create_room(name="plain")["arn"]
    reviewed = ivschat.create_room(name="lobby", messageReviewHandler={"uri": handler})["arn"]
    logged = ivschat.create_room(name="lobby", loggingConfigurationIdentifiers=[logging])["arn"]

    def found(**filters: str) -> list[str]:
        return [room["arn"] for room in ivschat.list_rooms(**filters)["rooms"]]

    assert found(name="plain") == [plain]
    assert found(name="lobby") == [logged, reviewed]
    assert found(name="lob") == []
    assert found(messageReviewHandlerUri=handler) == [reviewed]
    assert found(loggingConfigurationIdentifier=logging) == [logged]
    assert found(name="lobby", messageReviewHandlerUri=handler) == [reviewed]
    assert found(name="plain", loggingConfigurationIdentifier=logging) == []
    assert [len(page) for page in pages(ivschat.list_rooms, "rooms", 1, name="lobby")] == [1, 1]


def test_a_token_is_good_for_the_list_it_came_from_only(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="eu-west-1")
    for _ in range(2):
        ivschat.create_room(name="lobby")
        created(ivschat, "logging-configuration")
    token = ivschat.list_rooms(maxResults=1)["nextToken"]
    elsewhere = emulator.boto3(region="us-east-1")
    for call, members in [
        (ivschat.list_rooms, {"name": "lobby"}),
        (ivschat.list_logging_configurations, {}),
        (elsewhere.list_rooms, {}),
    ]:
        error = refused(call, nextToken=token, **members)
        assert [error.pop("fieldList")[0]["name"], error] == [
            "nextToken",
            {"status": 400, "code": "ValidationException", "reason": "FIELD_VALIDATION_FAILED"},
        ]


def test_logging_configurations_come_in_pages_the_one_updated_last_first(emulator: Emulator) -> None:
    ivschat = emulator.boto3(region="ap-northeast-1")
    arns = [created(ivschat, "logging-configuration") for _ in range(5)]
    listed = pages(ivschat.list_logging_configurations, "loggingConfigurations", 2)
    order = arns[::-1]
    assert [[found["arn"] for found in page] for page in listed] == [order[:2], order[2:4], order[4:]]
    for found in (found for page in listed for found in page):
        assert found == answered(ivschat.get_logging_configuration(identifier=found["arn"]))


# --- what is not there, or not one's own ------------------------------------------------------------------------------


@on_anything
def test_what_does_not_exist_is_not_found(ivschat: Any, kind: str, method: str, members: Any) -> None:
    assert refused(getattr(ivschat, method), **members(arn_of(kind, "none"))) == not_found("none")


@on_anything
def test_what_is_of_another_account_is_denied(ivschat: Any, kind: str, method: str, members: Any) -> None:
    theirs = arn_of(kind, "AbCdEf123456", account=OTHER_ACCOUNT)
    assert refused(getattr(ivschat, method), **members(theirs)) == ACCESS_DENIED


@on_anything
def test_what_is_in_another_region_is_not_found(emulator: Emulator, kind: str, method: str, members: Any) -> None:
    arn = created(emulator.boto3(region="us-east-1"), kind)
    assert refused(getattr(emulator.boto3(), method), **members(arn)) == not_found(arn.split("/")[1])


@on_anything
def test_what_is_no_arn_is_invalid(ivschat: Any, kind: str, method: str, members: Any) -> None:
    error = refused(getattr(ivschat, method), **members(kind))
    name = next(iter(members(kind)))
    assert error == {
        "status": 400,
        "code": "ValidationException",
        "reason": "FIELD_VALIDATION_FAILED",
        "fieldList": [{"name": name, "message": error["fieldList"][0]["message"]}],
    }


def test_a_logging_configuration_is_no_room_and_a_room_no_logging_configuration(ivschat: Any) -> None:
    room, logging = created(ivschat, "room"), created(ivschat, "logging-configuration")
    assert refused(ivschat.get_room, identifier=logging)["code"] == "ValidationException"
    assert refused(ivschat.get_logging_configuration, identifier=room)["code"] == "ValidationException"


# --- tags -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["room", "logging-configuration"])
def test_tags_are_added_overwritten_listed_and_removed(ivschat: Any, kind: str) -> None:
    arn = created(ivschat, kind)

    def tags() -> dict[str, str]:
        listed = answered(ivschat.list_tags_for_resource(resourceArn=arn))
        get = ivschat.get_room if kind == "room" else ivschat.get_logging_configuration
        assert listed == {"tags": get(identifier=arn)["tags"]}
        return listed["tags"]

    assert tags() == {}
    assert answered(ivschat.tag_resource(resourceArn=arn, tags={"a b": "1", "c/d": "2", "ü": "3"})) == {}
    assert answered(ivschat.tag_resource(resourceArn=arn, tags={"a b": "", "A B": "4"})) == {}
    assert tags() == {"a b": "", "c/d": "2", "ü": "3", "A B": "4"}
    # Keys are case-sensitive, and one that is not there is no error.
    assert answered(ivschat.untag_resource(resourceArn=arn, tagKeys=["a b", "ü", "C/D"])) == {}
    assert tags() == {"c/d": "2", "A B": "4"}


# --- what reaches a room's clients ------------------------------------------------------------------------------------


def test_a_chat_token_lets_in_for_a_minute_and_for_an_hour_of_session(emulator: Emulator) -> None:
    ivschat = emulator.boto3()
    room = created(ivschat, "room")
    asked = {
        "roomIdentifier": room,
        "userId": "alice",
        "capabilities": ["SEND_MESSAGE", "DELETE_MESSAGE"],
        "attributes": {"color": "red"},
    }
    token = answered(ivschat.create_chat_token(**asked))
    call = emulator.calls("CreateChatToken")[-1]
    assert call["input"] == asked
    assert token == {
        "token": token["token"],
        "tokenExpirationTime": happened(call, token["tokenExpirationTime"] - MINUTE) + MINUTE,
        "sessionExpirationTime": token["tokenExpirationTime"] + 59 * MINUTE,
    }


@pytest.mark.parametrize("minutes", [1, 180])
def test_a_session_may_last_for_other_times(emulator: Emulator, minutes: int) -> None:
    ivschat = emulator.boto3()
    token = ivschat.create_chat_token(
        roomIdentifier=created(ivschat, "room"), userId="alice", sessionDurationInMinutes=minutes
    )
    now = happened(emulator.calls("CreateChatToken")[-1], token["tokenExpirationTime"] - MINUTE)
    assert (token["tokenExpirationTime"], token["sessionExpirationTime"]) == (now + MINUTE, now + minutes * MINUTE)


def test_a_chat_token_tells_nothing_and_is_a_new_one_each_time(ivschat: Any) -> None:
    room = created(ivschat, "room")
    user = "alice-whom-nobody-shall-know"
    tokens = [ivschat.create_chat_token(roomIdentifier=room, userId=user)["token"] for _ in range(20)]
    assert len(set(tokens)) == 20
    for token in tokens:
        for text in [token.encode(), *decoded(token)]:
            assert user.encode() not in text and room.split("/")[1].encode() not in text


def decoded(token: str) -> list[bytes]:
    """What its parts are as Base64, where they are any."""
    found = []
    for part in token.replace("-", "+").replace("_", "/").split("."):
        try:
            found.append(base64.b64decode(part + "=" * (-len(part) % 4), validate=True))
        except binascii.Error:
            continue
    return found


def test_what_is_sent_to_a_room_can_be_read_back(emulator: Emulator) -> None:
    ivschat = emulator.boto3()
    room = created(ivschat, "room")
    event = {"roomIdentifier": room, "eventName": "goal", "attributes": {"score": "1:0", "by": "ü"}}
    message = {"roomIdentifier": room, "id": "AbCdEf123456", "reason": "spam"}
    user = {"roomIdentifier": room, "userId": "alice", "reason": "spam, again"}
    sent = answered(ivschat.send_event(**event))
    deleted = answered(ivschat.delete_message(**message))
    assert answered(ivschat.disconnect_user(**user)) == {}
    # Each has an id of its own: it is the event's, not the message's.
    assert len({sent["id"], deleted["id"], message["id"]}) == 3
    assert [(call["operation"], call["input"], call["answer"]) for call in emulator.calls()[-3:]] == [
        ("SendEvent", event, sent),
        ("DeleteMessage", message, deleted),
        ("DisconnectUser", user, {}),
    ]


# --- logging configurations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "destination",
    [BUCKET, {"cloudWatchLogs": {"logGroupName": "/chat/logs#1"}}, {"firehose": {"deliveryStreamName": "chat_logs"}}],
    ids=lambda destination: next(iter(destination)),
)
def test_a_logging_configuration_keeps_all_that_it_is_created_with(emulator: Emulator, destination: Any) -> None:
    ivschat = emulator.boto3()
    asked = {"name": "archive", "destinationConfiguration": destination, "tags": {"team": "live"}}
    configuration = answered(ivschat.create_logging_configuration(**asked))
    now = happened(emulator.calls("CreateLoggingConfiguration")[-1], configuration["createTime"])
    own = {"arn": arn_of("logging-configuration", configuration["id"]), "id": configuration["id"]}
    assert configuration == asked | own | {"createTime": now, "updateTime": now, "state": "ACTIVE"}
    assert answered(ivschat.get_logging_configuration(identifier=own["arn"])) == configuration


@pytest.mark.parametrize(
    "change",
    [{"name": "attic"}, {"destinationConfiguration": {"firehose": {"deliveryStreamName": "stream"}}}],
    ids=lambda change: next(iter(change)),
)
def test_an_update_of_logging_changes_what_it_names_and_nothing_else(ivschat: Any, change: dict[str, Any]) -> None:
    tags = {"team": "live"}
    before = answered(ivschat.create_logging_configuration(name="archive", destinationConfiguration=BUCKET, tags=tags))
    after = answered(ivschat.update_logging_configuration(identifier=before["arn"], **change))
    assert after == before | change | {"updateTime": after["updateTime"]}
    assert answered(ivschat.get_logging_configuration(identifier=before["arn"])) == after


def test_a_deleted_logging_configuration_is_gone_from_every_call(ivschat: Any) -> None:
    arn = created(ivschat, "logging-configuration")
    deleted = ivschat.delete_logging_configuration(identifier=arn)
    assert (deleted["ResponseMetadata"]["HTTPStatusCode"], answered(deleted)) == (204, {})
    for method, members in ON_LOGGING.items():
        assert refused(getattr(ivschat, method), **members(arn)) == not_found(arn.split("/")[1]), method


def test_logging_that_a_room_uses_cannot_be_deleted_until_it_is_detached(ivschat: Any) -> None:
    logging = created(ivschat, "logging-configuration")
    room = ivschat.create_room(loggingConfigurationIdentifiers=[logging])["arn"]
    assert refused(ivschat.delete_logging_configuration, identifier=logging) == conflict(logging.split("/")[1])
    ivschat.update_room(identifier=room, loggingConfigurationIdentifiers=[])
    assert answered(ivschat.delete_logging_configuration(identifier=logging)) == {}


def test_logging_becomes_active_after_a_while(emulators: Emulators) -> None:
    ivschat = emulators("--logging-transition", "200ms").boto3()
    arn = created(ivschat, "logging-configuration")

    def active() -> bool:
        return ivschat.get_logging_configuration(identifier=arn)["state"] == "ACTIVE"

    eventually(active)
    assert ivschat.update_logging_configuration(identifier=arn, name="attic")["state"] == "ACTIVE"
    eventually(active)
    ivschat.delete_logging_configuration(identifier=arn)
    eventually(lambda: ivschat.list_logging_configurations()["loggingConfigurations"] == [])


def test_logging_in_transition_takes_no_other_change(emulators: Emulators, tmp_path: Path) -> None:
    # Two that are settled, in an emulator that is then started anew as one in which nothing ever settles.
    state = str(tmp_path / "state.db")
    at_once = emulators("--state", state, "--logging-transition", "0s")
    updated, deleted = (created(at_once.boto3(), "logging-configuration") for _ in range(2))
    at_once.stop()
    ivschat = emulators("--state", state, "--logging-transition", "1000h").boto3()
    new = created(ivschat, "logging-configuration")
    ivschat.update_logging_configuration(identifier=updated, name="attic")
    ivschat.delete_logging_configuration(identifier=deleted)
    for arn, state in [(new, "CREATING"), (updated, "UPDATING"), (deleted, "DELETING")]:
        assert ivschat.get_logging_configuration(identifier=arn)["state"] == state
        name = arn.split("/")[1]
        assert refused(ivschat.update_logging_configuration, identifier=arn, name="cellar") == conflict(name)
        assert refused(ivschat.delete_logging_configuration, identifier=arn) == conflict(name)
    # It is as good as gone.
    assert refused(ivschat.create_room, loggingConfigurationIdentifiers=[deleted]) == not_found(deleted.split("/")[1])


def test_logging_fails_where_its_destination_cannot_be_written_to(emulators: Emulators) -> None:
    ivschat = emulators("--logging-transition", "0s", "--failing-destination", "ruin").boto3()
    ruin, fine = {"s3": {"bucketName": "ruin"}}, {"s3": {"bucketName": "fine"}}
    arn = ivschat.create_logging_configuration(destinationConfiguration=ruin)["arn"]

    def state() -> str:
        return ivschat.get_logging_configuration(identifier=arn)["state"]

    assert state() == "CREATE_FAILED"
    ivschat.update_logging_configuration(identifier=arn, destinationConfiguration=fine)
    assert state() == "ACTIVE"
    ivschat.update_logging_configuration(identifier=arn, destinationConfiguration=ruin)
    assert state() == "UPDATE_FAILED"


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_rooms_past_the_limit_are_refused_until_one_is_deleted(emulators: Emulators) -> None:
    emulator = emulators("--room-limit", "2")
    ivschat = emulator.boto3()
    rooms = [created(ivschat, "room") for _ in range(2)]
    assert refused(ivschat.create_room) == over_quota(2)
    # The limit is one of each region.
    created(emulator.boto3(region="us-east-1"), "room")
    ivschat.delete_room(identifier=rooms[0])
    created(ivschat, "room")
    assert refused(ivschat.create_room) == over_quota(2)


def test_logging_past_the_limit_is_refused_until_one_is_deleted(emulators: Emulators) -> None:
    ivschat = emulators("--logging-configuration-limit", "1", "--logging-transition", "0s").boto3()
    arn = created(ivschat, "logging-configuration")
    assert refused(ivschat.create_logging_configuration, destinationConfiguration=BUCKET) == over_quota(1)
    ivschat.delete_logging_configuration(identifier=arn)
    created(ivschat, "logging-configuration")


def throttling(call: Callable[..., Any], **members: Any) -> tuple[int, dict[str, Any]]:
    """How many calls went through before one was throttled, and with what error that was."""
    done = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            call(**members)
        except ClientError as error:
            return done, told(error)
        done += 1
    pytest.fail("nothing was throttled")


def test_calls_past_the_quota_of_their_operation_are_throttled(emulators: Emulators) -> None:
    emulator = emulators("--quotas", "aws")
    ivschat = emulator.boto3()
    room = created(ivschat, "room")
    # No room operation declares the error; boto3 has its members all the same.
    for limit, call, members in [
        (5, ivschat.get_room, {"identifier": room}),
        (10, ivschat.list_tags_for_resource, {"resourceArn": room}),
        (3, ivschat.list_logging_configurations, {}),
    ]:
        done, error = throttling(call, **members)
        assert done >= limit and error == throttled(limit)
    # Each operation and region has a quota of its own.
    ivschat.list_rooms()
    emulator.boto3(region="us-east-1").list_logging_configurations()


def test_an_operation_that_declares_throttling_answers_it_alike(emulators: Emulators) -> None:
    # AWS's 100 a second would take as many calls.
    ivschat = emulators("--quotas", "x0.02").boto3()
    _, error = throttling(ivschat.send_event, roomIdentifier=created(ivschat, "room"), eventName="goal")
    assert error == throttled(2)


def test_the_retry_of_boto3_gets_a_throttled_call_through(emulators: Emulators) -> None:
    emulator = emulators("--quotas", "aws")
    ivschat = emulator.boto3(attempts=10)
    room = ivschat.create_room()
    del room["ResponseMetadata"]

    def repeated() -> list[dict[str, Any]]:
        assert answered(ivschat.get_room(identifier=room["arn"])) == room
        return [call for call in emulator.calls("GetRoom") if call["attempt"] > 1]

    invocation = eventually(repeated)[0]["invocation"]
    attempts = [call for call in emulator.calls("GetRoom") if call["invocation"] == invocation]
    assert [call["attempt"] for call in attempts] == list(range(1, len(attempts) + 1))
    assert [call["status"] for call in attempts] == [429] * (len(attempts) - 1) + [200]


# --- faults and the journal -------------------------------------------------------------------------------------------


def test_the_retry_of_boto3_gets_through_a_service_that_is_down_for_a_moment(emulators: Emulators) -> None:
    emulator = emulators()
    error = {"status": 503, "code": "ServiceUnavailable", "message": "later"}
    emulator.inject(operation="ListRooms", times=1, symptom={"error": error})
    assert answered(emulator.boto3(attempts=3).list_rooms()) == {"rooms": []}
    assert [(call["status"], call["error"], call["attempt"], call["faulted"]) for call in emulator.calls()] == [
        (503, "ServiceUnavailable", 1, True),
        (200, None, 2, False),
    ]
    assert emulator.control("GET", "faults") == []


def test_the_retry_of_boto3_makes_a_second_room_when_the_answer_is_lost(emulators: Emulators) -> None:
    emulator = emulators()
    emulator.inject(operation="CreateRoom", times=1, moment="afterEffect", symptom="reset")
    ivschat = emulator.boto3(attempts=3)
    known = ivschat.create_room(name="lobby")["arn"]
    rooms = [room["arn"] for room in ivschat.list_rooms(name="lobby")["rooms"]]
    assert (len(rooms), rooms[0]) == (2, known)


def test_the_journal_holds_each_call_and_forgets_them_when_asked(emulators: Emulators) -> None:
    emulator = emulators()
    ivschat = emulator.boto3(region="eu-west-1")
    refused(ivschat.get_room, identifier=arn_of("room", "none", region="eu-west-1"))
    ivschat.list_rooms(maxResults=1)
    journal = emulator.journal()
    first, second = journal["calls"]
    assert first == {
        "at": first["at"],
        "operation": "GetRoom",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "input": {"identifier": arn_of("room", "none", region="eu-west-1")},
        "status": 404,
        "error": "ResourceNotFoundException",
        "answer": {"message": first["answer"]["message"], "resourceId": "none", "resourceType": "ROOM"},
        "invocation": first["invocation"],
        "attempt": 1,
        "userAgent": first["userAgent"],
        "faulted": False,
    }
    assert first["userAgent"].startswith("Boto3/")
    assert (second["operation"], second["input"], second["answer"]) == ("ListRooms", {"maxResults": 1}, {"rooms": []})
    assert first["invocation"] != second["invocation"]
    assert journal["counts"] == {"GetRoom": {"ResourceNotFoundException": 1}, "ListRooms": {"OK": 1}}
    emulator.control("DELETE", "calls")
    assert emulator.journal() == {"calls": [], "counts": {}}


# --- who one is -------------------------------------------------------------------------------------------------------


def test_sts_tells_the_account(emulator: Emulator) -> None:
    identity = emulator.boto3("sts").get_caller_identity()
    assert identity["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answered(identity) == {
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/emulator",
        "UserId": identity["UserId"],
    }


@pytest.mark.parametrize(("service", "method"), [("ivschat", "list_rooms"), ("sts", "get_caller_identity")])
def test_every_answer_bears_one_request_id(emulator: Emulator, service: str, method: str) -> None:
    metadata = getattr(emulator.boto3(service), method)()["ResponseMetadata"]
    # In the body too, where the service has it there: that is the one boto3 shows.
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


# --- all of it --------------------------------------------------------------------------------------------------------


def test_every_answer_in_this_module_fits_the_model_of_the_api(emulators: Emulators) -> None:
    calls = emulators.calls()
    count, problems = model.checked(calls)
    assert problems == []
    answered_well = {call["operation"] for call in calls if call["error"] is None}
    assert answered_well - {"GetCallerIdentity"} == set(model.OPERATIONS)
    assert count > 300
