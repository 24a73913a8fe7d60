# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guarded jump, on machines that their firmware and their boot loader start: what a failure ends in.

The boot loader's default is the newest kernel, the one that is tried. The machine runs the older one before.
"""
import contextlib
import json
import tempfile

import pytest

from guest import Guest

# The disk's own boot loader. Each script ends with the older kernel as the next one that starts, once.
GRUB = """
sed -i 's/set timeout=5/set timeout=0/' /boot/grub/grub.cfg
grub-reboot 'gnulinux-advanced-{root}>gnulinux-{old}-advanced-{root}'
"""
LOADERS = {
    "bios-grub": ("bios", "grub-install --target=i386-pc /dev/vda\n" + GRUB),
    "uefi-grub": ("uefi", "mkdir -p /boot/efi && mount /dev/vda1 /boot/efi && grub-install --target=x86_64-efi "
                  "--efi-directory=/boot/efi --removable --no-nvram && echo 'UUID='$(blkid -s UUID -o value /dev/vda1) "
                  "/boot/efi vfat umask=0077 0 1 >>/etc/fstab\n" + GRUB),
    "uefi-systemd-boot": ("uefi", """
mkdir -p /efi && mount /dev/vda1 /efi && bootctl install --no-variables --esp-path=/efi
echo 'UUID='$(blkid -s UUID -o value /dev/vda1) /efi vfat umask=0077 0 1 >>/etc/fstab
mkdir -p /efi/loader/entries
for v in {old} {new}; do
    cp /boot/vmlinuz-$v /boot/initrd.img-$v /efi/
    printf 'title Debian %s\\nversion %s\\nlinux /vmlinuz-%s\\ninitrd /initrd.img-%s\\noptions %s\\n' \
        $v $v $v $v "{cmdline}" >/efi/loader/entries/debian-$v.conf
