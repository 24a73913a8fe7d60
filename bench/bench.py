# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare the ways into a kernel: one guest, the loaders in turn, several rounds, medians.

Every jump is from the newest kernel to itself, asked of systemd, with the same command line. Times
are the host's, taken when a console line arrives, and count from the old kernel's last line
("Starting new kernel"). The root shell is init=: the first program that the real root file system
gives. With --icount one CPU runs and its time stamp counter counts instructions: the numbers are
then millions of instructions and repeat on a noisy machine.

A second table is what `warmboot timeline` says of the same jumps, cross-checked with the console: from
the last program of the old system to the new one's init.
"""
import argparse
import json
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from guest import Guest, GuestError, stage_install  # noqa: E402

KEXEC = "kexec {flag} -l {kernel} --initrd={initrd} --command-line='{cmdline}'"
WARM = "warmboot load --kernel {kernel} --initrd {initrd} --cmdline '{cmdline}' "
# systemd's own path takes an entry of the Boot Loader Specification and runs its loader itself.
SYSTEMD = "SYSTEMD_ESP_PATH=/boot SYSTEMD_RELAX_ESP_CHECKS=1 systemctl kexec"
LOADERS = {
    # name: (command that loads, command that jumps)
    "kexec-tools -c": (KEXEC.replace("{flag}", "-c"), "systemctl kexec"),
    "kexec-tools -s": (KEXEC.replace("{flag}", "-s"), "systemctl kexec"),
    "systemctl kexec": (SYSTEMD, None),
    "warmboot fast, warm initramfs": (WARM + "--method=fast --initramfs=warm", "warmboot reboot"),
    "warmboot fast, warm, no verify": (WARM + "--method=fast --initramfs=warm --verify=none", "warmboot reboot"),
    "warmboot fast, own initramfs": (WARM + "--method=fast --initramfs=own", "warmboot reboot"),
    "warmboot segments": (WARM + "--method=segments --initramfs=own", "warmboot reboot"),
    "warmboot file": (WARM + "--method=file --initramfs=own", "warmboot reboot"),
}
COLUMNS = ("load", "load cpu", "peak MiB", "first line", "/init", "root shell", "login")
MARKS = {"root": r"WB-TSC root-shell \d+", "off": r"Rebooting with kexec"}
# Of the timeline: a column and the phases that it adds up. A phase whose border left no trace has two names.
PHASES = (
    ("stop", ("stop units", "freeze", "unmount")),
    ("devices", ("device shutdown",)),
    ("copy", ("segment copy",)),
    ("purgatory", ("purgatory",)),
    ("unpack", ("kernel entry", "decompression")),
    ("kernel", ("kernel",)),
    ("initramfs", ("initramfs",)),
    ("user", ("thaw", "user space", "late jobs", "first good probe")),
)
TIMELINE = tuple(name for name, _ in PHASES) + ("gap", "marks %", "console")
RECORDED = ("for i in $(seq 120); do test -e /run/warmboot/timeline-recorded && break; sleep 1; done; "
            "warmboot timeline --json")


def uncompressed_size(vmlinuz):
    """Of the payload in a bzImage: its last four bytes (Documentation/arch/x86/boot.rst)."""
    data = pathlib.Path(vmlinuz).read_bytes()
    sectors = data[0x1F1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    end = (sectors + 1) * 512 + offset + length
    return struct.unpack_from("<I", data, end - 4)[0]


def stage_helpers(stage):
    target = pathlib.Path(stage) / "usr/local/sbin"
    target.mkdir(parents=True, exist_ok=True)
    here = TOP / "bench" / "guest"
    (target / "wb-bench-init").write_bytes((here / "wb-bench-init").read_bytes())
    (target / "wb-bench-init").chmod(0o755)
    for name in ("wb-measure", "wb-tsc"):
        subprocess.run(["gcc", "-O2", "-static", "-o", target / name, here / f"{name}.c"], check=True)


def console_tsc(lines):
    """TSC ticks from the jump to its marks, from console lines: the kernels' clocks tied to the TSC."""
    # A login prompt may stand before it on the line.
    stamp = re.compile(r"\[ *(\d+\.\d{6})\] (.*)")
    kernels = [[]]
    for line in lines:
        m = stamp.search(line)
        if not m:
            continue
        if "Linux version" in m.group(2):
            kernels.append([])
        kernels[-1].append((float(m.group(1)), m.group(2)))

    def at(kernel, regex):
        base = next((t, int(m.group(1))) for t, s in kernel for m in [re.search(r"WB-TSC \S+ (\d+)", s)] if m)
        t = next((t for t, s in kernel if re.search(regex, s)), None)
        return None if t is None else base[1] + (t - base[0]) * 1e9

    start = at(kernels[0], r"Starting new kernel")
    new = kernels[-1]
    # A kernel's clock stands still until it has found the TSC's rate, so its first line has no tick.
    return {"first line": None,
            "/init": at(new, r"Run \S+ as init") - start,
            "root shell": at(new, MARKS["root"]) - start}


