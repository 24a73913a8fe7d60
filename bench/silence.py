# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client sees while the kernel changes: the longest silence, and what was lost.

One guest under OVMF, one service, two clients beside it with a TCP stack of their own: one holds its connection,
one opens a new one every 100 ms. Rounds interleave the ways, so that a busy machine slows all of them.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))
sys.path.insert(0, str(TOP / "bench"))

from demo import SERVICE, UNIT  # noqa: E402
from guest import Guest, GuestError, stage_install  # noqa: E402
from net import Network  # noqa: E402

KEXEC_TOOLS = ("kexec -s -l /boot/vmlinuz-{r} --initrd=/boot/initrd.img-{r} --append=\"$(sed "
               "'s/initrd=[^ ]*//; s/BOOT_IMAGE=[^ ]*//' /proc/cmdline)\" && systemctl kexec")
WAYS = {
    "cold reboot (OVMF)": ("systemctl reboot", False),
    "kexec-tools, systemctl kexec": (KEXEC_TOOLS, True),
    "warmboot, restart": ("warmboot reboot {r} --no-keep", True),
    "warmboot, keep": ("warmboot reboot {r} --keep counter", True),
}
BASE = "kexec-tools, systemctl kexec"


def one(g, net, way, release):
    command, kexec = WAYS[way]
    with net.client("hold", 7000) as held, net.client("fresh", 7000) as fresh:
        held.wait_answers(20, 60)
        fresh.wait_answers(20, 60)
        secret = held.events[-1]["text"].split()[1]
        g.jump(command.format(r=release), 600, expect_kexec=kexec)
        for c in (held, fresh):
            c.wait_answers(10, 300)
            c.stop()
        last = [e for e in held.events if e["what"] == "answer"][-1]
        g.run("systemctl is-system-running --wait", 240)
        return {"held": held.report()["silence"], "fresh": fresh.report()["silence"],
                "slowest": fresh.report()["slowest"],
                "lost": held.report()["lost"] + fresh.report()["lost"], "refused": fresh.report()["refused"],
                "memory": last["text"].split()[1] == secret}


def table(results):
    base = {k: statistics.median(r[k] for r in results[BASE]) for k in ("held", "fresh")}
    print(f"\n{'':32}{'held connection':>22}{'new connections':>22}{'slowest one':>13}{'lost':>6}{'refused':>9}  memory")
    for way, runs in results.items():
        cells = [way.ljust(32)]
        for k in ("held", "fresh"):
            m = statistics.median(r[k] for r in runs)
            cells.append(f"{m:12.1f} s {m / base[k]:6.2f} x")
        cells.append(f"{statistics.median(r['slowest'] for r in runs):11.1f} s")
        cells.append(f"{sum(r['lost'] for r in runs):6}{sum(r['refused'] for r in runs):9}")
        cells.append("  kept" if all(r["memory"] for r in runs) else "  gone")
        print("".join(cells))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build", nargs="?", default=TOP / "build")
    ap.add_argument("--rounds", type=int, default=1)
    args, _ = ap.parse_known_args()
    results = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="wb-bench.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(args.build, stage)
        with Network() as net, Guest(kernel="7.2", firmware="uefi", mem="2G", payload=stage, name="silence",
                                     net=net) as g:
            g.network_up()
            g.write_file("/opt/counter.py", SERVICE.encode())
            g.write_file("/etc/systemd/system/counter.service", UNIT.encode())
            g.run("systemctl daemon-reload; systemctl enable --now counter", 60, check=True)
            release = g.image.release("7.2")
            for n in range(args.rounds):
                for way in WAYS:
                    begin = time.monotonic()
                    results[way].append(one(g, net, way, release))
                    print(f"bench: round {n + 1}, {way}: {results[way][-1]} ({time.monotonic() - begin:.0f} s)",
                          flush=True)
    table(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GuestError, RuntimeError, AssertionError) as e:
        sys.exit(f"bench: {e}")
