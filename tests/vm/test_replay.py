# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that ran before a jump runs again: started by hand, transient, a user's, masked, isolated.

One guest does all of it in order, since a boot takes the most time.
"""
import json

import pytest

from guest import Guest

UNITS = {
    # In alphabetical order this would be wrong: only the dependencies say that zz comes before aa.
    "wbt-zz.service": "[Service]\nExecStart=/bin/sleep infinity\n",
    "wbt-aa.service": "[Unit]\nAfter=wbt-zz.service\n[Service]\n"
                      "ExecStart=/bin/sh -c 'systemctl is-active wbt-zz >/run/aa-saw; exec sleep infinity'\n",
    # Runs only in the boot that it was written for.
    "wbt-fails.service": "[Service]\nExecStart=/bin/sh -c 'test -e /run/old-boot && exec sleep infinity'\n",
    # Starts in that boot only; and one that never finishes its start in it.
    "wbt-hang.service": "[Service]\nType=notify\nNotifyAccess=all\nTimeoutStartSec=40\nExecStart=/bin/sh -c "
                        "'test -e /run/old-boot && systemd-notify --ready; exec sleep infinity'\n",
    "wbt-slow.service": "[Service]\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n"
                        "ExecStartPre=/bin/sh -c 'test -e /run/old-boot && exec sleep infinity; true'\n",
    "wbt-masked.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "wbt-set.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "wbt-once.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/touch /run/once\n",
    "wbt-over.service": "[Service]\nType=oneshot\nExecStart=/bin/touch /run/over\n",
    "wbt-at-boot.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo x >>/run/at-boot'\n"
                           "[Install]\nWantedBy=multi-user.target\n",
    "wbt-more.service": "[Service]\nExecStart=/bin/sleep infinity\n",
    "wbt-big.target": "[Unit]\nRequires=multi-user.target\nAfter=multi-user.target\nWants=wbt-more.service\n"
                      "AllowIsolate=yes\n",
    "wbt@.socket": "[Socket]\nListenStream=/run/wbt-%i.sock\n",
    "wbt@.service": "[Service]\nExecStart=/bin/sleep infinity\n",
}


@pytest.fixture(scope="module")
def g(payload):
    # Not lean: units that ran, and that the next boot masks, would be reported as missing.
    with Guest(kernel="6.12", payload=payload, name="replay", lean=False) as guest:
        yield guest


def as_user(user):
    return f"runuser -u {user} -- env XDG_RUNTIME_DIR=/run/user/$(id -u {user}) " if user else ""


def active(g, *units, user=""):
    """The units of these that are active."""
    ask = f"{as_user(user)}systemctl {'--user' if user else ''} is-active {' '.join(units)}"
    return {u for u, state in zip(units, g.run(ask).out.split("\n")) if state.strip() == "active"}


def differences(g):
    return json.loads(g.out("warmboot status --json"))["differences"]


def settled(g):
    """Wait until the boot has finished, which includes the replay."""
    g.run("systemctl is-system-running --wait", 240)
    return g.out("systemctl show -P Result,ActiveState warmboot-replay.service; "
                 "journalctl -b -u warmboot-replay.service -o cat --no-pager")


def test_before(g):
    assert differences(g) is None
    for name, text in UNITS.items():
        # A unit file in /etc cannot be masked from /run.
        g.write_file(f"/usr/lib/systemd/system/{name}", text.encode())
    # The image has no libpam-systemd, which sets this for users' managers.
    g.write_file("/etc/systemd/system/user@.service.d/xdg.conf", b"[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n")
    g.run("touch /run/old-boot; useradd -m lin; loginctl enable-linger lin; systemctl daemon-reload; "
          "systemctl enable --now wbt-masked wbt-set wbt-at-boot", check=True)
    g.run("systemctl isolate --no-block wbt-big.target", check=True)
    g.until("systemctl is-active wbt-big.target && ! systemctl list-jobs --no-legend | grep .")
    g.run("systemctl start wbt-aa wbt-zz wbt-fails wbt-hang wbt-once wbt-over wbt@sock.socket; "
          "systemctl start --no-block wbt-slow", check=True)
    g.run("systemctl mask --runtime --now wbt-masked.service", check=True)
    g.run("systemctl set-property --runtime wbt-set.service CPUWeight=77; "
          "mkdir -p /run/systemd/system/wbt-set.service.d; "
          "printf '[Service]\\nEnvironment=RUNTIME=yes\\n' >/run/systemd/system/wbt-set.service.d/env.conf; "
          "systemctl daemon-reload", check=True)
    g.run("systemd-run --unit=wbt-trans -p MemoryMax=50M -p Restart=on-failure "
          "--setenv='SECRET=two words' --description='by hand, 100%' -- /bin/sleep 12345", check=True)
    g.run("systemd-run --unit=wbt-timer --on-active=1h /bin/true", check=True)
    g.run("truncate -s 64M /srv/swapfile && chmod 600 /srv/swapfile && dd if=/dev/zero of=/srv/swapfile bs=1M count=64 "
          "status=none && mkswap -q /srv/swapfile && swapon /srv/swapfile && mkdir -p /srv/ram && "
          "mount -t tmpfs -o size=3m,noexec none /srv/ram", check=True)
    g.until("test -S /run/user/$(id -u lin)/systemd/private")
    g.run(f"{as_user('lin')}systemd-run -q --user --unit=wbt-user --setenv=WHOSE=lin /bin/sleep 54321", 60, check=True)
    want = {"wbt-aa.service", "wbt-zz.service", "wbt-fails.service", "wbt-trans.service", "wbt-timer.timer",
            "wbt-big.target", "wbt-more.service", "wbt-once.service", "wbt-set.service", "wbt@sock.socket",
            "srv-ram.mount", "srv-swapfile.swap"}
    assert active(g, *sorted(want)) == want
    assert g.out("systemctl show -P ActiveState wbt-slow") == "activating"
    assert active(g, "wbt-user.service", user="lin")


def test_all_runs_again(g):
    t = g.jump("warmboot reboot newest", 240)
    assert t["release"] == g.image.release("7.2")
    log = settled(g)
    print(log)
    back = {"wbt-aa.service", "wbt-zz.service", "wbt-trans.service", "wbt-timer.timer", "wbt-big.target",
            "wbt-more.service", "wbt-once.service", "wbt-set.service", "wbt@sock.socket", "srv-ram.mount",
            "srv-swapfile.swap", "wbt-slow.service"}
    assert active(g, *sorted(back)) == back, log
    # Reported as it happened; no user waited for the one that hangs.
    assert "\nstarted: wbt-zz.service\n" in log
    assert 0 < log.index("started: wbt-user.service (user ") < log.index("failed: wbt-hang.service: ")
    assert g.out("cat /run/aa-saw") == "active", "started in the order of the dependencies"


def test_definitions_are_whole(g):
    show = dict(line.split("=", 1) for line in g.out(
        "systemctl show wbt-trans -p MemoryMax,Restart,Environment,Description,FragmentPath,UnitFileState").split("\n"))
    assert show == {"MemoryMax": str(50 << 20), "Restart": "on-failure", "Environment": '"SECRET=two words"',
                    "Description": "by hand, 100%", "UnitFileState": "transient",
                    "FragmentPath": "/run/systemd/transient/wbt-trans.service"}
    pid = g.out("systemctl show -P MainPID wbt-trans")
    assert g.out(f"tr '\\0' ' ' </proc/{pid}/cmdline").strip() == "/bin/sleep 12345"
    assert g.out("systemctl show -P Transient wbt-trans.service wbt-timer.timer srv-ram.mount | sort -u | xargs") == "yes"
    assert not active(g, "warmbootreplay.slice")
    assert "size=3072k" in g.out("findmnt -no OPTIONS /srv/ram")
    assert "noexec" in g.out("findmnt -no OPTIONS /srv/ram")


def test_masks_and_settings_held_from_the_beginning(g):
    assert g.out("systemctl is-enabled wbt-masked.service; true") == "masked-runtime"
    assert not active(g, "wbt-masked.service")
    assert g.out("journalctl -b -u wbt-masked.service -o cat --no-pager | grep -c Started; true") == "0"
    assert g.out("systemctl show -P CPUWeight wbt-set") == "77"
    pid = g.out("systemctl show -P MainPID wbt-set")
    assert "RUNTIME=yes" in g.out(f"tr '\\0' '\\n' </proc/{pid}/environ"), "set before it started"
    assert g.out("ls /run/systemd/generator/*.d/env.conf 2>/dev/null | wc -l") == "0", "in its own place now"


def test_what_was_over_is_not_repeated(g):
    assert g.run("test -e /run/over").rc == 1
    assert g.out("cat /run/at-boot") == "x"


def test_a_lingering_users_units_run_again(g):
    assert active(g, "wbt-user.service", user="lin")
    pid = g.out(f"{as_user('lin')}systemctl --user show -P MainPID wbt-user")
    assert "WHOSE=lin" in g.out(f"tr '\\0' '\\n' </proc/{pid}/environ")
    assert g.out(f"stat -c %U /proc/{pid}") == "lin"
    assert g.out("stat -c %U /run/user/$(id -u lin)/systemd/transient/wbt-user.service") == "lin"


def test_status_tells_what_is_missing(g):
    d = differences(g)
    missing = {m["unit"]: m for m in d["missing"]}
    assert set(missing) == {"wbt-fails.service", "wbt-hang.service"}, d
    assert missing["wbt-fails.service"]["user"] is None
    assert missing["wbt-fails.service"]["why"]
    again = {(m["unit"], m["user"]) for m in d["restarted"]}
    uid = int(g.out("id -u lin"))
    assert {("wbt-trans.service", None), ("wbt-zz.service", None), ("wbt-user.service", uid)} <= again
    assert d["new"] == [], d
    assert d["warnings"] == []
    text = g.out("warmboot status")
    assert "missing: wbt-fails.service: " in text
    g.run("systemctl stop wbt-zz.service", check=True)
    assert "wbt-zz.service" in {m["unit"] for m in differences(g)["missing"]}, "it looks at what runs now"
    assert g.out("stat -c '%a %U' /var/lib/warmboot/units.json") == "600 root"
    assert g.out("stat -c '%a %U' /var/lib/warmboot/units.d") == "700 root"
    assert g.out(f"stat -c '%a %U' /var/lib/warmboot/units.d/{uid}-*.json | sort -u") == "600 root"


def test_a_second_time_in_this_boot_does_nothing(g):
    assert "already" in g.out("warmboot replay start")
    assert not active(g, "wbt-zz.service")
    g.run("warmboot replay start --force", check=True)
    assert active(g, "wbt-zz.service")


def test_a_second_jump_at_once_brings_it_all_back(g):
    g.run("systemd-run --unit=wbt-ends /bin/sleep infinity", check=True)
    t = g.jump(f"warmboot reboot --now {g.image.release('6.12')}", 240)
    assert t["release"] == g.image.release("6.12")
    log = settled(g)
    back = {"wbt-aa.service", "wbt-zz.service", "wbt-trans.service", "wbt-timer.timer", "wbt-big.target",
            "wbt-set.service", "wbt-ends.service", "srv-ram.mount"}
    assert active(g, *sorted(back)) == back, log
    assert active(g, "wbt-user.service", user="lin"), log
    assert g.out("systemctl is-enabled wbt-masked.service; true") == "masked-runtime"
    assert differences(g)["missing"] == [], "what failed after the first jump had not run before the second"


def test_a_transient_unit_goes_when_it_ends(g):
    g.run("systemctl stop wbt-ends.service && systemd-run --unit=wbt-ends /bin/true", check=True)
    user = as_user("lin")
    g.run(f"{user} systemctl --user stop wbt-user && {user} systemd-run -q --user --unit=wbt-user /bin/true", check=True)


@pytest.mark.long
def test_a_reboot_through_the_firmware_replays_nothing(g):
    g.jump("systemctl reboot", 240, expect_kexec=False)
    log = settled(g)
    assert not active(g, "wbt-zz.service", "wbt-trans.service", "wbt-more.service", "wbt-timer.timer"), log
    assert differences(g) is None
    assert g.run("test -e /run/systemd/transient/wbt-trans.service").rc == 1
