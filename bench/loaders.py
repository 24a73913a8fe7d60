# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare loaders of kernels, one after another in one guest, with seconds or with instructions.

With --icount one CPU runs and its time stamp counter counts instructions: the figures are then millions of
instructions and are the same on any machine.
"""
import re

from common import BEST, LOAD_KEXEC, LOAD_WARM, MARKS, Guest, GuestError, load, measured, rest, since_last, words
from figures import KEXEC, WARM

# systemd's own path takes an entry of the Boot Loader Specification and runs its loader itself.
SYSTEMD = "env SYSTEMD_ESP_PATH=/boot SYSTEMD_RELAX_ESP_CHECKS=1 systemctl kexec"
# Kernels that warmboot has unpacked before (src/stage/cache.h).
CACHE = "/var/cache/warmboot"
LOADERS = {
    # name: (command that loads, command that jumps)
    "kexec-tools -c": (LOAD_KEXEC.replace("{flag}", "-c"), "systemctl kexec"),
    KEXEC: (LOAD_KEXEC.replace("{flag}", "-s"), "systemctl kexec"),
    "systemctl kexec": (SYSTEMD, None),
    WARM: (BEST, "warmboot reboot"),
    "fast, no verify": (BEST + " --verify=none", "warmboot reboot"),
    "fast, own initramfs": (LOAD_WARM + "--method=fast --initramfs=own", "warmboot reboot"),
    "segments": (LOAD_WARM + "--method=segments --initramfs=own", "warmboot reboot"),
    "file": (LOAD_WARM + "--method=file --initramfs=own", "warmboot reboot"),
}


def instructions(lines):
    """Millions of instructions from the jump to its marks, from console lines: each kernel's clock tied to the TSC."""
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
        return None if t is None else base[1] / 1e6 + (t - base[0]) * 1e3

    start = at(kernels[0], r"Starting new kernel")
    # A kernel's clock stands still until it has found the TSC's rate, so its first line has no tick.
    return {name: None if t is None else t - start for name, t in (
        ("init", at(kernels[-1], r"Run \S+ as init")), ("root", at(kernels[-1], MARKS["root"])))}


def again(g, command, timeout, icount):
    """The figure of a load with a kernel that was unpacked before; the machine is at rest, and its disk has the files."""
    g.run(f"kexec -u; ls {CACHE}/* >/dev/null", timeout, check=True)
    rest(g, timeout)
    return load(g, command, timeout, icount)["load"]


def one(g, loader, icount, timeout):
    """Load and jump once."""
    command, jump = LOADERS[loader]
    begin = len(g.console.lines)
    if loader == WARM:
        g.run(f"rm -rf {CACHE}", check=True)
    rest(g, timeout)
    if jump:
        figures = load(g, command, timeout, icount)
        if loader == WARM:
            figures["again"] = again(g, command, timeout, icount)
        times = g.jump(jump, timeout, marks=MARKS)
    else:
        # This command loads and jumps at once, so the jump is under way when the measurement ends.
        times = g.jump(f"wb-measure {command} >/dev/console", timeout, marks=MARKS)
        figures = measured("\n".join(line for _, line in g.console.lines[begin:]), icount)
    figures.update(instructions([line for _, line in g.console.lines[begin:]]) if icount else since_last(times))
    return figures


def run(bench):
    icount, only = bench.args.icount, bench.args.only
    timeout = 900 if icount else 240
    with Guest(kernel="7.2", payload=bench.payload, name="loaders", timeout=timeout, cpus=1 if icount else 2,
               icount="shift=0,sleep=off" if icount else None) as g:
        g.write_file("/boot/loader/entries/bench.conf", "title bench\nversion {0}\nlinux /vmlinuz-{0}\n"
                     "initrd /initrd.img-{0}\noptions {1}\n".format(g.release, words(g)["cmdline"]).encode())
        for n in range(bench.rounds):
            for name in (name for name in LOADERS if not only or any(o in name for o in only)):
                try:
                    bench.add(n, name, one(g, name, icount, timeout))
                except GuestError as e:
                    print(f"bench: {name}: {str(e).splitlines()[0]}", flush=True)
                    if g.dead():
                        raise
