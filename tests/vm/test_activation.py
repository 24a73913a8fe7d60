# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services that systemd has started by their socket units, over a jump: afterwards both have the same sockets again."""
import contextlib
import json
import pathlib
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

# Answers "SECRET PID" on each of its sockets; on a connection, once for each line. Notes what comes by the FIFO.
WOKEN_PY = textwrap.dedent('''
    import os, secrets, select, socket, stat
    WHO = f"{secrets.token_hex(8)} {os.getpid()}\\n".encode()
    fds = range(3, 3 + int(os.environ.get("LISTEN_FDS", 0)))
    socks = {fd: socket.socket(fileno=fd) for fd in fds if stat.S_ISSOCK(os.fstat(fd).st_mode)}
    listens = {fd for fd, s in socks.items() if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)}
    poll = select.epoll()
    for fd in fds:
        poll.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd not in socks:
                with open("/var/lib/woken", "ab") as f:
                    f.write(WHO + os.read(fd, 100))
            elif fd in listens:
                c, _ = socks[fd].accept()
                socks[c.fileno()] = c
                poll.register(c, select.EPOLLIN)
            else:
                data, whence = socks[fd].recvfrom(100)
                if data and whence:
                    socks[fd].sendto(WHO, whence)
                elif data:
                    socks[fd].sendall(WHO)
                else:
                    socks.pop(fd).close()
''')
ASK_PY = textwrap.dedent('''
    import os, socket, sys
    family, kind, where = sys.argv[1:]
    s = socket.socket(getattr(socket, "AF_" + family), getattr(socket, "SOCK_" + kind))
    s.settimeout(30)
    if (family, kind) == ("UNIX", "DGRAM"):
        s.bind("/run/asker")
    try:
        s.connect((where, 7021) if family != "UNIX" else where.replace("@", "\\0"))
        s.sendall(b"?\\n")
        print(s.recv(100).decode(), end="")
    finally:
        os.path.exists("/run/asker") and os.unlink("/run/asker")
''')
PORT = 7020
WOKEN = ("INET STREAM 127.0.0.1", "INET6 STREAM ::1", "INET DGRAM 127.0.0.1", "UNIX STREAM /run/woken/stream",
         "UNIX SEQPACKET /run/woken/seq", "UNIX DGRAM /run/woken/dgram", "UNIX STREAM @woken")
WOKEN_SOCKET = f"""[Socket]
ListenStream=0.0.0.0:{PORT}
ListenStream=127.0.0.1:7021
ListenStream=[::1]:7021
ListenDatagram=127.0.0.1:7021
ListenStream=/run/woken/stream
ListenSequentialPacket=/run/woken/seq
ListenDatagram=/run/woken/dgram
ListenStream=@woken
PassCredentials=yes
SocketMode=0640
RemoveOnStop=yes
[Install]
WantedBy=sockets.target
"""
PIPED_SOCKET = """[Socket]
ListenFIFO=/run/piped/fifo
ListenStream=/run/piped/stream
[Install]
WantedBy=sockets.target
"""
GONE_SOCKET = """[Unit]
ConditionKernelVersion=<7.0
[Socket]
ListenStream=/run/gone
[Install]
WantedBy=sockets.target
"""
# In the sandbox of the first one, /run cannot be written to, and its sockets lie on another mount.
UNITS = {"woken": (WOKEN_SOCKET, "ProtectSystem=strict\nPrivateTmp=yes\n"), "piped": (PIPED_SOCKET, ""),
         "gone": (GONE_SOCKET, "")}
# The descriptors of a unit's sockets that process 1 has open, too; one that it closes meanwhile is none of them.
SHARED = ("exec 2>/dev/null; ls -l /proc/1/fd | grep -o 'socket:.*' > /run/1; "
          "ls -l /proc/$(systemctl show -P MainPID {})/fd | grep -o '[0-9]* -> socket:.*' | grep -Ff /run/1 | "
          "cut -d' ' -f1 | sort -n")


def ask(g, how):
    return g.run(f"python3 /opt/t/ask.py {how}", 120, check=True).out.split()


