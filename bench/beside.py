# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client program beside the guest, which appends its events to a file, one JSON object a line."""
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile


class Beside:
    """Runs while the `with` lasts. A subclass has argv(), which is asked once `dir` and `path` are there."""

    def __init__(self, net):
        self.net = net

    def argv(self):
        raise NotImplementedError

    def __enter__(self):
        self._dir = tempfile.TemporaryDirectory(prefix="wb-bench.")
        self.dir = pathlib.Path(self._dir.name)
        self.path = self.dir / "events"
        self.path.touch()
        self._proc = subprocess.Popen([*self.net.prefix_argv, sys.executable, *map(str, self.argv())],
                                      stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self._proc.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._proc.wait(5)
        self._proc.kill()
        self._proc.wait()
        self._dir.cleanup()

    def events(self):
        if self._proc.poll() is not None:
            raise RuntimeError("the client beside the guest has ended")
        with open(self.path, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]
