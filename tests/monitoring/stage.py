"""A control plane, the local IVS Chat, the operator, kube-state-metrics and Prometheus, on loopback, for as long as a run takes."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import boto3
import yaml

from files import FILES, ROOT, STATE

REGION, NAMESPACE, JOB = "us-west-2", "ivschat-operator", "ivschat-operator"
# Here nothing lags and every second counts.
FLAGS = (
    "--log-format=json --cluster-id=monitoring --drift-interval=3s --index-interval=3s --changes-interval=3s"
    " --operation-timeout=2s --kubernetes-timeout=2s --lag-bound=0s --clock-skew=0s --lease-duration=3s --wait-factor=0.2"
    f" --lease-namespace={NAMESPACE}"
).split()
PATIENCE = 30


def wait_for(what, look):
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def wait_until(what, wanted, look):
    """Waits until `look` gives what is wanted."""
    try:
        wait_for(what, lambda: look() == wanted)
    except AssertionError:
        raise AssertionError(f"{what}: {look()}, not {wanted}") from None


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


class Stage:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.running = {}
        # Whatever credentials and proxies this shell has are not for here.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "KUBEBUILDER_ASSETS", "K8S_VERSION", "XDG_CACHE_HOME") if name in os.environ}
        self.environment = kept | {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_EC2_METADATA_DISABLED": "true"}
        self.environment["AWS_REGION"] = self.environment["AWS_DEFAULT_REGION"] = REGION

    def __enter__(self):
        try:
            self.set_up()
        except BaseException:
            self.tear_down()
            raise
        return self

    def __exit__(self, *_):
        self.tear_down()

    def set_up(self):
        up = [ROOT / "hack/control-plane", "up", self.work / "control-plane", "--owner", str(os.getpid())]
        made = subprocess.run(up, stdout=subprocess.PIPE, text=True, check=True, env=self.environment)
        self.environment["KUBECONFIG"] = made.stdout.strip().removeprefix("KUBECONFIG=")
        target = pathlib.Path(os.environ["TARGET"])
        self.operator_binary = target / "ivschat-operator"
        self.start("emulator", target / "ivschat-emulator", "--listen=127.0.0.1:0")
        self.endpoint = self.logged("emulator", r'endpoint="?([^"\s]+)')
        self.environment["AWS_ENDPOINT_URL"] = self.endpoint
        self.ivschat = boto3.client(
            "ivschat", region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id="demo", aws_secret_access_key="demo"
        )
        crds = subprocess.run([self.operator_binary, "crds"], stdout=subprocess.PIPE, text=True, check=True).stdout
        # The last resort of hack/control-plane does not know CEL, and would have kubectl refuse the CRD.
        old = '"minor": "20"' in self.kubectl("get", "--raw", "/version")
        self.kubectl("apply", *["--validate=false"][: int(old)], "--filename=-", stdin=crds)
        self.kubectl("wait", "--for=condition=Established", "crd/chatrooms.ivschat-operator.io")
        self.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("create", "clusterrolebinding", "operator", "--clusterrole=cluster-admin", f"--serviceaccount={NAMESPACE}:{JOB}")

    def tear_down(self):
        for name in list(self.running):
            self.stop(name)
        subprocess.run([ROOT / "hack/control-plane", "down", self.work / "control-plane"], check=False, env=self.environment)

    def start(self, name, *command):
        with open(self.work / f"{name}.log", "a") as log:
            self.running[name] = subprocess.Popen(
                list(map(str, command)), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )

    def stop(self, name, how=signal.SIGTERM):
        process = self.running.pop(name)
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def logged(self, name, pattern):
        log = self.work / f"{name}.log"

        def look():
            assert self.running[name].poll() is None, f"{name} has ended: {log.read_text()[-2000:]}"
            return re.findall(pattern, log.read_text())

        return wait_for(f"{name} logs {pattern}", look)[-1]

    # --- the operator ------------------------------------------------------------------------------------------------

    def start_operator(self, name, address="127.0.0.1:0"):
        """Gives the address at which it serves."""
        self.start(name, self.operator_binary, "run", *FLAGS, f"--http-address={address}")
        return self.logged(name, r'"address":"(127[^"]+)"')

    def kubectl(self, *arguments, stdin=None):
        command = [os.environ["KUBECTL"], *arguments]
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True, env=self.environment).stdout

    def apply(self, names, metadata={}, **spec):
        kind = {"apiVersion": "ivschat-operator.io/v1alpha1", "kind": "ChatRoom", "spec": spec}
        items = [kind | {"metadata": metadata | {"name": name, "namespace": "default"}} for name in names]
        rooms = {"apiVersion": "v1", "kind": "List", "items": items}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(rooms))

    def get(self, name):
        return json.loads(self.kubectl("get", "chatroom", name, "--output=json"))

    def fault(self, **fault):
        body = json.dumps(fault).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/_emulator/faults", body)).read()

    # --- kube-state-metrics ------------------------------------------------------------------------------------------

    def start_kube_state_metrics(self):
        """With the configuration and the permissions of deploy/kube-state-metrics. Gives the address at which it serves."""
        name = "kube-state-metrics"
        rules = yaml.safe_load((STATE / "values.yaml").read_text())["rbac"]["extraRules"]
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(role))
        self.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--user={name}")
        kubeconfig = yaml.safe_load(pathlib.Path(self.environment["KUBECONFIG"]).read_text())
        kubeconfig["users"][0]["user"]["as"] = name
        (self.work / f"{name}.kubeconfig").write_text(json.dumps(kubeconfig))
        address = free_address()
        self.start(
            name,
            os.environ["KUBE_STATE_METRICS"],
            f"--kubeconfig={self.work}/{name}.kubeconfig",
            f"--custom-resource-state-config-file={STATE}/chatrooms.yaml",
            "--custom-resource-state-only",
            "--host=127.0.0.1",
            f"--port={address.split(':')[1]}",
            "--telemetry-host=127.0.0.1",
            "--telemetry-port=0",
        )
        return address

    # --- Prometheus --------------------------------------------------------------------------------------------------

    def start_prometheus(self, targets, state):
        """`state` is the address of kube-state-metrics, if it runs."""
        jobs = [{"job_name": JOB, "static_configs": [{"targets": targets, "labels": {"namespace": NAMESPACE}}]}]
        # Both ways of Prometheus to treat the labels of kube-state-metrics; kube-prometheus-stack honors them.
        for honor in [True, False] if state else []:
            at = {"targets": [state], "labels": {"namespace": "monitoring"}}
            jobs.append({"job_name": f"state-{honor}", "honor_labels": honor, "static_configs": [at]})
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FILES / "alerts.yaml")],
            "scrape_configs": jobs,
        }
        (self.work / "prometheus.json").write_text(json.dumps(config))
        self.prometheus = f"http://{free_address()}"
        self.start(
            "prometheus",
            os.environ["PROMETHEUS"],
            f"--config.file={self.work}/prometheus.json",
            f"--storage.tsdb.path={self.work}/prometheus",
            f"--web.listen-address={self.prometheus.removeprefix('http://')}",
        )
        self.logged("prometheus", "(Server is ready)")
        count = sum(len(job["static_configs"][0]["targets"]) for job in jobs)
        wait_for("every target is scraped", lambda: len(self.ask("query", query="up == 1")["result"]) == count)

    def ask(self, path, **parameters):
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def over_time(self, query, begun, step=1):
        """The series of a query since the run began."""
        return self.ask("query_range", query=query, start=begun, end=time.time(), step=step)["result"]
