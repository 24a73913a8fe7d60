# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands on a real machine: their refusals, their jumps, and the status afterwards.

One guest goes through all tests in order, since each jump leaves it fresh.
"""
import json

import pytest

from guest import Guest

NOBODY = "setpriv --reuid=65534 --clear-groups "


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="6.12", payload=payload, name="commands") as guest:
        yield guest


def status(g):
    return json.loads(g.out("warmboot status --json"))


def staged(g):
    return g.out("cat /sys/kernel/kexec_loaded") == "1"


def test_a_fresh_machine_has_nothing_to_tell(g):
    s = status(g)
    assert s["running"] == g.out("uname -r")
    assert s["staged"] is None
    assert s["lockdown"] == "none"
    assert s["load_disabled"] is False
    assert s["blockers"] == []
    assert s["last_jump"]["outcome"] == "none"


def test_list_marks_what_a_plain_reboot_would_boot(g):
    entries = json.loads(g.out("warmboot list --json"))
    assert {"id", "title", "source", "kernel", "initrds", "cmdline", "default"} == set(entries[0])
    assert [e["kernel"] for e in entries if e["default"]] == [f"/boot/vmlinuz-{g.image.release('7.2')}"]


def test_check_and_needed_ask_the_real_machine(g):
    """Each answer has its exit code, and nothing is changed."""
    before = status(g), staged(g)
    r = g.run("warmboot check --json; echo rc $?")
    said, _, code = r.out.rpartition("rc ")
    told = json.loads(said)
    assert told["release"] == g.image.release("7.2") and told["kernel"] == f"/boot/vmlinuz-{told['release']}"
    assert int(code) == {"fine": 0, "note": 0, "warning": 3, "severe": 1}[told["verdict"]], r.out
    assert told["verdict"] != "severe", told
    # A lock as dpkg holds it.
    g.run("python3 -c 'import fcntl, time; f = open(\"/var/lib/dpkg/lock-frontend\", \"w\"); fcntl.lockf(f, 2); "
          "open(\"/run/locked\", \"w\"); time.sleep(1000)' >/dev/null 2>&1 & echo $! >/run/locker", check=True)
    g.until("test -e /run/locked", 20)
    r = g.run("warmboot check")
    assert r.rc == 1 and "severe   packages: a package manager is at work (process " in r.out, r.out
    g.run("mkdir -p /etc/warmboot/check.d && echo packages >/etc/warmboot/check.d/lab.conf")
    r = g.run("warmboot check")
    assert r.rc != 1 and "severe   packages (silenced): " in r.out, r.out
    g.run("rm -r /etc/warmboot/check.d; kill $(cat /run/locker)", check=True)
    # 7.2 is the default entry, and 6.12 runs.
    r = g.run("warmboot needed")
    assert r.rc == 0 and f"The kernel {g.image.release('7.2')} waits" in r.out, r.out
    assert json.loads(g.out("warmboot needed --json"))["waiting"] == g.image.release("7.2")
    assert (status(g), staged(g)) == before


def pair_line(**more):
    """A line of the ledger; its first jump was long ago, by another machine's count."""
    return json.dumps({"pair": {"method": "fast", "verdict": "bad", "phase": "first-line", "cause": "it hangs", "count": 2,
                                "first": "2026-01-01T00:00:00Z", "last": "2026-01-02T00:00:00Z",
                                "origin": "0123456789abcdef", **more}})


def test_pairs_know_this_machine(g):
    """Its kernel by the build id, its class twice the same, and a ledger that comes, goes and is merged once."""
    told = json.loads(g.out("warmboot pairs --json"))
    notes = g.out("od -An -v -tx1 /sys/kernel/notes | tr -d ' \\n'")
    assert told["running"]["build_id"] and f"474e5500{told['running']['id']}" in notes, told["running"]
    assert told["running"]["name"] == g.out("echo $(cat /proc/sys/kernel/osrelease /proc/sys/kernel/version)")
    assert told["machine"] == json.loads(g.out("warmboot pairs --class --json"))
    assert g.out("warmboot pairs --class") == g.out(f"cd /; {NOBODY}warmboot pairs --class"), "the class is not stable"
    plain = told["machine"]["plain"]
    assert plain["vendor"] == g.out("cat /sys/class/dmi/id/sys_vendor") and plain["cpus"]
    assert any(d.endswith(" virtio-pci") for d in plain["devices"]), plain["devices"]
    assert told["pairs"] == []
    line = pair_line(**{"from": told["running"]["id"], "to": "ab" * 20, "class": told["machine"]["hash"]})
    for answer in ("1 new, 0 known better now, 0 with nothing new", "0 new, 0 known better now, 1 with nothing new"):
        assert answer in g.out(f"echo '{line}' | warmboot pairs --import -")
    r = g.run(f"printf '%s\\n{{\\n' '{line}' >/root/theirs; warmboot pairs --import /root/theirs")
    assert r.rc == 1 and "/root/theirs, line 2: it is no JSON; nothing was taken" in r.out, r.out
    assert json.loads(g.out("warmboot pairs --export")) == json.loads(line)
    assert g.out("stat -c '%a %U' /var/lib/warmboot/pairs.jsonl") == "600 root"
    pair = json.loads(g.out("warmboot pairs --json"))["pairs"][0]
    assert (pair["applies"], pair["source"], pair["count"]) == (True, "own", 2)
    assert f"\n* {pair['id']}  bad " in g.out("warmboot pairs")
    g.run(f"warmboot pairs note {pair['id']} 'rack 7'", check=True)
    assert "rack 7" in g.out("warmboot pairs --export --plain") and "rack 7" not in g.out("warmboot pairs --export")
    g.run(f"warmboot pairs forget {pair['id']}", check=True)
    assert g.run("warmboot pairs --export").out == ""
    # A person's file, believed only while it is root's alone.
    g.run("mkdir -p /etc/warmboot/pairs.d; echo '" + pair_line(**{"from": "any", "to": "any", "class": told["machine"]["hash"]})
          + "' >/etc/warmboot/pairs.d/lab.conf", check=True)
    r = g.run("warmboot check; chmod o+w /etc/warmboot/pairs.d/lab.conf; warmboot check; rm -r /etc/warmboot/pairs.d")
    assert "severe   pair: jumps between these two kernels are known to fail" in r.out, r.out
    assert "warning  pair: a file of the ledger of kernel pairs cannot be used" in r.out, r.out


