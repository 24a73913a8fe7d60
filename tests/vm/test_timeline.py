# SPDX-License-Identifier: LGPL-2.1-or-later
"""One jump: its timeline is compared with the host's times of console lines."""
import json
import pathlib
import sys
import time

import pytest

from clock import STEP, Clock, Tie
from guest import Guest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from timeline_check import check_metrics, check_picture, check_schema, check_whole  # noqa: E402

RECORDED = "test -e /run/warmboot/timeline-recorded"
# Seconds between two looks at a clock, so that its rate has a small error.
SPAN = 5


def timeline(g, boot="0"):
    value = json.loads(g.out(f"warmboot timeline {boot} --json"))
    check_schema(value)
    check_whole(value)
    return value


def end_of(value, name):
    """The end of a phase, in seconds from the request."""
    p = next(p for p in value["phases"] if p["name"] == name)
    return p["start_s"] + p["duration_s"]


class Host:
    """The jump on the host's clock: from the clocks of both kernels, and from lines of the console."""

    def __init__(self, g, old, new, since, request):
        self.old, self.new = old, new
        self.request = old.host(request)
        self.finish = new.host(int(g.out("systemctl show -P FinishTimestampMonotonic")) / 1e6)
        self.whole = self.finish - self.request
        lines = {"asked": "WB-REQUEST", "last": "Starting new kernel", "first": "Linux version",
                 "init": r"Run /init as init process"}
        self.lines = {name: next(g.console.search(regex, since))[0] for name, regex in lines.items()}

    def table(self, value):
        """All readings beside the timeline, for the message of a failure."""
        rows = [(at - self.request, f"the console's line \"{name}\"") for name, at in self.lines.items()]
        rows += [(0, "the request, by the old kernel's clock"), (self.whole, "the finish, by the new kernel's clock")]
        rows += [(p["start_s"] + p["duration_s"],
                  f"warmboot: end of {p['name']} (+- {p['error_s']:.3f} s; {p['source']})") for p in value["phases"]]
        return "\n".join([f"old kernel: {self.old}", f"new kernel: {self.new}",
                          f"host {self.whole:.3f} s, warmboot {value['total_s']:.3f} s; seconds from the request:",
                          *(f"{at:9.3f} {what}" for at, what in sorted(rows))])


@pytest.fixture(scope="module")
def jumped(payload):
    """A guest with a recorded cold boot, a jump with --trace and its record; host times."""
    with Guest(kernel="6.12", payload=payload, name="timeline") as g:
        first = Tie.take(g)
        # The payload came after this boot's own units were started.
        g.run("systemctl daemon-reload; systemctl start warmboot-timeline.service", 60, check=True)
        g.until(RECORDED, 180)
        # Run the shutdown hook once outside of a shutdown, to measure what all marks together add to the gap.
        cost = g.out("a=$(date +%s%N); for i in 1 2 3 4 5 6 7 8 9 10; do warmboot mark last || exit; done; "
                     "echo $(($(date +%s%N) - a))")
        target = g.image.release("7.2")
        old = Clock(first, Tie.take(g))
        since = len(g.console.lines)
        # Only the shell's own output comes before the program's.
        g.jump("read -r up _ </proc/uptime; printf '\\nWB-REQUEST %s\\n' $up >/dev/console; "
               f"exec warmboot reboot {target} --trace")
        first = Tie.take(g)
        g.until(RECORDED, 180)
        time.sleep(max(0.0, first.host + SPAN - time.monotonic()))
        request = float(next(g.console.search(r"WB-REQUEST (\S+)", since))[1].group(1)) + STEP / 2
        yield g, Host(g, old, Clock(first, Tie.take(g)), since, request), int(cost) / 10 / 1e9


