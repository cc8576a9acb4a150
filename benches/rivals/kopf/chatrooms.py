"""A textbook operator for ChatRooms on kopf and boto3: one GetRoom per object and handler."""

import contextlib
import datetime
import os

import boto3
import kopf
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CHATROOMS = ("ivschat-operator.io", "v1alpha1", "chatrooms")
OWNER_TAG = "rival-owner"
THREADS = 20
RESYNC_SECONDS = 300
LAST_RETRY_SECONDS = 300

# boto3 reads AWS_DEFAULT_REGION, not AWS_REGION. Its clients are safe to share between threads.
ivschat = boto3.client("ivschat", region_name=os.environ["AWS_REGION"], config=Config(
    retries={"mode": "adaptive", "max_attempts": 10}, max_pool_connections=THREADS))


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_):
    settings.execution.max_workers = THREADS
    settings.persistence.finalizer = "rivals.ivschat-operator.io/kopf"


# One function for all three, so that kopf runs it once for an object that was created while the operator was down.
@kopf.on.resume(*CHATROOMS)
@kopf.on.create(*CHATROOMS)
@kopf.on.update(*CHATROOMS)
def apply(body, patch, retry, **_):
    with retried(retry):
        arn = apply_room(body)
    write_status(body, patch, arn)


@kopf.timer(*CHATROOMS, interval=RESYNC_SECONDS, initial_delay=RESYNC_SECONDS)
def correct_drift(body, patch, retry, **_):
    # The handler above creates the room.
    if body.status.get("arn"):
        with retried(retry):
            arn = apply_room(body)
        write_status(body, patch, arn)


@kopf.on.delete(*CHATROOMS)
def delete(status, retry, **_):
    if arn := status.get("arn"):
        with retried(retry), contextlib.suppress(ivschat.exceptions.ResourceNotFoundException):
            ivschat.delete_room(identifier=arn)


@contextlib.contextmanager
def retried(retry):
    """Retries what AWS refused after 1 s, 2 s, 4 s and so on; kopf by itself waits a minute each time."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise kopf.TemporaryError(str(error), delay=min(2 ** retry, LAST_RETRY_SECONDS)) from error


def apply_room(body):
    """Creates the room, or corrects the one that is recorded. Returns its ARN."""
    desired, tags = desired_room(body), desired_tags(body)
    arn = body.status.get("arn")
    if not arn:
        return create_room(desired, tags)
    try:
        actual = ivschat.get_room(identifier=arn)
    except ivschat.exceptions.ResourceNotFoundException:
        return create_room(desired, tags)
    different = {key: value for key, value in desired.items() if value != comparable(actual)[key]}
    if different:
        ivschat.update_room(identifier=arn, **different)
    correct_tags(arn, tags, actual.get("tags", {}))
    return arn


def create_room(desired, tags):
    if not desired["messageReviewHandler"]["uri"]:
        desired = {key: value for key, value in desired.items() if key != "messageReviewHandler"}
    return ivschat.create_room(**desired, tags=tags)["arn"]


def correct_tags(arn, desired, actual):
    surplus = [key for key in actual if key not in desired and not key.startswith("aws:")]
    different = {key: value for key, value in desired.items() if actual.get(key) != value}
    if surplus:
        ivschat.untag_resource(resourceArn=arn, tagKeys=surplus)
    if different:
        ivschat.tag_resource(resourceArn=arn, tags=different)


def desired_room(body):
    """What the room should be, with IVS Chat's defaults filled in."""
    return comparable({"name": body.metadata["name"], **body.spec})


def comparable(room):
    """The members of a spec or a room that are compared. An empty URI means no function, and detaches one."""
    handler = room.get("messageReviewHandler") or {}
    uri = handler.get("uri", "")
    return {
        "name": room.get("name", ""),
        "maximumMessageLength": room.get("maximumMessageLength", 500),
        "maximumMessageRatePerSecond": room.get("maximumMessageRatePerSecond", 10),
        "messageReviewHandler": {"uri": uri, "fallbackResult": handler.get("fallbackResult", "ALLOW")} if uri else {"uri": ""},
        "loggingConfigurationIdentifiers": sorted(room.get("loggingConfigurationIdentifiers") or []),
    }


def desired_tags(body):
    owner = f"{body.metadata['namespace']}/{body.metadata['name']}"
    return {**body.spec.get("tags", {}), OWNER_TAG: owner}


def write_status(body, patch, arn):
    """Leaves the patch empty where nothing changed."""
    generation = body.metadata["generation"]
    conditions = [dict(condition) for condition in body.status.get("conditions", [])]
    before = next((condition for condition in conditions if condition["type"] == "Ready"), {})
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "message": "the room is as specified",
        "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == "True" else now,
        "observedGeneration": generation,
    }
    if (body.status.get("arn"), body.status.get("observedGeneration"), before) == (arn, generation, ready):
        return
    patch.status["arn"] = arn
    patch.status["observedGeneration"] = generation
    patch.status["conditions"] = [condition for condition in conditions if condition["type"] != "Ready"] + [ready]
