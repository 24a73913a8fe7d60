# SPDX-License-Identifier: LGPL-2.1-or-later
"""The warm initramfs: is a system that it started the one that Debian's own would have started?

docs/warm-initramfs.md lists everything that may differ.
"""
import json
import re
import time

import pytest

from guest import COLDPLUG, Guest, Image

# Sections of a snapshot of the running system. Each must be equal after both kinds of start.
SURVEY = {
    "mounts": "findmnt -rn -o TARGET,SOURCE,FSTYPE,OPTIONS,PROPAGATION",
    "pid 1": "tr '\\0' '\\n' </proc/1/cmdline; echo --; tr '\\0' '\\n' </proc/1/environ; echo --; "
             "grep -E '^(Umask|Uid|Gid|Groups|Cap|Sig|NoNewPrivs|Seccomp)' /proc/1/status; "
             "cat /proc/1/limits /proc/1/oom_score_adj; cut -d' ' -f2,4-9 /proc/1/stat; "
             "stat -c %N /proc/1/root /proc/1/exe /proc/1/cwd /proc/1/fd/[012]",
    "/dev": "find /dev -printf '%y %m %U:%G %p %l\\n'",
    "/run": "find /run -xdev -path /run/udev -prune -o -printf '%y %m %U:%G %p\\n'",
    "udev database": "cd /run/udev && find . -path ./watch -prune -o -printf '%y %m %p\\n'",
    "udev on the root": "udevadm info -q all -n $(findmnt -n -o SOURCE /); "
                        "udevadm info -q all -n /dev/$(lsblk -n -o PKNAME $(findmnt -n -o SOURCE /))",
    "units": "systemctl list-units --all --plain --no-legend | awk '{print $1, $2, $3, $4}'",
    "failed": "systemctl --failed --no-legend; systemctl is-system-running",
    "fsck": "systemctl show systemd-fsck-root -p ActiveState,SubState,ConditionResult,Result",
    "modules": "cut -d' ' -f1 /proc/modules",
    "taint": "cat /proc/sys/kernel/tainted",
    "warnings": "journalctl -b -p warning -o cat --no-pager",
    "sysctl": "sysctl -a 2>/dev/null",
}

# Parts that differ between any two boots.
NOISE = [
    (r"(fd|pipe_ino)=\d+", r"\1="),
    (r"\binput\d+", "input"),
    (r".*/run/(wb-cmd\.|systemd/journal/streams/|credentials/(serial-)?getty@|credentials/wb-shell).*", None),
    (r".*/run/systemd/units/invocation:(systemd-tmpfiles-clean|warmboot-record).*", None),
    # A program that mounts by UUID before udev has made its links uses libblkid, which caches its results.
    (r". \d+ 0:0 /run/blkid(/blkid\.tab)?", None),
    (r"E: USEC_INITIALIZED=.*|f \d+ \./queue", None),
    (r"SigQ:.*", None),
    (r"(fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr)|kernel\.(ns_last_pid|random\..*|pty\.nr)) = .*", None),
    # A busy host makes an emulated timer late.
    (r".*(MP-BIOS bug|calibrate against PIT|Spurious LAPIC|APIC calibration|clocksource|TSC|hpet|rcu:|mtrr:|workqueue:).*", None),
]

# Limits that the kernel computes from the free memory at its start: higher, since less is reserved for
# the initramfs.
BY_MEMORY = (r"(?P<key>/dev udev .*size=|.*nr_inodes=|Max (?:processes|pending signals|locked memory) +|"
             r"(?:fs\.epoll\.max_user_watches|fs\.fanotify\.max_user_marks|fs\.inotify\.max_user_watches|"
             r"kernel\.threads-max|net\.ipv4\.(?:inet_peer_threshold|tcp_mem|tcp_rmem|udp_mem)|"
             r"user\.max_\w+|vm\.\w+_kbytes) = )")


def tidy(line):
    for regex, put in NOISE:
        if put is None:
            if re.fullmatch(regex, line):
                return None
        else:
            line = re.sub(regex, put, line)
    if line.startswith("E: DEVLINKS="):
        line = "E: DEVLINKS=" + " ".join(sorted(line[len("E: DEVLINKS="):].split()))
    return line


def survey(g):
    """{section: sorted lines}, noise taken out, once they do not change any more."""
    end = time.monotonic() + 60
    last, now = None, look(g)
    while now != last and time.monotonic() < end:
        last, now = now, look(g)
    return now