def test_agrees_with_the_host(jumped):
    g, host, _ = jumped
    value = timeline(g)
    table = host.table(value)
    print(g.out("warmboot timeline"), table, sep="\n")
    assert value["kind"] == "warm" and value["outcome"] == "jumped" and value["method"] == "fast"
    assert value["from"].startswith("6.12") and value["to"] == g.image.release("7.2")
    # The length of a kernel's second is not the timeline's fault, within limits.
    rate = host.new.rate
    assert 0.7 < rate < 1.3 and 0.7 < host.old.rate < 1.3, table
    # The ties must be precise enough for the comparison.
    assert host.old.error() + host.new.error() < 0.01 * host.whole, table
    assert abs(value["total_s"] / rate - host.whole) <= 0.01 * host.whole, table
    # The borders in between: each by a line of the console, whose last characters take time.
    at = {name: (t - host.request) * rate for name, t in host.lines.items()}
    assert abs(end_of(value, "kernel") - at["init"]) < 0.5, table
    assert end_of(value, "purgatory") < at["first"] + 0.5, table
    assert at["last"] < end_of(value, "segment copy") + 0.5, table
    assert {p["name"] for p in value["phases"]} - {"late jobs"} == {
        "staging", "stop units", "unmount", "device shutdown", "segment copy", "purgatory", "kernel entry", "kernel",
        "initramfs", "user space"}, table
    assert max(p["error_s"] for p in value["phases"]) < 0.05 * value["total_s"], table


def test_looks_into_the_kernel(jumped):
    g, _, _ = jumped
    kernel = timeline(g)["kernel"]
    assert {p["name"] for p in kernel["parts"]} == {
        "SMP bring-up", "struct pages", "ACPI", "PCI", "crypto self-tests", "initrd unpacking",
        "initramfs: modules", "initramfs: root device", "initramfs: mount"}
    assert len(kernel["initcalls"]) == 10 and kernel["cpus"] == 2
    # For one jump only: the next kernel does not inherit the parameters.
    assert "initcall_debug" in g.out("cat /proc/cmdline")
    plan = json.loads(g.out(f"warmboot load {g.image.release('7.2')} --reuse-cmdline --dry-run --json 2>/dev/null", 120))
    assert "initcall_debug" not in plan["cmdline"] and "log_buf_len" not in plan["cmdline"]


def test_units_are_named(jumped):
    g, _, _ = jumped
    value = timeline(g)
    shell = next(u for u in value["units"] if u["unit"] == "wb-shell.service")
    assert shell["how"] == "restart" and 0 < shell["silent_s"] < value["total_s"]
    assert any(s["unit"] == "wb-shell.service" for s in value["stops"])


def test_marks_cost_little(jumped):
    """Only the hook adds time to the gap."""
    g, _, mark_s = jumped
    value = timeline(g)
    print(f"one mark: {mark_s * 1000:.0f} ms of {value['gap_s']:.2f} s")
    assert mark_s <= 0.01 * value["gap_s"]


def test_pictures_and_metrics(jumped):
    g, _, _ = jumped
    value = timeline(g)
    g.run("warmboot timeline --svg /tmp/t.svg --html /tmp/t.html --compare 1", check=True)
    assert check_picture(g.read_file("/tmp/t.svg").decode()) > len(value["phases"])
    assert "warmboot_boot_phase_seconds" in check_metrics(g.run("warmboot timeline --prometheus", check=True).out)
    lines = g.out("warmboot timeline; warmboot timeline --compare 1; warmboot history").splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert any("difference" in line for line in lines)


def test_advice_is_for_the_next_jump(jumped):
    g, _, _ = jumped
    told = json.loads(g.out("warmboot timeline advise --json"))
    assert told["traced"] and told["boot"] == timeline(g)["boot"]
    savings = [a["saving_s"] for a in told["advice"]]
    assert savings == sorted(savings, reverse=True)
    assert all(0.01 <= a["saving_s"] <= a["cost_s"] and a["measured"] and a["setting"] and a["risk"]
               for a in told["advice"]), told
    words = [a["words"] for a in told["advice"] if a["words"]]
    # The guest's log goes to a serial port, which takes its time even when it is emulated.
    assert "quiet" in words
    print(g.out("warmboot timeline advise"))
    g.run("warmboot timeline advise --apply", check=True)
    plan = f"warmboot load {g.image.release('7.2')} --append last --dry-run --json 2>/dev/null"
    cmdline = json.loads(g.out(plan, 120))["cmdline"].split()
    assert cmdline[cmdline.index("last"):][1:1 + len(words)] == " ".join(words).split()
    g.run("warmboot timeline --unapply", check=True)
    assert "nothing was applied" in g.out("warmboot timeline --unapply")
    assert "quiet" not in json.loads(g.out(plan, 120))["cmdline"].split()
    assert g.run("warmboot timeline 0 --apply").rc == 2


