# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jumps between Debian's two kernels. A boot costs most, so one guest makes several jumps."""
import hashlib
import json
import os
import re
import shutil

import pytest

from guest import Guest, Image

METHODS = ("fast", "segments", "file")
# Both directions by each method.
MATRIX = [(method, target) for method in METHODS for target in ("7.2", "6.12")]


def status(g):
    return json.loads(g.out("warmboot status --json"))


def jump(g, target, method, options="--initramfs=warm", how="warmboot reboot"):
    """Load the entry of a release, jump, and check that this release runs."""
    release = g.image.release(target)
    r = g.run(f"warmboot load {release} --method={method} {options}", 120)
    assert r.rc == 0, r.out
    staged = status(g)["staged"]
    assert staged["method"] == method, staged
    assert g.jump(how)["release"] == release
    last = status(g)["last_jump"]
    assert (last["outcome"], last["method"]) == ("jumped", method), last


def healthy(g):
    """The new system came up completely, and its log has no warning of the kernel about the jump."""
    assert g.out("systemctl is-system-running --wait || systemctl --failed", 120) == "running"
    said = "\n".join(line for _, line in g.console.lines)
    assert not re.search(r"Kernel panic|BUG:|Oops|general protection|Call Trace", said), g.console.tail(80)


def test_uefi(payload):
    """The matrix under UEFI; the first jump through systemd, the last into it. test_many_in_a_row has it under BIOS."""
    with Guest(kernel="6.12", firmware="uefi", payload=payload, name="matrix-uefi") as g:
        bare = g.bare()
        for n, (method, target) in enumerate(MATRIX):
            more = "" if n == len(MATRIX) - 1 else f"--append {bare}"
            jump(g, target, method, f"--initramfs=own {more}", "warmboot reboot" if n == 0 else "warmboot reboot --now")
            # Only a kernel that the firmware started may touch the EFI stub's table.
            assert g.run("test -d /sys/firmware/efi && grep -q initrdmem=0,1 /proc/cmdline").rc == 0
        healthy(g)


@pytest.mark.long
def test_uefi_one_shot(payload):
    """A jump into the entry that a one-shot setting chose removes the variable, which efivarfs guards; a jump into
    another entry leaves it."""
    guid, efivars = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", "/sys/firmware/efi/efivars"

    def set_variable(g, name, value):
        data = "".join(f"\\{b:03o}" for b in b"\x07\0\0\0" + (value + "\0").encode("utf-16-le"))
        g.run(f"printf '{data}' > {efivars}/{name}-{guid}", check=True)

    with Guest(kernel="6.12", firmware="uefi", payload=payload, name="one-shot") as g:
        release, bare = g.image.release("6.12"), g.bare()
        one_shot = f"{efivars}/LoaderEntryOneShot-{guid}"
        for name in ("usual", "once"):
            g.write_file(f"/boot/loader/entries/{name}.conf",
                         f"title {name}\nlinux /vmlinuz-{release}\ninitrd /initrd.img-{release}\n"
                         f"options {g.out('cat /proc/cmdline')} {bare} chosen={name}\n".encode())
        set_variable(g, "LoaderInfo", "systemd-boot 257.9")
        set_variable(g, "LoaderEntryDefault", "usual.conf")
        set_variable(g, "LoaderEntryOneShot", "once.conf")
        assert "i" in g.out(f"lsattr {one_shot}").split()[0], "efivarfs does not guard it"
        for entry, chosen, stays in (("usual", "usual", True), ("default", "once", False), ("default", "usual", False)):
            r = g.run(f"warmboot load {entry} --initramfs=own", 120)
            assert r.rc == 0, r.out
            g.jump("warmboot reboot --now")
            g.run(f"mountpoint -q {efivars} || mount -t efivarfs efivarfs {efivars}", check=True)
            assert g.run(f"grep -q chosen={chosen} /proc/cmdline").rc == 0, g.out("cat /proc/cmdline")
            assert (g.run(f"test -e {one_shot}").rc == 0) == stays


def places(g):
    """The virtual and the physical address of the kernel."""
    return (g.out("awk '$3 == \"_text\" {print $1}' /proc/kallsyms"),
            g.out("awk '/Kernel code/ {print $1; exit}' /proc/iomem"))


