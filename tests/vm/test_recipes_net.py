# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sockets of many kinds over a jump: multicast groups, options, netlink and packet sockets, and a firewall in between.

One guest makes one jump with all services running; each test looks at one of them.
"""
import json
import pathlib
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

pytestmark = pytest.mark.long

GROUP, CHOSEN, OTHER = "239.1.2.3", "232.1.1.1", "239.1.2.4"
# Each role has sockets of its own, notes what they hear, and tells it to who asks on a port of the loopback.
ROLE_PY = textwrap.dedent('''
    import json, secrets, select, socket, struct, sys
    role, port = sys.argv[1], int(sys.argv[2])
    SECRET, heard, listeners, options, kept = secrets.token_hex(8), [], [], [], []
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control.bind(("127.0.0.1", port))
    IP, UDP, TCP, NETLINK, PACKET = 0, 17, 6, 270, 263

    def link(name):
        return socket.if_nametoindex(name)

    def option(s, level, name, value):
        s.setsockopt(level, name, value)
        options.append((s, level, name))
        return s

    def join(s, group, on):
        mreqn = socket.inet_aton(group) + bytes(4) + struct.pack("i", link(on))
        s.setsockopt(IP, socket.IP_ADD_MEMBERSHIP, mreqn)

    def join_source(s, group, source, on):
        a = [struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(x)).ljust(128, b"\\0") for x in (group, source)]
        s.setsockopt(IP, 46, struct.pack("Q", link(on)) + a[0] + a[1])

    def udp(at, port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((at, port))
        return s

    if role == "groups":
        lan = sys.argv[3]
        s = udp("", 5007)
        join(s, sys.argv[4], lan)
        join_source(s, sys.argv[5], sys.argv[6], lan)
        option(s, IP, socket.IP_MULTICAST_TTL, 5)
        option(s, IP, 49, 0)
        option(s, IP, 12, 1)
        option(s, UDP, 103, 1200)
        listeners.append(s)
        # Nobody reads this one.
        kept.append(option(udp("127.0.0.1", 5010), socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
    elif role == "netlink":
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        s.bind((0, 1))
        option(s, NETLINK, 11, 1)
        option(s, NETLINK, 12, 1)
        s.connect((0, 0))
        listeners.append(s)
    elif role == "packet":
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.bind(("lo", 0x88cc))
        option(s, PACKET, 8, 1)
        option(s, PACKET, 23, 1)
        listeners.append(s)
        listeners.append(option(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), IP, 11, 1))
    elif role == "stream":
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        option(s, TCP, 18, 90000)
        s.bind(("", 7021))
        s.listen(8)
        option(s, TCP, 9, 3)
        listeners.append(s)
    elif role == "corked":
        kept.append(option(udp("127.0.0.1", 5011), UDP, 1, 1))
    elif role == "ring":
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(PACKET, 5, struct.pack("IIII", 4096, 1, 2048, 2))
        kept.append(s)
    elif role == "virtual":
        s = udp("", 5012)
        join(s, sys.argv[4], "virtual0")
        kept.append(s)
    print("ready", flush=True)
    while True:
        for s in select.select([control] + listeners, [], [])[0]:
            if s is control:
                _, who = s.recvfrom(100)
                values = [o.getsockopt(level, name) for o, level, name in options]
                names = [str(x.getsockname()) for x in listeners if x.family == socket.AF_NETLINK]
                s.sendto(json.dumps([SECRET, heard, values, names]).encode(), who)
            elif s.type == socket.SOCK_STREAM and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listeners.append(s.accept()[0])
            elif s.type == socket.SOCK_STREAM:
                data = s.recv(1000)
                if data:
                    s.sendall(SECRET.encode() + b"\\n")
                else:
                    listeners.remove(s)
                    s.close()
            else:
                data = s.recv(65536)
                heard.append(data.decode() if role == "groups" else len(data))
''')
ASK = ("python3 -c \"import socket; s = socket.socket(2, 2); s.settimeout(20); s.sendto(b'?', ('127.0.0.1', {}));"
       " print(s.recv(65536).decode())\"")
SEND = ("import socket; s = socket.socket(2, 2); s.setsockopt(0, socket.IP_MULTICAST_IF, socket.inet_aton('{host}'));"
        " s.sendto(b'{text}', ('{to}', 5007))")
# A frame of LLDP's on the loopback, which hears what it sends.
FRAME = ("python3 -c \"import socket; s = socket.socket(17, 3, 0); s.bind(('lo', 0));"
         " s.send(bytes(12) + b'\\x88\\xcc' + bytes(50))\"")
ECHO = ("python3 -c \"import socket; s = socket.socket(2, 3, 1);"
        " s.sendto(b'\\x08\\x00\\xf7\\xff' + bytes(4), ('127.0.0.1', 0))\"")
FIREWALL = ("#!/usr/sbin/nft -f\n"
            "table inet guard {\n"
            "  chain input { type filter hook input priority 0; ct state invalid drop; }\n"
            "}\n")
ROLES = {"groups": 6001, "netlink": 6002, "packet": 6003, "stream": 6004, "corked": 6005, "ring": 6006, "virtual": 6007}
KEPT = ("groups", "netlink", "packet", "stream")


def ask(g, role):
    """[secret, what was heard, values of options, addresses]"""
    return json.loads(g.run(ASK.format(ROLES[role]), 120, check=True).out.strip().splitlines()[-1])


def send(network, text, to):
    network.run("python3", "-c", SEND.format(host=network.host, text=text, to=to))


def hears(g, network, role, text, to):
    """Until the service has heard it; a membership takes a moment on the way."""
    for _ in range(20):
        send(network, text, to)
        if text in ask(g, role)[1]:
            return True
    return False


def rehearse(g, *roles):
    out = g.run(f"warmboot keep test --json {' '.join(roles)} 2>/dev/null", 300, check=True).out
    return {r["unit"].split(".")[0]: r for r in json.loads(out[out.index("["):])}


class Over:
    """The guest after the jump, and what was so before it."""

    def __init__(self, g, network):
        self.g, self.network = g, network
        lan = g.out("ip -o -4 address show scope global | cut -d' ' -f2 | head -1").strip()
        g.run("ip link add virtual0 type veth peer name virtual1 && ip link set virtual0 up", check=True)
        g.write_file("/opt/t/role.py", ROLE_PY.encode())
        g.write_file("/etc/nftables.conf", FIREWALL.encode())
        for role, port in ROLES.items():
            g.write_file(f"/etc/systemd/system/{role}.service", (
                "[Service]\nExecStart=/usr/bin/python3 /opt/t/role.py "
                f"{role} {port} {lan} {GROUP} {CHOSEN} {network.host}\n").encode())
        g.run("systemctl daemon-reload; systemctl enable nftables; systemctl restart nftables", 120, check=True)
        g.run(f"systemctl start {' '.join(ROLES)}", 180, check=True)
        g.ready(*ROLES)
        self.groups_before = self.listen_before()
        g.run("python3 -c \"import socket; s = socket.socket(2, 2);"
              " s.sendto(b'unread', ('127.0.0.1', 5010))\"", check=True)
        self.rehearsal = rehearse(g, *ROLES)
        self.before = {role: ask(g, role) for role in KEPT}
        self.pids = {role: g.out(f"systemctl show -P MainPID {role}") for role in KEPT}

    def listen_before(self):
        return {to: hears(self.g, self.network, "groups", f"before-{i}", to)
                for i, to in enumerate((GROUP, CHOSEN))}

    def jump(self):
        g = self.g
        g.run(f"warmboot keep add {' '.join(KEPT)}", check=True)
        with self.network.client("hold", port=7021) as client:
            client.wait_answers(3)
            self.since = len(client.events)
            g.jump(f"warmboot reboot {g.image.release('7.2')}", 700)
            client.wait_answers(3, 180)
            self.events = client.events
        self.result = g.kept(*(f"{role}.service" for role in KEPT))

    def check_kept(self, role):
        """It is the same process with the same memory, options and addresses; what it has heard since."""
        assert self.rehearsal[role]["how"] == "process", self.rehearsal[role]
        assert self.result[f"{role}.service"]["how"] == "process", self.result
        assert self.g.out(f"systemctl show -P MainPID {role}") == self.pids[role]
        secret, heard, values, names = self.before[role]
        now = ask(self.g, role)
        assert now[0] == secret and now[2:] == [values, names], (self.before[role], now)
        assert now[1][:len(heard)] == heard
        return now[1][len(heard):]


@pytest.fixture(scope="module")
def over(payload, network):
    with Guest(kernel="6.12", payload=payload, name="recipes-net", net=network) as g:
        g.network_up()
        o = Over(g, network)
        o.jump()
        yield o


def test_multicast_groups(over):
    """K1: a group, and one with a source of its own, are joined again, and no other one."""
    assert all(over.groups_before.values()), over.groups_before
    over.check_kept("groups")
    assert hears(over.g, over.network, "groups", "after-any", GROUP)
    assert hears(over.g, over.network, "groups", "after-chosen", CHOSEN)
    send(over.network, "after-other", OTHER)
    assert hears(over.g, over.network, "groups", "last", GROUP)
    assert "after-other" not in ask(over.g, "groups")[1]


def test_datagrams(over):
    """K11: options come back; datagrams that nobody has read are told, and half a one is refused."""
    assert any("datagrams that it has not read" in text for text in over.rehearsal["groups"]["warnings"])
    corked = over.rehearsal["corked"]
    assert corked["how"] == "restart" and "it has a socket with UDP_CORK set" in corked["reasons"], corked


def test_netlink_and_packets(over):
    """K17: a netlink and a packet socket hear again; what cannot come back whole is a reason."""
    g = over.g
    over.check_kept("netlink")
    n = len(ask(g, "netlink")[1])
    g.run("ip link add after0 type veth peer name after1", check=True)
    assert len(ask(g, "netlink")[1]) > n
    over.check_kept("packet")
    n = len(ask(g, "packet")[1])
    g.run(FRAME, check=True)
    g.run(ECHO, check=True)
    # The frame, and an ICMP echo with the IP header in front of it.
    assert {64, 28} <= set(ask(g, "packet")[1][n:])
    ring, virtual = over.rehearsal["ring"], over.rehearsal["virtual"]
    assert ring["how"] == "restart" and any("with a ring" in why for why in ring["reasons"]), ring
    assert virtual["how"] == "restart", virtual
    assert any("has joined a multicast group on virtual0" in why for why in virtual["reasons"]), virtual


def test_a_connection_behind_a_firewall(over):
    """K9: the firewall of both kernels drops what its connection tracking does not know, and the connection lives."""
    over.check_kept("stream")
    assert "ct state invalid drop" in over.g.out("nft list table inet guard")
    after = over.events[over.since:]
    assert all(e["what"] == "answer" for e in after), [e for e in after if e["what"] != "answer"]
    assert {e["text"] for e in over.events if e["what"] == "answer"} == {over.before["stream"][0]}
