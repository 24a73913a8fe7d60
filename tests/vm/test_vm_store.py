# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine with ordinary memory over a jump of its host: the memory goes through the store."""
import json
import os
import pathlib

import pytest

from counting import counted
from guest import TOP, Guest

COUNTER = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or TOP / "build") / "tests/unit/counter.img"
LOG = "/var/lib/v2.log"


def unit(memory):
    return f"""[Unit]
Description=a guest in one sector
[Service]
ExecStart=/usr/bin/qemu-system-x86_64 -name v2 -machine pc-q35-10.0,accel=tcg -m {memory} -nodefaults -display none \\
 -drive file=/var/lib/v2.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev file,id=s,path={LOG},append=on -serial chardev:s -qmp unix:/run/v2.qmp,server=on,wait=off
"""


def lines(g):
    """The counts that the guest has printed, each with the mismatches that it has found."""
    return counted(g.out(f"cat {LOG}", 60))


def wait_for_more(g, n):
    """Until it has printed n lines more."""
    have = len(lines(g))
    g.until(f"[ $(grep -c ^C {LOG}) -ge {have + n} ]", 180)


def start(g, memory):
    g.write_file("/var/lib/v2.img", COUNTER.read_bytes()[:512])
    g.run("truncate -s 1M /var/lib/v2.img", check=True)
    g.write_file("/etc/systemd/system/v2.service", unit(memory).encode())
    g.run("systemctl daemon-reload; systemctl start v2", 60, check=True)
    g.until(f"[ -s {LOG} ]", 240)


def over_the_jump(g):
    """It goes on; what status tells about it."""
    tested = json.loads(g.out("warmboot keep test vm:v2 --json 2>/dev/null", 120))[0]
    assert (tested["how"], tested["unit"]) == ("vm", "v2.service"), tested
    assert any("go through the store" in w for w in tested["warnings"]), tested
    assert tested["image_bytes"] > 8 << 20, "its memory is not in what was written"
    wait_for_more(g, 2)
    g.run("warmboot keep add vm:v2", 60, check=True)
    release = g.image.release("7.2")
    assert g.jump(f"warmboot reboot {release}", 400)["release"] == release
    kept = g.kept("v2.service")["v2.service"]
    assert (kept["how"], kept["name"]) == ("vm", "vm:v2"), kept
    wait_for_more(g, 2)
    counts = lines(g)
    assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), "it began anew, or has lost a line"
    assert all(b == 0 for _, b in counts), "its memory is not what it was"
    assert g.out("systemctl is-active v2") == "active"
    assert "-incoming" in g.out("tr '\\0' ' ' < /proc/$(systemctl show -P MainPID v2)/cmdline")
    assert kept["frozen_s"] > 0
    return kept


def test_guest_with_ordinary_memory_goes_on_after_the_jump(payload):
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        start(g, "64M")
        over_the_jump(g)


@pytest.mark.long
def test_large_memory_is_copied_before_the_shutdown(payload):
    """One process copies most of it ahead, and the freeze, which is another one, the rest."""
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        start(g, "576M")
        assert over_the_jump(g)["ahead_bytes"] > 1 << 20
