"""What hack/chart asks of the chart's text: renders every set of values in charts/ivschat-operator/ci for every Kubernetes that is
supported, by every helm that is given, and looks at each object.

  chart.py check DIR HELM…   DIR gets, per set of values, all.yaml (for Checkov) and served.yaml (for an API server)
  chart.py checkov REPORT…   compares Checkov's reports on each all.yaml, as JSON, with what ci/checkov.yaml explains
"""

import concurrent.futures
import copy
import functools
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
# The Prometheus Operator's kinds, which an API server alone does not serve; it must take everything else.
NOT_SERVED = "monitoring.coreos.com/v1"
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition",
                "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
# Sets of values that only a newer Kubernetes takes, and the value that others must refuse by name.
SINCE = {"protection": ("1.30", "protection.enabled")}

problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


# --- rendering -----------------------------------------------------------------------------------------------------------


def template(helm, files, version, chart=CHART, release="release", namespace=NAMESPACE):
    command = [helm, "template", release, str(chart), "--namespace", namespace, "--kube-version", f"{version}.0"]
    command += [word for file in files for word in ("--values", str(file))]
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
    """The rules of Pod Security `restricted`, and two of our own, a uid and a read-only root: whether a pod keeps each."""
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
        "runAsUser": all(s.get("runAsUser", security.get("runAsUser")) != 0 for _, s in each),
        "uid": all(s.get("runAsUser", security.get("runAsUser")) is not None for _, s in each),
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
    "uid": ("pod", "securityContext.runAsUser", None),
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


# Sets of values whose pods may break one of our rules.
ALLOWED = {"openshift": {"uid"}}


