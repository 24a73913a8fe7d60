# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jumps between Debian's two kernels. A boot costs most, so one guest makes several jumps."""
import hashlib
import json
import re

import pytest

from guest import Guest

METHODS = ("fast", "segments", "file")
# Both directions by each method.
MATRIX = [(method, target) for method in METHODS for target in ("7.2", "6.12")]


def status(g):
    return json.loads(g.out("warmboot status --json"))


def jump(g, target, method, options="--initramfs=warm", how="warmboot reboot"):
    """Load the entry of a release, jump, and check that it is the one that runs."""
    release = g.image.release(target)
    r = g.run(f"warmboot load {release} --method={method} {options}", 120)
    assert r.rc == 0, r.out
    staged = status(g)["staged"]
    assert staged["method"] == method, staged
    assert g.jump(how)["release"] == release
    last = status(g)["last_jump"]
    assert (last["outcome"], last["method"]) == ("jumped", method), last


def healthy(g):
    """The new system came up whole, and its log holds no complaint of the kernel about the jump."""
    assert g.out("systemctl is-system-running --wait || systemctl --failed", 120) == "running"
    said = "\n".join(line for _, line in g.console.lines)
    assert not re.search(r"Kernel panic|BUG:|Oops|general protection|Call Trace", said), g.console.tail(80)


def test_uefi(payload):
    """The matrix under UEFI; the first jump through systemd, the last into it. Twenty has it under BIOS."""
    with Guest(kernel="6.12", firmware="uefi", payload=payload, name="matrix-uefi") as g:
        bare = g.bare()
        for n, (method, target) in enumerate(MATRIX):
            more = "" if n == len(MATRIX) - 1 else f"--append {bare}"
            jump(g, target, method, f"--initramfs=own {more}", "warmboot reboot" if n == 0 else "warmboot reboot --now")
            # Every kernel but firmware's own must leave the stale table of the EFI stub alone.
            assert g.run("test -d /sys/firmware/efi && grep -q initrdmem=0,1 /proc/cmdline").rc == 0
        healthy(g)


def places(g):
    """Where the kernel stands: its virtual and its physical address."""
    return (g.out("awk '$3 == \"_text\" {print $1}' /proc/kallsyms"),
            g.out("awk '/Kernel code/ {print $1; exit}' /proc/iomem"))


def test_twenty_in_a_row(payload):
    """Twenty jumps, the matrix first and then every method in turn; a file on the root disk keeps its checksum, and
    a pre-linked kernel stands elsewhere each time. Every fifth is an orderly one, from a whole system."""
    with Guest(kernel="6.12", payload=payload, name="twenty") as g:
        data = hashlib.sha256(b"warmboot").digest() * 32768
        g.run("dd if=/dev/urandom of=/root/big bs=1M count=16 status=none; sync", 120, check=True)
        g.write_file("/root/small", data[:32768])
        want = g.out("sha256sum /root/big /root/small", 120)
        boots, stood = {g.boot_id}, []
        bare = g.bare()
        for n in range(20):
            method, target = MATRIX[n % len(MATRIX)]
            options = "--initramfs=own" if n < len(MATRIX) else "--initramfs=warm"
            options += " --verify=none" if n % 4 == 2 and method != "file" else ""
            # Systemd has to run where it is asked for the next jump, and in the end.
            options += "" if n % 5 == 1 or n == 19 else f" --append {bare}"
            jump(g, target, method, options, "warmboot reboot" if n % 5 == 2 else "warmboot reboot --now")
            boots.add(g.boot_id)
            assert g.out("sha256sum /root/big /root/small", 120) == want
            assert g.run("test -d /sys/firmware/efi || grep -q initrdmem=0,1 /proc/cmdline").rc == 1
            if method == "fast":
                stood.append(places(g))
        assert len(boots) == 21
        assert not g.resets
        assert len({virtual for virtual, _ in stood}) > 1
        assert len({physical for _, physical in stood}) > 1
        healthy(g)


@pytest.mark.parametrize("mem,cpus,extra,firmware", [
    ("5G", 4, "", "bios"),
    ("5G", 1, "nokaslr", "uefi"),
    ("1G", 4, "nokaslr", "bios"),
])
def test_machines(payload, mem, cpus, extra, firmware):
    """More than 4 GiB, one and four CPUs, with and without nokaslr: fast, there and back."""
    with Guest(kernel="6.12", mem=mem, cpus=cpus, cmdline_extra=extra, firmware=firmware, payload=payload,
               name=f"machine-{mem}-{cpus}-{extra or 'kaslr'}-{firmware}") as g:
        before = g.out("awk '/MemTotal/ {print $2}' /proc/meminfo")
        for target, init, how in (("7.2", g.bare(), "warmboot reboot"), ("6.12", "", "warmboot reboot --now")):
            jump(g, target, "fast", f"--initramfs=warm --append '{extra} {init}'", how)
            assert int(g.out("nproc")) == cpus
            if extra == "nokaslr":
                assert places(g)[0] == "ffffffff81000000"
        after = g.out("awk '/MemTotal/ {print $2}' /proc/meminfo")
        assert abs(int(after) - int(before)) < 0.02 * int(before), "memory was lost on the way"
        healthy(g)


@pytest.mark.parametrize("suite", ["bookworm", "sid"])
def test_other_systemd(payload, suite):
    """The orderly jump under the systemd of Debian 12 and of unstable."""
    with Guest(kernel="oldest", suite=suite, payload=payload, name=f"systemd-{suite}") as g:
        r = g.run("warmboot --version || warmboot help")
        if "GLIBC_" in r.out:
            pytest.skip(f"built for a newer libc than that of {suite}")
        print(g.out("systemctl --version | head -1"))
        jump(g, "newest", "fast")
        healthy(g)
