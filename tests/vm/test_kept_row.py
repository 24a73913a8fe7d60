# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Eight kept services and their clients over many jumps in a row, from 6.12 to 7.2 and back; nothing may pile up. JUMPS: how
many; ROW: the kernels, in their order ("6.12" for one kernel to itself).
"""
import contextlib
import os
import re

import pytest

from test_kept import PSQL, World, build_ask_c

EIGHT = ("memcached", "redis-server", "nginx", "ask", "ask-c", "front", "editor", "postgresql@17-main")
ROW = (os.environ.get("ROW") or "7.2 6.12").split()
# Things that may pile up. Digits differ from boot to boot: process numbers, inodes.
LISTS = {
    "files in /run": "find /run -xdev -not -path '/run/udev/*' -not -path '/run/log/*'",
    "control groups": "find /sys/fs/cgroup -mindepth 1 -type d",
    # systemd also lists units that a condition has skipped, until it needs their memory.
    "units": "systemctl list-units --plain --no-legend | awk '{print $1, $2, $3}'",
    "rules of nft": "nft list ruleset",
    "mounts": "findmnt -rno TARGET,FSTYPE",
    "messages about files left": "ls -A /var/lib/warmboot",
}
MEMORY = "awk '/^(MemFree|Buffers|Cached|SReclaimable):/ {n += $2} END {print n}' /proc/meminfo"


@pytest.fixture(scope="module")
def world(payload, network, tmp_path_factory):
    build_ask_c(payload, tmp_path_factory.mktemp("c"))
    with contextlib.ExitStack() as stack:
        yield World(stack, payload, network)


def inventory(g):
    """The lines of each list without digits, and the free memory in KiB."""
    g.run("systemctl is-system-running --wait", 240)
    g.until("test -e /run/warmboot/timeline-recorded", 120)
    return {name: sorted(re.sub(r"\d+", "N", line) for line in g.out(command, 60).splitlines())
            for name, command in LISTS.items()}, int(g.out(MEMORY))


@pytest.mark.long
@pytest.mark.parametrize("jumps", [int(os.environ.get("JUMPS") or 100)])
def test_eight_services_in_a_row(world, jumps):
    g = world.g
    clients = world.clients()
    secrets = {n: clients[n].events[-1]["text"].split()[1] for n in ("ask", "ask-c", "front")}
    pids = {u: g.out(f"systemctl show -P MainPID {u}") for u in EIGHT}
    g.run(PSQL.format("insert into t values (0)"), check=True)
    before = {}
    for n in range(jumps):
        release = g.image.release(ROW[n % len(ROW)])
        assert g.jump(f"warmboot reboot {release}", 400)["release"] == release
        result = g.kept(*(f"{u}.service" for u in EIGHT))
        assert {u: result[f"{u}.service"]["how"] for u in EIGHT} == dict.fromkeys(EIGHT, "process"), result
        assert {u: g.out(f"systemctl show -P MainPID {u}") for u in EIGHT} == pids
        assert g.out(PSQL.format("update t set n = n + 1 returning n")).splitlines()[0] == str(n + 1)
        for name, client in clients.items():
            client.wait_answers(3, 240)
            if name in secrets:
                assert client.events[-1]["text"].split()[1] == secrets[name]
        lists, free = inventory(g)
        # The first jump of each kernel leaves what it always leaves.
        first, first_free = before.setdefault(release, (lists, free))
        for name, lines in lists.items():
            more = [line for line in lines if lines.count(line) > first[name].count(line)]
            assert not more, (n, name, more)
        assert free > first_free * 0.9, (n, first_free, free)
        print(f"jump {n + 1} to {release}: {free} KiB free, {sum(map(len, lists.values()))} things", flush=True)
    for name, client in clients.items():
        client.stop()
        r = client.report()
        print(name, r)
        assert r["connected"] == 1 and r["lost"] == 0, (name, r)
