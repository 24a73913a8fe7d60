# SPDX-License-Identifier: LGPL-2.1-or-later
"""Refusals of the installed program on a real machine, which change nothing.

A kernel with a parameter of its own is staged first. It stays staged after every refusal, and is entered
in the end.
"""
import pytest

from guest import Guest

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups "
WORD = "precious.word=1"
METHODS = ("auto", "fast", "segments", "file")

# The bomb is Zstandard (RFC 8878, 3.1.1): 32768 blocks that each repeat one byte 128 KiB times.
PREPARE = r"""
set -e
mkdir -p /srv/bad
cd /srv/bad
ln -s /boot/vmlinuz-7* kernel
ln -s /boot/initrd.img-7* initrd
size=$(stat -Lc %s kernel)
head -c $((size / 2)) kernel >truncated
head -c 700 kernel >header
head -c $size /dev/zero >zeroes
cp -L kernel flipped
printf '\252\125\252\125' | dd of=flipped bs=1 seek=$((size / 2)) conv=notrunc status=none
: >empty
head -c 1000 initrd >short
head -c -1000 initrd >cut
truncate -s 3G huge
echo secret >unreadable
chmod 0 unreadable
printf '\002\000\020\000' >blocks
for i in $(seq 15); do cat blocks blocks >twice; mv twice blocks; done
{ printf '\050\265\057\375\000\130'; cat blocks; printf '\003\000\020\000'; } >bomb
"""


def state(g):
    return g.out("cat /sys/kernel/kexec_loaded /proc/sys/kernel/random/boot_id; sha256sum /run/warmboot/staged.json")


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="6.12", payload=payload, name="refusals") as guest:
        guest.run(PREPARE, 120, check=True)
        guest.run(f"warmboot load newest --append {WORD}", check=True)
        guest.before = state(guest)
        assert guest.before.startswith("1\n")
        yield guest


def refused(g, command, sentence, code=1):
    """The exit code, one sentence on standard error, and nothing changed."""
    r = g.run(f"({command}) >/run/stdout 2>/run/stderr; code=$?; cat /run/stderr; exit $code")
    assert r.rc == code, r.out
    # A warning names the check that was overridden.
    lines = [line for line in r.out.splitlines() if not line.startswith("warmboot: room: ")]
    assert sentence in lines[0]
    assert len(lines) == 1 or (code == 2 and lines[1].startswith("See: ")), r.out
    assert state(g) == g.before


def load(kernel="kernel", initrd="initrd", method="auto", more="--cmdline root=/dev/vda2"):
    return f"cd /srv/bad && warmboot load --kernel {kernel} --initrd {initrd} --method={method} {more}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kernel,sentence", [
    ("truncated", "truncated: bzImage is cut short"),
    ("header", "header: bzImage is damaged: its setup code goes past the end"),
    ("zeroes", "zero bytes; get the file again"),
    ("flipped", "flipped: payload: zstd data is damaged at byte"),
    ("empty", "empty: the kernel is an empty file"),
    ("bomb", "bomb: inside zstd: zstd data unpacks to more than"),
    ("huge", "too little memory to read huge"),
    ("missing", "cannot read missing: No such file or directory"),
])
def test_bad_kernel(g, kernel, sentence, method):
    refused(g, load(kernel=kernel, method=method), sentence)


@pytest.mark.parametrize("initrd,sentence", [
    ("missing", "initrd missing does not exist"),
    ("empty", "initrd empty is empty"),
    ("/etc", "cannot read /etc: Is a directory"),
    ("short", "short: initrd is damaged: the cpio header at byte"),
    ("cut", "cut: initrd, byte "),
    ("zeroes", "zeroes: not an initrd: it holds nothing but"),
    ("/etc/passwd", "/etc/passwd: not an initrd: at byte 0 there is \"root:x:0\""),
    ("huge", "too little memory to read huge"),
    ("bomb", "too little memory to unpack the initrd"),
])
def test_bad_initrd(g, initrd, sentence):
    refused(g, load(initrd=initrd), sentence)


def test_unreadable_initrd(g):
    refused(g, NOBODY + "warmboot load --dry-run --kernel /srv/bad/kernel --initrd /srv/bad/unreadable "
            "--cmdline x", "cannot read /srv/bad/unreadable: Permission denied")