def look_at(where, source, thing, allowed=frozenset(), release="release"):
    namespace = thing["metadata"].get("namespace")
    if (namespace is None) != (thing["kind"] in CLUSTER_WIDE):
        problem(where, f"{title(thing)}: namespace {namespace}")
    if not source.startswith("templates/"):
        problem(where, f"{title(thing)} comes from {source}, which helm upgrade leaves alone")
    if thing["kind"] == "CustomResourceDefinition":
        # Helm reads the one, Argo CD the other.
        kept = {"helm.sh/resource-policy": "keep", "argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
        if not kept.items() <= thing["metadata"]["annotations"].items():
            problem(where, f"{title(thing)} may be deleted with the chart")
    elif thing["metadata"].get("labels", {}).get("app.kubernetes.io/instance") != release:
        problem(where, f"{title(thing)} lacks the release's labels")
    for rule in thing.get("rules") or []:
        words = [word for key in ("apiGroups", "resources", "verbs") for word in rule.get(key, [])]
        if {"*", "secrets", "configmaps", "escalate", "bind", "impersonate"} & set(words):
            problem(where, f"{title(thing)} grants {rule}")
    pod = pod_of(thing)
    if pod and (broken := broken_rules(pod) - allowed):
        problem(where, f"{title(thing)} breaks Pod Security restricted: {', '.join(sorted(broken))}")


# --- the matrix ------------------------------------------------------------------------------------------------------------


def agreed(where, answers):
    """The objects that every helm renders; None where one fails."""
    if failed := [answer.stderr for answer in answers if answer.returncode]:
        return problem(where, failed[0])
    if any(answer.stdout != answers[0].stdout for answer in answers):
        problem(where, "one helm renders what the other does not")
    return list(objects(answers[0].stdout))


def check_matrix(directory, helms):
    sets = sorted(CI.glob("*-values.yaml"))
    wanted = yaml.safe_load((CI / "objects.yaml").read_text())
    names = [file.name.removesuffix("-values.yaml") for file in sets]
    if names != sorted(wanted):
        problem("objects.yaml", f"is about {sorted(wanted)}, and there is {names}")
    name_of = lambda file: file.name.removesuffix("-values.yaml")
    first = lambda file: SINCE.get(name_of(file), (VERSIONS[0],))[0]
    cases = [(file, version) for file in sets for version in VERSIONS[VERSIONS.index(first(file)):]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        layers = lambda file: [MINIMAL, file] if file != MINIMAL else [MINIMAL]
        rendered = list(pool.map(lambda case: [template(helm, layers(case[0]), case[1]) for helm in helms], cases))
    count = 0
    for (file, version), answers in zip(cases, rendered):
        name = file.name.removesuffix("-values.yaml")
        where = f"{name}, Kubernetes {version}"
        if (found := agreed(where, answers)) is None:
            continue
        common = yaml.safe_load(file.read_text()).get("commonLabels", {})
        for source, thing in found:
            validate(where, version, thing)
            look_at(where, source, thing, ALLOWED.get(name, set()))
            if common.keys() - thing["metadata"].get("labels", {}).keys():
                problem(where, f"{title(thing)} lacks commonLabels")
            count += 1
        expected = sorted(wanted.get(name, []))
        if (titles := sorted(title(thing) for _, thing in found)) != expected:
            problem(where, f"missing {set(expected) - set(titles)}, unexpected {set(titles) - set(expected)}, as objects.yaml says")
        if version == first(file):
            write(directory / name, [thing for _, thing in found])
    for name, (since, value) in SINCE.items():
        for helm in helms:
            answer = template(helm, [MINIMAL, CI / f"{name}-values.yaml"], VERSIONS[VERSIONS.index(since) - 1])
            if not answer.returncode or value not in answer.stderr:
                problem(name, f"{helm} does not refuse {value} before {since}: {answer.stderr}")
    for helm in helms:
        answer = template(helm, [MINIMAL], "1.24")
        if not answer.returncode or "chart requires kubeVersion" not in answer.stderr:
            problem("Kubernetes 1.24", f"{helm} does not refuse it: {answer.stderr}")
    if not problems:
        check_breaches(next(pod for _, thing in found if (pod := pod_of(thing))))
    if not problems:
        print(f"ok: {len(sets)} sets of values, {len(cases)} renderings by each of {len(helms)} helm, {count} objects valid")


# Release names that Helm takes and that are no names of a Service, or no strings in YAML; each pair would give the same name.
LONGEST = "2." + "x" * 51
RELEASES = ["chat.prod", "chat-prod", "2024-chat", "r-2024-chat", "2024", "1e3", "true", "x", "x" * 53, LONGEST, "2-" + "x" * 51,
            "ivschat-operator", "a.ivschat-operator", "a" * 36 + ".ivschat-operator"]
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def check_releases(directory, helms):
    """Whatever a release and its namespace are called, its objects get names that Kubernetes takes, and names of their own."""
    taken = {}
    files = [MINIMAL, CI / "everything-values.yaml"]
    for release in RELEASES:
        namespace = "2024" if release == "2024" else NAMESPACE
        answers = [template(helm, files, VERSIONS[0], release=release, namespace=namespace) for helm in helms]
        where = f"the release {release}"
        if (found := agreed(where, answers)) is None:
            continue
        for source, thing in found:
            validate(where, VERSIONS[0], thing)
            look_at(where, source, thing, release=release)
            name = thing["metadata"]["name"]
            if thing["kind"] in ("Deployment", "Pod", "Service", "ServiceAccount") and not LABEL.fullmatch(name):
                problem(where, f"{title(thing)} has no name that Kubernetes takes")
            if taken.setdefault(title(thing), release) != release and thing["kind"] != "CustomResourceDefinition":
                problem(where, f"{title(thing)} is also of the release {taken[title(thing)]}")
        if release in ("2024", LONGEST):
            write(directory / f"release-{release}", [thing for _, thing in found])
    if not problems:
        print(f"ok: {len(RELEASES)} names of releases")


def write(folder, things):
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all(things))
    (folder / "served.yaml").write_text(yaml.safe_dump_all(t for t in things if t["apiVersion"] != NOT_SERVED))


# --- values ----------------------------------------------------------------------------------------------------------------


# What a template says that met what it did not expect.
CRASH = re.compile(r"nil pointer|wrong type|incompatible types|interface conversion|YAML parse error|cannot unmarshal")


def names_it(message, named):
    """Whether a message names a value: as Helm 3 writes paths, as Helm 4 does, or the key beside the path of its parent."""
    message = message[message.find("Error:") :]  # not the warnings before it
    if CRASH.search(message):
        return False
    parent, _, key = named.rpartition(".")
    above = f"'/{parent.replace('.', '/')}'" if parent else "''"
    if any(path in message for path in (f"'/{named.replace('.', '/')}'", named)):
        return True
    if any(f"at {above}: {fault}" in message for fault in ("additional propert", "missing propert")) and f"'{key}'" in message:
        return True
    return any(f"{parent or '(root)'}: {fault}" in message
               for fault in (f"Additional property {key} is not allowed", f"{key} is required"))


def check_bad(helms):
    table = yaml.safe_load((CI / "bad.yaml").read_text())
    with tempfile.TemporaryDirectory() as work:
        files = [pathlib.Path(work, f"{index}.yaml") for index in range(len(table))]
        for row, file in zip(table, files):
            file.write_text(yaml.safe_dump(row["values"]))

        def refuse(case):
            (row, file), helm = case
            answer = template(helm, [MINIMAL, file], VERSIONS[-1])
            if answer.returncode == 0:
                problem("bad.yaml", f"{row['values']} is taken by {helm}")
            elif not names_it(answer.stderr, row["named"]):
                problem("bad.yaml", f"{row['values']}: {helm} does not name {row['named']}: {answer.stderr}")

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(refuse, [(row, helm) for row in zip(table, files) for helm in helms]))
    if not problems:
        print(f"ok: {len(table)} bad values refused, each by its name")