def look(g):
    # The boot is recorded once it is up, at no fixed time.
    g.run("udevadm settle; systemctl is-system-running --wait; udevadm settle", 240)
    g.until("test -e /run/warmboot/timeline-recorded && [ $(systemctl show -P SubState warmboot-timeline) = dead ]", 120)
    script = "\n".join(f"echo '=== {name}'; ({command}) 2>&1" for name, command in SURVEY.items())
    got, section = {}, None
    for line in g.out(script, 120).splitlines():
        if line.startswith("=== "):
            section = got.setdefault(line[4:], [])
        elif tidy(line):
            section.append(tidy(line))
    return {name: sorted(lines) for name, lines in got.items()}


def by_memory(lines):
    """Split into lines that are compared as they are, and {key: first number} of the others."""
    same, sized = [], {}
    for line in lines:
        m = re.match(BY_MEMORY + r"(\d+)", line)
        # Half of the memory at its mount; shown if that has changed since (mm/shmem.c, shmem_show_options()).
        line = re.sub(r"^(/tmp tmpfs .*)size=\d+k,", r"\1", line)
        dev = re.match(r"(/dev udev .*)size=(\d+)k,nr_inodes=\d+(.*)", line)
        if dev:
            same.append(dev.group(1) + dev.group(3))
            sized["/dev"] = int(dev.group(2))
        elif m and not line.startswith("/"):
            sized[m.group("key")] = int(m.group(2))
        else:
            same.append(line)
    return same, sized


def jump(g, kernel, initramfs, more=""):
    """Jump to `kernel`, keeping the command line that the guest was started with."""
    times = g.jump(f'warmboot reboot {g.image.release(kernel)} --initramfs={initramfs} '
                   f'--cmdline "$(cat /root/cmdline) {more}"')
    assert times["release"] == g.image.release(kernel)
    return times


def warm_said(g):
    """The line of the warm init in the kernel's log, "" after another initramfs."""
    return g.out("dmesg | sed -n 's/.*warmboot: //p'")


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="7.2", payload=payload, name="warm") as guest:
        # The payload is newer than the image, and than the clock of a saved machine: /usr has no update to wait for.
        # Both ways have to coldplug all devices: the own initrd does so, and systemd after the warm one.
        guest.run(f"rm {COLDPLUG}; umount /opt/wb; touch -r /usr /etc/.updated /var/.updated; "
                  "sed 's/ *$//' /proc/cmdline >/root/cmdline", check=True)
        yield guest


def test_cannot_be_told_apart(g):
    jump(g, "7.2", "own")
    assert warm_said(g) == ""
    own = survey(g)
    jump(g, "7.2", "warm")
    assert re.match(r"root /dev/vda2 \(ext4\) after \d+ ms: 1 modules .*; starting /sbin/init", warm_said(g))
    warm = survey(g)
    assert own.keys() == warm.keys()
    for section in own:
        a, a_sized = by_memory(own[section])
        b, b_sized = by_memory(warm[section])
        assert b == a, section
        assert b_sized.keys() == a_sized.keys()
        for key, value in a_sized.items():
            # Some pages more or less are free at each start, because the kernel's place is random.
            assert value * 0.999 <= b_sized[key] <= value * 1.5 + 16, key


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
    # The drivers of an idle disk controller are more than half of it.
    assert plan["initrd_bytes"] < 4 << 20


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


@pytest.mark.long
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


@pytest.mark.long
def test_a_root_that_is_gone(g):
    """Last in this guest, whose root has another UUID then (byte 1128 of an ext4)."""
    resets, since = len(g.resets), g.console.lines[-1][0]
    g.run(f"warmboot load {g.image.release('6.12')} --initramfs=warm --cmdline \"$(cat /root/cmdline) panic=1\" && "
          "dd if=/dev/zero of=/dev/vda2 bs=1 seek=1128 count=16 conv=notrunc,fsync", 90, check=True)
    g._send("warmboot reboot --now")
    asked, _ = g.expect_console("Linux version", 120, since)
    said, match = g.expect_console(
        r"warmboot: the root UUID=(\S+) did not appear within 30 s;.* block devices:(.*)", 180, since)
    assert match.group(1) == g.image.root_uuid
    assert {"vda", "vda1", "vda2"} <= set(match.group(2).split())
    assert said - asked >= 30
    g._wait(lambda: True if len(g.resets) > resets else None, 60, "firmware reset")


@pytest.mark.parametrize("bus,root,modules,target", [
    # Built into the cloud kernels.
    pytest.param("nvme", "nvme0n1p2", set(), "7.2", marks=pytest.mark.long),
    pytest.param("ide-hd", "sda2", {"libata", "libahci", "ahci", "scsi_common", "scsi_mod", "sd_mod"}, "6.12",
                 marks=pytest.mark.long),
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


@pytest.mark.long
def test_a_copy_of_the_root_is_not_taken_for_it(payload):
    """Two disks on one SCSI bus with equal contents; sysfs lists sdb2 before sda2."""
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
