# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many kept services at once, and a large one.

    scale.py [BUILD] [--counts 1,5,20,40] [--memory 1] [--icount]

One guest with two CPUs, small services of one template unit, and a client outside that holds a connection to each and
asks ten times a second. For each count, as many services are kept over one jump from the newest kernel to itself. Then
one service with some GiB of memory, which goes ahead, is kept alone. The silence of a service is the longest time
between two answers on its connection. It is compared with that of one small service alone.

With --icount the guest has one CPU whose time counts instructions, so the ratios are the same on any machine. The silence
of a service is then the time from its standstill until it runs again, by warmboot's timeline: the client has another clock.
"""
import argparse
import contextlib
import json
import pathlib
import re
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
from common import RECORDED, machine, touched  # noqa: E402
from guest import Guest, GuestError, stage_install  # noqa: E402
from net import GUEST, Network  # noqa: E402

PORT = 7001
UNIT = """\
[Service]
ExecStart=/usr/bin/python3 /opt/scale/service.py %i
TimeoutStartSec=300
"""
# Besides the services. A service's memory exists three times: in it, in the store, and ahead in the rehearsal.
SPARE_MIB, COPIES = 3072, 4
DEADLINE = 900
# Of all units that take part in the restore, but for the services' own.
UNITS = ("warmboot-hold.service", "warmboot-modules.service", "warmboot-thawed.service")
# systemd's message about what a unit has consumed.
CONSUMED = "ae8f7b866b0347b9af31fe1c80b127c0"
# Figure of a run, divided by that of one service alone, and the most that is asked for.
ASKED = ((20, "median_s", 2.0), (20, "last_s", 3.0))
ASKED_MEMORY = 1.2


def say(text):
    print(f"scale: {text}", flush=True)


class Talkers(Beside):
    """bench/scale/client.py beside the guest."""

    def __init__(self, net, ports):
        super().__init__(net)
        self.ports = ports

    def argv(self):
        return [HERE / "scale/client.py", GUEST, self.path, *self.ports]

    def wait(self, timeout):
        """Until each service has answered from now on."""
        since, end = time.monotonic(), time.monotonic() + timeout
        while missing := set(self.ports) - {e["port"] for e in self.events() if e["what"] == "answer" and e["t"] > since}:
            if time.monotonic() > end:
                raise GuestError(f"no answer within {timeout} s from {len(missing)} of {len(self.ports)} services")
            time.sleep(1)


def silences(events, since):
    """For each port the longest time between two answers that ends after `since`; and how many connections were lost."""
    longest, last, secrets, lost = {}, {}, {}, 0
    for e in events:
        port = e["port"]
        if e["what"] == "lost":
            lost += e["t"] > since
            continue
        if e["t"] > since:
            longest[port] = max(longest.get(port, 0.0), e["t"] - last.get(port, e["t"]))
            lost += secrets.get(port, e["text"]) != e["text"]
        last[port], secrets[port] = e["t"], e["text"]
    return sorted(longest.values()), lost


def unit(port, mib=0):
    return f"scale@{port}-{mib}.service"


def keep(g, units):
    """Only these run, and are kept."""
    g.run("systemctl stop 'scale@*'; warmboot keep list --json | grep -o 'scale@[^\"]*' | xargs -r warmboot keep remove; "
          f"systemctl start {' '.join(units)} && warmboot keep add {' '.join(units)}", DEADLINE, check=True)
    g.run("sync; systemctl is-system-running --wait", DEADLINE)


def cpu_of_freeze(g):
    """Seconds of CPU of the last boot's freeze, by the journal; None: it does not tell."""
    out = g.out("journalctl -b -1 -o json --output-fields=CPU_USAGE_NSEC "
                f"MESSAGE_ID={CONSUMED} UNIT=warmboot-freeze.service | tail -n 1", 120)
    told = re.search(r'"CPU_USAGE_NSEC":"(\d+)"', out)
    return int(told[1]) / 1e9 if told else None


def cpu_of_restore(g):
    """Seconds of CPU of the early restore, and of the units that do the rest."""
    early = re.search(r"early thaw of .*; (\d+) ms of CPU", g.out("dmesg", 60))
    nsec = [int(n) for n in g.out(f"systemctl show -P CPUUsageNSec {' '.join(UNITS)}").split() if n.isdigit()]
    return (int(early[1]) / 1e3 if early else 0.0) + sum(n for n in nsec if n < 2**63) / 1e9


def stillness(timeline, units):
    """For each unit, seconds from its standstill until it ran again, in order; by the guest's clock."""
    frozen = {u["unit"]: u["frozen_s"] for u in timeline["units"]}
    missing = [u for u in units if frozen.get(u) is None]
    if missing:
        raise GuestError(f"the timeline does not tell of {' '.join(missing)}")
    return sorted(frozen[u] for u in units)


def one(g, net, units, ports, icount=False):
    """One jump with these services; its figures."""
    keep(g, units)
    with Talkers(net, ports) as talkers:
        talkers.wait(DEADLINE)
        time.sleep(3)
        since = time.monotonic()
        g.jump(f"warmboot reboot {g.release}", DEADLINE)
        told = g.kept(*units, timeout=300)
        talkers.wait(300)
        time.sleep(3)
        silent, lost = silences(talkers.events(), since)
    timeline = json.loads(g.run(RECORDED, DEADLINE, check=True).out)
    if icount:
        silent = stillness(timeline, units)
    frozen, restored = cpu_of_freeze(g), cpu_of_restore(g)
    return {"services": len(units), "kept": sum(u["outcome"] == "kept" for u in told.values()), "lost": lost,
            "first_s": silent[0], "median_s": statistics.median(silent), "last_s": silent[-1],
            "preparation_s": sum(p["duration_s"] for p in timeline["phases"] if p["name"] == "staging"),
            "freeze_cpu_s": None if frozen is None else frozen / len(units), "restore_cpu_s": restored / len(units),
            "phases": {p["name"]: p["duration_s"] for p in timeline["phases"]},
            "early": g.out("dmesg | grep -o 'early thaw of.*'", 60).strip()}