def look(g):
    """Ask each unit, and see what it shares with systemd."""
    g.run("timeout 20 sh -c 'echo hello > /run/piped/fifo'", 60, check=True)
    g.until("tail -1 /var/lib/woken | grep -q hello")
    return {"woken": [ask(g, how) for how in WOKEN], "piped": ask(g, "UNIX STREAM /run/piped/stream"),
            "fifo": g.out("tail -2 /var/lib/woken").split(),
            "shared": {name: g.out(SHARED.format(name)).split() for name in ("woken", "piped")},
            "modes": g.out("stat -c %a /run/woken/stream /run/woken/dgram /run/piped/stream").split(),
            "pids": [g.out(f"systemctl show -P MainPID {name}") for name in ("woken", "piped")]}


def rehearse(g, name):
    out = g.run(f"warmboot keep test --json {name} 2>/dev/null", 240, check=True).out
    return json.loads(out[out.index("["):])[0]


@pytest.fixture(scope="module")
def jumped(payload, network):
    with contextlib.ExitStack() as stack:
        g = stack.enter_context(Guest(kernel="6.12", payload=payload, name="activation", net=network))
        g.network_up()
        g.write_file("/opt/t/woken.py", WOKEN_PY.encode())
        g.write_file("/opt/t/ask.py", ASK_PY.encode())
        for name, (sockets, settings) in UNITS.items():
            g.write_file(f"/etc/systemd/system/{name}.socket", sockets.encode())
            g.write_file(f"/etc/systemd/system/{name}.service",
                         f"[Service]\nExecStart=/usr/bin/python3 /opt/t/woken.py\n{settings}".encode())
        g.run("systemctl daemon-reload; systemctl enable --now woken.socket piped.socket gone.socket", 120, check=True)
        hold = stack.enter_context(network.client("hold", PORT))
        hold.wait_answers(3, 60)
        assert len(ask(g, "UNIX STREAM /run/gone")) == 2
        before = look(g)
        rehearsed = {name: rehearse(g, name) for name in UNITS}
        g.run("warmboot keep add woken piped gone", check=True)
        g.jump(f"warmboot reboot {g.image.release('7.2')}", 400)
        kept = g.kept("woken.service", "piped.service", "gone.service")
        print(kept, g.run("journalctl -b -u 'woken.*' -u 'piped.*' -u 'gone.*' -o cat --no-pager").out)
        hold.wait_answers(3, 120)
        yield {"g": g, "before": before, "kept": kept, "rehearsed": rehearsed, "hold": hold}


def test_they_come_back_with_the_sockets_of_systemd(jumped):
    g, before = jumped["g"], jumped["before"]
    assert {n: r["how"] for n, r in jumped["rehearsed"].items()} == dict.fromkeys(UNITS, "process"), jumped["rehearsed"]
    assert any("has not read from /run/woken/dgram" in w for w in jumped["rehearsed"]["woken"]["warnings"])
    assert all(jumped["kept"][f"{n}.service"]["how"] == "process" for n in ("woken", "piped")), jumped["kept"]
    assert before["shared"] == {"woken": [str(fd) for fd in range(3, 11)], "piped": ["4"]}
    assert look(g) == before
    assert all(g.out(f"systemctl is-active {n}.socket {n}").split() == ["active"] * 2 for n in ("woken", "piped"))


def test_a_connection_goes_on(jumped):
    assert not [e for e in jumped["hold"].since_answered() if e["what"] in ("lost", "refused")], jumped["hold"].events


def test_a_socket_that_is_gone_is_told(jumped):
    g, gone = jumped["g"], jumped["kept"]["gone.service"]
    assert gone["how"] == "restart" and "gone.socket does not run, or listens elsewhere" in gone["why"], gone
    assert g.run("systemctl is-active gone.socket gone").out.split() == ["inactive", "active"]


def test_their_socket_units_are_in_command(jumped):
    g, secret = jumped["g"], jumped["before"]["woken"][0][0]
    assert rehearse(g, "woken")["how"] == "process"
    assert ask(g, WOKEN[0])[0] == secret
    jumped["hold"].stop()
    g.run("systemctl stop woken.socket woken", 120, check=True)
    assert g.run("ss -xlnt | grep -E ':702[01]|woken'").out == ""
    assert g.run("ls /run/woken").out.split() == []
    g.run("systemctl start woken.socket", 60, check=True)
    assert g.out("systemctl show -P ActiveState woken") == "inactive"
    answer = ask(g, WOKEN[3])
    assert answer[0] != secret and answer[1] == g.out("systemctl show -P MainPID woken")
