# SPDX-License-Identifier: LGPL-2.1-or-later
"""Staging by itself: a plain reboot jumps, the firmware reboot comes back where it is asked for, and nothing stale starts.

One guest goes through all tests in order.
"""
import json
import pathlib

import pytest

from guest import Guest

RECORD = "/run/warmboot/stage-auto.json"
# A lock as dpkg holds it.
LOCKER = ("import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, 2); "
          "open('/run/locked', 'w'); time.sleep(1000)")
UNITS = ("warmboot-stage-auto-shutdown.service warmboot-stage-auto@boot.path warmboot-stage-auto@boot-grub.path "
         "'warmboot-stage-auto@run-warmboot-next\\x2dcmdline.path'")
HOOK = "/etc/kernel/postinst.d/zzz-warmboot"


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="6.12", payload=payload, name="stage-auto", mem="1536M") as guest:
        guest.newest = guest.image.release("7.2")
        # It waits 20 s on a real machine.
        guest.write_file("/etc/systemd/system/warmboot-stage-auto.service.d/soon.conf", b"[Service]\nRestartSec=1\n")
        guest.run("systemctl daemon-reload", check=True)
        yield guest


def stand(g):
    return json.loads(g.out("warmboot stage-auto status --json"))


def loaded(g):
    return g.out("cat /sys/kernel/kexec_loaded") == "1"


def nonce(g):
    return json.loads(g.out(f"cat {RECORD}")).get("nonce")


def wait_state(g, state, timeout=90):
    g.until(f"grep -q '\"state\": \"{state}\"' {RECORD}", timeout)


def wait_idle(g):
    """While the unit runs, the path unit looks at nothing."""
    g.until("test $(systemctl show -P ActiveState warmboot-stage-auto.service) = inactive", 60)


def replace_initrd(g, release):
    """As update-initramfs does it, and then its hook."""
    path = f"/boot/initrd.img-{release}"
    g.run(f"cp {path} {path}.new && mv {path}.new {path} && "
          f"/etc/initramfs/post-update.d/zzz-warmboot {release} {path}", 60, check=True)


def jump_plainly(g, cmd="systemctl reboot"):
    """A reboot as anybody asks for it."""
    t = g.jump(cmd, 240)
    assert t["kexec"] and t["release"] == g.newest
    return t


def test_on_stages_the_default_entry(g):
    nobody = g.run("setpriv --reuid=65534 --clear-groups warmboot stage-auto on")
    assert nobody.rc == 1 and "only root" in nobody.out, nobody.out
    assert g.run("warmboot stage-auto sometimes").rc == 2
    assert not stand(g)["on"] and not loaded(g)
    said = g.out("warmboot stage-auto on", 120)
    assert "is staged and takes" in said and g.newest in said, said
    s = stand(g)
    assert s["on"] and s["state"] == "staged" and s["release"] == g.newest and s["bytes"] > 1 << 20, s
    assert s["outdated"] is None and s["systemd"] >= 257 and "systemctl reboot" in s["jumps"], s
    staged = json.loads(g.out("warmboot status --json"))["staged"]
    assert staged["by_itself"] and staged["bytes"] == s["bytes"] and staged["release"] == g.newest
    assert "staged by itself" in g.out("warmboot status")
    assert g.out(f"systemctl is-active {UNITS}").split() == ["active"] * 4


def test_a_package_stages_anew_when_it_is_done(g):
    first = nonce(g)
    g.run(f"python3 -c \"{LOCKER}\" >/dev/null 2>&1 & echo $! >/run/locker", check=True)
    g.until("test -e /run/locked", 20)
    replace_initrd(g, g.newest)
    wait_state(g, "busy")
    assert "package manager" in g.out("warmboot stage-auto status")
    assert nonce(g) == first and loaded(g)
    # It is out of date now, and would not be jumped to.
    assert "files were changed" in stand(g)["outdated"]
    g.run("kill $(cat /run/locker)", check=True)
    # The unit tries again by itself.
    wait_state(g, "staged")
    assert nonce(g) != first and stand(g)["outdated"] is None
    # The same files again: nothing to do.
    second = nonce(g)
    g.out(f"{HOOK} {g.newest}")
    wait_idle(g)
    assert nonce(g) == second


def test_the_kernel_of_a_person_stays(g):
    g.out("warmboot load 6.12 --initramfs=own || warmboot load $(uname -r) --initramfs=own", 120)
    mine = g.out("sha256sum /run/warmboot/staged.json")
    replace_initrd(g, g.newest)
    wait_state(g, "foreign")
    assert "stays loaded" in g.out("warmboot stage-auto off --once")
    assert loaded(g) and g.out("sha256sum /run/warmboot/staged.json") == mine
    g.out("warmboot unload && warmboot stage-auto on", 120)
    assert stand(g)["state"] == "staged"


