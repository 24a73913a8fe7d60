# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines over jumps of their host: their memory stays where it is, on pages that nobody had set aside."""
import json
import os
import pathlib
import re

import pytest

from counting import counted
from guest import TOP, Guest

COUNTER = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or TOP / "build") / "tests/unit/counter.img"
MIB = 1 << 20


def unit(name, machine="pc-q35-10.0,accel=tcg", more=""):
    """The unit of a guest in one sector, which leaves the CPUs to its host."""
    return f"""[Unit]
Description=a guest in one sector
[Service]
Nice=19
ExecStart=/usr/bin/qemu-system-x86_64 -name {name} -machine {machine},memory-backend=ram0 -m 64M \\
 -nodefaults -display none {more} \\
 -object memory-backend-file,id=ram0,size=64M,mem-path=/dev/hugepages/{name}.ram,share=on \\
 -drive file=/var/lib/{name}.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev file,id=s,path=/var/lib/{name}.log,append=on -serial chardev:s \\
 -qmp unix:/run/{name}.qmp,server=on,wait=off
"""


# A kept service beside them: it counts in its memory.
COUNTS = b"""import time
n = 0
while True:
    n += 1
    with open("/var/lib/counts.log", "a") as f:
        print(n, file=f)
    time.sleep(0.5)
"""
COUNTS_UNIT = b"[Service]\nExecStart=/usr/bin/python3 /usr/local/lib/counts.py\n"
GUESTS = ("v1", "v2")


def lines(g, name):
    """The counts that the guest has printed, each with the mismatches that it has found."""
    return counted(g.out(f"cat /var/lib/{name}.log", 60))


def wait_for_more(g, n):
    """Until each guest has printed n lines more."""
    have = {name: len(lines(g, name)) for name in GUESTS}
    for name in GUESTS:
        g.until(f"[ $(grep -c ^C /var/lib/{name}.log) -ge {have[name] + n} ]", 180)


def start(g, name, text, pages):
    g.write_file(f"/var/lib/{name}.img", COUNTER.read_bytes()[:512])
    g.write_file(f"/etc/systemd/system/{name}.service", text.encode())
    g.run(f"truncate -s 1M /var/lib/{name}.img; sysctl -q vm.nr_hugepages={pages}; systemctl daemon-reload; "
          f"systemctl start {name}", 180, check=True)


@pytest.fixture(scope="module")
def host(payload):
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        g.write_file("/usr/local/lib/counts.py", COUNTS)
        g.write_file("/etc/systemd/system/counts.service", COUNTS_UNIT)
        for i, name in enumerate(GUESTS):
            start(g, name, unit(name), 32 * (i + 1))
        g.run("systemctl start counts", 180, check=True)
        for name in GUESTS:
            g.until(f"[ -s /var/lib/{name}.log ]", 240)
        g.run("warmboot keep add vm:v1 vm:v2 counts.service", 180, check=True)
        yield g


def check_nothing_was_lost(g):
    """Each guest and the service have gone on where they were, and the guests' memory is what it was."""
    for name in GUESTS:
        counts = lines(g, name)
        assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), f"{name} began anew, or has lost a line"
        assert all(b == 0 for _, b in counts), f"the memory of {name} is not what it was"
    counts = g.out("cat /var/lib/counts.log").split()
    assert counts == [str(i + 1) for i in range(len(counts))], "the service began anew"


def pieces(g, device):
    """The physical addresses of a guest's memory, in the guest's order."""
    found = g.out(f"cd /sys/bus/dax/devices/{device} && "
                  "for m in mapping[0-9]*; do cat $m/page_offset $m/start $m/end | paste -sd' '; done").splitlines()
    return [piece[1:] for piece in sorted(tuple(int(x, 16) for x in line.split()) for line in found)]


def device_of(g, name):
    return pathlib.Path(g.out(f"readlink /run/warmboot/vm/{name}.service.ram")).name


def all_pieces(g):
    return {name: pieces(g, device_of(g, name)) for name in GUESTS}


def jump(g, prefix):
    release = g.image.release(prefix)
    assert g.jump(f"warmboot reboot {release}", 600)["release"] == release
    kept = g.kept("v1.service", "v2.service", "counts.service")
    for name in GUESTS:
        told = kept[f"{name}.service"]
        assert (told["how"], told["name"], told["why"]) == ("vm", f"vm:{name}", None), told
        assert told["frozen_s"] > 0
    assert kept["counts.service"]["how"] == "process", kept
    wait_for_more(g, 2)
    check_nothing_was_lost(g)
    for name in GUESTS:
        # It is QEMU itself that the unit has as its main process, with its memory in the device.
        assert g.out(f"systemctl is-active {name}") == "active"
        pid = g.out(f"systemctl show -P MainPID {name}")
        assert g.out(f"readlink /proc/{pid}/exe") == "/usr/bin/qemu-system-x86_64"
        assert f"/dev/{device_of(g, name)}" in g.out(f"cat /proc/{pid}/maps")


