"""The examples in the emulator's README and in `--help` work as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Emulators
from emulators import ISOLATED

ROOT = Path(__file__).parents[3]
# Begins a command in `--help`; indented lines after it belong to it.
PROMPT = "$ "


def readme() -> list[str]:
    """The lines of the commands in the emulator's README that a reader pastes once it runs."""
    page = (ROOT / "emulator/README.md").read_text()
    found, inside = [], False
    for line in page.splitlines():
        if line.startswith("```"):
            inside = line == "```console"
        elif inside:
            found.append(line)
    # The emulator is there, and runs already.
    return [line for line in found if line != "ivschat-emulator" and not line.startswith("cargo install")]


def help_text(binary: str) -> list[str]:
    """The commands at the end of `ivschat-emulator --help`."""
    text = subprocess.run([binary, "--help"], check=True, capture_output=True, text=True).stdout
    return commands([line.removeprefix("  ") for line in text.split("\nExamples")[1].splitlines()])


def commands(lines: list[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if line.startswith(PROMPT):
            found.append(line.removeprefix(PROMPT))
        elif found and line.startswith("    "):
            found[-1] += f"\n{line}"
    return found


@pytest.mark.parametrize("text", ["README", "--help"])
def test_every_line_of_the_examples_works_and_all_operations_are_among_them(
    text: str, emulators: Emulators, tmp_path: Path
) -> None:
    binary = os.environ["IVSCHAT_EMULATOR"]
    emulator = emulators()
    # `aws` and `ivschat-emulator` as a user has them on the PATH.
    shims = {"aws": f'exec "{sys.executable}" -m awscli "$@"', "ivschat-emulator": f'exec "{Path(binary).resolve()}" "$@"'}
    for name, script in shims.items():
        shim = tmp_path / name
        shim.write_text(f"#!/bin/sh\n{script}\n")
        shim.chmod(0o755)
    lines = readme() if text == "README" else help_text(binary)
    assert len(lines) > 25, lines
    script = "\n".join(["set -eu", *lines]).replace("http://127.0.0.1:4680", emulator.endpoint)
    environment = {**ISOLATED, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", "AWS_PAGER": ""}
    ended = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert "no fault" not in ended.stdout and "no clock" not in ended.stdout

    refused = [call for call in emulator.calls() if call["error"]]
    assert refused == []
    named = {call["operation"] for call in emulator.calls()}
    missing = {"GetCallerIdentity"} if text == "README" else set()
    assert len(named) == 18 - len(missing), named
