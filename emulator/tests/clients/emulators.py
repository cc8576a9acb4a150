"""Emulators that run, and real clients of them: boto3, the AWS CLI, and requests signed and sent by hand."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ACCOUNT = "123456789012"
REGION = "us-west-2"
PATIENCE_SECONDS = 20

# What a client needs besides its keys so that nothing of this machine or its user counts: no profile, no instance
# metadata, no proxy between it and an emulator.
ISOLATED = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


@dataclass(frozen=True)
class Keys:
    """Credentials. An emulator without a credentials file takes any."""

    access: str = "AKIDEXAMPLE"
    secret: str = "secret"
    token: str | None = None


ANY_KEYS = Keys()


@dataclass(frozen=True)
class Printed:
    """What a command left behind."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert (self.status, self.err) == (0, ""), self
        return json.loads(self.out)


@dataclass(frozen=True)
class Request:
    """A request before it is sent. The path holds the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def but(self, **changes: Any) -> "Request":
        return replace(self, **changes)


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str] = field(compare=False)
    body: bytes

    @property
    def error(self) -> str | None:
        return self.headers.get("x-amzn-errortype")


class Emulator:
    """One that runs, until it is stopped."""

    def __init__(self, binary: str, directory: Path, *switches: str) -> None:
        self._log = directory / "emulator.log"
        self._home = directory
        self._journal: dict[str, Any] | None = None
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [binary, "--listen", "127.0.0.1:0", *switches],
                # Whatever this shell wants logged: the line with the endpoint must be.
                env={**os.environ, "RUST_LOG": "info"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            self.endpoint = eventually(self._served_at)
        except BaseException:
            self._end()
            raise
        self.address = self.endpoint.removeprefix("http://")

    def _served_at(self) -> str | None:
        log = self._log.read_text()
        assert self._process.poll() is None, f"the emulator ended: {log}"
        found = re.search(r'serving IVS Chat endpoint="([^"]+)"', log)
        return found and found[1]

    def stop(self) -> None:
        """Ends it. Its journal can still be read."""
        if self._journal is not None:
            return
        try:
            self._journal = self.journal()
        finally:
            self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- its control endpoint -----------------------------------------------------------------------------------------

    def control(self, method: str, path: str, body: Any = None) -> Any:
        payload = b"" if body is None else json.dumps(body).encode()
        reply = self.send(Request(method, f"/_emulator/{path}", {}, payload))
        assert reply.status in (200, 201, 204), reply
        return json.loads(reply.body) if reply.body else None

    def journal(self) -> dict[str, Any]:
        return self._journal or self.control("GET", "calls")

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """The calls of one operation, or all; oldest first."""
        calls = self.journal()["calls"]
        return [call for call in calls if operation in (None, call["operation"])]

    def inject(self, **fault: Any) -> None:
        self.control("POST", "faults", fault)

    # --- clients ------------------------------------------------------------------------------------------------------

    def boto3(
        self,
        service: str = "ivschat",
        *,
        region: str = REGION,
        keys: Keys = ANY_KEYS,
        attempts: int = 1,
        validates: bool = True,
    ) -> Any:
        """A boto3 client. It does not repeat calls, unless it is told to, so that a test sees what each is answered."""
        return _SESSION.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=Config(
                retries={"total_max_attempts": attempts, "mode": "standard"},
                parameter_validation=validates,
            ),
        )

    def cli(self, *arguments: str, region: str = REGION, keys: Keys = ANY_KEYS) -> Printed:
        """Runs the AWS CLI."""
        environment = {
            **ISOLATED,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": keys.access,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_MAX_ATTEMPTS": "1",
            "HOME": str(self._home),
            "PATH": os.environ.get("PATH", os.defpath),
            # Arguments are UTF-8, whatever the locale of this shell.
            "PYTHONUTF8": "1",
        }
        if keys.token is not None:
            environment["AWS_SESSION_TOKEN"] = keys.token
        command = [sys.executable, "-m", "awscli", *arguments]
        ended = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
        return Printed(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        region: str = REGION,
        keys: Keys = ANY_KEYS,
    ) -> Request:
        """A request that bears botocore's signature."""
        payload = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, f"{self.endpoint}{path}", dict(headers or {}), payload)
        SigV4Auth(Credentials(keys.access, keys.secret, keys.token), "ivschat", region).add_auth(request)
        return Request(method, path, dict(request.headers.items()), payload)

    def send(self, request: Request) -> Reply:
        """Sends a request as it stands."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers, response.read())
        finally:
            connection.close()


# Loads each model once.
_SESSION = boto3.Session()


def eventually(probe: Callable[[], Any]) -> Any:
    """What `probe` returns as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := probe()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s"
        time.sleep(0.02)
    return found


def answered(response: dict[str, Any]) -> dict[str, Any]:
    """boto3's response without what boto3 adds."""
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}