def test_a_plain_reboot_jumps(g):
    jump_plainly(g)
    last = json.loads(g.out("warmboot status --json"))["last_jump"]
    assert last["outcome"] == "jumped" and last["to"] == g.newest, last
    # It is staged again by itself.
    wait_state(g, "staged")
    assert loaded(g) and stand(g)["last_shutdown"] is None


def test_a_kernel_that_is_gone_is_never_staged(g):
    g.run(f"mv /boot/vmlinuz-{g.newest} /root/k && /etc/kernel/postrm.d/zzz-warmboot {g.newest}", check=True)
    wait_state(g, "refused")
    assert not loaded(g)
    assert stand(g)["why"]
    wait_idle(g)
    g.run(f"mv /root/k /boot/vmlinuz-{g.newest}", check=True)
    # No hook this time: the path unit sees it.
    wait_state(g, "staged")
    assert loaded(g)


def test_off_once_gives_the_firmware_back(g):
    assert "until the next boot" in g.out("warmboot stage-auto off --once")
    assert not loaded(g) and stand(g)["off_once"]
    assert not g.jump("systemctl reboot", 240, expect_kexec=False)["kexec"]
    s = stand(g)
    assert s["on"] and not s["off_once"]
    wait_state(g, "staged")


@pytest.mark.long
def test_shutdown_r_jumps(g):
    jump_plainly(g, "shutdown -r now")
    wait_state(g, "staged")


@pytest.mark.long
@pytest.mark.parametrize("cmd", ["SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot",
                                 "systemctl start --no-block reboot.target"])
def test_some_reboots_go_through_the_firmware(g, cmd):
    assert loaded(g)
    assert not g.jump(cmd, 240, expect_kexec=False)["kexec"]
    wait_state(g, "staged")


@pytest.mark.long
def test_a_stale_kernel_is_unloaded_at_the_shutdown(g):
    # No run sees the change.
    g.run(f"systemctl stop 'warmboot-stage-auto@*.path' && cd /boot && cp initrd.img-{g.newest} i && "
          f"mv i initrd.img-{g.newest}", 60, check=True)
    assert not g.jump("systemctl reboot", 240, expect_kexec=False)["kexec"]
    assert "files were changed" in stand(g)["last_shutdown"]["firmware"]
    wait_state(g, "staged")


@pytest.mark.long
def test_a_service_is_kept_over_a_plain_reboot(g):
    g.run("systemctl start memcached && warmboot keep add memcached", 120, check=True)
    pid = g.out("systemctl show -P MainPID memcached")
    # logind is told to wait longer, by the run that the new choice starts.
    g.until("grep -q 180 /run/systemd/logind.conf.d/zz-warmboot.conf", 60)
    wait_idle(g)
    assert stand(g)["keeps"]
    jump_plainly(g)
    assert g.kept("memcached.service")["memcached.service"]["how"] == "process"
    assert g.out("systemctl show -P MainPID memcached") == pid
    wait_state(g, "staged")
    assert stand(g)["last_shutdown"] is None


@pytest.mark.long
def test_a_loss_is_told(g):
    """Past logind, nobody can make a service ready."""
    pid = g.out("systemctl show -P MainPID memcached")
    assert g.jump("systemctl start --no-block kexec.target", 240)["kexec"]
    assert "past systemd-logind" in stand(g)["last_shutdown"]["kept_not"]
    assert g.out("systemctl show -P MainPID memcached") != pid
    assert "services were restarted, not kept" in g.out("warmboot stage-auto status")


@pytest.mark.long
def test_off_leaves_nothing(g):
    wait_state(g, "staged")
    g.out("warmboot stage-auto off", 60)
    assert not loaded(g) and not stand(g)["on"]
    assert "\nactive" not in "\n" + g.run(f"systemctl is-active {UNITS}").out
    assert g.out("ls -d /run/systemd/logind.conf.d/zz-warmboot.conf /etc/*/post*.d/*warmboot 2>/dev/null; true") == ""
    assert not g.jump("systemctl reboot", 240, expect_kexec=False)["kexec"]


@pytest.mark.long
def test_systemd_252(payload):
    """Of Debian 12's systemd, `systemctl reboot` is no jump, and nothing is announced."""
    if 'VERSION_ID="12"' not in pathlib.Path("/etc/os-release").read_text():
        pytest.skip("only a program built on Debian 12 is promised to run there")
    with Guest(kernel="oldest", suite="bookworm", payload=payload, name="stage-auto-252") as g:
        assert "is staged and takes" in g.out("warmboot stage-auto on", 120)
        s = stand(g)
        assert s["systemd"] == 252 and "systemctl reboot" in s["firmware"] and not s["keeps"] and s["keeps_not"], s
        assert not g.jump("systemctl reboot", 240, expect_kexec=False)["kexec"]
        for cmd in ("shutdown -r now", "reboot"):
            wait_state(g, "staged")
            assert g.jump(cmd, 240)["kexec"]
