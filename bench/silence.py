# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads, jumps, and a client's view of them: the longest silence, and lost connections.

One guest under OVMF, one service, two clients beside it with a TCP stack of their own: one holds its connection,
one opens a new one every 100 ms. Rounds interleave the ways, so that a busy machine slows all of them. Each jump
is from the newest kernel to itself. Times are the host's, taken when a console line arrives, and count from the
old kernel's last line. The program on the real root is init=.

The whole machine is back when the default target is reached and each service that ran runs again. That time counts
from the request, without the staging that is part of the same command. It is systemd's, put on the host's clock. It
comes from a jump of its own without clients: the emulated kept service needs a fifth of a CPU to answer them, while
the other ways' services are still down.
"""
import json
import time

from common import (BEST, LOAD_KEXEC, MARKS, RECORDED, Guest, GuestError, from_timeline, load, mark_cost, rest, since_last,
                    touched, unpacked_mib, words)
from demo import SERVICE, UNIT
from figures import COLD, KEEP, KEXEC, WARM
from net import Network

TIMEOUT = 300
MEMORY = "2G"
# Before the jump. The kernel that kexec -c loads is dropped again: only this load is compared with warmboot's.
LOADS = {KEXEC: ((KEXEC, LOAD_KEXEC.replace("{flag}", "-s")),),
         WARM: (("kexec-tools -c", LOAD_KEXEC.replace("{flag}", "-c")), (WARM, BEST))}
JUMPS = {KEXEC: "systemctl kexec", WARM: "warmboot reboot --no-keep",
         KEEP: "warmboot reboot {release} --keep counter", COLD: "systemctl reboot"}


# Many servers run these beside the service; some of them wait until the network is online.
SERVICES = "nginx redis-server memcached"
# The image masks this one, since no test waits for the network. Debian enables it with systemd-networkd.
ONLINE = "systemd-networkd-wait-online.service"
# The other ways boot as if warmboot were not installed. The generator's mask is for system-generators of any prefix.
OURS = "warmboot-asked warmboot-probe warmboot-record warmboot-replay warmboot-timeline"
GENERATOR = "/etc/systemd/system-generators/warmboot-generator"
MASK = f"mkdir -p {GENERATOR.rpartition('/')[0]} && ln -sf /dev/null {GENERATOR} && systemctl mask {OURS}"
UNMASK = f"rm -f {GENERATOR} && systemctl unmask {OURS}"
RUNNING = "systemctl list-units --type=service --state=running --plain --no-legend | cut -d' ' -f1"


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


def staging(g):
    """Seconds that the command itself spent on staging before anything stopped."""
    told = json.loads(g.run(RECORDED, 180, check=True).out)
    return sum(p["duration_s"] for p in told["phases"] if p["name"] == "staging")


def whole(g, request, ran):
    """Seconds from the request until the default target is reached, and each unit of `ran` runs."""
    target = g.out("systemctl is-system-running --wait >/dev/null; systemctl get-default", TIMEOUT).strip()
    lost = ran - set(g.out(RUNNING).split())
    if lost:
        raise GuestError(f"not running any more: {' '.join(sorted(lost))}")
    entered = [int(at) for at in g.out(
        f"systemctl show -P ActiveEnterTimestampMonotonic {target} {' '.join(sorted(ran))}").split()]
    # The console does not say it: systemd is silent there while a getty starts.
    before, up, after = time.monotonic(), float(g.out("cut -d' ' -f1 /proc/uptime")), time.monotonic()
    return (before + after) / 2 - up + max(entered) / 1e6 - request


def running(g):
    """The services that must run again after a jump."""
    return {unit for unit in g.out(RUNNING).split() if not unit.startswith(("warmboot-", "user@"))}


def unasked(g, way):
    """Seconds until the whole machine is back from a jump of its own, in which no client asks."""
    if way == KEXEC:
        g.run(LOAD_KEXEC.format(flag="-s", **words(g)), TIMEOUT, check=True)
    rest(g, TIMEOUT)
    ran, request = running(g), time.monotonic()
    g.jump(JUMPS[way].format(release=g.release), 600)
    return whole(g, request, ran) - (0 if way == KEXEC else staging(g))


def one(bench, number, g, net, way):
    """One jump with its load; the guest is at rest before."""
    g.run(UNMASK if way in (WARM, KEEP) else MASK, TIMEOUT, check=True)
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
    if way != COLD:
        figures["whole"] = unasked(g, way)
    bench.add(number, way, figures)


def run(bench):
    with Network() as net, Guest(kernel="7.2", firmware="uefi", mem=MEMORY, qemu_args=touched(MEMORY), payload=bench.payload,
                                 name="silence", net=net) as g:
        g.network_up()
        g.write_file("/opt/counter.py", SERVICE.encode())
        g.write_file("/etc/systemd/system/counter.service", UNIT.encode())
        g.run(f"rm -f /etc/systemd/system/{ONLINE}; systemctl daemon-reload; "
              f"systemctl enable {ONLINE} && systemctl enable --now counter {SERVICES}", TIMEOUT, check=True)
        for n in range(bench.rounds):
            for way in JUMPS:
                one(bench, n, g, net, way)
