# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unix sockets over a jump: in directories of the service's own, by relative names, and to a program outside."""
import json
import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402

# Greets who connects.
BUS_PY = textwrap.dedent('''
    import socket
    s = socket.socket(socket.AF_UNIX)
    s.bind("/run/bus.sock")
    s.listen(8)
    held = []
    print("ready", flush=True)
    while True:
        held.append(s.accept()[0])
        held[-1].sendall(b"hello")
''')
# Makes its directories itself, and needs one with no socket in it. Connects to the other program again when it
# finds that connection closed.
DEEP_PY = textwrap.dedent('''
    import os, secrets, select, socket
    SECRET, lost, answers = secrets.token_hex(8), 0, 0
    os.makedirs("/run/deep/x/made", exist_ok=True)
    os.chmod("/run/deep", 0o750)
    os.chdir("/run/deep/x")
    def listen(path):
        os.path.exists(path) and os.unlink(path)
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(8)
        return s
    def join():
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect("/run/bus.sock")
            return s if s.recv(5) == b"hello" else None
        except OSError:
            s.close()
    listeners, bus = [listen("/run/deep/x/named"), listen("relative")], join()
    print("ready", flush=True)
    while True:
        ready = select.select(listeners + [s for s in [bus] if s], [], [], 0.5)[0]
        if bus in ready and not bus.recv(100):
            bus.close()
            bus, lost = None, lost + 1
        bus = bus or join()
        for s in listeners:
            if s in ready:
                c, answers = s.accept()[0], answers + 1
                open(f"/run/deep/x/made/{answers}", "w").close()
                c.sendall(f"{SECRET} {lost} {bus is not None}".encode())
                c.close()
''')
ASK = ("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect('/run/deep/x/{}');"
       " print(s.recv(100).decode())\"")


def ask(g, name):
    return g.run(ASK.format(name), 120, check=True).out.strip().splitlines()[-1].split()


def rehearse(g):
    out = g.run("warmboot keep test --json deep 2>/dev/null", 240, check=True).out
    return json.loads(out[out.index("["):])[0]


def test_sockets_over_a_jump(payload):
    with guest.Guest(kernel="6.12", payload=payload, name="sockets") as g:
        for name, text in (("bus", BUS_PY), ("deep", DEEP_PY)):
            g.write_file(f"/root/{name}.py", text.encode())
            g.write_file(f"/etc/systemd/system/{name}.service",
                         f"[Service]\nExecStart=/usr/bin/python3 /root/{name}.py\n".encode())
        g.run("systemctl daemon-reload; systemctl start bus", 180, check=True)
        g.ready("bus")
        g.run("systemctl start deep", 180, check=True)
        g.ready("deep")
        secret, lost, joined = ask(g, "named")
        assert (lost, joined) == ("0", "True")
        # A connection to a program outside restarts it, unless it may be closed.
        r = rehearse(g)
        assert r["how"] == "restart" and any("is connected to /run/bus.sock" in why for why in r["reasons"]), r
        assert any("--peers=reset" in text for text in r["remedies"]), r
        g.run("warmboot keep add deep --peers=reset", check=True)
        r = rehearse(g)
        assert r["how"] == "process" and r["files"] == ["/run/deep"], r
        assert any("connection to /run/bus.sock is closed" in text for text in r["warnings"]), r
        assert ask(g, "relative") == [secret, "0", "True"]
        pid = g.out("systemctl show -P MainPID deep")
        g.jump(f"warmboot reboot {g.image.release('7.2')}", 700)
        g.run("systemctl is-system-running --wait", 500)
        result = g.kept()
        assert result["deep.service"]["how"] == "process", result
        assert g.out("systemctl show -P MainPID deep") == pid
        g.until("systemctl -q is-active bus", 120)
        g.until("[ $(ss -xH src /run/bus.sock | grep -c ESTAB) = 1 ]", 60)
        for name in ("named", "relative"):
            assert ask(g, name) == [secret, "1", "True"], name
        assert g.out("stat -c %a /run/deep; ls /run/deep/x/made | sort").split() == ["750", "1", "2", "3", "4"]
        assert rehearse(g)["how"] == "process"
        g.run("systemctl restart deep", 180, check=True)
        g.until("journalctl -b -u deep -o cat | grep -q ready", 60)
        fresh, lost, joined = ask(g, "relative")
        assert fresh != secret and lost == "0"
        g.run("systemctl stop deep", 180, check=True)
        assert g.run("systemctl is-active deep").out.strip() == "inactive"
