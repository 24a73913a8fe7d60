# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network between a guest and clients beside it, with a real TCP stack at both ends.

    with Network() as net, Guest(kernel="6.12", net=net) as g:
        g.network_up()
        with net.client("hold", port=7000) as c:
            g.jump("warmboot reboot newest")
        print(c.report())

The clients and QEMU's tap device live in a network namespace of their own, so nothing of this touches
the machine's network, and no two tests meet.
"""
import contextlib
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST, GUEST, PREFIX = "10.99.0.1", "10.99.0.2", 24
HOST6, GUEST6, PREFIX6 = "fd99::1", "fd99::2", 64
TAP = "tap0"
MAC = "52:54:00:77:62:01"


class Network:
    """The namespace. Attributes: host, guest (addresses), guest6 (with its prefix), tap, mac."""

    host, guest, prefix, tap, mac = HOST, GUEST, PREFIX, TAP, MAC
    guest6 = f"{GUEST6}/{PREFIX6}"

    def __enter__(self):
        if not os.path.exists("/dev/net/tun"):
            raise RuntimeError("this machine has no /dev/net/tun")
        with open("/dev/net/tun", "rb"):
            pass  # fail here with a clear message, before ip(8) does
        root = os.geteuid() == 0
        flags = ["-n"] if root else ["-r", "-n"]
        self._holder = subprocess.Popen(["unshare", *flags, "sh", "-c", "echo; exec sleep infinity"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            if not self._holder.stdout.readline():
                raise RuntimeError("no namespace for it: unshare(1) failed; it needs root or user namespaces")
            enter = ["-n"] if root else ["-U", "--preserve-credentials", "-n"]
            self.prefix_argv = ["nsenter", "-t", str(self._holder.pid), *enter, "--"]
            self.run("ip", "link", "set", "lo", "up")
            self.run("ip", "tuntap", "add", "dev", TAP, "mode", "tap")
            self.run("ip", "address", "add", f"{HOST}/{PREFIX}", "dev", TAP)
            self.run("ip", "address", "add", f"{HOST6}/{PREFIX6}", "dev", TAP, "nodad")
            self.run("ip", "link", "set", TAP, "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        self._holder.send_signal(signal.SIGKILL)
        self._holder.wait()
        self._holder.stdout.close()

    def run(self, *argv, **kw):
        """Run a program in the namespace to its end, and return its output."""
        return subprocess.run([*self.prefix_argv, *argv], check=True, stdout=subprocess.PIPE, text=True, **kw).stdout

    def qemu_args(self):
        return ["-netdev", f"tap,id=net0,ifname={TAP},script=no,downscript=no",
                "-device", f"virtio-net-pci,netdev=net0,mac={MAC}"]

    def where(self, port, v6=False):
        """Address and port at which a client reaches a port of the guest."""
        return GUEST6 if v6 else GUEST, port

    def client(self, kind, port, v6=False, **options):
        return Client(self, kind, self.where(port, v6), options)


class Forwarded(Network):
    """For users who may open no tap: QEMU is the peer of the guest's TCP, and listens for the clients on loopback."""

    def __init__(self, *ports):
        self.ports = ports

    def __enter__(self):
        self.prefix_argv, self.at = [], {}
        with contextlib.ExitStack() as held:
            for port in self.ports:
                s = held.enter_context(socket.socket())
                s.bind(("127.0.0.1", 0))
                self.at[port] = s.getsockname()[1]
        return self

    def __exit__(self, *_):
        pass

    def qemu_args(self):
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{at}-{GUEST}:{port}" for port, at in self.at.items())
        return ["-netdev", f"user,id=net0,net=10.99.0.0/24,host={HOST},dhcpstart=10.99.0.9{forward}",
                "-device", f"virtio-net-pci,netdev=net0,mac={MAC}"]

    def where(self, port, v6=False):
        return "127.0.0.1", self.at[port]


@contextlib.contextmanager
def any_network(say, *ports):
    """A Network, or a Forwarded if this user or machine allows none, and the reason."""
    with contextlib.ExitStack() as stack:
        try:
            net = stack.enter_context(Network())
        except (RuntimeError, OSError, subprocess.CalledProcessError) as e:
            say(f"no network of its own for the guest ({e}); QEMU forwards its client's connection instead")
            net = stack.enter_context(Forwarded(*ports))
        yield net


class Client:
    """tests/vm/client.py beside the guest: kind "hold" keeps one connection, "fresh" opens one each time."""

    def __init__(self, net, kind, where, options):
        self.net, self.kind, self.where, self.options = net, kind, where, options

    def __enter__(self):
        # A file, not a pipe, since nothing reads while the guest jumps. It is opened again for reading, since a
        # shared descriptor has one position.
        self._out = tempfile.NamedTemporaryFile("a", encoding="utf-8")
        argv = [sys.executable, str(HERE / "client.py"), self.kind, *map(str, self.where)]
        for name, value in self.options.items():
            argv += [f"--{name}", str(value)]
        self._proc = subprocess.Popen([*self.net.prefix_argv, *argv], stdin=subprocess.DEVNULL, stdout=self._out)
        return self

    def __exit__(self, *_):
        self.stop()
        self._out.close()

    def stop(self):
        """End it; afterwards events are complete."""
        if self._proc.poll() is None:
            self._proc.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._proc.wait(5)
            self._proc.kill()
        self._proc.wait()

    @property
    def events(self):
        """[{"t": host's monotonic time, "what": "answer" | "connected" | "lost" | "refused", …}], so far."""
        with open(self._out.name, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def wait_for(self, test, timeout, what):
        """Until test(events) is true."""
        end = time.monotonic() + timeout
        while not test(self.events):
            if time.monotonic() > end or self._proc.poll() is not None:
                raise AssertionError(f"{self.kind} client: no {what} within {timeout} s; its end: {self.events[-5:]}")
            time.sleep(0.1)

    def wait_answers(self, n, timeout=30):
        """n more answers from now."""
        have = sum(e["what"] == "answer" for e in self.events)
        self.wait_for(lambda ev: sum(e["what"] == "answer" for e in ev) >= have + n, timeout, f"{n} answers")

    def since_answered(self):
        """Events from the first answer on: the client may have started before its service listened."""
        return list(itertools.dropwhile(lambda e: e["what"] != "answer", self.events))

    def report(self):
        """Longest silence between two answers, its begin, the slowest answer to one new connection, and what
        went wrong, by kind."""
        answers = [e["t"] for e in self.events if e["what"] == "answer"]
        gaps = [(b - a, a) for a, b in zip(answers, answers[1:])] or [(0.0, 0.0)]
        count = {k: sum(e["what"] == k for e in self.events) for k in ("connected", "answer", "lost")}
        count["refused"] = sum(e["what"] == "refused" for e in self.since_answered())
        slowest = max((e.get("took", 0.0) for e in self.events), default=0.0)
        return {"silence": max(gaps)[0], "since": max(gaps)[1], "slowest": slowest, **count}
