# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hardware watchdog over the whole jump: what hangs is reset in time, and what is healthy never."""
import json
import time

import pytest

from guest import Guest, Image

ESB = ["-device", "i6300esb", "-action", "watchdog=reset"]
Q35 = ["-machine", "q35", "-action", "watchdog=reset"]
PASSED = "test -e /run/warmboot/gate-passed"
# Seconds from the last line of the old kernel until purgatory arms, and the emulator's own delay.
SLACK = 15


def make_hung_kernel(g, release):
    """A stock kernel whose 64-bit entry does nothing for ever: hlt; jmp."""
    g.run(f"cp /boot/vmlinuz-{release} /root/hung && n=$(od -An -tu1 -j497 -N1 /root/hung) && "
          "printf '\\364\\353\\375' | dd of=/root/hung bs=1 seek=$(((n + 1) * 512 + 512)) conv=notrunc", check=True)


def lock_register(g):
    """Of the i6300esb: 0 stopped, 2 it counts, 3 it counts and is locked."""
    return int(g.out("d=$(grep -l 0x25ab /sys/bus/pci/devices/*/device); od -An -tu1 -j104 -N1 ${d%device}config"))


def guarded(g, options, target="7.2"):
    """Jump with a guard to a system that comes up, and wait until nothing guards it any more."""
    bites = len(g.bites)
    t = g.jump(f"warmboot reboot --now --guard=require {options} {g.image.release(target)}")
    assert t["kexec"]
    g.until(PASSED, 120)
    g.until("! grep -q ^fed /run/warmboot/watchdog")
    assert len(g.bites) == bites
    return json.loads(g.out("warmboot status --json"))["last_jump"]


def bitten(g, command, seconds, timeout=120, at_line=None):
    """Run a command whose next system hangs; the seconds from the jump to the reset."""
    begin = time.monotonic()
    g.start(command)
    jumped, _ = g.expect_console("kexec(_core)?: Starting new kernel", 90, begin)
    if at_line:
        line, _ = g.expect_console(at_line, 60, jumped)
        g.starve_disk()
        print(f"first line after {line - jumped:.1f} s")
    took = g.wait_bite(timeout) - jumped
    print(f"reset {took:.1f} s after the jump, the watchdog was set to {seconds} s")
    return took


def test_i6300esb(payload):
    """One healthy jump, and one into a kernel that hangs before its first line."""
    image = Image.get()
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog") as g:
        dry = json.loads(g.out(f"warmboot reboot --dry-run --json --watchdog=45 {image.release('7.2')} 2>/dev/null", 120))
        want = {"watchdog": "i6300esb", "why": None, "asked_s": 45, "seconds": 45, "trial_s": 660, "given": False}
        assert {k: dry["guard"][k] for k in want} == want, dry["guard"]
        assert lock_register(g) == 0
        last = guarded(g, "--watchdog=60")
        assert last["outcome"] == "jumped", last
        assert last["guard"].startswith("the watchdog i6300esb (0000:00:"), last
        assert last["guard_state"] == "it was stopped when user space was up", last
        assert lock_register(g) == 0
        make_hung_kernel(g, image.release("7.2"))
        took = bitten(g, "warmboot reboot --now --watchdog=15 --kernel=/root/hung --method=segments --reuse-cmdline", 15)
        assert 14 < took < 15 + SLACK


@pytest.mark.long
def test_i6300esb_bites_a_hung_initramfs(payload):
    """The next kernel finds its disk, and reading it hangs: the init feeds nothing meanwhile."""
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-initramfs") as g:
        took = bitten(g, f"warmboot reboot --now --watchdog=20 {g.image.release('7.2')}", 20, at_line="Linux version")
        assert 19 < took < 2 * 20 + SLACK


@pytest.mark.long
def test_i6300esb_bites_a_user_space_that_does_not_come_up(payload):
    """A unit of the boot never ends: after the trial nothing feeds the watchdog."""
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-user-space") as g:
        g.write_file("/etc/systemd/system/endless.service", b"[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n"
                     b"TimeoutStartSec=infinity\n[Install]\nWantedBy=multi-user.target\n")
        g.run("systemctl enable endless", check=True)
        took = bitten(g, f"warmboot reboot --now --watchdog=15 --trial=60 {g.image.release('7.2')}", 15, 240)
        assert 60 + 14 < took < 60 + 15 + 3 * SLACK
        assert any("the system has not come up in time" in line for _, line in g.console.lines)


@pytest.mark.long
def test_i6300esb_goes_to_pid_1(payload):
    """systemd uses a watchdog by itself (RuntimeWatchdogSec=): before the jump, and again after the trial."""
    ping = "busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-pid1") as g:
        g.run("modprobe i6300esb && mkdir -p /etc/systemd/system.conf.d && "
              "printf '[Manager]\nRuntimeWatchdogSec=20s\n' >/etc/systemd/system.conf.d/dog.conf && "
              "systemctl daemon-reexec", check=True)
        g.until("test $(cat /sys/class/watchdog/watchdog0/state) = active")
        last = guarded(g, "--watchdog=60")
        assert last["guard_state"] == "PID 1 got it when user space was up", last
        assert "then PID 1 gets it" in last["guard"], last
        assert g.out("cat /sys/class/watchdog/watchdog0/state") == "active"
        first = g.out(f"{ping} WatchdogLastPingTimestamp")
        g.until(f"test \"$({ping} WatchdogLastPingTimestamp)\" != '{first}'", 40)
        assert not g.bites


