"""With a credentials file every signature is verified: what botocore and the AWS CLI sign passes, and nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import get_current_datetime
from botocore.exceptions import ClientError

import model
from conftest import Emulators
from emulators import REGION, Emulator, Keys, Request, answered

ONE = Keys("AKIAONE", "first/secret+key=")
TWO = Keys("AKIATWO", "second")
TEMPORARY = Keys("ASIATEMPORARY", "third", "token/of+session==")
READER = Keys("AKIAREADER", "fourth")
ACCOUNTS = {ONE: "111111111111", TWO: "222222222222", TEMPORARY: "111111111111"}

# Every character besides letters and digits that a tag may have, letters and digits of other languages, and what would
# be left of an encoded character.
ODD_KEYS = ["a b", " ", "+", "a+b", "/", "c/d", "//", "_", ".", "..", ":", "=", "a=b", "-", "@", "ü", "名前", "٣", "2B"]


@pytest.fixture(scope="module")
def emulator(emulators: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Emulator:
    known = {
        keys.access: {"secretAccessKey": keys.secret, "accountId": account}
        | ({"sessionToken": keys.token} if keys.token else {})
        for keys, account in ACCOUNTS.items()
    }
    known[READER.access] = {"secretAccessKey": READER.secret, "accountId": ACCOUNTS[ONE], "allow": ["ivschat:Get*"]}
    file = tmp_path_factory.mktemp("credentials") / "credentials.json"
    file.write_text(json.dumps(known))
    return emulators("--credentials", str(file))


@pytest.fixture
def room(emulator: Emulator) -> str:
    """The ARN of a new one of the first account."""
    return emulator.boto3(keys=ONE).create_room(name="lobby", tags={"kept": ""})["arn"]


def refusal(call: Callable[..., Any], **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


WRONG_SIGNATURE = (403, "InvalidSignatureException")
UNKNOWN = (403, "UnrecognizedClientException")


# --- who one is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", ACCOUNTS, ids=lambda keys: keys.access)
def test_a_key_is_the_account_it_belongs_to(emulator: Emulator, keys: Keys) -> None:
    assert emulator.boto3("sts", keys=keys).get_caller_identity()["Account"] == ACCOUNTS[keys]
    arn = emulator.boto3(keys=keys).create_room()["arn"]
    assert arn.startswith(f"arn:aws:ivschat:{REGION}:{ACCOUNTS[keys]}:room/")
    assert emulator.calls()[-1]["account"] == ACCOUNTS[keys]


def test_neither_of_two_accounts_sees_or_touches_what_is_the_others(emulator: Emulator) -> None:
    region = "eu-west-1"
    first, second = (emulator.boto3(keys=keys, region=region) for keys in (ONE, TWO))
    own, theirs = first.create_room(name="lobby"), second.create_room(name="lobby")
    for client, room, other in [(first, own, theirs), (second, theirs, own)]:
        assert [listed["arn"] for listed in client.list_rooms()["rooms"]] == [room["arn"]]
        arn = other["arn"]
        for call, members in [
            (client.get_room, {"identifier": arn}),
            (client.update_room, {"identifier": arn, "name": "ours"}),
            (client.delete_room, {"identifier": arn}),
            (client.tag_resource, {"resourceArn": arn, "tags": {"team": "ours"}}),
            (client.untag_resource, {"resourceArn": arn, "tagKeys": ["team"]}),
            (client.list_tags_for_resource, {"resourceArn": arn}),
            (client.create_chat_token, {"roomIdentifier": arn, "userId": "alice"}),
        ]:
            assert refusal(call, **members) == (403, "AccessDeniedException")
    assert answered(first.get_room(identifier=own["arn"])) == answered(own)
    assert answered(second.get_room(identifier=theirs["arn"])) == answered(theirs)


def test_a_key_may_do_what_it_is_allowed_and_always_ask_who_it_is(emulator: Emulator, room: str) -> None:
    reader = emulator.boto3(keys=READER)
    assert reader.get_room(identifier=room)["arn"] == room
    with pytest.raises(reader.exceptions.AccessDeniedException, match="to perform: ivschat:DeleteRoom"):
        reader.delete_room(identifier=room)
    assert emulator.boto3("sts", keys=READER).get_caller_identity()["Account"] == ACCOUNTS[ONE]


def test_a_wrong_secret_is_refused(emulator: Emulator) -> None:
    wrong = Keys(ONE.access, TWO.secret)
    assert refusal(emulator.boto3(keys=wrong).list_rooms) == WRONG_SIGNATURE
    # Nobody's call: it is written down without an account.
    last = emulator.calls()[-1]
    assert (last["operation"], last["account"], last["region"]) == ("ListRooms", None, None)


def test_an_unknown_key_is_refused(emulator: Emulator) -> None:
    assert refusal(emulator.boto3(keys=Keys("AKIANONE", ONE.secret)).list_rooms) == UNKNOWN


@pytest.mark.parametrize("token", [None, "", "another"])
def test_temporary_keys_are_refused_without_the_token_of_their_session(emulator: Emulator, token: str | None) -> None:
    wrong = Keys(TEMPORARY.access, TEMPORARY.secret, token)
    assert refusal(emulator.boto3(keys=wrong).list_rooms) == UNKNOWN


def test_lasting_keys_are_refused_with_a_token_of_some_session(emulator: Emulator) -> None:
    # A token left behind in the environment next to keys that have none: AWS knows no such pair.
    wrong = Keys(ONE.access, ONE.secret, "left behind")
    assert refusal(emulator.boto3(keys=wrong).list_rooms) == UNKNOWN


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (Keys(ONE.access, "wrong"), "SignatureDoesNotMatch"),
        (Keys("AKIANONE"), "InvalidClientTokenId"),
        (Keys(TEMPORARY.access, TEMPORARY.secret, "another"), "InvalidClientTokenId"),
    ],
    ids=["wrong-secret", "unknown-key", "another-session"],
)
def test_sts_has_names_of_its_own_for_the_same_refusals(emulator: Emulator, keys: Keys, code: str) -> None:
    assert refusal(emulator.boto3("sts", keys=keys).get_caller_identity) == (403, code)


# --- when it was signed -----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets botocore's clock ahead by this much, and stops it."""

    def set_ahead(skew: timedelta) -> None:
        then = get_current_datetime() + skew
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)

    return set_ahead


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_off_is_borne(emulator: Emulator, clock: Any, room: str, minutes: int) -> None:
    clock(timedelta(minutes=minutes))
    assert emulator.boto3(keys=ONE).get_room(identifier=room)["arn"] == room