# Switches on whatever is off by default, so that each value has an effect.
ALL_ON = {
    **yaml.safe_load(MINIMAL.read_text()),
    "networkPolicy": {"enabled": True},
    "metrics": {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboard")},
}


def paths(values, schema, above=()):
    """The path of each value of the chart's own, and of each map of them. What is in a map of the user's is the user's."""
    for key, schema in schema.get("properties", {}).items():
        if key in values:
            yield (*above, key)
            yield from paths(values[key], schema, (*above, key))


def with_value(values, path, value):
    """A copy of the values with another one at the path, or with none there."""
    values = copy.deepcopy(values)
    node = values
    for key in path[:-1]:
        node = node.setdefault(key, {})
    node.pop(path[-1], None)
    if value is not LEFT_OUT:
        node[path[-1]] = value
    return values


LEFT_OUT = object()


def check_effect(helm):
    """Each value is in one of the sets, and some object of the set would be another without it."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    known = list(paths(defaults, schema))
    leaves = [path for path in known if not any(other[: len(path)] == path for other in known if other != path)]
    sets = [yaml.safe_load(file.read_text()) for file in sorted(CI.glob("*-values.yaml"))]
    minimal = yaml.safe_load(MINIMAL.read_text())

    def value_at(values, path):
        for key in path:
            values = values.get(key, {}) if isinstance(values, dict) else {}
        return values

    with tempfile.TemporaryDirectory() as work:

        @functools.cache
        def render(text):
            file = pathlib.Path(tempfile.mkdtemp(dir=work), "values.yaml")
            file.write_text(text)
            answer = template(helm, [file], VERSIONS[-1])
            return answer.stdout or answer.stderr

        def has_effect(path):
            for values in sets:
                if value_at(values, path) not in ({}, None):
                    values = {**values, **{part: {**minimal[part], **values.get(part, {})} for part in minimal}}
                    if render(json.dumps(values)) != render(json.dumps(with_value(values, path, LEFT_OUT))):
                        return True
            return False

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for path, effect in zip(leaves, pool.map(has_effect, leaves)):
                if not effect:
                    problem(".".join(path), "no set of values in ci shows what it does")
    if not problems:
        print(f"ok: each of {len(leaves)} values has an effect in some set")


def make_parent(folder, condition=None, values=None):
    """A chart that has ours as a dependency, as `helm dependency build` leaves it."""
    ours = yaml.safe_load((CHART / "Chart.yaml").read_text())
    dependency = {"name": ours["name"], "version": ours["version"], "repository": f"file://{CHART.resolve()}"}
    if condition:
        dependency["condition"] = condition
    chart = {"apiVersion": "v2", "name": "parent", "version": "0.1.0", "dependencies": [dependency]}
    (folder / "charts").mkdir(parents=True)
    (folder / "charts" / ours["name"]).symlink_to(CHART.resolve())
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (folder / "values.yaml").write_text(yaml.safe_dump(values or {}))
    return folder


def check_parent(helms):
    """A parent chart gets what the chart renders alone, or nothing where its condition says so."""
    mine = yaml.safe_load(MINIMAL.read_text())
    cases = {
        "no condition": (None, {}),
        "enabled": ("ivschat-operator.enabled", {"enabled": True}),
        "not enabled": ("ivschat-operator.enabled", {"enabled": False}),
        "no uid": (None, {"podSecurityContext": {"runAsUser": None, "runAsGroup": None}}),
    }
    with tempfile.TemporaryDirectory() as work:
        for name, (condition, more) in cases.items():
            values = {"global": {"team": "live"}, "ivschat-operator": {**mine, **more}}
            parent = make_parent(pathlib.Path(work, name), condition, values)
            file = pathlib.Path(work, f"{name}.yaml")
            file.write_text(yaml.safe_dump({key: value for key, value in more.items() if key != "enabled"}))
            for helm in helms:
                answers = [template(helm, [], VERSIONS[-1], chart=parent), template(helm, [MINIMAL, file], VERSIONS[-1])]
                if failed := [answer.stderr for answer in answers if answer.returncode]:
                    problem(f"a parent chart, {name}, {helm}", failed[0])
                    continue
                got, alone = (sorted((thing for _, thing in objects(answer.stdout)), key=title) for answer in answers)
                if got != ([] if name == "not enabled" else alone):
                    problem(f"a parent chart, {name}, {helm}", f"renders {[title(thing) for thing in got]}")
    if not problems:
        print(f"ok: as a dependency of a parent chart: {', '.join(cases)}")


def check_nulls(helms):
    """A null is as good as a value that is left out, or it is refused by its name; in the chart's own values, in those for a
    parent chart, and in the parent's own values.yaml."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    table = list(paths(yaml.safe_load((CHART / "values.yaml").read_text()), schema))
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        fixed = make_parent(work / "parent")

        @functools.cache
        def render(helm, way, text):
            folder = pathlib.Path(tempfile.mkdtemp(dir=work))
            file = folder / "values.yaml"
            values = json.loads(text)
            file.write_text(yaml.safe_dump(values if way == "alone" else {"ivschat-operator": values}))
            if way == "parent's values":
                chart = make_parent(folder / "parent", values={"ivschat-operator": values})
                return template(helm, [], VERSIONS[-1], chart=chart)
            return template(helm, [file], VERSIONS[-1], chart=CHART if way == "alone" else fixed)

        def compare(case):
            helm, way, path = case
            null, left_out = (render(helm, way, json.dumps(with_value(ALL_ON, path, value))) for value in (None, LEFT_OUT))
            where, named = f"{'.'.join(path)}: null, {way}, {helm}", ".".join(path)
            if null.returncode:
                if not names_it(null.stderr, named):
                    problem(where, f"the message does not name it: {null.stderr}")
                return "refused"
            if null.stdout != left_out.stdout:
                problem(where, "renders other objects than without it")
            return "as left out"

        cases = [(helm, way, path) for helm in helms for way in ("alone", "for a parent", "parent's values") for path in table]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            ends = list(pool.map(compare, cases))
    if not problems:
        print(f"ok: {len(table)} values as null in {len(cases)} renderings: {ends.count('refused')} refused by name, the others as left out")


def check_schema():
    """Every value has a schema that knows all its keys, and no schema is of a value that is not there."""

    def walk(path, values, schema):
        if "properties" not in schema:
            return
        if schema.get("additionalProperties") is not False:
            problem("values.schema.json", f"{path or 'the root'} takes unknown keys")
        known = set(schema["properties"]) - (set() if path else {"global", "enabled"})
        for key in known ^ set(values):
            problem("values.schema.json", f"{path}{key} is not in both of schema and values.yaml")
        for key in known & set(values):
            walk(f"{path}{key}.", values[key], schema["properties"][key])

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    walk("", values, json.loads((CHART / "values.schema.json").read_text()))


def check_metadata():
    """Chart.yaml says what is true of this version, and its links into the repository lead to files."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    about = {name: yaml.safe_load(text) for name, text in chart["annotations"].items()}
    crd = yaml.safe_load((CHART / "files/chatrooms.yaml").read_text())
    kinds = [(crd["metadata"]["name"], crd["spec"]["names"]["kind"], version["name"]) for version in crd["spec"]["versions"]]
    if (told := [(it["name"], it["kind"], it["version"]) for it in about["artifacthub.io/crds"]]) != kinds:
        problem("Chart.yaml", f"artifacthub.io/crds are {told}, and there is {kinds}")
    for image in about["artifacthub.io/images"]:
        if not image["image"].endswith(f":{chart['appVersion']}"):
            problem("Chart.yaml", f"artifacthub.io/images names {image['image']}, and appVersion is {chart['appVersion']}")
    for example in about["artifacthub.io/crdsExamples"]:
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        if unknown := set(example["spec"]) - set(schema["properties"]):
            problem("Chart.yaml", f"artifacthub.io/crdsExamples has the fields {unknown}, which a ChatRoom has not")
    base = yaml.safe_load((CHART / "values.yaml").read_text())["metrics"]["prometheusRule"]["runbookBaseUrl"]
    urls = [chart["icon"], f"{base}docs/runbook.md", *(link["url"] for link in about["artifacthub.io/links"])]
    trees = (f"{chart['home']}/blob/main/", chart["home"].replace("//github.com/", "//raw.githubusercontent.com/") + "/main/")
    for url in urls:
        path = next((url.removeprefix(tree) for tree in trees if url.startswith(tree)), None)
        if path is None and url != f"{chart['home']}/issues":
            problem("Chart.yaml", f"{url} is not in {chart['home']}")
        elif path and not pathlib.Path(path).is_file():
            problem("Chart.yaml", f"{url} leads to no file")


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
            check_metadata()
            check_schema()
            check_matrix(pathlib.Path(directory), helms)
            check_releases(pathlib.Path(directory), helms)
            check_bad(helms)
            check_effect(helms[0])
            check_parent(helms)
            check_nulls(helms)
        case ["checkov", *reports] if reports:
            check_checkov(reports)
        case _:
            sys.exit(__doc__)
    if problems:
        sys.exit("\n".join(dict.fromkeys(problems)))


main()