def one(g, loader, words, args):
    """Load and jump once; a dict of COLUMNS."""
    load, jump = LOADERS[loader]
    load = load.format(**words)
    row = {}
    mark = None if args.icount else mark_cost(g)
    begin = len(g.console.lines)
    # Every loader finds its files in the page cache, and a machine that has settled.
    g.run("sync; dmesg -n 7; cat {kernel} {initrd} >/dev/null; systemctl is-system-running --wait;"
          " sleep 1; wb-tsc before >/dev/kmsg".format(**words), args.timeout, check=True)

    if jump:
        r = g.run("wb-measure " + load, args.timeout)
        if not measured(row, r.out):
            raise GuestError(f"{loader} failed: {r.out}")
        t = g.jump(jump, args.timeout, marks=MARKS)
    else:
        # It loads and asks in one breath: the jump is under way when the measure has ended.
        t = g.jump("wb-measure env " + load + " >/dev/console", args.timeout, marks=MARKS)
        measured(row, "\n".join(line for _, line in g.console.lines[begin:]))
    if args.icount:
        lines = [line for _, line in g.console.lines[begin:]]
        row.update({k: None if v is None else v / 1e6 for k, v in console_tsc(lines).items()})
        row.update({"load": row["load ticks"] / 1e6 if "load ticks" in row else None, "load cpu": None})
    else:
        for name, key in (("first line", "first"), ("/init", "init"), ("root shell", "root"), ("login", "shell")):
            row[name] = None if t[key] is None or t["last"] is None else t[key] - t["last"]
        row.update(from_timeline(g, t, mark))
    return row


def from_timeline(g, times, mark_s):
    """The same jump by the program's own account; {} when it is not on record."""
    r = g.run(RECORDED, 180)
    if r.rc:
        return {}
    told = json.loads(r.out)
    row = {"gap": told["gap_s"], "marks %": 100 * mark_s / told["gap_s"]}
    for p in told["phases"]:
        for column, names in PHASES:
            # "device shutdown to decompression" counts where it ends.
            if p["name"].rpartition(" to ")[2] in names:
                row[column] = row.get(column, 0) + p["duration_s"]
    # The hook's mark stands just before the line with which the old user space ends.
    between = ("device shutdown", "segment copy", "purgatory", "kernel entry", "decompression", "kernel")
    inner = [p for p in told["phases"] if p["name"].rpartition(" to ")[2] in between]
    own = sum(p["duration_s"] for p in inner)
    # One that begins before that line cannot be told from what it ends in.
    sharp = all(p["name"].partition(" to ")[0] in between for p in inner)
    if times["init"] is not None and times["off"] is not None and own and sharp:
        row["console"] = own / (times["init"] - times["off"])
    return row


def mark_cost(g):
    """Seconds that the shutdown's hook takes: the one program that the gap has more of."""
    return int(g.out("a=$(date +%s%N); for i in 1 2 3 4 5 6 7 8 9 10; do warmboot mark last || exit; done; "
                     "echo $(($(date +%s%N) - a))")) / 10 / 1e9


def measured(row, text):
    """Take what wb-measure printed into the row; did the command succeed?"""
    m = re.search(r"^MEASURED (\S+) (\S+) (\d+) (\d+) (\d+)", text, re.M)
    if not m:
        return False
    row.update({"load": float(m.group(1)), "load cpu": float(m.group(2)), "peak MiB": int(m.group(3)) / 1024,
                "load ticks": int(m.group(5))})
    return m.group(4) == "0"


def medians(rows):
    out = {}
    for column in COLUMNS + TIMELINE:
        values = [r[column] for r in rows if r.get(column) is not None]
        out[column] = statistics.median(values) if values else None
    return out


def table(result, title, columns):
    lines = [f"{title:32}" + "".join(f"{c:>11}" for c in columns)]
    for name, row in result.items():
        lines.append(f"{name:32}" + "".join(
            f"{'-':>11}" if row[c] is None else f"{row[c]:11.2f}" for c in columns))
    return "\n".join(lines)