@pytest.mark.parametrize("minutes", [-6, 6, -24 * 60])
def test_a_clock_that_is_far_off_is_not(emulator: Emulator, clock: Any, minutes: int) -> None:
    clock(timedelta(minutes=minutes))
    assert refusal(emulator.boto3(keys=ONE).list_rooms) == WRONG_SIGNATURE
    assert refusal(emulator.boto3("sts", keys=ONE).get_caller_identity) == (403, "SignatureDoesNotMatch")


# --- what was signed --------------------------------------------------------------------------------------------------


def tags_path(arn: str, *keys: str) -> str:
    query = "&".join(f"tagKeys={quote(key, safe='')}" for key in keys)
    return f"/tags/{quote(arn, safe='')}" + (f"?{query}" if keys else "")


def test_a_request_signed_by_hand_passes_as_it_is(emulator: Emulator, room: str) -> None:
    # Else the tests below could be refused for any reason.
    rename = emulator.signed("POST", "/UpdateRoom", {"identifier": room, "name": "foyer"}, keys=ONE)
    assert emulator.send(rename).status == 200
    extra = emulator.signed("DELETE", tags_path(room, "a", "b"), headers={"x-amz-meta": "a  b "}, keys=ONE)
    assert emulator.send(extra).status == 200
    # What was not signed may change on the way.
    assert emulator.send(extra.but(headers={**extra.headers, "via": "a proxy"})).status == 200


def with_header(request: Request, name: str, value: str) -> Request:
    names = {known.lower(): known for known in request.headers}
    return request.but(headers={**request.headers, names.get(name, name): value})