@pytest.mark.parametrize("method", METHODS)
def test_long_command_line(g, method):
    refused(g, load(method=method, more="--cmdline \"$(head -c 2100 /dev/zero | tr '\\0' x)\""),
            "bytes long, the kernel takes 2047; shorten it")


def test_unprivileged(g):
    for command in ("load newest", "unload", "reboot", "reboot --now", "kexec -u"):
        refused(g, NOBODY + "warmboot " + command, "the capability CAP_SYS_BOOT; run ")


def test_unknown_and_doubtful_entries(g):
    refused(g, "warmboot load 9.9.9", "no boot entry has the id, title, kernel release or kernel path '9.9.9'; 'warmboot list'")
    g.run("mkdir -p /boot/loader/entries && cd /boot/loader/entries && for i in one two; do printf "
          "'title Twin\\nlinux /boot/vmlinuz-%s\\n' $i >$i.conf; cp -l /srv/bad/truncated /boot/vmlinuz-$i; done",
          check=True)
    refused(g, "warmboot load Twin", "'Twin' fits 2 entries; name one by its id: ")
    g.run("rm -r /boot/loader /boot/vmlinuz-one /boot/vmlinuz-two", check=True)


@pytest.mark.parametrize("command,sentence", [
    ("warmboot load --method=quick", "--method takes one of auto|fast|segments|file, not \"quick\""),
    ("warmboot load --kernel", "--kernel needs an argument"),
    ("warmboot load --initrd /x newest", "--initrd goes with --kernel"),
    ("warmboot load newest --kernel /x", "not both"),
    ("warmboot load newest --cmdline a --reuse-cmdline", "not both"),
    ("warmboot load one two", "\"two\" is one argument too many"),
    ("warmboot unload --fast", "unload knows no option --fast"),
])
def test_wrong_usage(g, command, sentence):
    refused(g, command, sentence, code=2)


def test_crash_kernels_belong_to_a_later_version(g):
    refused(g, "warmboot kexec -p /srv/bad/kernel", "later version")


def test_full_disk_stops_nothing(g):
    """The jump could not be recorded: refused while everything still runs."""
    g.run("mkdir -p /var/lib/warmboot && mount -t tmpfs -o size=4k tmpfs /var/lib/warmboot && "
          "head -c 4096 /dev/zero >/var/lib/warmboot/full", check=True)
    for command in ("warmboot reboot", "warmboot reboot --now"):
        refused(g, command, "KiB are left for the records of the jump")
        refused(g, f"{command} --force-check=room", "/var/lib/warmboot/jump.json: No space left on device")
    assert g.out("systemctl is-system-running") == "running"
    # There is room for that, but none for the record of running units: those started by hand would stay down.
    g.run("mount -o remount,size=16k /var/lib/warmboot", check=True)
    for command in ("warmboot reboot --force-check=room", "warmboot reboot --now --force-check=room"):
        refused(g, command, "/var/lib/warmboot/units.json: No space left on device; make room there and try again")
    assert g.out("ls /var/lib/warmboot | grep json; true") == "", "nothing of the jump stays on record"
    assert g.out("systemctl is-system-running") == "running"
    assert g.out("systemctl list-jobs --no-legend") == ""
    g.run("umount /var/lib/warmboot", check=True)


def test_what_was_staged_first_is_still_what_is_entered(g):
    g.run("sysctl -qw kernel.kexec_load_disabled=1", check=True)
    for command in (load(), "warmboot unload", "warmboot reboot newest"):
        refused(g, command, "kernel.kexec_load_disabled is 1, which holds until the next boot")
    assert g.jump("warmboot reboot --now")["release"] == g.image.release("7.2")
    assert WORD in g.out("cat /proc/cmdline").split()


def test_lockdown(payload):
    """A direct boot brings no firmware keys, so the running kernel trusts the signature of none."""
    with Guest(kernel="6.12", payload=payload, cmdline_extra="lockdown=integrity", name="lockdown") as g:
        assert "[integrity]" in g.out("cat /sys/kernel/security/lockdown")
        for method in ("fast", "segments"):
            r = g.run(f"warmboot load newest --method={method}")
            assert r.rc == 1
            assert "kernel lockdown is in integrity mode, so kexec_load(2) is refused; load a signed kernel with kexec_file_load(2)" in r.out
        r = g.run("warmboot load newest")
        assert r.rc == 1
        assert "signed by a key" in r.out or "does not trust" in r.out, r.out
        assert g.out("cat /sys/kernel/kexec_loaded") == "0"
