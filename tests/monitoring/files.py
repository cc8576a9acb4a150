"""The files that are checked, as data."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "charts/ivschat-operator/files"
STATE = ROOT / "deploy/kube-state-metrics"
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
# Title, queries with their legends, unit and type of each panel.
PANELS = [
    (
        panel["title"],
        [(target["expr"], target["legendFormat"]) for target in panel["targets"]],
        panel["fieldConfig"]["defaults"]["unit"],
        panel["type"],
    )
    for panel in DASHBOARD["panels"]
    if panel["type"] != "row"
]


def blocks(language):
    """The runbook's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