@pytest.mark.parametrize("command,code,sentence", [
    ("warmboot load no-such-entry", 1, "no-such-entry"),
    ("warmboot load --kernel /no/kernel --reuse-cmdline", 1, "cannot read /no/kernel"),
    ("warmboot load --kernel /etc/passwd --reuse-cmdline", 1, "/etc/passwd"),
    ("warmboot load --kernel $(ls /boot/vmlinuz-7*)", 1, "carries no command line"),
    ("warmboot load --kernel $(ls /boot/vmlinuz-7*) --initrd /no/initrd --reuse-cmdline", 1, "/no/initrd"),
    ("warmboot load default --append \"$(head -c 5000 /dev/zero | tr '\\0' x)\"", 1, "command line"),
    ("warmboot reboot --kernel /etc/passwd --reuse-cmdline", 1, "/etc/passwd"),
    ("warmboot load --method=quick", 2, "auto|fast|segments|file"),
    ("warmboot frobnicate", 2, "frobnicate"),
    ("warmboot kexec -p /boot/vmlinuz", 1, "later version"),
    ("warmboot kexec -l $(ls /boot/vmlinuz-7*) --real-mode", 1, "64-bit"),
    ("warmboot kexec -e", 1, "nothing has been loaded"),
    (NOBODY + "warmboot load default", 1, "CAP_SYS_BOOT"),
    (NOBODY + "warmboot reboot", 1, "CAP_SYS_BOOT"),
    (NOBODY + "warmboot unload", 1, "CAP_SYS_BOOT"),
    (NOBODY + "warmboot kexec -e", 1, "CAP_SYS_BOOT"),
])
def test_refusals_change_nothing(g, command, code, sentence):
    r = g.run(command)
    assert r.rc == code
    assert sentence in r.out
    assert not staged(g)


def test_a_plan_needs_no_privilege(g):
    plan = json.loads(g.out(NOBODY + "warmboot load newest --dry-run --json 2>/dev/null"))
    assert plan["staged"] is False
    assert plan["release"] == g.image.release("7.2")
    foreseen = json.loads(g.out(NOBODY + "warmboot reboot newest --dry-run --json 2>/dev/null"))
    assert foreseen["stage"]["release"] == plan["release"] and foreseen["units"] == []
    assert g.run("warmboot reboot newest --json").rc == 2
    assert not staged(g)


def test_load_and_unload(g):
    g.run("warmboot load newest", check=True)
    s = status(g)["staged"]
    assert s["kernel"] == f"/boot/vmlinuz-{g.image.release('7.2')}"
    assert s["method"] in ("fast", "segments")
    assert s["why"]
    g.run("warmboot load /nothing", check=False)
    assert staged(g), "a kernel loaded before must stay when a load fails"
    g.run("warmboot unload", check=True)
    assert status(g)["staged"] is None


def test_an_inhibitor_is_heard(g):
    g.run("systemd-inhibit --what=shutdown --who=tester --why='hold on' --mode=block sleep 1000 "
          ">/dev/null 2>&1 & echo $! >/run/inhibitor", check=True)
    g.until("systemd-inhibit --list | grep -q tester")
    r = g.run("warmboot reboot newest")
    assert r.rc == 1
    assert "tester" in r.out and "hold on" in r.out
    assert not staged(g), "nothing changed"
    g.run("kill $(cat /run/inhibitor)", check=True)


