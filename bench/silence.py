# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads, jumps, and a client's view of them: the longest silence, and lost connections.

One guest under OVMF, one service, two clients beside it with a TCP stack of their own: one holds its connection,
one opens a new one every 100 ms. Rounds interleave the ways, so that a busy machine slows all of them. Each jump
is from the newest kernel to itself. Times are the host's, taken when a console line arrives, and count from the
old kernel's last line. The program on the real root is init=.
"""
from common import (BEST, LOAD_KEXEC, MARKS, Guest, from_timeline, load, mark_cost, rest, since_last, unpacked_mib)
from demo import SERVICE, UNIT
from figures import COLD, KEEP, KEXEC, WARM
from net import Network

TIMEOUT = 300
MEMORY = "2G"
# The host gives all memory at the start. Otherwise the first jump would wait for it, and later ones would not.
TOUCHED = ("-object", f"memory-backend-ram,id=ram,size={MEMORY},prealloc=on", "-machine", "memory-backend=ram")
# Before the jump. The kernel that kexec -c loads is dropped again: only this load is compared with warmboot's.
LOADS = {KEXEC: ((KEXEC, LOAD_KEXEC.replace("{flag}", "-s")),),
         WARM: (("kexec-tools -c", LOAD_KEXEC.replace("{flag}", "-c")), (WARM, BEST))}
JUMPS = {KEXEC: "systemctl kexec", WARM: "warmboot reboot --no-keep",
         KEEP: "warmboot reboot {release} --keep counter", COLD: "systemctl reboot"}


def loads(bench, number, g, way):
    """The figures of this way's own load; each other one is a sample of its own."""
    figures = {}
    for name, command in LOADS.get(way, ()):
        figures = load(g, command, TIMEOUT)
        if name != way:
            bench.add(number, name, figures)
            g.run("kexec -u", check=True)
    return figures


def seen_by_clients(held, fresh, secret):
    last = [e for e in held.events if e["what"] == "answer"][-1]
    h, f = held.report(), fresh.report()
    return {"held": h["silence"], "new": f["silence"], "slowest": f["slowest"], "lost": h["lost"] + f["lost"],
            "refused": f["refused"], "restarts": int(last["text"].split()[1] != secret)}


def one(bench, number, g, net, way):
    """One jump with its load; the guest is at rest before."""
    rest(g, TIMEOUT)
    figures = loads(bench, number, g, way)
    if way == WARM:
        figures.update(unpacked=unpacked_mib(g), marks=mark_cost(g))
    with net.client("hold", 7000) as held, net.client("fresh", 7000) as fresh:
        held.wait_answers(20, 60)
        fresh.wait_answers(20, 60)
        secret = held.events[-1]["text"].split()[1]
        times = g.jump(JUMPS[way].format(release=g.release), 600, expect_kexec=way != COLD, marks=MARKS)
        for c in (held, fresh):
            c.wait_answers(10, TIMEOUT)
            c.stop()
        figures.update(since_last(times), **seen_by_clients(held, fresh, secret))
    if way == WARM:
        figures.update(from_timeline(g, times))
    bench.add(number, way, figures)


def run(bench):
    with Network() as net, Guest(kernel="7.2", firmware="uefi", mem=MEMORY, qemu_args=TOUCHED, payload=bench.payload,
                                 name="silence", net=net) as g:
        g.network_up()
        g.write_file("/opt/counter.py", SERVICE.encode())
        g.write_file("/etc/systemd/system/counter.service", UNIT.encode())
        g.run("systemctl daemon-reload; systemctl enable --now counter", 60, check=True)
        for n in range(bench.rounds):
            for way in JUMPS:
                one(bench, n, g, net, way)
