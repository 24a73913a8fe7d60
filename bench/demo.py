# SPDX-License-Identifier: LGPL-2.1-or-later
"""A demonstration of warmboot: a service, its memory and its client's connection cross from Debian's kernel to
the backported one.
"""
import pathlib
import re
import sys
import tempfile
import textwrap
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from guest import Guest, GuestError, stage_install  # noqa: E402
from net import any_network  # noqa: E402

# Answers each line with the running kernel, a secret in its memory, and a count.
SERVICE = textwrap.dedent('''
    import secrets, socketserver
    SECRET, count = secrets.token_hex(4), 0
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            global count
            for line in self.rfile:
                count += 1
                release = open("/proc/sys/kernel/osrelease").read().strip()
                self.wfile.write(f"{release} {SECRET} {count}\\n".encode())
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
    Server(("", 7000), Handler).serve_forever()
''')
UNIT = "[Service]\nExecStart=/usr/bin/python3 /opt/counter.py\n[Install]\nWantedBy=multi-user.target\n"
PHASES = (
    ("stop the rest, freeze the service", None, "last"),
    ("between the kernels", "last", "first"),
    ("kernel, to /init", "first", "init"),
    ("/init, to a shell in the new system", "init", "shell"),
)


def say(text=""):
    print(f"demo: {text}", flush=True)


def indent(text):
    text = re.sub(r"\r?\x1b\[K(?:[^\r\n\x1b]*…)?", "", text)  # progress
    return "\n".join("    " + line for line in text.splitlines() if line.strip())


def show(g, command, timeout=120):
    say(f"$ {command}")
    print(indent(g.run(command, timeout).out), flush=True)


def answer(event, start):
    release, secret, count = event["text"].split()
    say(f"{event['t'] - start:6.1f} s   {release}   secret {secret}   answer {count}")


class Picture(threading.Thread):
    """Print the client's answers: one in a while, and each with a change."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.start_time, self.done = client, time.monotonic(), False

    def run(self):
        last, shown, seen = None, 0.0, 0
        while not self.done:
            events = self.client.events
            for event in events[seen:]:
                if event["what"] in ("lost", "refused"):
                    say(f"{event['t'] - self.start_time:6.1f} s   the connection is {event['what']}: {event['error']}")
                if event["what"] != "answer":
                    continue
                pause = event["t"] - last["t"] if last else 0.0
                if pause > 2:
                    answer(last, self.start_time)
                    say(f"           … {pause:.1f} s of silence on the same connection …")
                if pause > 2 or event["t"] - shown > 4:
                    answer(event, self.start_time)
                    shown = event["t"]
                last = event
            seen = len(events)
            time.sleep(0.2)

    def end(self):
        self.done = True
        self.join()


def run(g, net):
    target = g.image.release("7.2")
    g.network_up()
    g.write_file("/opt/counter.py", SERVICE.encode())
    g.write_file("/etc/systemd/system/counter.service", UNIT.encode())
    g.run("systemctl daemon-reload; systemctl enable --now counter", 60, check=True)
    say(f"uname -r before: {g.out('uname -r')}")
    show(g, "warmboot keep add counter")
    show(g, "warmboot keep test counter")
    with net.client("hold", 7000) as client:
        client.wait_answers(20, 60)
        say("one client holds one connection to counter.service and asks ten times a second")
        say(f"$ warmboot reboot {target}")
        picture = Picture(client)
        picture.start()
        t = g.jump(f"warmboot reboot {target}", 400)
        client.wait_answers(10, 240)
        picture.end()
        client.stop()
        report = client.report()
    say(f"uname -r after:  {g.out('uname -r')}")
    g.run("systemctl is-system-running --wait", 120)
    say(f"{len(g.resets)} firmware resets; the phases, by the host's clock:")
    for name, begin, end in PHASES:
        if t[end] is not None and (begin is None or t[begin] is not None):
            print(f"    {name:38}{t[end] - (t[begin] if begin else 0):7.2f} s")
    print(f"    {'request to shell':38}{t['shell']:7.2f} s")
    print(f"    {'the longest that the client waited':38}{report['silence']:7.2f} s")
    print(f"    connections opened: {report['connected']}, lost: {report['lost']}")
    show(g, "warmboot status")
    g.run("for i in $(seq 90); do [ -e /run/warmboot/timeline-recorded ] && break; sleep 1; done", 120)
    show(g, "warmboot timeline")
    return 0 if t["release"] == target and report["connected"] == 1 and not report["lost"] else 1


def main():
    with tempfile.TemporaryDirectory(prefix="wb-demo.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(sys.argv[1] if len(sys.argv) > 1 else TOP / "build", stage)
        say("starting a guest with Debian 13's own kernel (emulated, so give it time)")
        with any_network(say, 7000) as net, Guest(kernel="6.12", mem="2G", payload=stage, name="demo", net=net) as g:
            return run(g, net)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GuestError, RuntimeError, AssertionError) as e:
        sys.exit(f"demo: {e}")
