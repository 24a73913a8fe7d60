# SPDX-License-Identifier: LGPL-2.1-or-later
"""The boot after a jump: a kept service comes back under its own unit, in its own sandbox.

The network is set up by ifupdown, as Debian's installer does. ifupdown finds the addresses that warmboot has set.
"""
import pathlib
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402
import net  # noqa: E402

PORT = 7000

# Answers each line with the kernel's release, its own pid, a number that only its memory knows, and a count.
COUNTER = textwrap.dedent('''
    import os, secrets, socket, threading
    secret, count = secrets.token_hex(8), 0
    def serve(c):
        global count
        for line in c.makefile():
            count += 1
            c.sendall(f"{os.uname().release} {os.getpid()} {secret} {count}\\n".encode())
            print("answered", count, flush=True)
    s = socket.create_server(("", 7000), backlog=64)
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c,), daemon=True).start()
''')

UNIT = textwrap.dedent('''
    [Unit]
    Description=Counts questions
    [Service]
    ExecStart=/usr/bin/python3 /srv/counter.py
    Restart=on-failure
    PrivateTmp=yes
    ProtectSystem=full
    PrivateDevices=yes
    MemoryMax=300M
    [Install]
    WantedBy=multi-user.target
''')

@pytest.fixture
def machine(payload):
    with net.Network() as n, guest.Guest(kernel="6.12", mem="1536M", payload=payload, net=n, name="revive") as g:
        g.network_up(ifupdown=True)
        g.run("mkdir -p /srv", check=True)
        g.write_file("/srv/counter.py", COUNTER.encode())
        g.write_file("/etc/systemd/system/counter.service", UNIT.encode())
        g.run("mkdir -p /etc/systemd/system/counter.service.d", check=True)
        g.write_file("/etc/systemd/system/counter.service.d/nice.conf", b"[Service]\nNice=3\n")
        g.run("systemctl daemon-reload && systemctl enable --now counter.service", 120, check=True)
        yield g


def jump(g):
    g.jump(f"warmboot reboot {g.image.release('7.2')} --keep counter.service", timeout=300)


def show(g, *properties):
    """Properties of the unit, each on a line as NAME=VALUE."""
    text = g.out("systemctl show counter.service " + " ".join("-p " + p for p in properties))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def answers(client):
    return [e["text"].split() for e in client.events if e["what"] == "answer"]


def test_back_under_its_own_unit(machine):
    g = machine
    before = show(g, "MainPID", "FragmentPath", "DropInPaths")
    with g.net.client("hold", port=PORT) as hold:
        hold.wait_answers(3)
        jump(g)
        hold.wait_answers(10, timeout=120)
        kept = g.kept("counter.service")["counter.service"]
        report = hold.report()
        first, (release, pid, secret, _) = answers(hold)[0], answers(hold)[-1]
    assert kept["outcome"] == "kept", kept
    assert 0 < kept["frozen_s"] < 240 and kept["thawed_at"]
    # One connection, one process, one memory, two kernels.
    assert report["connected"] == 1 and report["lost"] == 0 and report["refused"] == 0
    assert release == g.image.release("7.2") and first[0] == g.image.release("6.12")
    assert (pid, secret) == tuple(first[1:3]) and pid == before["MainPID"]
    # systemd is in charge, by the unit's own definition.
    after = show(g, "MainPID", "FragmentPath", "DropInPaths", "ActiveState", "Type", "ControlGroup", "MemoryMax")
    assert {k: after[k] for k in before} == before
    assert (after["ActiveState"], after["Type"]) == ("active", "simple")
    assert after["ControlGroup"] == "/system.slice/counter.service"
    assert after["MemoryMax"] == str(300 << 20)
    assert "/system.slice/counter.service" in g.out(f"cat /proc/{pid}/cgroup")
    # Its last line may differ, since the end of a client can add one.
    assert "answered" in g.out("journalctl -b -u counter.service -t python3 -o cat")
    assert g.run(f"nsenter -t {pid} -m touch /usr/x").rc != 0, "ProtectSystem= was lost"
    assert g.out(f"ps -o ni= -p {pid}").strip() == "3"
    # Nothing is left behind.
    assert "warmboot" not in g.out("nft list tables")
    assert g.out("systemctl --failed --no-legend --plain") == ""
    assert g.out("systemctl is-active networking").strip() == "active"
    assert g.out(f"cat {guest.POST_UP}").split() == ["up"], "ifupdown did not set its device up, or did it twice"
    assert g.run("test -s /var/lib/warmboot/keep-result.json").rc == 0
    assert "counter" not in g.run("ls /run/systemd/generator.early").out
    g.run("systemctl restart counter.service", 60, check=True)
    again = show(g, "MainPID", "ActiveState")
    assert again["ActiveState"] == "active" and again["MainPID"] != pid
