"""What can be told of alerts, runbook and dashboard without running anything. Prints what is wrong, and fails."""

import collections
import json
import re
import sys

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from files import ALERTS, DASHBOARD, PANELS, ROOT, RUNBOOK, STATE, blocks

FIRES = re.compile(r'alertname="(\w+)"|alertname: (\w+)')
METRICS = (ROOT / "docs/metrics.md").read_text()
# What kube-state-metrics publishes of each object.
OF_EACH = set(re.findall(r"^\| `(ivschat_chat_room_\w+)` \|", METRICS, re.MULTILINE))
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}


def alerts():
    for name, rule in ALERTS.items():
        text = rule["annotations"]
        if set(text) != {"summary", "description", "runbook_url"}:
            yield f"{name}: annotations are {sorted(text)}"
        if text.get("runbook_url") != f"docs/runbook.md#{name.lower()}":
            yield f"{name}: runbook_url is {text.get('runbook_url')}"
        if rule["labels"].get("severity") not in ("critical", "warning"):
            yield f"{name}: severity is {rule['labels'].get('severity')}"
    expected = (ROOT / "tests/monitoring/alerts.test.yaml").read_text()
    tested = {name for found in FIRES.findall(expected) for name in found if name}
    yield from (f"{name}: no test lets it fire" for name in ALERTS if name not in tested)


def runbook():
    entries = {entry.split("\n", 1)[0]: entry for entry in re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]}
    yield from (f"{name}: an alert without an entry in the runbook" for name in ALERTS if name not in entries)
    yield from (f"{name}: an entry of the runbook without an alert" for name in entries if name not in ALERTS)
    for name, entry in entries.items():
        for parts in (["**Impact**"], ["```promql"], ["| what to do |", "says what to do", "leads on"]):
            if not any(part in entry for part in parts):
                yield f"{name}: its entry has no {parts[0]}"
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)}
    yield from (f"runbook: #{anchor} leads nowhere" for anchor in re.findall(r"\]\(#([\w-]+)\)", RUNBOOK) if anchor not in anchors)


def dashboard():
    register_default_plugins()
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(DASHBOARD)))
    yield from (f"dashboard{what}" for what in lost(DASHBOARD, read))
    ids = collections.Counter(panel["id"] for panel in DASHBOARD["panels"])
    yield from (f"dashboard: {count} panels have the id {number}" for number, count in ids.items() if count > 1)
    taken = {}
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                other = taken.setdefault((x, y), panel)
                if x >= 24 or other is not panel:
                    yield f"dashboard: {panel['title']} lies on {other['title']}, or beyond the edge"
    uids = set(re.findall(r'"type": "prometheus", "uid": "(.*?)"', json.dumps(DASHBOARD)))
    if uids != {"${datasource}"}:
        yield f"dashboard: data sources are {uids}"
    if DASHBOARD["templating"]["list"][0]["type"] != "datasource":
        yield "dashboard: the data source is not the first variable"
    if not all(DASHBOARD.get(key) for key in ("uid", "title", "schemaVersion")) or DASHBOARD.get("id"):
        yield "dashboard: cannot be imported without uid, title and schemaVersion, or with an id"


def lost(ours, read, path=""):
    """What Grafana's own schema does not know, or takes for something else."""
    if isinstance(ours, dict) and isinstance(read, dict):
        for key, value in ours.items():
            if key in read:
                yield from lost(value, read[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: Grafana's schema does not know it"
    elif isinstance(ours, list) and isinstance(read, list) and len(ours) == len(read):
        for place, (value, other) in enumerate(zip(ours, read)):
            yield from lost(value, other, f"{path}[{place}]")
    elif ours != read:
        yield f"{path}: {ours!r} is read as {read!r}"


def metrics():
    """Every name that a query uses is one that docs/metrics.md names, which a test compares with the operator."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", METRICS, re.MULTILINE)
    known = {name + suffix for name, kind in rows if kind in SUFFIXES for suffix in SUFFIXES[kind]} | OF_EACH
    queries = [(title, query) for title, targets, *_ in PANELS for query, _ in targets]
    queries += [(name, rule["expr"]) for name, rule in ALERTS.items()] + [("runbook", block) for block in blocks("promql")]
    queries += [("variable", variable["query"]) for variable in DASHBOARD["templating"]["list"]]
    for where, query in queries:
        for name in re.findall(r"\b(?:ivschat_operator|ivschat_chat_room|process)_\w+", query):
            if name not in known:
                yield f"{where}: no metric is called {name}"
    used = " ".join(query for _, query in queries)
    for name, kind in rows:
        unused = kind in SUFFIXES and not any(name + suffix in used for suffix in SUFFIXES[kind])
        if unused and name != "process_start_time_seconds":
            yield f"{name}: no panel and no alert uses it"


def kube_state_metrics():
    """The values for Helm hold the configuration as it is, and docs/metrics.md names its metrics."""
    plain, values, stack = (yaml.safe_load((STATE / f"{name}.yaml").read_text()) for name in ("chatrooms", "values", "kube-prometheus-stack"))
    if values["customResourceState"] != {"enabled": True, "config": plain}:
        yield "deploy/kube-state-metrics/values.yaml: not the configuration of chatrooms.yaml; run make generate"
    if stack != {"kube-state-metrics": values}:
        yield "deploy/kube-state-metrics/kube-prometheus-stack.yaml: not what values.yaml holds; run make generate"
    (resource,) = plain["spec"]["resources"]
    published = {f"{resource['metricNamePrefix']}_{metric['name']}" for metric in resource["metrics"]}
    yield from (f"{name}: either docs/metrics.md or kube-state-metrics does not know it" for name in published ^ OF_EACH)


wrong = [problem for check in (alerts, runbook, dashboard, metrics, kube_state_metrics) for problem in check()]
print(*wrong, sep="\n", end="\n" if wrong else "")
if wrong:
    sys.exit(1)
yaml_tests = yaml.safe_load((ROOT / "tests/monitoring/alerts.test.yaml").read_text())["tests"]
print(f"ok: {len(ALERTS)} alerts with an entry in the runbook each, {len(yaml_tests)} cases, {len(PANELS)} panels")
