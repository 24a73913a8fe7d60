# SPDX-License-Identifier: LGPL-2.1-or-later
"""The field: one guest with most of Debian 13's services as packaged, all rehearsed, kept, and taken over jumps.

    field.py [BUILD] [--way 7.2 --way 6.12] [--only UNIT…] [--compare]

A client outside of the guest talks to each service that has a port. Two things decide whether a service was kept: its
processes have the same numbers and the same random bytes in their memory as before the jump, and the
connection that the client held is still the same one. --compare ends with a restart by kexec-tools and `systemctl
kexec`, without warmboot, and compares the silence of the services that were kept. bench/field/ has the services and the client; docs/field.md is
written from out/field.json by scripts/field-page.
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from beside import Beside  # noqa: E402
from fieldtable import at_freeze, memory_kept, outcome, remedies, services, summary, text, told_by_client  # noqa: E402
from guest import Guest, GuestError, stage_install  # noqa: E402
from net import GUEST, Network  # noqa: E402
from silence import MASK  # noqa: E402

IMAGE, KERNEL, MEMORY = "trixie-field", "6.12", "8G"
# Deadlines of the phases, in seconds.
BOOT, REST, STATED, TALK, REHEARSE, JUMP = 900, 1200, 600, 120, 240, 1800
STATE = "python3 /opt/field/state.py "
# An emulated machine that starts fifty services needs more than systemd's 90 s for one: in its first boot, and later.
SLOW = "systemd.default_timeout_start_sec=900 systemd.default_device_timeout_sec=900"
SLOW_LATER = ("mkdir -p /etc/systemd/system.conf.d && printf '[Manager]\\nDefaultTimeoutStartSec=900\\n"
              "DefaultDeviceTimeoutSec=900\\n' >/etc/systemd/system.conf.d/emulated.conf")
# A client of MariaDB has to be somebody.
CLIENT = "mariadb -e \"CREATE USER IF NOT EXISTS field@'%'\""


def say(text):
    print(f"field: {text}", flush=True)


class Talkers(Beside):
    """bench/field/client.py beside the guest, and what it has seen so far."""

    def __init__(self, net, plan):
        super().__init__(net)
        self.plan = plan

    def argv(self):
        plan = self.dir / "plan"
        plan.write_text(json.dumps(self.plan))
        return [HERE / "field/client.py", GUEST, plan, self.path]

    def answered(self, since):
        return {e["unit"] for e in self.events() if e["what"] == "answer" and e["t"] > since}

    def wait(self, units, timeout):
        """Until each of these has answered from now on; those that have not."""
        since, end = time.monotonic(), time.monotonic() + timeout
        while missing := set(units) - self.answered(since):
            if time.monotonic() > end:
                break
            time.sleep(1)
        return missing


class FieldGuest(Guest):
    """QEMU 10.0 reads 32 bytes for the 16 of vinserti128. At the end of a mapping, as a restored program has it, that is
    a fault: OpenSSH's SHA-512 ended so.
    """

    def _cpu(self):
        return super()._cpu() + ",avx2=off"


class Field:
    """One guest, and what is known of its services."""

    def __init__(self, g, net, plan):
        self.g, self.net, self.plan = g, net, plan
        self.units = [s["unit"] for s in plan]
        self.with_port = [s["unit"] for s in plan if s["port"]]

    def talkers(self):
        return Talkers(self.net, [s for s in self.plan if s["port"]])

    def mask(self, others):
        """Leave these out, in this boot and later ones."""
        if others:
            # Links, because systemctl(1) reloads for each unit, and masks none that lies in /etc.
            self.g.run(f"systemctl stop {' '.join(others)}; cd /etc/systemd/system && for u in {' '.join(others)}; do "
                       "ln -sf /dev/null $u; done; systemctl daemon-reload", 300, check=True)

    def rest(self):
        """Wait until no job of systemd is left; what has failed."""
        self.g.run(f"timeout {REST} systemctl is-system-running --wait", REST + 30)
        return self.g.out("systemctl list-units --failed --plain --no-legend | cut -d' ' -f1", 60).split()

    def state(self):
        return json.loads(self.g.out(STATE + " ".join(self.units), STATED))

    def rehearse(self, unit):
        """The report of `keep test`, or what prevented it."""
        r = self.g.run(f"timeout {REHEARSE} warmboot keep test --json {unit} 2>/tmp/err; rc=$?; [ $rc = 0 ] || "
                       "cat /tmp/err >&2; exit $rc", REHEARSE + 30)
        with contextlib.suppress(ValueError, IndexError):
            return json.loads(r.out[r.out.index("["):])[0]
        return {"unit": unit, "how": None, "reasons": [f"keep test ended with {r.rc}: {r.out.strip()[-200:]}"]}

    def rehearse_all(self):
        state, found = self.state(), {}
        for unit in self.units:
            if state[unit]["ActiveState"] != "active":
                found[unit] = {"unit": unit, "how": None, "reasons": [
                    f"it does not run: {state[unit]['LoadState']}, {state[unit]['ActiveState']}, {state[unit]['Result']}"]}
                continue
            found[unit] = self.rehearse(unit)
            told = found[unit]
            say(f"{unit}: {told['how']}" + "".join(f"; {r}" for r in told["reasons"][:1]))
        after = self.state()
        for unit, told in found.items():
            if outcome("process", state[unit], after[unit]) not in ("kept", "did not run"):
                say(f"{unit} is another one after its rehearsal")
                told["disturbed"] = True
        return found

    def remedy_all(self, promises):
        """Do what the remedies of services that are not kept say; the reports of those that are kept then."""
        todo = {u: r for u, r in remedies().items() if u in self.units and promises[u]["how"] == "restart"}
        for unit, r in todo.items():
            if "do" in r:
                self.g.run(f"({r['do']}) && systemctl daemon-reload && systemctl restart {unit}", 300)
        self.rest()
        found = {}
        for unit, r in todo.items():
            self.g.run(f"warmboot keep add {r.get('keep', '')} {unit}", 120, check=True)
            told = self.rehearse(unit)
            say(f"{unit}, with its remedy: {told['how']}" + "".join(f"; {x}" for x in told["reasons"][:1]))
            if told["how"] == "process":
                found[unit] = told
            else:
                self.g.run(f"warmboot keep remove {unit}", 120)
        return found

    def keep(self, promises, remedied):
        """Keep all that is promised; what has a remedy is kept already."""
        kept = [u for u in self.units if promises[u]["how"] == "process" and u not in remedied]
        self.g.run(f"warmboot keep add {' '.join(kept)}", 120, check=True)

    def jump(self, talkers, promises, target):
        """One jump with all that is kept; a row for each service."""
        release = self.g.image.release(target)
        source = self.g.out("uname -r")
        was = self.state()
        quiet = set(self.with_port) - talkers.answered(time.monotonic() - 10)
        say(f"jump {source} -> {release}; no answer before: {' '.join(sorted(quiet)) or 'none'}")
        # The state of the last second: everything that a kept process may be compared with has happened.
        before = time.monotonic()
        times = self.g.jump(f"warmboot reboot {release} >/dev/console 2>&1", JUMP)
        failed = self.rest()
        told = self.g.kept(timeout=120)
        silent = talkers.wait(set(self.with_port) - quiet, TALK)
        time.sleep(12)  # a connection that is held without questions is asked by TCP each 5 s
        after, now = time.monotonic(), self.state()
        events = talkers.events()
        for u in json.loads(self.g.out("cat /run/warmboot/keep.json", 60))["units"]:
            if u["how"] == "process" and u["unit"] in was:
                was[u["unit"]] = at_freeze(was[u["unit"]], u["pids"])
        rows = []
        for s in self.plan:
            unit = s["unit"]
            promise, kept = promises[unit], told.get(unit, {})
            same, all_of = memory_kept(was[unit], now[unit])
            row = {"unit": unit, "port": s["port"], "promise": promise["how"],
                   "outcome": outcome(promise["how"], was[unit], now[unit]),
                   "told": kept.get("outcome"), "main_pid": [was[unit]["MainPID"], now[unit]["MainPID"]],
                   "processes_same": same, "processes": all_of, "state": now[unit]["ActiveState"],
                   "frozen_s": kept.get("frozen_s"), "dump_s": kept.get("dump_s"),
                   "why": kept.get("why") or "; ".join(promise["reasons"]) or None,
                   "remedied": promise.get("remedied", False), "remedies": promise.get("remedies", []), "silence_s": None, "connection": None}
            if s["port"] and unit not in quiet:
                row.update(told_by_client(s, events, before, after))
                row["answers"] = unit not in silent
            rows.append(row)
        return {"from": source, "to": release, "request_to_shell_s": round(times["shell"], 1), "failed": failed,
                "rows": rows}


    def compare(self, talkers, kept):
        """Restart by kexec-tools; {unit: silence} of those in `kept` that answer before and after."""
        say("compared with systemctl kexec")
        self.g.run(MASK, 120, check=True)
        self.g.run(f"kexec -s -l /boot/vmlinuz-{self.g.release} --initrd=/boot/initrd.img-{self.g.release} --reuse-cmdline",
                   300, check=True)
        before = time.monotonic()
        answering = talkers.answered(before - 10)
        self.g.jump("systemctl kexec", JUMP)
        self.rest()
        silent = talkers.wait(answering & kept, REST)
        time.sleep(3)
        after, events = time.monotonic(), talkers.events()
        return {s["unit"]: told_by_client(s, events, before, after)["silence_s"] for s in self.plan
                if s["unit"] in (answering & kept) - silent}


def compared(jump, theirs):
    """The medians of both over the services that have both, for the JSON."""
    both = {r["unit"]: (r["silence_s"], theirs[r["unit"]]) for r in jump["rows"] if r["outcome"] == "kept" and
            r["silence_s"] is not None and theirs.get(r["unit"]) is not None}
    ours, others = (statistics.median(v) if v else None for v in ([b[i] for b in both.values()] for i in (0, 1)))
    return {"services": len(both), "warmboot_s": ours, "systemctl_kexec_s": others,
            "ratio": ours / others if ours and others else None, "each": theirs}


def arguments():
    ap = argparse.ArgumentParser(prog="field", description=__doc__)
    ap.add_argument("build", nargs="?", default=str(TOP / "build"))
    ap.add_argument("--way", action="append", help="the kernel of each jump, in turn (7.2, then 6.12)")
    ap.add_argument("--only", action="append", help="only this unit (repeatable); the others are masked")
    ap.add_argument("--compare", action="store_true", help="restart once more, by systemctl kexec, and compare")
    ap.add_argument("--out", default=str(TOP / "out/field.json"))
    args = ap.parse_args()
    args.way = args.way or ["7.2", "6.12"]
    return args


def run(args, result):
    plan = [s for s in services() if not args.only or s["unit"] in args.only]
    with contextlib.ExitStack() as stack:
        stage = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-field.")))
        stage.chmod(0o755)
        stage_install(args.build, stage)
        (stage / "opt/field").mkdir(parents=True)
        shutil.copy(HERE / "field/state.py", stage / "opt/field")
        net = stack.enter_context(Network())
        others = [s["unit"] for s in services() if s not in plan]
        masked = "".join(f" systemd.mask={unit}" for unit in others)
        g = stack.enter_context(FieldGuest(kernel=KERNEL, mem=MEMORY, suite=IMAGE, cmdline_extra=SLOW + masked,
                                      payload=stage, name="field", net=net, timeout=BOOT))
        g.network_up()  # nmbd waits for it
        g.run(SLOW_LATER, check=True)
        field = Field(g, net, plan)
        field.mask(others)
        say(f"booted; failed units: {' '.join(field.rest()) or 'none'}")
        g.run(CLIENT, 60)
        remedied = {}
        for number, target in enumerate(args.way):
            begin = time.monotonic()
            with field.talkers() as talkers:
                say(f"no answer yet: {' '.join(sorted(talkers.wait(field.with_port, TALK))) or 'none'}")
                promises = field.rehearse_all()
            say(f"rehearsed in {time.monotonic() - begin:.0f} s")
            if number == 0:
                remedied = field.remedy_all(promises)
                promises.update(remedied)
                field.keep(promises, remedied)
            for unit in remedied:
                promises[unit]["remedied"] = True
            # Held connections are new ones: some services end each after some minutes or questions.
            with field.talkers() as talkers:
                talkers.wait(field.with_port, TALK / 4)
                jump = field.jump(talkers, promises, target)
            jump["promises"] = promises
            result["jumps"].append(jump)
            print(f"\n{text(jump)}\n", flush=True)
        if args.compare:
            with field.talkers() as talkers:
                talkers.wait(field.with_port, TALK / 4)
                first = result["jumps"][0]
                first["compared"] = compared(first, field.compare(
                    talkers, {r["unit"] for r in first["rows"] if r["outcome"] == "kept"}))
            say("median silence {warmboot_s:.1f} s, with systemctl kexec {systemctl_kexec_s:.1f} s: {ratio:.2f}".format(
                **first["compared"]))


def main():
    args = arguments()
    out = pathlib.Path(args.out)
    out.parent.mkdir(exist_ok=True)
    begin, result, failed = time.monotonic(), {"jumps": []}, False
    try:
        run(args, result)
    except (GuestError, RuntimeError, AssertionError, subprocess.SubprocessError) as e:
        say(str(e))
        failed = True
    result["seconds"] = round(time.monotonic() - begin)
    out.write_text(json.dumps(result, indent=1) + "\n")
    say(f"{result['seconds']} s; {out}")
    bad = any(s["in vain"] or s["dead"] for s in map(summary, result["jumps"]))
    return 1 if failed or bad or len(result["jumps"]) < len(args.way) else 0


if __name__ == "__main__":
    sys.exit(main())
