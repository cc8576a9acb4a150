"""Runs every query of dashboard, alerts and runbook on a real Prometheus that scrapes two replicas of the real operator, while rooms
are throttled, changed, stalled, lost and doubled and the leader is stopped. With KUBE_STATE_METRICS in the environment, the path of
that program, Prometheus scrapes it, too, and what it publishes of single ChatRooms is checked.

    live.py WORK RUN.json       WORK: a directory for logs; RUN.json: the panels' data, for picture.py
"""

import json
import math
import os
import re
import subprocess
import sys
import time

from botocore.exceptions import ClientError

from files import ALERTS, DASHBOARD, PANELS, blocks
from single import ALERT as SINGLE
from single import check_single_rooms
from stage import JOB, NAMESPACE, Stage, wait_for

ROOMS = 24
# Queries that have data, but only zeros here: nothing is wrong with the Kubernetes API in this run, and a pass begins at once for so few
# ChatRooms.
QUIET = ("outcome=~", "watch_errors_total", "events_unpublished_total", "queue_depth", "aws_calls_waiting")
# Alerts whose condition comes true in the run, looked at through a window as short as the run is.
TRUE = {
    "IvsChatOperatorThrottled",
    "IvsChatOperatorAwsFailing",
    "IvsChatOperatorCallQuotaExhausted",
    "IvsChatRoomsNotSynced",
    "IvsChatRoomsStalled",
    "IvsChatRoomDriftReturns",
    "IvsChatRoomOrphans",
    "IvsChatRoomTwins",
    "IvsChatOperatorOverlap",
}
# Those for which it may, for the moment of a start, a burst or a takeover.
MOMENTARY = {
    "IvsChatOperatorNoLeader",
    "IvsChatOperatorTwoLeaders",
    "IvsChatOperatorNotReady",
    "IvsChatRoomsNotReady",
    "IvsChatRoomSweepStopped",
}
# The labels that an alert may have besides those of its target.
LABELS = {"operation", "code", "reason", "field"}


def room_of(stage, name):
    return wait_for(f"{name} has a room", lambda: stage.get(name).get("status", {}).get("arn"))


def messages_of(stage, arn):
    """The room's maximumMessageLength; nothing while a fault strikes this script, too."""
    try:
        return stage.ivschat.get_room(identifier=arn)["maximumMessageLength"]
    except ClientError:
        return None


def refusal(status, code):
    return {"error": {"status": status, "code": code, "message": "by the script of this run"}}


def trouble(stage, targets):
    """Everything that panels and alerts are to show."""
    names = [f"room-{n}" for n in range(ROOMS)]
    stage.apply(names, tags={"team": "live"})
    # The API server cannot know that a handler must be of the room's own region.
    stage.apply(["invalid"], messageReviewHandler={"uri": "arn:aws:lambda:eu-west-1:123456789012:function:review"})
    drifting, twinned, healed, *_ = (room_of(stage, name) for name in names)
    # Deletions that do not get on.
    stage.fault(operation="DeleteRoom", lasting="12s", symptom=refusal(403, "AccessDeniedException"))
    stage.kubectl("delete", "chatroom", *names[3:12], "--wait=false")
    # Rooms that carry another's tags: one that the operator may delete, one that a person has to judge, one without an object.
    made, another = stage.ivschat.get_room(identifier=healed)["tags"], {"ivschat-operator.io/creation": "another"}
    stage.ivschat.create_room(name="twin", tags=made)
    stage.ivschat.create_room(name="twin", tags=stage.ivschat.get_room(identifier=twinned)["tags"] | another)
    stage.ivschat.create_room(name="orphan", tags=made | another | {"ivschat-operator.io/owner": "monitoring/default/gone"})
    # Somebody else works on a room.
    for n in range(4):
        if n == 1:
            stage.fault(operation="GetRoom", times=25, symptom=refusal(429, "ThrottlingException"))
        if n == 2:
            stage.fault(operation="GetRoom", times=25, symptom=refusal(503, "ServiceUnavailable"))
        stage.ivschat.update_room(identifier=drifting, maximumMessageLength=n + 1)
        stage.ivschat.tag_resource(resourceArn=drifting, tags={"team": "somebody-else"})
        stage.kubectl("annotate", "--overwrite", "chatroom", names[0], f"ivschat-operator.io/reconcile-at={n}")
        wait_for("drift is corrected", lambda: messages_of(stage, drifting) == 500)
        # Long enough for a scrape to see it.
        time.sleep(1.2)
    # What another operator would sign, on a room that this one knows.
    room_of(stage, names[-1])
    theirs = ["--field-manager=ivschat-operator/elsewhere/another", "--subresource=status", "--type=merge"]
    stage.kubectl("patch", "chatroom", names[-1], *theirs, '--patch={"status": {"lastHandledReconcileAt": "now"}}')
    wait_for("the overlap is told", lambda: value(stage, "sum(ivschat_operator_overlaps_total)"))
    leads = 'ivschat_operator_leader{instance="%s"}'
    leader = next(name for name, address in targets.items() if value(stage, leads % address) == 1)
    stage.stop(leader)
    took_over = 'sum(ivschat_operator_leader{instance!="%s"})' % targets[leader]
    wait_for("the other one leads", lambda: value(stage, took_over) == 1)
    stage.start_operator(leader, targets[leader])
    wait_for("it finds orphans and twins, too", lambda: value(stage, "sum(ivschat_operator_orphans) * sum(ivschat_operator_twins)"))


