# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cost of keeping memory: the store against plain copies, and the pause of a service with and without pre-copy.

One guest, one jump in each round, between the two halves of the store's work. Each way takes turns with the one
that it is compared with.
"""
import pathlib
import re

from common import Guest

UNIT = """\
[Service]
ExecStart=/usr/local/sbin/wb-store idle {mib}
"""


class Started(Guest):
    """No boot is measured here, so the guest starts from a saved machine."""

    saved = True


def helper(g, command, timeout):
    """The program's figures: a list for each name, with one value for each round."""
    figures = {}
    for line in g.run(f"wb-store {command}", timeout, check=True).out.splitlines():
        if line.startswith("STORE "):
            name, _, seconds = line[6:].rpartition(" ")
            figures.setdefault(name, []).append(float(seconds))
    return figures


def pauses(bench, g, mib):
    g.write_file("/etc/systemd/system/idle.service", UNIT.format(mib=mib).encode())
    g.run("systemctl daemon-reload && systemctl start idle && for i in $(seq 300); do"
          " journalctl -q -u idle | grep -q ready && break; sleep .2; done", 120, check=True)
    # CRIU's first start in a kernel takes longer, so there are two rounds at least.
    f = helper(g, f"freeze idle.service {max(2, bench.rounds)}", 400)
    g.run("systemctl stop idle", 60, check=True)
    for n, (whole, ahead, changes) in enumerate(zip(f["frozen whole"], f["going ahead"], f["frozen changes"])):
        bench.add(n, "no pre-copy", {"pause": whole})
        bench.add(n, "pre-copy", {"pause": changes, "while copying": ahead})


def in_and_out(bench, number, g, mib):
    """Put and get run in one kernel each; a sealed store crosses the jump like any other."""
    f = helper(g, f"put {mib}", 200)
    g.jump(f"warmboot reboot {g.image.release('7.2')}", 300)
    f.update(helper(g, "get", 200))
    seconds = {name: values[0] for name, values in f.items()}
    bench.add(number, "plain copies", {"in and out": seconds["copy before"] + seconds["copy after"]})
    steps = {name: seconds[name] for name in ("put", "seal", "attach", "get")}
    bench.add(number, "store", {"in and out": sum(steps.values()), **steps, "set aside": seconds["create"]})


def run(bench):
    # The guest needs five times the memory of the service: for the service, for its copies, and for the rest.
    free = int(re.search(r"MemAvailable: *(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) >> 10
    mib = 1024 if free > 6 * 1024 else 512
    with Started(kernel="6.12", mem=f"{5 * mib}M", payload=bench.payload, name="store") as g:
        pauses(bench, g, mib)
        for n in range(bench.rounds):
            in_and_out(bench, n, g, mib)
