# SPDX-License-Identifier: LGPL-2.1-or-later
"""What keeping memory costs: the store against plain copies, and the freeze with and without memory that goes ahead.

One guest, one jump, between the two halves of the first table. Each way takes turns with what it is compared to.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from guest import Guest, GuestError, stage_install  # noqa: E402

UNIT = """\
[Service]
ExecStart=/usr/local/sbin/wb-store idle {mib}
"""


def run(g, command, timeout):
    """The program's figures, a list for each name: a name comes once in each round."""
    figures = {}
    for line in g.run(command, timeout, check=True).out.splitlines():
        if line.startswith("STORE "):
            name, _, seconds = line[6:].rpartition(" ")
            figures.setdefault(name, []).append(float(seconds))
    return figures


def freeze(g, mib, rounds):
    g.write_file("/etc/systemd/system/idle.service", UNIT.format(mib=mib).encode())
    g.run("systemctl daemon-reload && systemctl start idle && for i in $(seq 300); do"
          " journalctl -q -u idle | grep -q ready && break; sleep .2; done", 120, check=True)
    figures = run(g, f"wb-store freeze idle.service {rounds}", 400)
    g.run("systemctl stop idle", 60, check=True)
    return {name: statistics.median(values) for name, values in figures.items()}


def store(g, mib):
    # Put and get are of one kernel each; what is sealed crosses like anything that is kept.
    figures = run(g, f"wb-store put {mib}", 200)
    g.jump(f"warmboot reboot {g.image.release('7.2')}", 300)
    figures.update(run(g, "wb-store get", 200))
    return {name: values[0] for name, values in figures.items()}


def print_store(mib, f):
    plain = f["copy before"] + f["copy after"]
    cost = sum(f[name] for name in ("put", "seal", "attach", "get"))
    print(f"\nstore, {mib} MiB of memory in and, after the jump, out again")
    print(f"  two plain copies    {plain:8.2f} s   1.00 x")
    print(f"  put, seal           {f['put'] + f['seal']:8.2f} s")
    print(f"  attach, check, get  {f['attach'] + f['get']:8.2f} s")
    print(f"  together            {cost:8.2f} s {cost / plain:6.2f} x   (wanted: at most 1.5)")
    print(f"  set aside before, while services run: {f['create']:.2f} s")


def print_freeze(mib, f):
    whole, changes = f["frozen whole"], f["frozen changes"]
    print(f"\nfreeze, a mostly idle service of {mib} MiB, by its own clock")
    print(f"  all at once         {whole:8.2f} s   1.00 x")
    print(f"  memory goes ahead   {f['going ahead']:8.2f} s   (the longest pause of it)")
    print(f"  and then the rest   {changes:8.2f} s {changes / whole:6.2f} x   (wanted: at most 0.25)")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build", nargs="?", default=TOP / "build")
    ap.add_argument("--rounds", type=int, default=1)
    args, _ = ap.parse_known_args()
    begin = time.monotonic()
    # The guest takes five times the service: itself, its copies, and what runs besides.
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    mib = 1024 if free > 6 * 1024 else 512
    with tempfile.TemporaryDirectory(prefix="wb-bench.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(args.build, stage)
        helper = pathlib.Path(stage) / "usr/local/sbin/wb-store"
        helper.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pathlib.Path(args.build) / "bench/wb-store", helper)
        with Guest(kernel="6.12", mem=f"{5 * mib}M", payload=stage, name="store") as g:
            frozen = freeze(g, mib, max(2, args.rounds))
            kept = store(g, mib)
    print_store(mib, kept)
    print_freeze(mib, frozen)
    print(f"bench: {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GuestError, RuntimeError, AssertionError) as e:
        sys.exit(f"bench: {e}")
