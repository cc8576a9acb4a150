"""What hack/chart asks of the chart's text: renders every set of values in charts/ivschat-operator/ci for every Kubernetes that is
supported, by every helm that is given, and looks at each object.

  chart.py check DIR HELM…   DIR gets, per set of values, all.yaml (for Checkov) and served.yaml (for an API server)
  chart.py checkov REPORT…   compares Checkov's reports on each all.yaml, as JSON, with what ci/checkov.yaml explains
"""

import concurrent.futures
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import referencing
import yaml
from kubernetes_validate.utils import schema_contents

CHART = pathlib.Path("charts/ivschat-operator")
CI = CHART / "ci"
MINIMAL = CI / "minimal-values.yaml"
VERSIONS = [f"1.{minor}" for minor in range(25, 38)]
NAMESPACE = "chat-system"
# Kinds of the Prometheus Operator, which is there or not.
MONITORING = [f"monitoring.coreos.com/v1/{kind}" for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")]
# The Prometheus Operator's, which an API server alone does not serve; it must take everything else.
NOT_SERVED = "monitoring.coreos.com/v1"
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}

problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


# --- rendering -----------------------------------------------------------------------------------------------------------


def template(helm, files, version, monitoring=False):
    command = [helm, "template", "release", str(CHART), "--namespace", NAMESPACE, "--kube-version", f"{version}.0"]
    command += [word for file in files for word in ("--values", str(file))]
    command += [word for api in (MONITORING if monitoring else []) for word in ("--api-versions", api)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


parsed = {}


def objects(text):
    """The objects of a rendered chart as pairs of the template's name and the object."""
    for document in re.split(r"^---\n", text, flags=re.M):
        if document not in parsed:
            source = re.search(r"^# Source: [^/]+/(.*)$", document, flags=re.M)
            parsed[document] = (source and source[1], yaml.load(document, Loader=yaml.CSafeLoader))
        if parsed[document][1]:
            yield parsed[document]


def title(thing):
    return " ".join(filter(None, (thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"])))


# --- schemas -------------------------------------------------------------------------------------------------------------

validators = {}
valid = set()


def validator(version, thing):
    """kubernetes-validate's strict schema of a kind. Compiled once, where its own validate() reads megabytes for each object."""
    key = (version, thing["apiVersion"], thing["kind"])
    if key not in validators:
        if thing["apiVersion"] == "monitoring.coreos.com/v1":
            schema = json.loads((CI / "monitoring.schema.json").read_text())[thing["kind"]]
            validators[key] = jsonschema.Draft202012Validator(schema)
            return validators[key]
        folder = f"kubernetes-json-schema/v{version}.0-local-strict"
        # As kubernetes_validate.validate() names its files.
        api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", thing["apiVersion"])
        if version not in validators:
            definitions = schema_contents(f"{folder}/_definitions.json", version)
            validators[version] = referencing.Resource.from_contents(definitions) @ referencing.Registry()
        schema = schema_contents(f"{folder}/{thing['kind'].lower()}-{api}.json", version)
        registry = referencing.Resource.from_contents(schema) @ validators[version]
        validators[key] = jsonschema.Draft202012Validator(schema, registry=registry)
    return validators[key]


def validate(where, version, thing):
    key = (version, id(thing))  # `parsed` keeps it alive, and gives the same one for the same text
    if key in valid:
        return
    try:
        errors = list(validator(version, thing).iter_errors(thing))
    except (FileNotFoundError, KeyError):
        return problem(where, f"{title(thing)}: no schema of {thing['apiVersion']} {thing['kind']} in Kubernetes {version}")
    for error in errors:
        problem(where, f"{title(thing)}: {error.json_path}: {error.message}")
    if not errors:
        valid.add(key)


# --- what must hold of every object -----------------------------------------------------------------------------------------


def pod_of(thing):
    if thing["kind"] == "Pod":
        return thing["spec"]
    return thing["spec"]["template"]["spec"] if thing["kind"] in ("Deployment", "Job", "DaemonSet") else None


VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def restricted(pod):
    """The rules of Pod Security `restricted`, and one of our own, a read-only root: whether a pod keeps each."""
    security = pod.get("securityContext", {})
    containers = pod["containers"] + pod.get("initContainers", []) + pod.get("ephemeralContainers", [])
    each = [(c, c.get("securityContext", {})) for c in containers]
    return {
        "host namespaces": not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
        "host ports": not any(port.get("hostPort") for c, _ in each for port in c.get("ports", [])),
        "volume types": all(set(volume) - {"name"} <= VOLUMES for volume in pod.get("volumes", [])),
        "privileged": not any(s.get("privileged") for _, s in each),
        "allowPrivilegeEscalation": all(s.get("allowPrivilegeEscalation") is False for _, s in each),
        "capabilities.drop": all("ALL" in s.get("capabilities", {}).get("drop", []) for _, s in each),
        "capabilities.add": all(set(s.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"} for _, s in each),
        "runAsNonRoot": all(s.get("runAsNonRoot", security.get("runAsNonRoot")) is True for _, s in each),
        "runAsUser": all(s.get("runAsUser", security.get("runAsUser")) not in (None, 0) for _, s in each),
        "seccompProfile": all(
            s.get("seccompProfile", security.get("seccompProfile", {})).get("type") in ("RuntimeDefault", "Localhost")
            for _, s in each
        ),
        "procMount": all(s.get("procMount", "Default") == "Default" for _, s in each),
        "sysctls, seLinuxOptions, appArmorProfile": not any(
            s.get(name) for s in [security] + [s for _, s in each] for name in ("sysctls", "seLinuxOptions", "appArmorProfile")
        ),
        "readOnlyRootFilesystem": all(s.get("readOnlyRootFilesystem") is True for _, s in each),
    }


def broken_rules(pod):
    return {rule for rule, kept in restricted(pod).items() if not kept}


# Each breaks one rule of a pod that keeps them all: `container` or `pod`, a path, a value.
BREACHES = {
    "host namespaces": ("pod", "hostNetwork", True),
    "host ports": ("container", "ports", [{"containerPort": 80, "hostPort": 80}]),
    "volume types": ("pod", "volumes", [{"name": "root", "hostPath": {"path": "/"}}]),
    "privileged": ("container", "securityContext.privileged", True),
    "allowPrivilegeEscalation": ("container", "securityContext.allowPrivilegeEscalation", True),
    "capabilities.drop": ("container", "securityContext.capabilities.drop", []),
    "capabilities.add": ("container", "securityContext.capabilities.add", ["SYS_ADMIN"]),
    "runAsNonRoot": ("pod", "securityContext.runAsNonRoot", False),
    "runAsUser": ("pod", "securityContext.runAsUser", 0),
    "seccompProfile": ("pod", "securityContext.seccompProfile.type", "Unconfined"),
    "procMount": ("container", "securityContext.procMount", "Unmasked"),
    "sysctls, seLinuxOptions, appArmorProfile": ("pod", "securityContext.sysctls", [{"name": "a", "value": "b"}]),
    "readOnlyRootFilesystem": ("container", "securityContext.readOnlyRootFilesystem", False),
}


def check_breaches(pod):
    """Shows that each breach is found, and that alone."""
    for rule, (where, path, value) in BREACHES.items():
        broken = copy.deepcopy(pod)
        node = broken if where == "pod" else broken["containers"][0]
        *parents, last = path.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
        if broken_rules(broken) != {rule}:
            problem("hack/chart.py", f"a breach of {rule} is reported as {broken_rules(broken)}")
    if list(BREACHES) != list(restricted(pod)):
        problem("hack/chart.py", "a rule of Pod Security has no breach in the table")


def look_at(where, source, thing):
    namespace = thing["metadata"].get("namespace")
    if (namespace is None) != (thing["kind"] in CLUSTER_WIDE):
        problem(where, f"{title(thing)}: namespace {namespace}")
    if not source.startswith("templates/"):
        problem(where, f"{title(thing)} comes from {source}, which helm upgrade leaves alone")
    if thing["kind"] == "CustomResourceDefinition":
        if thing["metadata"]["annotations"].get("helm.sh/resource-policy") != "keep":
            problem(where, f"{title(thing)} goes when the chart is uninstalled")
    elif thing["metadata"].get("labels", {}).get("app.kubernetes.io/instance") != "release":
        problem(where, f"{title(thing)} lacks the release's labels")
    for rule in thing.get("rules") or []:
        words = [word for key in ("apiGroups", "resources", "verbs") for word in rule.get(key, [])]
        if {"*", "secrets", "configmaps", "escalate", "bind", "impersonate"} & set(words):
            problem(where, f"{title(thing)} grants {rule}")
    pod = pod_of(thing)
    if pod and (broken := broken_rules(pod)):
        problem(where, f"{title(thing)} breaks Pod Security restricted: {', '.join(sorted(broken))}")


# --- the matrix ------------------------------------------------------------------------------------------------------------


def check_matrix(directory, helms):
    sets = sorted(CI.glob("*-values.yaml"))
    wanted = yaml.safe_load((CI / "objects.yaml").read_text())
    names = [file.name.removesuffix("-values.yaml") for file in sets]
    if names != sorted(wanted):
        problem("objects.yaml", f"is about {sorted(wanted)}, and there is {names}")
    cases = [(file, version, there) for file in sets for version in VERSIONS for there in (False, True)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        layers = lambda file: [MINIMAL, file] if file != MINIMAL else [MINIMAL]
        rendered = list(pool.map(lambda case: [template(helm, layers(case[0]), *case[1:]) for helm in helms], cases))
    count = 0
    for (file, version, there), answers in zip(cases, rendered):
        name = file.name.removesuffix("-values.yaml")
        where = f"{name}, Kubernetes {version}{' with monitoring' if there else ''}"
        if failed := [answer.stderr for answer in answers if answer.returncode]:
            problem(where, failed[0])
            continue
        if any(answer.stdout != answers[0].stdout for answer in answers):
            problem(where, "one helm renders what the other does not")
        found = list(objects(answers[0].stdout))
        for source, thing in found:
            validate(where, version, thing)
            look_at(where, source, thing)
            count += 1
        expected = wanted.get(name, {})
        expected = sorted(expected.get("always", []) + (expected.get("monitoring", []) if there else []))
        if (titles := sorted(title(thing) for _, thing in found)) != expected:
            problem(where, f"missing {set(expected) - set(titles)}, unexpected {set(titles) - set(expected)}, as objects.yaml says")
        if version == VERSIONS[0] and there:
            write(directory / name, [thing for _, thing in found])
    for helm in helms:
        answer = template(helm, [MINIMAL], "1.24")
        if not answer.returncode or "chart requires kubeVersion" not in answer.stderr:
            problem("Kubernetes 1.24", f"{helm} does not refuse it: {answer.stderr}")
    if not problems:
        check_breaches(next(pod for _, thing in found if (pod := pod_of(thing))))
    if not problems:
        print(f"ok: {len(sets)} sets of values, {len(cases)} renderings by each of {len(helms)} helm, {count} objects valid")


def write(folder, things):
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all(things))
    (folder / "served.yaml").write_text(yaml.safe_dump_all(t for t in things if t["apiVersion"] != NOT_SERVED))


# --- values ----------------------------------------------------------------------------------------------------------------


def names_it(message, named):
    """Whether a message names a value: as Helm 3 writes paths, as Helm 4 does, or the key beside the path of its parent."""
    parent, _, key = named.rpartition(".")
    paths = [f"'/{named.replace('.', '/')}'", named]
    typo = [f"'/{parent.replace('.', '/')}': additional properties" if parent else "at '': additional properties",
            f"{parent or '(root)'}: Additional property {key} is not allowed"]
    return any(path in message for path in paths) or (typo[0] in message and f"'{key}'" in message) or typo[1] in message


def check_bad(helms):
    table = yaml.safe_load((CI / "bad.yaml").read_text())
    with tempfile.TemporaryDirectory() as work:
        for index, row in enumerate(table):
            values = pathlib.Path(work, f"{index}.yaml")
            values.write_text(yaml.safe_dump(row["values"]))
            for helm in helms:
                answer = template(helm, [MINIMAL, values], VERSIONS[-1])
                if answer.returncode == 0:
                    problem("bad.yaml", f"{row['values']} is taken by {helm}")
                elif not names_it(answer.stderr, row["named"]):
                    problem("bad.yaml", f"{row['values']}: {helm} does not name {row['named']}: {answer.stderr}")
    if not problems:
        print(f"ok: {len(table)} bad values refused, each by its name")


def check_schema():
    """Every value has a schema that knows all its keys, and no schema is of a value that is not there."""

    def walk(path, values, schema):
        if "properties" not in schema:
            return
        if schema.get("additionalProperties") is not False:
            problem("values.schema.json", f"{path or 'the root'} takes unknown keys")
        known = set(schema["properties"]) - {"global"}
        for key in known ^ set(values):
            problem("values.schema.json", f"{path}{key} is not in both of schema and values.yaml")
        for key in known & set(values):
            walk(f"{path}{key}.", values[key], schema["properties"][key])

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    walk("", values, json.loads((CHART / "values.schema.json").read_text()))


def check_checkov(files):
    reports = [json.loads(pathlib.Path(file).read_text()) for file in files]
    failed, passed = {}, 0
    for report in reports:
        passed += report["summary"]["passed"]
        if skipped := report["summary"]["skipped"] or report["summary"]["parsing_errors"]:
            problem("checkov", f"{skipped} skipped or not parsed")
        for check in report["results"]["failed_checks"]:
            # A graph check names a Deployment's pod.
            kind = check["resource"].split(".")[0]
            kind = "Deployment" if kind == "Pod" and not check["resource"].endswith("-check") else kind
            failed.setdefault((check["check_id"], kind), check["check_name"])
    explained = yaml.safe_load((CI / "checkov.yaml").read_text())
    expected = {(check, kind) for check, row in explained.items() if row["because"] for kind in row["fails"]}
    for check, kind in sorted(set(failed) - expected):
        problem("checkov", f"{check} fails for {kind}: {failed[check, kind]}")
    for check, kind in sorted(expected - set(failed)):
        problem("ci/checkov.yaml", f"{check} does not fail for {kind}")
    if not problems:
        print(f"ok: Checkov: {passed} checks passed, and {len(explained)} kinds of them failed, each with a written reason")


def main():
    match sys.argv[1:]:
        case ["check", directory, *helms] if helms:
            check_schema()
            check_matrix(pathlib.Path(directory), helms)
            check_bad(helms)
        case ["checkov", *reports] if reports:
            check_checkov(reports)
        case _:
            sys.exit(__doc__)
    if problems:
        sys.exit("\n".join(dict.fromkeys(problems)))


main()