@pytest.mark.long
@pytest.mark.parametrize("jumps", [int(os.environ.get("JUMPS") or 100)])
def test_many_in_a_row(payload, jumps):
    """The matrix first, then every method in turn. A file on the root disk keeps its checksum, and a pre-linked
    kernel has another address each time. Every fifth jump is an orderly one, from a whole system."""
    with Guest(kernel="6.12", payload=payload, name=f"row-{jumps}") as g:
        data = hashlib.sha256(b"warmboot").digest() * 32768
        g.run("dd if=/dev/urandom of=/root/big bs=1M count=16 status=none; sync", 120, check=True)
        g.write_file("/root/small", data[:32768])
        want = g.out("sha256sum /root/big /root/small", 120)
        boots, stood = {g.boot_id}, []
        bare = g.bare()
        for n in range(jumps):
            method, target = MATRIX[n % len(MATRIX)]
            options = "--initramfs=own" if n < len(MATRIX) else "--initramfs=warm"
            options += " --verify=none" if n % 4 == 2 and method != "file" else ""
            # systemd has to run if it is asked for the next jump, and at the end.
            options += "" if n % 5 == 1 or n == jumps - 1 else f" --append {bare}"
            jump(g, target, method, options, "warmboot reboot" if n % 5 == 2 else "warmboot reboot --now")
            boots.add(g.boot_id)
            assert g.out("sha256sum /root/big /root/small", 120) == want
            assert g.run("test -d /sys/firmware/efi || grep -q initrdmem=0,1 /proc/cmdline").rc == 1
            if method == "fast":
                stood.append(places(g))
        assert len(boots) == jumps + 1
        assert not g.resets
        assert len({virtual for virtual, _ in stood}) > 1
        assert len({physical for _, physical in stood}) > 1
        healthy(g)


def tour(n):
    """Numbers below n, each after each other number once, from 0 and back to it."""
    for i in range(n - 1):
        for j in range(n - 1, i + 1, -1):
            yield from (j, i)
        yield i + 1
    yield from range(n - 2, -1, -1)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_every_kernel_from_every_other(payload, tmp_path, method):
    """The kernels of every image that scripts/guest-image makes, all in one guest."""
    tree, kernels = tmp_path / "tree", {}
    shutil.copytree(payload, tree, symlinks=True)
    for image in map(Image.get, ("trixie", "bookworm", "sid")):
        for release in image.kernels:
            kernels.setdefault(release, image.dir)
    (tree / "srv").mkdir()
    for release, directory in kernels.items():
        for name in (f"vmlinuz-{release}", f"initrd.img-{release}"):
            shutil.copy(directory / name, tree / "srv" / name)
    releases = list(kernels)
    with Guest(kernel=releases[0], payload=tree, name=f"kernels-{method}") as g:
        bare = g.bare()
        for n in tour(len(releases)):
            release = releases[n]
            g.run(f"warmboot load --kernel /srv/vmlinuz-{release} --initrd /srv/initrd.img-{release} --method={method} "
                  f"--initramfs=own --cmdline \"$(sed 's/ init=[^ ]*//' /proc/cmdline) {bare}\"", 120, check=True)
            assert g.jump("warmboot reboot --now")["release"] == release
            last = status(g)["last_jump"]
            assert (last["outcome"], last["method"]) == ("jumped", method), last
        assert not g.resets


@pytest.mark.parametrize("mem,cpus,extra,firmware", [
    pytest.param("5G", 4, "", "bios", marks=pytest.mark.long),
    pytest.param("5G", 1, "nokaslr", "uefi", marks=pytest.mark.long),
    pytest.param("1G", 4, "nokaslr", "bios", marks=pytest.mark.long),
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


@pytest.mark.parametrize("suite", ["bookworm", pytest.param("sid", marks=pytest.mark.long)])
def test_other_systemd(payload, suite):
    """The orderly jump under the systemd of Debian 12 and of unstable."""
    with Guest(kernel="oldest", suite=suite, payload=payload, name=f"systemd-{suite}") as g:
        r = g.run("warmboot --version || warmboot help")
        if "GLIBC_" in r.out:
            pytest.skip(f"built for a newer libc than that of {suite}")
        print(g.out("systemctl --version | head -1"))
        jump(g, "newest", "fast")
        healthy(g)