def replaced_in_authorization(request: Request, old: str, new: str) -> Request:
    authorization = request.headers["Authorization"]
    assert old in authorization
    return with_header(request, "authorization", authorization.replace(old, new))


def a_second_later(request: Request) -> Request:
    seconds = int(request.headers["X-Amz-Date"][-3:-1])
    return with_header(request, "x-amz-date", f"{request.headers['X-Amz-Date'][:-3]}{(seconds + 1) % 60:02}Z")


TAMPERED: dict[str, Callable[[Request], Request]] = {
    "body": lambda request: request.but(body=request.body.replace(b"foyer", b"mine!")),
    "body-by-a-space": lambda request: request.but(body=request.body + b" "),
    "no-body": lambda request: request.but(body=b""),
    "path": lambda request: request.but(path="/DeleteRoom"),
    "query-added": lambda request: request.but(path=f"{request.path}?a=b"),
    "signed-header": lambda request: with_header(request, "x-amz-meta", "another"),
    "signed-header-left-out": lambda request: request.but(
        headers={name: value for name, value in request.headers.items() if name != "x-amz-meta"}
    ),
    "host": lambda request: with_header(request, "host", "ivschat.us-west-2.amazonaws.com"),
    "header-added-that-aws-acts-on": lambda request: with_header(request, "x-amz-target", "another"),
    "date": a_second_later,
    "date-of-the-scope-cut-short": lambda request: replaced_in_authorization(
        request, f"/{request.headers['X-Amz-Date'][:8]}/", f"/{request.headers['X-Amz-Date'][:4]}/"
    ),
    "region": lambda request: replaced_in_authorization(request, f"/{REGION}/", "/eu-west-1/"),
    "key": lambda request: replaced_in_authorization(request, ONE.access, TWO.access),
    "list-of-signed-headers": lambda request: replaced_in_authorization(request, ";x-amz-meta", ""),
    "host-not-signed": lambda request: replaced_in_authorization(request, "host;", ""),
    "signature": lambda request: replaced_in_authorization(request, "Signature=", "Signature=0"),
    "no-signature": lambda request: with_header(
        request, "authorization", request.headers["Authorization"].split("Signature=")[0] + "Signature="
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_request_that_was_tampered_with_is_refused(emulator: Emulator, room: str, what: str) -> None:
    body = {"identifier": room, "name": "foyer"}
    signed = emulator.signed("POST", "/UpdateRoom", body, headers={"x-amz-meta": "one"}, keys=ONE)
    tampered = TAMPERED[what](signed)
    assert tampered != signed
    reply = emulator.send(tampered)
    assert (reply.status, reply.error) == WRONG_SIGNATURE
    assert emulator.boto3(keys=ONE).get_room(identifier=room)["name"] == "lobby"


@pytest.mark.parametrize("what", ["another-key", "one-more-key", "a-key-less", "another-order", "another-room"])
def test_the_path_and_query_of_a_tag_call_are_signed(emulator: Emulator, room: str, what: str) -> None:
    ivschat = emulator.boto3(keys=ONE)
    ivschat.tag_resource(resourceArn=room, tags={"a": "", "b": ""})
    other = ivschat.create_room(tags={"a": "", "b": "", "kept": ""})["arn"]
    signed = emulator.signed("DELETE", tags_path(room, "a", "b"), keys=ONE)
    path = {
        "another-key": tags_path(room, "a", "kept"),
        "one-more-key": tags_path(room, "a", "b", "kept"),
        "a-key-less": tags_path(room, "a"),
        # The parameters are sorted before they are signed: this says the same, and passes.
        "another-order": tags_path(room, "b", "a"),
        "another-room": tags_path(other, "a", "b"),
    }[what]
    reply = emulator.send(signed.but(path=path))
    if what == "another-order":
        assert reply.status == 200
        assert ivschat.get_room(identifier=room)["tags"] == {"kept": ""}
        return
    assert (reply.status, reply.error) == WRONG_SIGNATURE
    for arn in (room, other):
        assert ivschat.get_room(identifier=arn)["tags"] == {"a": "", "b": "", "kept": ""}


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("Bearer AKIAONE", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=AKIAONE", "IncompleteSignatureException"),
    ],
    ids=["none", "of-another-kind", "half-of-one"],
)
def test_a_request_without_a_whole_signature_is_refused(
    emulator: Emulator, authorization: str | None, code: str
) -> None:
    signed = emulator.signed("POST", "/ListRooms", {}, keys=ONE)
    headers = {name: value for name, value in signed.headers.items() if name != "Authorization"}
    if authorization is not None:
        headers["Authorization"] = authorization
    reply = emulator.send(signed.but(headers=headers))
    assert (reply.status, reply.error) == (403, code)


def test_a_request_without_the_time_it_was_signed_at_is_refused(emulator: Emulator) -> None:
    signed = emulator.signed("POST", "/ListRooms", {}, keys=ONE)
    headers = {name: value for name, value in signed.headers.items() if name != "X-Amz-Date"}
    reply = emulator.send(signed.but(headers=headers))
    assert (reply.status, reply.error) == (403, "IncompleteSignatureException")


# --- characters that are signed in encoded form -----------------------------------------------------------------------


def test_odd_characters_in_tag_keys_are_signed_alike_by_boto3(emulator: Emulator, room: str) -> None:
    ivschat = emulator.boto3(keys=ONE)
    ivschat.tag_resource(resourceArn=room, tags={key: key for key in ODD_KEYS})
    assert ivschat.list_tags_for_resource(resourceArn=room)["tags"] == {key: key for key in ODD_KEYS} | {"kept": ""}
    for key in ODD_KEYS:
        ivschat.untag_resource(resourceArn=room, tagKeys=[key])
        assert emulator.calls()[-1]["input"] == {"resourceArn": room, "tagKeys": [key]}
        assert key not in ivschat.get_room(identifier=room)["tags"]
    ivschat.tag_resource(resourceArn=room, tags={key: key for key in ODD_KEYS})
    ivschat.untag_resource(resourceArn=room, tagKeys=ODD_KEYS)
    assert ivschat.get_room(identifier=room)["tags"] == {"kept": ""}


def test_odd_characters_in_tag_keys_are_signed_alike_by_the_cli(emulator: Emulator, room: str) -> None:
    tags = json.dumps({key: key for key in ODD_KEYS}, ensure_ascii=False)
    emulator.cli("ivschat", "tag-resource", "--resource-arn", room, "--tags", tags, keys=ONE)
    ivschat = emulator.boto3(keys=ONE)
    assert ivschat.get_room(identifier=room)["tags"] == {key: key for key in ODD_KEYS} | {"kept": ""}
    # The CLI would take a key that begins with a dash for an option.
    keys = ["--tag-keys", *(key for key in ODD_KEYS if key != "-")]
    assert emulator.cli("ivschat", "untag-resource", "--resource-arn", room, *keys, keys=ONE).status == 0
    assert ivschat.get_room(identifier=room)["tags"] == {"-": "-", "kept": ""}


@pytest.mark.parametrize("key", ["%", "100%", "%2B", "a%20b", "a&b", "a?b", "a#b", "~", "*"])
def test_characters_that_no_tag_may_have_fail_as_such_and_not_for_their_signature(
    emulator: Emulator, room: str, key: str
) -> None:
    ivschat = emulator.boto3(keys=ONE)
    invalid = (400, "ValidationException")
    assert refusal(ivschat.tag_resource, resourceArn=room, tags={key: ""}) == invalid
    assert refusal(ivschat.untag_resource, resourceArn=room, tagKeys=[key]) == invalid
    assert emulator.calls()[-1]["input"] == {"resourceArn": room, "tagKeys": [key]}


def test_the_cli_passes_with_temporary_keys_too(emulator: Emulator, room: str) -> None:
    found = emulator.cli("ivschat", "get-room", "--identifier", room, keys=TEMPORARY).json()
    assert found["arn"] == room


# --- all of it --------------------------------------------------------------------------------------------------------


def test_every_answer_in_this_module_fits_the_model_of_the_api(emulators: Emulators) -> None:
    count, problems = model.checked(emulators.calls())
    assert problems == []
    assert count > 100
