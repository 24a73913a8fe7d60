# SPDX-License-Identifier: LGPL-2.1-or-later
"""A demonstration of warmboot: a host changes its kernel under two virtual machines, as docs/hosts.md says."""
import pathlib
import sys
import tempfile
import time

from demo import TOP, say, show
from counting import counted
from guest import Guest, GuestError, stage_install

GUESTS = ("web1", "web2")


def disk_of_guests(build):
    """A guest in one sector: it counts, checks its memory, and prints both."""
    return (build / "tests/unit/counter.img").read_bytes()[:512]


def lines(g, name, command):
    """Whole lines of what the guest has printed: its count, and the mismatches that it has found in its memory."""
    return counted(g.run(f"{command} /srv/vm/{name}.log 2>/dev/null", 60).out)  # QEMU makes the file soon


def last_line(g, name):
    return (lines(g, name, "tail -c 400") or [(0, 0)])[-1]


def wait_for_more(g, name, than):
    end = time.monotonic() + 180
    while last_line(g, name)[0] <= than:
        if time.monotonic() > end:
            raise GuestError(f"{name} does not count on from {than}")
        time.sleep(1)


def tell(g, when):
    told = {}
    for name in GUESTS:
        told[name], bad = last_line(g, name)
        say(f"{when}: {name} has counted to {told[name]}, with {bad} mismatches in its memory")
    return told


def counted_on(g, name):
    """Has it printed every number once?"""
    numbers = [number for number, _ in lines(g, name, "cat")]
    return numbers == list(range(1, len(numbers) + 1))


def run(g, disk):
    target = g.image.release("7.2")
    for name in GUESTS:
        g.write_file(f"/srv/vm/{name}.raw", disk)
        g.run(f"truncate -s 1M /srv/vm/{name}.raw", check=True)
    unit = (TOP / "examples/guest@.service").read_text().replace("512M", "64M")
    g.write_file("/etc/systemd/system/guest@.service", unit.encode())
    say(f"uname -r before: {g.out('uname -r')}")
    show(g, "echo vm.nr_hugepages=64 >/etc/sysctl.d/guests.conf; sysctl --system | grep huge")
    show(g, "systemctl daemon-reload; systemctl enable --now guest@web1 guest@web2")
    for name in GUESTS:
        wait_for_more(g, name, 2)
    show(g, "warmboot keep test vm:web1 vm:web2")
    show(g, "warmboot keep add vm:web1 vm:web2")
    before = tell(g, "before")
    say(f"$ warmboot reboot {target}")
    t = g.jump(f"warmboot reboot {target}", 400)
    for name in GUESTS:
        wait_for_more(g, name, before[name] + 2)
    say(f"uname -r after:  {g.out('uname -r')}, {len(g.resets)} firmware resets")
    tell(g, "after")
    kept = g.kept(*(f"guest@{name}.service" for name in GUESTS))
    show(g, "warmboot status")
    good = all(counted_on(g, name) for name in GUESTS) and {u["how"] for u in kept.values()} == {"vm"}
    say("every number was printed once" if good else "THE GUESTS DID NOT GO ON")
    return 0 if good and t["release"] == target else 1


def main():
    build = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"
    with tempfile.TemporaryDirectory(prefix="wb-demo.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(build, stage)
        say("starting a host with Debian 13's own kernel (emulated, so give it time)")
        with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=stage, name="demo-host") as g:
            return run(g, disk_of_guests(build))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GuestError, RuntimeError, AssertionError) as e:
        sys.exit(f"demo: {e}")
