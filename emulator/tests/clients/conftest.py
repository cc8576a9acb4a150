"""Starts the emulators that tests call, and ends them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

# Before boto3 is loaded: what stands in this shell must not reach it.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]

from emulators import ISOLATED, Emulator  # noqa: E402

os.environ.update(ISOLATED)


class Emulators:
    """Starts emulators, and knows all that it started: `emulators("--room-limit", "1")`."""

    def __init__(self, binary: str, directory: Path, running: ExitStack) -> None:
        self._binary = binary
        self._directory = directory
        self._running = running
        self._started: list[Emulator] = []

    def __call__(self, *switches: str) -> Emulator:
        directory = self._directory / str(len(self._started))
        directory.mkdir()
        emulator = Emulator(self._binary, directory, *switches)
        self._running.callback(emulator.stop)
        self._started.append(emulator)
        return emulator

    def calls(self) -> list[dict[str, Any]]:
        """The journals of all of them."""
        return [call for emulator in self._started for call in emulator.calls()]


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """They run until the end of the module, so that its last test can look into every journal."""
    binary = os.environ.get("IVSCHAT_EMULATOR")
    if not binary:
        pytest.fail("IVSCHAT_EMULATOR must name the emulator's binary")
    with ExitStack() as running:
        yield Emulators(str(Path(binary).resolve()), tmp_path_factory.mktemp("emulators"), running)


@pytest.fixture(scope="module")
def emulator(emulators: Emulators) -> Emulator:
    """The module's own. Tests that need rooms all to themselves take a region that no other one uses."""
    return emulators("--logging-transition", "0s")