def value(stage, query):
    result = stage.ask("query", query=query)["result"]
    return float(result[0]["value"][1]) if result else None


def numbers(series):
    return [number for one in series for _, text in one["values"] if not math.isnan(number := float(text))]


def panels(stage, begun):
    """Every query of the dashboard gives figures, and not only zeros."""
    run = []
    for title, targets, unit, kind in PANELS:
        lines = []
        for query, legend in targets:
            for name, text in {"$namespace": NAMESPACE, "$job": JOB, "$__rate_interval": "6s"}.items():
                query = query.replace(name, text)
            series = stage.over_time(query, begun)
            got = numbers(series)
            assert got, f"{title}: no data: {query}"
            if not any(quiet in query for quiet in QUIET):
                assert any(got), f"{title}: only zeros: {query}"
            lines += [{"legend": legend, "labels": one["metric"], "values": one["values"]} for one in series]
        run.append({"title": title, "unit": unit, "graph": kind == "timeseries", "lines": lines})
    for name, wanted in (("namespace", NAMESPACE), ("job", JOB)):
        (query,) = (it["query"] for it in DASHBOARD["templating"]["list"] if it["name"] == name)
        selector = query.removeprefix("label_values(").rsplit(",", 1)[0].replace("$namespace", NAMESPACE)
        found = {one["metric"].get(name) for one in stage.ask("query", query=selector)["result"]}
        assert found == {wanted}, f"variable {name}: {found}"
    return run


def alerts(stage, begun, expected):
    """Prometheus evaluates every alert, and the conditions come true that are to, with the labels that they should have."""
    groups = stage.ask("rules")["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert rules.keys() == ALERTS.keys(), rules.keys()
    sick = {name: rule.get("lastError") for name, rule in rules.items() if rule["health"] != "ok"}
    assert not sick, sick
    true = set()
    for name, rule in ALERTS.items():
        for one in stage.over_time(re.sub(r"\[\d+m\]", "[10s]", rule["expr"]), begun):
            true.add(name)
            labels = one["metric"]
            target, more = {"namespace": NAMESPACE, "job": JOB}, LABELS
            if name == SINGLE:
                target, more = {"namespace": "default"}, {"name"}
            for of_replica in ("__name__", "instance"):
                labels.pop(of_replica, None)
            assert target.items() <= labels.items() and labels.keys() - target.keys() <= more, f"{name}: {labels}"
    assert expected <= true <= expected | MOMENTARY, f"missing {expected - true}, unexpected {true - expected - MOMENTARY}"
    return true


def runbook(stage):
    """The runbook's queries and its lines for kubectl can be asked as they stand there, apart from those that need pods."""
    queries = blocks("promql")
    for query in queries:
        stage.ask("query", query=query)
    shell = [line for block in blocks("sh") for line in block.splitlines()]
    (columns,) = (line for line in shell if line.startswith("conditions="))
    lines = sorted({line for line in shell if line.startswith("kubectl ")})
    # `kubectl describe` gets a list and then each by itself: one that goes in between is an error.
    going = ("get", "chatrooms", "--all-namespaces", "--output=jsonpath={.items[*].metadata.deletionTimestamp}")
    wait_for("what was deleted is gone", lambda: not stage.kubectl(*going))
    for line in lines:
        script = f"set -euo pipefail\n{columns}\nkubectl() {{ command \"$KUBECTL\" \"$@\"; }}\n{line}"
        environment = stage.environment | {"KUBECTL": os.environ["KUBECTL"]}
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
        assert done.returncode == 0 and done.stdout.strip(), f"{line}\n{done.stdout}{done.stderr}"
    return len(queries), len(lines)


def main():
    work, out = sys.argv[1:]
    with Stage(work) as stage:
        state = os.environ.get("KUBE_STATE_METRICS") and stage.start_kube_state_metrics()
        targets = {name: stage.start_operator(name) for name in ("first", "second")}
        stage.start_prometheus(list(targets.values()), state)
        begun = time.time()
        trouble(stage, targets)
        run = panels(stage, begun)
        true = alerts(stage, begun, TRUE | ({SINGLE} if state else set()))
        rooms = check_single_rooms(stage, state) if state else 0
        queries, lines = runbook(stage)
    with open(out, "w") as file:
        json.dump({"begun": begun, "panels": run}, file)
    count = sum(len(targets) for _, targets, *_ in PANELS)
    print(f"ok: {len(PANELS)} panels with {count} queries, {len(ALERTS)} alerts of which {len(true)} came true, "
          f"{queries} queries and {lines} kubectl lines of the runbook, every series of {rooms} ChatRooms, "
          f"in {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
