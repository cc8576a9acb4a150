"""What kube-state-metrics publishes of single ChatRooms, and the alert on it."""

import collections
import re
import time
import urllib.request
from datetime import datetime

from files import ALERTS
from stage import REGION, wait_for, wait_until

ALERT = "IvsChatRoomNotReady"
# The labels of every series.
COMMON = {
    "customresource_group": "ivschat-operator.io",
    "customresource_version": "v1alpha1",
    "customresource_kind": "ChatRoom",
    "namespace": "default",
}


def published(state):
    """What kube-state-metrics publishes of each ChatRoom, by name: metric, labels that not all of them have, value."""
    with urllib.request.urlopen(f"http://{state}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    rooms = collections.defaultdict(list)
    for line in lines:
        metric, labels, figure = re.fullmatch(r"ivschat_chat_room_(\w+)\{(.*)\} (\S+)", line).groups()
        labels = dict(re.findall(r'(\w+)="(.*?)"', labels))
        name = labels.pop("name")
        assert COMMON.items() <= labels.items(), line
        rooms[name].append((metric, sorted(labels.items() - COMMON.items()), float(figure)))
    return {name: sorted(series) for name, series in rooms.items()}


def series(metadata, conditions, generation, observed, **info):
    """What it should publish of one."""
    wanted = [("metadata_generation", [], generation), ("status_observed_generation", [], observed)]
    wanted.append(("info", sorted(info.items()), 1))
    for metric, field in (("created", "creationTimestamp"), ("deletion_timestamp", "deletionTimestamp")):
        if at := metadata.get(field):
            wanted.append((metric, [], datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()))
    for condition, (status, reason) in conditions.items():
        wanted.append(("condition_info", [("condition", condition), ("reason", reason), ("status", status)], 1))
    return sorted(wanted)


def check_single_rooms(stage, state):
    """kube-state-metrics publishes each ChatRoom as it is, without an error, and the alert names those that it should."""
    # Labels that its search for values must not take for the fields of these names.
    decoys = {"labels": {"name": "decoy", "deletionTimestamp": "1"}}
    stage.apply(["plain"], decoys, region=REGION, deletionPolicy="Retain", managementPolicy="Manage")
    stage.apply(["paused"], {"annotations": {"ivschat-operator.io/paused": "true"}})
    nobodys = {"labels": {"ivschat-operator.io/class": "nobodys"}}
    stage.apply(["never", "emptied"], nobodys)
    empty = '--patch={"status": {"observedGeneration": null}}'
    stage.kubectl("patch", "chatroom", "emptied", "--subresource=status", "--type=merge", empty)
    stage.apply(["going"], nobodys | {"finalizers": ["example.test/hold"]})
    stage.kubectl("delete", "chatroom", "going", "--wait=false")
    arn = wait_for("plain has a room", lambda: stage.get("plain").get("status", {}).get("arn"))
    expected = {
        "plain": {
            "conditions": {"Ready": ("True", "Available"), "Synced": ("True", "Available"), "Stalled": ("False", "Available")},
            "generation": 1, "observed": 1,
            "arn": arn, "room_id": arn.rsplit("/")[1], "region": REGION, "deletion_policy": "Retain", "management_policy": "Manage",
        },
        "paused": {
            "conditions": {"Ready": ("Unknown", "Paused"), "Synced": ("False", "Paused"), "Stalled": ("False", "Paused")},
            "generation": 1, "observed": 1,
        },
        "invalid": {
            "conditions": {"Ready": ("False", "InvalidSpec"), "Synced": ("False", "InvalidSpec"), "Stalled": ("True", "InvalidSpec")},
            "generation": 1, "observed": 1,
        },
        "never": {"conditions": {}, "generation": 1, "observed": -1, "class": "nobodys"},
        "emptied": {"conditions": {}, "generation": 1, "observed": 0, "class": "nobodys"},
        "going": {"conditions": {}, "generation": 2, "observed": -1, "class": "nobodys"},
    }
    for name, wanted in expected.items():
        wanted = series(stage.get(name)["metadata"], **wanted)
        wait_until(f"the series of {name}", wanted, lambda: published(state).get(name))
    names = stage.kubectl("get", "chatrooms", "--output=jsonpath={.items[*].metadata.name}").split()
    wait_until("series of every ChatRoom, and no others", sorted(names), lambda: sorted(published(state)))

    def ask(query):
        """The labels of each series of the answer."""
        found = [one["metric"] for one in stage.ask("query", query=query)["result"]]
        return sorted(found, key=lambda labels: sorted(labels.items()))

    # Prometheus scrapes it in two ways, and has one alert for both. What it asks counts once it has scraped all of this.
    fresh = f"count by (namespace, exported_namespace) (timestamp(ivschat_chat_room_created) > {time.time()})"
    ways = [{"namespace": "monitoring", "exported_namespace": "default"}, {"namespace": "default"}]
    wait_until("both ways to scrape", ways, lambda: ask(fresh))
    rooms = [{"namespace": "default", "name": name} for name in ("emptied", "invalid", "never")]
    wait_until("the rooms of the alert", rooms, lambda: ask(ALERTS[ALERT]["expr"]))
    told = [{"__name__": "ALERTS", "alertname": ALERT, "alertstate": "pending", "severity": "warning"} | room for room in rooms]
    wait_until("the alert", told, lambda: ask(f'ALERTS{{alertname="{ALERT}"}}'))
    stage.kubectl("patch", "chatroom", "going", "--type=merge", '--patch={"metadata": {"finalizers": null}}')
    wait_until("the series of what is gone", None, lambda: published(state).get("going"))
    log = (stage.work / "kube-state-metrics.log").read_text()
    errors = re.findall(r"^[EF]\d{4} .*", log, re.MULTILINE)
    assert not errors and "Started metrics server" in log, errors
    return len(expected)