done
printf 'timeout 0\\ndefault debian-{old}.conf\\n' >/efi/loader/loader.conf
rm -f /boot/grub/grub.cfg
"""),
}


@contextlib.contextmanager
def machine(loader, payload):
    """A guest that runs the older kernel, started by its boot loader."""
    firmware, install = LOADERS[loader]
    with tempfile.TemporaryDirectory(prefix="wb-disk.") as place:
        kernel = {"kernel": "6.12", "suite": "trixie-boot", "firmware": firmware, "own_disk": place}
        with Guest(name=f"guard-{loader}-install", **kernel) as g:
            words = {"root": g.image.root_uuid, "old": g.image.release("6.12"), "new": g.image.release("7.2"),
                     "cmdline": g.cmdline.partition(" ")[2]}
            g.run("set -e\n" + install.format(**words) + "\nsync", 240, check=True)
            g.quit()
        with Guest(name=f"guard-{loader}", direct=False, payload=payload, **kernel) as g:
            assert g.out("uname -r") == words["old"]
            if loader == "uefi-systemd-boot":
                # From here on the new kernel is the default.
                g.run("sed -i 's/^default.*/default debian-{new}.conf/' /efi/loader/loader.conf".format(**words),
                      check=True)
            yield g


def status(g):
    return json.loads(g.out("warmboot status --json"))


def judged(g):
    """The verdict of the gate, once there is one, and the exit code that tells it."""
    r = g.run("warmboot status --wait --json 2>/dev/null", 240)
    return json.loads(r.out)["trial"], r.rc


def pinned(g):
    """The kernel that the boot loader would start."""
    return [e["kernel"] for e in json.loads(g.out("warmboot list --json")) if e["default"]]


def dies_before_user_space(g, new):
    """The init ends: the new kernel panics, and the firmware starts the kernel from before."""
    old = g.out("uname -r")
    resets = len(g.resets)
    g.jump(f"warmboot reboot --guard=require --append init=/bin/false {new}", 300, expect_kexec=False)
    assert len(g.resets) > resets
    g.expect_console("Kernel panic - not syncing", 1)
    assert g.out("uname -r") == old
    trial, rc = judged(g)
    assert rc == 1 and trial["verdict"] == "bad", trial
    assert trial["phase"] == "before the new kernel's user space", trial
    assert trial["done"] == f"the firmware started {old}, the kernel from before, to which it was pinned"
    assert trial["from"] == old and trial["to"] == new
    assert new in pinned(g)[0], pinned(g)


def is_good(g, new):
    g.jump(f"warmboot reboot --guard=require {new}", 300)
    assert g.out("uname -r") == new
    trial, rc = judged(g)
    assert rc == 0 and trial["verdict"] == "good", trial
    assert new in pinned(g)[0], pinned(g)
    assert 'warmboot_trial_verdict{verdict="good"} 1' in g.out("warmboot timeline --prometheus")
    pairs = json.loads(g.out("warmboot pairs --json"))
    assert "good" in json.dumps(pairs) and new in json.dumps(pairs), pairs
    assert g.run("test -e /run/warmboot/gate-passed").rc == 0
    g.until("! test -e /var/lib/warmboot/trial-runs")
    # The words for a panic were for the trial.
    assert "panic=11 oops=panic" in g.out("cat /proc/cmdline")
    assert g.out("cat /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops").split() == ["0", "0"]


def test_a_panic_a_good_kernel_and_a_failed_gate(payload):
    with machine("bios-grub", payload) as g:
        old, new = g.image.release("6.12"), g.image.release("7.2")
        said = json.loads(g.out(f"warmboot reboot --dry-run --json --guard=auto {new} 2>/dev/null", 120))["guard"]
        assert said["loader"] == "grub" and old in said["back"] and said["panic"], said
        # A dry run pins nothing.
        assert new in pinned(g)[0]
        dies_before_user_space(g, new)
        is_good(g, new)
        # A check that fails: the gate jumps back.
        g.run("mkdir -p /etc/warmboot/gate.d && printf '#!/bin/sh\\necho no page; [ $(uname -r) = " + new +
              " ]\\n' >/etc/warmboot/gate.d/10-page && chmod 755 /etc/warmboot/gate.d/10-page && "
              "echo OnBad=jump-back >/etc/warmboot/guard.conf", check=True)
        boots = g.boot_id
        g.jump(f"warmboot reboot --guard=auto {old}", 300)
        assert g.out("uname -r") == old
        g.wait_ready(240, not_boot_id=g.boot_id)
        assert g.boot_id != boots and g.out("uname -r") == new
        trial, rc = judged(g)
        assert rc == 1 and trial["verdict"] == "bad" and "10-page failed: no page" in trial["why"], trial
        assert trial["phase"] == "user space" and "jumped back" in trial["done"], trial
        assert status(g)["last_jump"]["outcome"] == "jumped"


@pytest.mark.long
@pytest.mark.parametrize("loader", ["uefi-grub", "uefi-systemd-boot"])
def test_other_firmware_and_loader(loader, payload):
    with machine(loader, payload) as g:
        new = g.image.release("7.2")
        dies_before_user_space(g, new)
        is_good(g, new)


@pytest.mark.long
def test_a_person_decides(payload):
    """Confirm and fall back by hand; a pin that cannot be set; two jumps in a trial."""
    with machine("bios-grub", payload) as g:
        old, new = g.image.release("6.12"), g.image.release("7.2")
        # GRUB's environment cannot be written: refused if the guard must be whole, and said otherwise.
        g.run("mv /boot/grub/grubenv /boot/grub/grubenv.away", check=True)
        r = g.run(f"warmboot reboot --guard=require {new}", 120)
        assert r.rc == 1 and "grubenv does not exist" in r.out, r.out
        g.run("mv /boot/grub/grubenv.away /boot/grub/grubenv", check=True)
        g.jump(f"warmboot reboot --confirm=manual {new}", 300)
        g.until("warmboot status | grep -q 'waits for'")
        assert old in pinned(g)[0]
        # A second jump in the trial: the pin still leads to the kernel that was proven.
        said = json.loads(g.out(f"warmboot reboot --dry-run --json --guard=auto {new} 2>/dev/null", 120))["guard"]
        assert old in said["back"], said
        assert g.run("warmboot confirm").rc == 0
        trial, rc = judged(g)
        assert rc == 0 and trial["why"] == "a person confirmed it"
        assert new in pinned(g)[0]
        # Confirmed twice does no harm; the next one is sent away.
        g.jump(f"warmboot reboot --confirm=manual {old}", 300)
        g.until("warmboot status | grep -q 'waits for'")
        g.jump("warmboot fall-back", 300)
        assert g.out("uname -r") == new
        trial, rc = judged(g)
        assert rc == 1 and trial["why"] == "a person sent it away", trial
        assert new in pinned(g)[0]