def ratio(row, alone, key):
    return row[key] / alone[key] if alone and alone[key] and row[key] is not None else None


def shown(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def table(result):
    """The text that is printed."""
    lines = [f"{'':16}{'kept':>6}{'lost':>6}{'first':>9}{'median':>9}{'last':>9}{'x alone':>16}{'freeze CPU':>12}"
             f"{'restore CPU':>13}{'prepared':>10}"]
    for row in result["rows"]:
        times = " ".join(shown(row["ratios"][k]) for k in ("first_s", "median_s", "last_s"))
        lines.append(f"{row['name']:16}{row['kept']:>6}{row['lost']:>6}" +
                     "".join(f"{shown(row[k]):>9}" for k in ("first_s", "median_s", "last_s")) +
                     f"{times:>16}{shown(row['freeze_cpu_s']):>12}{shown(row['restore_cpu_s']):>13}"
                     f"{shown(row['preparation_s'], 1):>10}")
    return "\n".join(lines + [
        f"{a['name']}: {shown(a['ratio'])} of one alone, at most {a['most']}" +
        (" MISSED" if a["ratio"] is not None and a["ratio"] > a["most"] else "") for a in result["asked"]])


def judge(result):
    """Set the ratios to one service alone, and hold them against what is asked for."""
    rows = result["rows"]
    alone = next((r for r in rows if r["services"] == 1 and not r["mib"]), None)
    for row in rows:
        row["ratios"] = {k: ratio(row, alone, k) for k in
                         ("first_s", "median_s", "last_s", "freeze_cpu_s", "restore_cpu_s", "preparation_s")}
    result["asked"] = [{"name": f"{row['name']}, {key[:-2]}", "ratio": row["ratios"][key], "most": most}
                       for count, key, most in ASKED for row in rows if row["services"] == count]
    result["asked"] += [{"name": row["name"], "ratio": row["ratios"]["last_s"], "most": ASKED_MEMORY}
                        for row in rows if row["mib"]]


def numbers(text):
    return [int(n) for n in text.split(",") if n]


def arguments():
    ap = argparse.ArgumentParser(prog="scale", description=__doc__)
    ap.add_argument("build", nargs="?", default=str(TOP / "build"))
    ap.add_argument("--counts", type=numbers, default=[1, 5, 20, 40], help="numbers of services (1,5,20,40)")
    ap.add_argument("--memory", type=numbers, default=[1], help="GiB of the large services (1); \"\" for none")
    ap.add_argument("--kernel", default="7.2")
    ap.add_argument("--icount", action="store_true", help="in 10^9 instructions of one CPU instead of seconds of two")
    ap.add_argument("--out", help="out/scale.json, or out/scale-icount.json")
    args = ap.parse_args()
    args.out = args.out or str(TOP / "out" / ("scale-icount.json" if args.icount else "scale.json"))
    return args


def run(args, result):
    largest = max([0, *args.memory]) * 1024
    with contextlib.ExitStack() as stack:
        stage = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-scale.")))
        stage.chmod(0o755)
        stage_install(args.build, stage)
        (stage / "opt/scale").mkdir(parents=True)
        shutil.copy(HERE / "scale/service.py", stage / "opt/scale")
        net = stack.enter_context(Network())
        counted = {"cpus": 1, "icount": "shift=0,sleep=off", "timeout": DEADLINE} if args.icount else {}
        memory = f"{SPARE_MIB + COPIES * largest}M"
        g = stack.enter_context(Guest(kernel=args.kernel, mem=memory, qemu_args=touched(memory), payload=stage,
                                      name="scale", net=net, **counted))
        g.network_up()
        g.write_file("/etc/systemd/system/scale@.service", UNIT.encode())
        g.run("systemctl daemon-reload", 120, check=True)
        runs = [(f"{n} service{'s' * (n > 1)}", n, 0) for n in args.counts]
        runs += [(f"{gib} GiB in one", 1, gib * 1024) for gib in args.memory]
        for name, count, mib in runs:
            ports = list(range(PORT, PORT + count))
            row = {"name": name, "mib": mib, **one(g, net, [unit(p, mib) for p in ports], ports, args.icount)}
            result["rows"].append(row)
            say(f"{name}: silent {row['first_s']:.2f} / {row['median_s']:.2f} / {row['last_s']:.2f} s, {row['early']}")


def main():
    args = arguments()
    out = pathlib.Path(args.out)
    out.parent.mkdir(exist_ok=True)
    begin, result, failed = time.monotonic(), {"machine": machine(), "icount": args.icount, "rows": []}, False
    try:
        run(args, result)
    except (GuestError, RuntimeError, AssertionError, subprocess.SubprocessError) as e:
        say(str(e))
        failed = True
    judge(result)
    result["seconds"] = round(time.monotonic() - begin)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n", flush=True)
    say(f"{result['seconds']} s; {out}")
    return 1 if failed or any(r["lost"] or r["kept"] < r["services"] for r in result["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