@pytest.mark.long
def test_device_that_the_kernel_does_not_stop(payload):
    """Loaded by kexec_file_load, with the running kernel's own purgatory: PID 1 arms the device in the shutdown."""
    runs_on = ("modprobe -r i6300esb && modprobe -r watchdog && modprobe watchdog stop_on_reboot=0 && "
               "modprobe i6300esb && grep -qx 0 /sys/module/watchdog/parameters/stop_on_reboot")
    image = Image.get()
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-driver") as g:
        r = g.run(f"warmboot reboot --dry-run --guard=auto --method=file {image.release('7.2')}", 120)
        assert r.rc == 0 and "because it was not started with watchdog.stop_on_reboot=0" in r.out, r.out
        g.run(runs_on, check=True)
        t = g.jump(f"warmboot reboot --guard=require --watchdog=60 --method=file {image.release('7.2')}")
        assert t["kexec"]
        g.until(PASSED, 120)
        g.until("! grep -q ^fed /run/warmboot/watchdog")
        last = json.loads(g.out("warmboot status --json"))["last_jump"]
        assert "from the end of the shutdown until user space is up" in last["guard"], last
        assert last["guard_state"] == "it was stopped when user space was up", last
        assert lock_register(g) == 0 and not g.bites
        g.run(runs_on, check=True)
        make_hung_kernel(g, image.release("7.2"))
        took = bitten(g, "warmboot reboot --watchdog=30 --kernel=/root/hung --method=file --reuse-cmdline", 30)
        assert 15 < took < 30 + SLACK


@pytest.mark.long
def test_healthy_systems_are_never_bitten(payload):
    """Twenty jumps in a row, to and fro."""
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-healthy") as g:
        for n in range(20):
            guarded(g, "--watchdog=60", "7.2" if n % 2 == 0 else "6.12")
            assert lock_register(g) == 0
        assert not g.bites and not g.resets


@pytest.mark.long
def test_itco(payload):
    """Debian's cloud kernel has no driver for it: the init stops it by its registers."""
    image = Image.get()
    with Guest(kernel="6.12", payload=payload, hardware=Q35, name="dog-itco") as g:
        t = g.jump(f"warmboot reboot --now --guard=require --watchdog=30 {image.release('7.2')}")
        assert t["kexec"]
        last = json.loads(g.out("warmboot status --json"))["last_jump"]
        assert "the watchdog itco (0000:00:1f.0)" in last["guard"] and "until the init" in last["guard"], last
        assert last["guard_state"] == "it was stopped before the init of the root started", last
        time.sleep(40)  # it would have bitten by now
        assert not g.bites
        make_hung_kernel(g, image.release("7.2"))
        took = bitten(g, "warmboot reboot --now --watchdog=24 --kernel=/root/hung --method=segments --reuse-cmdline", 24)
        assert 23 < took < 24 + SLACK


@pytest.mark.long
def test_what_cannot_be_guarded_is_told(payload):
    """No watchdog, the wrong method, an initramfs that does not take it over, and times that make no sense."""
    with Guest(kernel="6.12", payload=payload, name="no-dog") as g:
        release = g.image.release("7.2")
        r = g.run(f"warmboot reboot --dry-run --guard=auto {release}", 120)
        assert r.rc == 0 and "no watchdog guards this jump: this machine has no watchdog" in r.out, r.out
        r = g.run(f"warmboot reboot --guard=require --watchdog=60 {release}", 120)
        assert r.rc == 1 and "no watchdog can guard this jump: this machine has no watchdog" in r.out, r.out
        for options, says in (("--watchdog=soon", "no number of seconds"), ("--guard=off --trial=60", "goes with neither"),
                              ("--guard=maybe", "auto|off|require")):
            r = g.run(f"warmboot reboot --dry-run {options}")
            assert r.rc == 2 and says in r.out, r.out
    with Guest(kernel="6.12", payload=payload, hardware=ESB, name="dog-refusals") as g:
        release = g.image.release("7.2")
        for options, says in (("--method=file", "brings its own code between the two kernels"),
                              ("--method=file --now", "in an orderly shutdown of systemd only"),
                              ("--initramfs=own", "only the warm initramfs takes a watchdog over"),
                              ("--watchdog=3000", "takes 1 to 2046 s, not 3000")):
            r = g.run(f"warmboot reboot --dry-run --guard=require --watchdog=60 {options} {release}", 120)
            assert r.rc == 1 and says in r.out, r.out
            r = g.run(f"warmboot reboot --dry-run --guard=auto {options} {release}", 120)
            assert r.rc == 0 and "no watchdog guards this jump" in r.out and says in r.out, r.out
        r = g.run(f"warmboot reboot --dry-run --watchdog=5 {release}")
        assert r.rc == 1 and "would bite while the next kernel starts" in r.out, r.out
        assert g.run("test -e /sys/kernel/kexec_loaded && grep -q 0 /sys/kernel/kexec_loaded").rc == 0