def test_reboot_through_systemd(g):
    jump = g.jump("warmboot reboot newest")
    assert jump["release"] == g.image.release("7.2")
    last = status(g)["last_jump"]
    assert last["outcome"] == "jumped"
    assert last["from"] == g.image.release("6.12")
    assert last["to"] == g.image.release("7.2")
    g.run("warmboot pairs --json >/root/pairs-7.2.json", check=True)


def test_reboot_now_leaves_a_clean_file_system(g):
    g.run("echo precious >/root/precious", check=True)
    jump = g.jump(f"warmboot reboot --now --method=file {g.image.release('6.12')} || "
                  f"warmboot reboot --now --method=file --kernel /boot/vmlinuz-{g.image.release('6.12')} "
                  f"--initrd /boot/initrd.img-{g.image.release('6.12')} --reuse-cmdline")
    assert jump["release"] == g.image.release("6.12")
    assert g.out("cat /root/precious") == "precious"
    assert g.run("dmesg | grep -i 'EXT4-fs.*recover'").rc == 1, "the journal had to be replayed"
    last = status(g)["last_jump"]
    assert (last["outcome"], last["method"]) == ("jumped", "file")


def test_a_bad_pair_is_known_by_the_kernels_file(g):
    """The build id that the file of 7.2 tells is the one that 7.2 has told when it ran."""
    before = json.loads(g.out("cat /root/pairs-7.2.json"))["running"]
    told = json.loads(g.out("warmboot pairs --json"))
    line = pair_line(**{"from": told["running"]["id"], "to": before["id"], "to_name": before["name"],
                        "class": told["machine"]["hash"]})
    r = g.run(f"echo '{line}' | warmboot pairs --import -; warmboot check newest")
    assert r.rc == 1 and "severe   pair: jumps between these two kernels are known to fail" in r.out, r.out
    assert "reached first-line; it hangs" in r.out, r.out
    # Nothing is known of a jump to the kernel that runs.
    assert "pair:" not in g.run(f"warmboot check {told['running']['name'].split()[0]}").out
    g.run("rm /var/lib/warmboot/pairs.jsonl", check=True)


def test_systemctl_kexec_with_our_kexec(g):
    g.run("cp $(command -v warmboot) /usr/sbin/kexec && kexec --version | grep warmboot", check=True)
    assert g.run("kexec -l -S").rc == 0
    g.run("k=$(ls /boot/vmlinuz-7*); /sbin/kexec --load $k --append=\"$(cat /proc/cmdline)\" "
          "--initrd=/boot/initrd.img-${k#/boot/vmlinuz-}", check=True)
    assert g.run("kexec -l -S").rc == 1
    assert g.jump("systemctl kexec")["release"] == g.image.release("7.2")
    assert status(g)["last_jump"]["outcome"] == "jumped"


@pytest.mark.parametrize("option", ["-c", "-s", pytest.param("-c -i", marks=pytest.mark.long), "-a"])
def test_kexec_loads_and_executes(g, option):
    """Only the last of these boots Debian: what counts is that the kernel is entered."""
    words = (f"--reuse-cmdline --append={g.bare()}" if option != "-a" else
             "--command-line=\"$(sed 's/ init=[^ ]*//g' /proc/cmdline)\"")
    g.run(f"k=$(ls /boot/vmlinuz-6*); kexec -l {option} $k {words} "
          "--initrd=/boot/initrd.img-${k#/boot/vmlinuz-}", check=True)
    assert g.jump("sync; kexec -e")["release"] == g.image.release("6.12")


def test_without_a_bus_systemd_is_asked_itself(g):
    g.run("warmboot load newest && systemctl mask --now --runtime dbus.socket dbus.service "
          "systemd-logind.service", check=True)
    # A record that cannot be written does not prevent the jump either.
    g.run("mount --bind /var/lib/warmboot /var/lib/warmboot && mount -o remount,bind,ro /var/lib/warmboot", check=True)
    assert g.jump("warmboot reboot")["release"] == g.image.release("7.2")


def test_a_reboot_through_the_firmware_is_told(g):
    """Also for a jump that systemctl asked for: only a unit records that one was wanted."""
    g.run("warmboot load newest", check=True)
    # systemd-shutdown falls back to the firmware when this fails.
    g.run("ln -sf /bin/false /usr/sbin/kexec", check=True)
    jump = g.jump("systemctl kexec", expect_kexec=False)
    assert jump["kexec"] is False
    last = status(g)["last_jump"]
    assert (last["outcome"], last["to"]) == ("firmware-reboot", g.image.release("7.2"))


def test_a_kernel_that_loads_no_more_says_so(g):
    g.run("sysctl -w kernel.kexec_load_disabled=1", check=True)
    r = g.run("warmboot load newest")
    assert r.rc == 1 and "kexec_load_disabled" in r.out
    s = status(g)
    assert s["load_disabled"] is True
    assert any("kexec_load_disabled" in b for b in s["blockers"])
