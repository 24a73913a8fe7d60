# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two commands at once: the second one is refused at once, names the first, and changes nothing.

One guest: a reboot that stands still, the same one killed, and one in its shutdown.
"""
import json
import time

import pytest

from guest import Guest

# The unit tests cover most of it.
pytestmark = pytest.mark.long

CHANGING = ("warmboot reboot newest", "warmboot unload", "warmboot keep test memcached", "warmboot load newest",
            "warmboot keep add cron", "warmboot store put /etc/hostname", "warmboot store wipe", "warmboot kexec -u")
READING = ("warmboot status", "warmboot keep list", "warmboot store status", "warmboot load newest --dry-run",
           "warmboot kexec -l -S; test $? = 0")
# Runs while the shutdown stops everything, each command with its exit code.
IN_SHUTDOWN = "".join(f"{c} >>/root/said 2>&1; echo code $? >>/root/said; " for c in (
    "warmboot unload", "warmboot reboot newest", "warmboot keep test memcached"))
UNIT = f"""
[Unit]
Description=Types commands in a shutdown
After=network.target memcached.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c '{IN_SHUTDOWN}'
"""


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="6.12", payload=payload, name="lock", mem="1536M") as guest:
        guest.run("systemctl start memcached", 60, check=True)
        yield guest


@pytest.fixture(scope="module")
def stopped(g):
    """Start a reboot that stops while it has the lock; return its process."""
    # Its record follows the lock. flock(1) would have the lock for a moment.
    g.run("setsid warmboot reboot newest </dev/null >/root/first 2>&1 & echo $! >/run/first; SECONDS=0; "
          "until grep -qsx \"pid $!\" /run/warmboot/lock; do [ $SECONDS -lt 60 ] || exit 1; done; kill -STOP $!",
          90, check=True)
    return int(g.out("cat /run/first"))


@pytest.mark.parametrize("command", CHANGING)
def test_during_a_reboot_nothing_else_changes_anything(g, stopped, command):
    """Two reboots at once, unload during a reboot, keep test during a reboot, and the others."""
    begin = time.monotonic()
    r = g.run(command)
    assert r.rc == 1
    assert f'warmboot: "warmboot reboot" is at work (process {stopped} of root), since 20' in r.out
    assert time.monotonic() - begin < 30
    assert g.out("cat /sys/kernel/kexec_loaded; ls /etc/warmboot/keep.d 2>/dev/null; true") == "0"


@pytest.mark.parametrize("command", READING)
def test_who_only_reads_needs_no_lock(g, stopped, command):
    g.run(command, check=True)


def test_other_users_are_told_what_they_lack(g, stopped):
    r = g.run("setpriv --reuid=65534 --clear-groups warmboot unload")
    assert r.rc == 1 and "CAP_SYS_BOOT" in r.out


def test_who_is_killed_lets_it_go(g, stopped):
    g.run(f"kill -KILL {stopped}", check=True)
    g.until("flock -n /run/warmboot/lock true")
    g.run("warmboot load newest && warmboot unload", 120, check=True)
    assert g.out("stat -c '%a %U' /run/warmboot/lock") == "600 root"


def test_a_shutdown_keeps_it_until_the_jump(g):
    """The command has ended and its shutdown goes on. The freeze is part of the shutdown and is not refused."""
    g.write_file("/etc/systemd/system/typist.service", UNIT.encode())
    g.run("systemctl daemon-reload && systemctl start typist && warmboot keep add memcached", 60, check=True)
    pid = g.out("systemctl show -P MainPID memcached")
    assert g.jump("warmboot reboot newest", 600)["release"] == g.image.release("7.2")
    said = g.out("cat /root/said").splitlines()
    assert [line for line in said if line.startswith("code")] == ["code 1"] * 3, said
    refusals = [line for line in said if 'a reboot is under way: "warmboot reboot" (process ' in line]
    assert len(refusals) == 3, said
    assert g.out("systemctl show -P MainPID memcached") == pid
    status = json.loads(g.out("warmboot status --json"))
    assert status["last_jump"]["outcome"] == "jumped"
    # A command waits for units of the boot that still have the lock.
    g.run("warmboot load newest && warmboot unload", 120, check=True)