def test_a_probe_marks_the_first_answer(jumped):
    """At first nothing listens; the mark is not older than the listener."""
    g, _, _ = jumped
    g.write_file("/etc/warmboot/keep.d/slow.service.conf", b"How=restart\nProbe=tcp:7777\n")
    g.run("(until test -e /run/warmboot/probing; do sleep .1; done; date +%s%N >/run/began; "
          "exec timeout 60 python3 -m http.server -b 127.0.0.1 7777) >/dev/null 2>&1 & timeout 90 warmboot probe",
          120, check=True)
    marks = [json.loads(line)["data"] for line in g.out("cat /var/lib/warmboot/marks").splitlines() if line]
    g.run("rm /etc/warmboot/keep.d/slow.service.conf; test ! -e /run/warmboot/probing", check=True)
    assert [m["mark"] for m in marks][-1] == "probe:slow.service"
    assert int(g.out("cat /run/began")) < marks[-1]["wall_ns"]


def test_cold_boot_is_on_record(jumped):
    g, _, _ = jumped
    value = timeline(g, "1")
    assert value["kind"] == "cold" and value["method"] == "firmware"
    assert [p["name"] for p in value["phases"]][:3] == ["kernel", "initramfs", "user space"]


def test_history_survives_truncation(jumped):
    """Last in this guest. A power cut takes the end of the file; then a bad block its beginning."""
    g, _, _ = jumped
    assert [v["kind"] for v in json.loads(g.out("warmboot history --json"))] == ["cold", "warm"]
    g.run("truncate -s -20 /var/lib/warmboot/history", check=True)
    assert [v["kind"] for v in json.loads(g.out("warmboot history --json"))] == ["cold"]
    assert "1 damaged record" in g.out("warmboot history")
    g.run("dd if=/dev/urandom of=/var/lib/warmboot/history bs=64 count=1 conv=notrunc status=none", check=True)
    assert json.loads(g.out("warmboot history --json")) == []
    r = g.run("warmboot timeline")
    assert r.rc == 1 and "no boot is on record yet" in r.out
    g.run("rm /run/warmboot/timeline-recorded; warmboot timeline --record", 120, check=True)
    assert len(json.loads(g.out("warmboot history --json"))) == 1
    assert "damaged" not in g.out("warmboot history")


def set_loader_time(g, name, us):
    """As a boot loader leaves it (systemd.io/BOOT_LOADER_INTERFACE): kept in flash, UTF-16."""
    path = f"/sys/firmware/efi/efivars/{name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
    g.write_file("/run/var", b"\7\0\0\0" + f"{us}\0".encode("utf-16-le"))
    g.run(f"mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs none /sys/firmware/efi/efivars; "
          f"cat /run/var >{path}", check=True)


@pytest.mark.long
def test_firmware_counts_when_it_ran(payload):
    """A reboot through the firmware has its time; the jump after it finds the same variables, and leaves them out."""
    with Guest(kernel="6.12", firmware="uefi", payload=payload, name="timeline-uefi") as g:
        set_loader_time(g, "LoaderTimeInitUSec", 1500000)
        set_loader_time(g, "LoaderTimeExecUSec", 2000000)
        g.run("sync")
        t = g.jump("systemctl reboot", expect_kexec=False)
        assert not t["kexec"]
        g.until(RECORDED, 180)
        cold = timeline(g)
        names = [p["name"] for p in cold["phases"]]
        print(g.out("warmboot timeline"))
        assert cold["kind"] == "cold" and cold["method"] == "firmware"
        assert names[:6] == ["stop units", "unmount and reset", "firmware", "boot loader", "kernel", "initramfs"], names
        took = {p["name"]: p["duration_s"] for p in cold["phases"]}
        assert abs(took["firmware"] - 1.5) < 1e-5 and abs(took["boot loader"] - 0.5) < 1e-5
        g.jump(f"warmboot reboot {g.image.release('6.12')}")
        assert int(g.out("systemctl show -P FirmwareTimestampMonotonic")) == 2000000, "systemd no longer counts it"
        g.until(RECORDED, 180)
        warm = timeline(g)
        assert warm["kind"] == "warm" and not {"firmware", "boot loader"} & {p["name"] for p in warm["phases"]}
        assert any("earlier boot" in note for note in warm["notes"])
        assert [v["kind"] for v in json.loads(g.out("warmboot history --json"))] == ["cold", "warm"]
        print(g.out("warmboot timeline --compare 1; warmboot history"))