def test_guest_that_refuses_is_restarted_alone_or_prevents_the_jump(host):
    """Before any jump: its machine type is an alias."""
    g = host
    start(g, "v3", unit("v3", "q35,accel=tcg", "-S"), 96)
    tested = json.loads(g.out("warmboot keep test vm:v1 vm:v3 --json 2>/dev/null || :", 240))
    told = {t["name"]: t for t in tested}
    assert (told["vm:v1"]["how"], told["vm:v1"]["unit"]) == ("vm", "v1.service"), told
    assert 0 < told["vm:v1"]["image_bytes"] < 32 << 20
    assert told["vm:v3"]["how"] == "restart" and "is an alias" in json.dumps(told["vm:v3"]["reasons"]), told["vm:v3"]
    g.run("warmboot keep add vm:v3", 180, check=True)
    release = g.image.release("7.2")
    plan = json.loads(g.out(f"warmboot reboot {release} --dry-run --json 2>/dev/null", 240))
    preview = {u["name"]: u for u in plan["units"]}
    assert [preview[n]["how"] for n in ("vm:v1", "vm:v2", "vm:v3")] == ["vm", "vm", "restart"], preview
    g.run("warmboot keep add vm:v3 --how=vm", 180)
    refused = g.run(f"warmboot reboot {release} --dry-run", 240)
    assert refused.rc != 0 and "alias" in refused.out, refused
    g.run("warmboot keep remove vm:v3; systemctl stop v3; rm /dev/hugepages/v3.ram", 180, check=True)


def test_guests_and_a_service_go_on_after_the_jump(host):
    g = host
    wait_for_more(g, 2)
    jump(g, "7.2")
    assert all(sum(end + 1 - at for at, end in p) == 64 * MIB for p in all_pieces(g).values())
    status = g.out("warmboot status")
    assert re.search(r"vm:v1: kept, frozen for [0-9.]+ s$", status, re.M), status


@pytest.mark.long
def test_second_jump_hands_the_memory_on(host):
    """The devices' pieces lie where they did, in the same order."""
    g = host
    before = all_pieces(g)
    jump(g, "6.12")
    assert all_pieces(g) == before


def test_all_commands_show_them_by_their_names(host):
    g = host
    g.until("warmboot timeline --json | grep -q vm:v1", 60)
    units = {u["name"]: u for u in json.loads(g.out("warmboot timeline --json"))["units"] if u["name"]}
    assert all(units[f"vm:{name}"]["silent_s"] > 0 for name in GUESTS), units
    assert "vm:v2" in g.out("warmboot timeline")
    assert 'name="vm:v2",how="vm"' in g.out("warmboot timeline --prometheus")
    last = json.loads(g.out("warmboot history --json"))[-1]
    assert {"vm:v1", "vm:v2"} <= {u["name"] for u in last["units"]}, last


# Prints how many bytes of a device are not zero.
LOOK = b"""import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
with mmap.mmap(fd, int(sys.argv[2])) as m:
    print(sum(2**21 - m[at:at + 2**21].count(0) for at in range(0, int(sys.argv[2]), 2**21)))
"""


def test_memory_of_a_guest_that_is_gone_is_zeroed(host):
    """Its pieces are made a device once more, to look at them."""
    g = host
    device = device_of(g, "v1")
    its = pieces(g, device)
    g.write_file("/root/look.py", LOOK)
    look = f"python3 /root/look.py /dev/{device} {64 * MIB}"
    assert int(g.out(look, 120)) > MIB
    g.run("systemctl stop v1", 120, check=True)
    assert g.out(f"cat /sys/bus/dax/devices/{device}/size") == "0"
    assert g.run("ls /run/warmboot/vm/v1.service.ram").rc != 0
    again = "; ".join(f"echo {at:x}-{end:x} >mapping" for at, end in its)
    g.run(f"cd /sys/bus/dax/devices/{device} && {again} && "
          f"echo {device} >/sys/bus/dax/drivers/device_dax/bind", check=True)
    assert int(g.out(look, 120)) == 0
    assert g.out("systemctl is-active v2") == "active"
