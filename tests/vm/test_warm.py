# SPDX-License-Identifier: LGPL-2.1-or-later
"""The warm initramfs: which roots it finds, what it does with the command line, and how it fails."""
import json
import re

import pytest

from guest import Guest, Image


def jump(g, kernel, initramfs, more=""):
    """Jump to `kernel`, keeping the command line that the guest was started with."""
    times = g.jump(f'warmboot reboot {g.image.release(kernel)} --initramfs={initramfs} '
                   f'--cmdline "$(cat /root/cmdline) {more}"')
    assert times["release"] == g.image.release(kernel)
    return times


def warm_said(g):
    """What the warm init wrote into the kernel's log, "" if another initramfs was at work."""
    return g.out("dmesg | sed -n 's/.*warmboot: //p'")


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="7.2", payload=payload, name="warm") as guest:
        # The payload is newer than the image: keep "first boot after an update" units out of it.
        guest.run("umount /opt/wb; touch /etc/.updated /var/.updated; sed 's/ *$//' /proc/cmdline "
                  ">/root/cmdline", check=True)
        yield guest


def dry_run(g, cmdline, initramfs="auto"):
    r = g.run(f"warmboot load {g.image.release('7.2')} --dry-run --json --initramfs={initramfs} "
              f"--cmdline '{cmdline}' 2>/dev/null")
    return json.loads(r.out)


@pytest.mark.parametrize("root", ["UUID={0.root_uuid}", "PARTUUID={0.root_partuuid}", "LABEL=wbroot", "/dev/vda2",
                                  "PARTLABEL=root", "/dev/disk/by-uuid/{0.root_uuid}"])
def test_every_way_to_name_the_root(g, root):
    plan = dry_run(g, f"root={root.format(g.image)} ro")
    assert plan["initramfs"] == "warm", plan["initramfs_why"]
    assert plan["initramfs_why"] == f"root is UUID={g.image.root_uuid} (ext4 on /dev/vda2)"
    assert plan["initrd_bytes"] < 2 << 20


@pytest.mark.parametrize("cmdline,why", [
    ("root=UUID=00000000-0000-4000-8000-000000000000", "names another device than the running root (vda2)"),
    ("root=/dev/mapper/vg-root", "names another device than the running root (vda2)"),
    ("root=/dev/vda2 break=mount", "break"),
    ("root=/dev/vda2 boot=nfs", "boot=nfs"),
    ("quiet", "no root="),
])
def test_what_is_not_understood_is_named(g, cmdline, why):
    plan = dry_run(g, cmdline)
    assert plan["initramfs"] == "own"
    assert why in plan["initramfs_why"]


def test_status_says_why_not(g):
    g.run("warmboot load newest --cmdline 'root=/dev/mapper/vg-root ro'", check=True)
    staged = json.loads(g.out("warmboot status --json"))["staged"]
    g.run("warmboot unload", check=True)
    assert staged["initramfs"] == "own"
    assert "initramfs own: root=/dev/mapper/vg-root names another device than the running root (vda2)" in staged["why"]
    r = g.run("warmboot load newest --dry-run --initramfs=warm --cmdline quiet")
    assert r.rc == 1
    assert "no warm initramfs: the target's command line has no root=" in r.out


def test_words_of_the_command_line(g):
    g.write_file("/root/init", b'#!/bin/sh\nprintf "%s\\n" "$0" "$@" >/run/init-got\nexec /sbin/init\n', "755")
    t = g.jump(f"warmboot reboot {g.image.release('6.12')} --initramfs=warm --cmdline \"root=PARTUUID="
               f"{g.image.root_partuuid} rw rootflags=noatime,commit=7 rootdelay=40 init=/root/init panic=2 "
               f"{g.image.cmdline} -- one two\"")
    assert t["release"] == g.image.release("6.12")
    assert "starting /root/init" in warm_said(g)
    assert g.out("cat /run/init-got").split() == ["/root/init", "one", "two"]
    options = g.out("findmnt -n -o OPTIONS /").split(",")
    assert {"rw", "noatime", "commit=7"} <= set(options)
    assert g.run(r"dmesg | grep -E 'EXT4-fs \(vda2\): mounted filesystem .* r/w'").rc == 0, "not rw from the start"


def test_a_root_that_cannot_be_mounted(g):
    since = g.console.lines[-1][0]
    t = g.jump(f"warmboot reboot --now {g.image.release('7.2')} --initramfs=warm "
               "--cmdline \"$(cat /root/cmdline) rootflags=nonsense panic=1\"", expect_kexec=False)
    assert t["kexec"] is False
    assert g.expect_console(r'warmboot: cannot mount /dev/vda2 as ext4 with "nonsense": Invalid argument', since=since)
    assert g.expect_console("warmboot: restarting through the firmware", since=since)


@pytest.mark.parametrize("bus,root,modules,target", [
    ("nvme", "nvme0n1p2", set(), "7.2"),  # built into the cloud kernels
    ("ide-hd", "sda2", {"libata", "libahci", "ahci", "scsi_common", "scsi_mod", "sd_mod"}, "6.12"),
])
def test_other_disks(payload, bus, root, modules, target):
    with Guest(kernel="7.2", payload=payload, disk_bus=bus, name=f"warm-{bus}") as g:
        assert g.out("findmnt -n -o SOURCE /") == f"/dev/{root}"
        g.run("sed 's/ *$//' /proc/cmdline >/root/cmdline", check=True)
        jump(g, target, "warm")
        assert g.out("findmnt -n -o SOURCE /") == f"/dev/{root}"
        assert warm_said(g).startswith(f"root /dev/{root} (ext4) after ")
        assert modules <= set(g.out("cut -d' ' -f1 /proc/modules").split())
        assert g.out("systemctl --failed --no-legend") == ""


def test_a_copy_of_the_root_is_not_taken_for_it(payload):
    """Two disks on one SCSI bus that are the same to the last bit; sysfs lists sdb2 before sda2."""
    disk = Image.get().dir / "disk.img"
    copy = ["-drive", f"if=none,id=copy,file={disk},format=raw,cache=unsafe,snapshot=on",
            "-device", "scsi-hd,drive=copy,serial=copy"]

    def target():
        path = g.out("udevadm info -q path -n $(findmnt -n -o SOURCE /)")
        return re.search(r"/\d+:0:(\d+):0/block/", path).group(1)

    with Guest(kernel="7.2", payload=payload, disk_bus="scsi-hd", qemu_args=copy, cmdline_extra="root=/dev/sda2",
               name="warm-scsi") as g:
        g.run("sed 's/ *$//' /proc/cmdline >/root/cmdline; touch /root/the-one", check=True)
        before = target()
        jump(g, "7.2", "warm")
        assert target() == before
        g.run("test -e /root/the-one", check=True)
        assert re.match(r"root /dev/sd[ab]2 ", warm_said(g))
        assert {"virtio_scsi", "sd_mod"} <= set(g.out("cut -d' ' -f1 /proc/modules").split())
