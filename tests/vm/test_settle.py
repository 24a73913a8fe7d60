# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections that no process has when its service is frozen: closed with data on the way, and not yet accepted;
and a service that ended before it could be frozen."""
import contextlib
import json
import pathlib
import subprocess
import sys
import textwrap
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

# The unit tests cover most of it.
pytestmark = pytest.mark.long

# Lets each client wait in its queue for a moment; the queue has room for all of them.
SLOW_PY = textwrap.dedent('''
    import socket, sys, time
    s = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=4096)
    while True:
        c, _ = s.accept()
        c.recv(100)
        c.sendall(b"hello\\n")
        c.close()
        time.sleep(0.01)
''')
# Answers with more than the client takes at once, and closes.
ANSWER_PY = textwrap.dedent('''
    import socket
    s = socket.create_server(("0.0.0.0", 7011))
    while True:
        c, _ = s.accept()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 212992)
        c.recv(100)
        c.sendall(b"x" * 200000)
        c.close()
''')
# Reads such an answer for a second, over and over.
DRAIN_PY = textwrap.dedent('''
    import json, socket, sys, time
    while True:
        got = 0
        try:
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
                s.settimeout(300)
                s.connect((sys.argv[1], 7011))
                s.sendall(b"?\\n")
                while data := s.recv(10000):
                    got += len(data)
                    time.sleep(0.05)
            error = None
        except OSError as e:
            error = str(e)
        print(json.dumps({"got": got, "error": error}), flush=True)
        time.sleep(0.7)
''')
# Finishes its work right before the freeze, and so is not frozen.
JOB_PY = textwrap.dedent('''
    import os, time
    while not os.path.exists("/run/warmboot/freeze.json"):
        time.sleep(0.1)
    with open("/var/lib/job", "a") as f:
        f.write("done\\n")
''')
UNITS = {"slow": SLOW_PY, "answer": ANSWER_PY, "job": JOB_PY}
# Units to be restarted: at once, after the others have answered, and only by the replay.
ANEW = {"quick": 7012, "late": 7013, "hand": 7014}
GO = "/run/go"


def more_lines(path, n, timeout=60):
    """Wait until the file has n more lines than now."""
    want, end = path.read_text().count("\n") + n, time.monotonic() + timeout
    while path.read_text().count("\n") < want:
        assert time.monotonic() < end, f"no {n} more lines within {timeout} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def jumped(payload, network, tmp_path_factory):
    """The events that the two clients saw during a jump."""
    log = tmp_path_factory.mktemp("drain") / "log"
    with contextlib.ExitStack() as stack:
        g = stack.enter_context(Guest(kernel="6.12", mem="3G", payload=payload, name="settle", net=network))
        g.network_up()
        for name, text in UNITS.items():
            g.write_file(f"/opt/t/{name}.py", text.encode())
            g.write_file(f"/etc/systemd/system/{name}.service", (
                f"[Service]\nExecStart=/usr/bin/python3 /opt/t/{name}.py 7010\n"
                "[Install]\nWantedBy=multi-user.target\n").encode())
        for name, port in ANEW.items():
            g.write_file(f"/etc/systemd/system/{name}.service", (
                f"[Service]\nTimeoutStartSec=infinity\n"
                f"ExecStartPre=/bin/sh -c 'until [ {name} != late -o -e {GO} ]; do sleep .1; done'\n"
                f"ExecStart=/usr/bin/python3 /opt/t/slow.py {port}\n[Install]\nWantedBy=multi-user.target\n").encode())
        g.run(f"touch {GO}; systemctl daemon-reload; systemctl enable quick late; "
              "systemctl start slow answer job quick late hand; warmboot keep add slow answer job; "
              "warmboot keep add quick late hand --how=restart", 60, check=True)
        for port in (7010, 7011, *ANEW.values()):
            g.until(f"ss -ltn | grep -q :{port}")
        fresh = stack.enter_context(network.client("fresh", 7010))
        anew = {name: stack.enter_context(network.client("fresh", port)) for name, port in ANEW.items()}
        for client in (fresh, *anew.values()):
            client.wait_answers(10, 60)
        out = stack.enter_context(open(log, "w", encoding="utf-8"))
        drain = subprocess.Popen([*network.prefix_argv, sys.executable, "-c", DRAIN_PY, network.guest], stdout=out)
        stack.callback(drain.wait)
        stack.callback(drain.kill)
        more_lines(log, 1)
        began = time.monotonic()
        print(g.jump(f"warmboot reboot {g.image.release('7.2')}", 400))
        for name in ("quick", "hand"):
            anew[name].wait_answers(1, 120)
        g.run(f"touch {GO}", check=True)
        g.run("systemctl is-system-running --wait", 240)
        kept = g.kept()
        print(g.run("cat /var/lib/job; journalctl -b -u job -u warmboot-replay --no-pager -o cat; warmboot status").out)
        print(g.run("journalctl -b -1 -u warmboot-freeze --no-pager -o cat; nft list tables").out)
        for client in (fresh, *anew.values()):
            client.wait_answers(10, 120)
        more_lines(log, 3)
        for client in (fresh, *anew.values()):
            client.stop()
        print(*((n, c.report()) for n, c in anew.items()), sep="\n")
        print(*((round(e["t"] - began, 2), e["what"], e["error"]) for e in fresh.events if "error" in e), sep="\n")
        job = g.out("cat /var/lib/job; systemctl show -P ActiveState job")
        yield {"kept": kept, "job": job, "began": began, "fresh": fresh.events,
               "anew": {name: client.events for name, client in anew.items()},
               "drained": [json.loads(line) for line in log.read_text().splitlines()]}


def test_both_are_kept(jumped):
    assert all(jumped["kept"][f"{u}.service"]["how"] == "process" for u in ("slow", "answer")), jumped["kept"]


def test_a_job_that_is_done_is_told_so(jumped):
    job = jumped["kept"]["job.service"]
    assert (job["how"], job["outcome"], job["why"]) == ("ended", "ended", "it ended by itself before the freeze")
    assert jumped["job"] == "done\ninactive"


def test_who_waits_to_be_accepted_is_not_reset(jumped):
    events = [e for e in jumped["fresh"] if e["t"] > jumped["began"]]
    assert not [e for e in events if e["what"] in ("lost", "refused")]


def test_an_answer_is_heard_to_its_end(jumped):
    assert len(jumped["drained"]) > 3
    assert not [d for d in jumped["drained"] if d["error"] or d["got"] != 200000], jumped["drained"]


def test_each_port_opens_when_its_service_listens(jumped):
    """A slow service delays only its own clients. No client is refused, whichever program starts the service."""
    back = {}
    for name, events in jumped["anew"].items():
        assert jumped["kept"][f"{name}.service"]["how"] == "restart"
        events = [e for e in events if e["t"] > jumped["began"]]
        assert not [e for e in events if e["what"] == "refused"], name
        answers = [e["t"] for e in events if e["what"] == "answer"]
        back[name] = max((b - a, b) for a, b in zip(answers, answers[1:]))[1]
    print(back)
    assert max(back["quick"], back["hand"]) < back["late"]
