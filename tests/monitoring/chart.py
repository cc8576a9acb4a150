"""Holds the rules and the dashboard that the chart renders against the files they are made of.

    chart.py RENDERED.yaml RULES.json       writes the rules out for promtool
"""

import json
import sys

import yaml

from files import ALERTS, DASHBOARD

rendered, rules = sys.argv[1:]
with open(rendered) as file:
    objects = {(it["kind"], it["metadata"]["name"]): it for it in yaml.safe_load_all(file) if it}
spec = objects["PrometheusRule", "live-ivschat-operator"]["spec"]
got = {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}

wanted = json.loads(json.dumps(ALERTS))
del wanted["IvsChatRoomTwins"]
wanted["IvsChatRoomOrphans"]["for"] = "2h"
for rule in wanted.values():
    rule["expr"] = rule["expr"].replace('namespace="ivschat-operator", job="ivschat-operator"', 'namespace="chat", job="live-ivschat-operator"')
    rule["annotations"]["runbook_url"] = "https://example.test/main/" + rule["annotations"]["runbook_url"]
assert got == wanted, {name for name in got.keys() | wanted.keys() if got.get(name) != wanted.get(name)}
assert "live-ivschat-operator" in got["IvsChatOperatorDown"]["expr"]

config = objects["ConfigMap", "live-ivschat-operator-dashboard"]
assert config["metadata"]["labels"]["grafana_dashboard"] == "1", config["metadata"]
assert json.loads(config["data"]["live-ivschat-operator.json"]) == DASHBOARD, "the dashboard is the file"
with open(rules, "w") as file:
    json.dump(spec, file)
print("ok: the chart renders the alerts and the dashboard as they are in its files")