def ratios(result, kernel_mib):
    """The goals, each with what came out."""
    def of(name, column):
        return (result.get(name) or {}).get(column)

    warm = "warmboot fast, warm initramfs"
    goals = (
        ("first line / kexec -s", of(warm, "first line"), of("kexec-tools -s", "first line"), 0.20),
        ("root shell / kexec -s", of(warm, "root shell"), of("kexec-tools -s", "root shell"), 0.40),
        ("load / kexec -c", of(warm, "load"), of("kexec-tools -c", "load"), 1.0),
        ("peak memory / decompressed kernel", of(warm, "peak MiB"), kernel_mib, 3.0),
    )
    lines = []
    for name, value, base, limit in goals:
        if value is not None and base:
            ratio = value / base
            lines.append(f"{'reached' if ratio <= limit else 'MISSED':8} {name:36}{ratio:6.2f}   (goal <= {limit:.2f})")
    cost, check = of(warm, "marks %"), of(warm, "console")
    if cost is not None:
        lines.append(f"{'reached' if cost <= 1 else 'MISSED':8} {'marks, part of the gap':36}{cost:5.2f}%   (goal <= 1 %)")
    if check is not None:
        lines.append(f"{'reached' if abs(check - 1) <= 0.05 else 'MISSED':8} {'timeline / console':36}{check:6.2f}"
                     "   (goal 0.95 .. 1.05)")
    return "\n".join(lines)


def main():
    ap = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    ap.add_argument("build", nargs="?", default=str(TOP / "build"))
    ap.add_argument("--rounds", type=int, default=None, help="of every loader (3; with --icount 1)")
    ap.add_argument("--only", action="append", help="loaders whose name holds this (repeatable)")
    ap.add_argument("--icount", action="store_true", help="count instructions instead of seconds")
    ap.add_argument("--kernel", default="7.2")
    ap.add_argument("--mem", default="1G")
    ap.add_argument("--cpus", type=int, default=2)
    ap.add_argument("--json", help="write every sample here (out/bench.json)")
    args = ap.parse_args()
    args.timeout = 900 if args.icount else 240
    rounds = args.rounds or (1 if args.icount else 3)
    unit = "million instructions" if args.icount else "seconds"
    names = [n for n in LOADERS if not args.only or any(o in n for o in args.only)]

    samples = {n: [] for n in names}
    with tempfile.TemporaryDirectory(prefix="wb-bench.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(args.build, stage)
        stage_helpers(stage)
        with Guest(kernel=args.kernel, payload=stage, name="bench", mem=args.mem, timeout=args.timeout,
                   cpus=1 if args.icount else args.cpus,
                   icount="shift=0,sleep=off" if args.icount else None) as g:
            vmlinuz = g.image.dir / f"vmlinuz-{g.release}"
            kernel_mib = uncompressed_size(vmlinuz) / 2**20
            words = {"kernel": f"/boot/vmlinuz-{g.release}", "initrd": f"/boot/initrd.img-{g.release}",
                     "cmdline": g.cmdline + " init=/usr/local/sbin/wb-bench-init"}
            g.write_file("/boot/loader/entries/bench.conf", "title bench\nversion {0}\nlinux /vmlinuz-{0}\n"
                         "initrd /initrd.img-{0}\noptions {1}\n".format(g.release, words["cmdline"]).encode())
            for n in range(rounds):
                for name in names:
                    try:
                        row = one(g, name, words, args)
                    except GuestError as e:
                        print(f"bench: {name}: {str(e).splitlines()[0]}", flush=True)
                        if g.dead():
                            raise
                        continue
                    samples[name].append(row)
                    print(f"round {n + 1}, {name}: " + ", ".join(
                        f"{c} {row[c]:.2f}" for c in COLUMNS if row.get(c) is not None), flush=True)
    result = {n: medians(rows) for n, rows in samples.items() if rows}
    print("\n" + table(result, "medians, " + unit, COLUMNS) + "\n")
    if not args.icount:
        print(table(result, "by the timeline, " + unit, TIMELINE))
        print("(console: last program to init by the timeline, divided by the same on the host's clock)\n")
    print(f"decompressed kernel: {kernel_mib:.1f} MiB")
    print(ratios(result, kernel_mib))
    path = pathlib.Path(args.json or TOP / "out" / ("bench-icount.json" if args.icount else "bench.json"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"unit": unit, "kernel": g.release, "samples": samples, "medians": result}, indent=1))
    missing = [n for n in names if len(samples[n]) < rounds]
    if missing:
        print(f"bench: incomplete: {', '.join(missing)}")
    return bool(missing)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GuestError as e:
        sys.exit(f"bench: {e}")
