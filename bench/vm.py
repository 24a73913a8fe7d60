# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long virtual machines stand still.

    vm.py [BUILD] [--only NAME,…]

One machine with two CPUs runs the guest that counts and checks its memory (tests/vm/counter). It goes over one jump from the
newest kernel to itself in each of these ways, and once a small service does, alone. A guest prints all the time, by
datagrams to this side. So the longest pause between two of its lines is seen from outside. The last way is what there is
without warmboot: QEMU saves the guest to a file, as "virsh managedsave" does, `systemctl kexec` starts the next kernel,
and a unit of that boot starts QEMU from the file.
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from beside import Beside  # noqa: E402
from common import LOAD_KEXEC, machine, touched, words  # noqa: E402
from guest import Guest, GuestError, stage_install  # noqa: E402
from net import HOST, Network  # noqa: E402
import scale  # noqa: E402

JUMP = 900
MEMORY = "6G"
SMALL, LARGE = 256, 1024
# In place, the memory is a file in huge pages; through the store, QEMU's own.
HUGE = ("-object memory-backend-file,id=ram0,size={mib}M,mem-path=/dev/hugepages/v{mib}.ram,share=on "
        "-machine pc-q35-10.0,accel=tcg,memory-backend=ram0")
OWN = "-machine pc-q35-10.0,accel=tcg"
UNIT = """\
[Service]
ExecStart=/usr/bin/qemu-system-x86_64 -name {name} {memory} -m {mib}M -nodefaults -display none \\
 -drive file=/var/lib/{name}.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev udp,id=s,host={host},port={port} -serial chardev:s -qmp unix:/run/{name}.qmp,server=on,wait=off {more}
"""
# systemd starts it in the next boot as soon as there is a network: QEMU ends while there is no way to this side.
SAVED = """\
[Unit]
ConditionPathExists=/var/lib/saved
After=network.target
StartLimitIntervalSec=0
{unit}
ExecStartPost=/usr/bin/python3 /opt/vm/save.py /run/saved.qmp
Restart=on-failure
RestartSec=100ms
[Install]
WantedBy=multi-user.target
"""
# The name, the guest's MiB, its memory, and its port on this side.
WAYS = (("in place, 256 MiB", "small", SMALL, HUGE, 7301), ("in place, 1 GiB", "large", LARGE, HUGE, 7302),
        ("store, 256 MiB", "own", SMALL, OWN, 7303), ("saved to a file, 256 MiB", "saved", SMALL, OWN, 7304))
ALONE = "one service alone"
# The first row is divided by the second; the number is the most that is asked for.
ASKED = (("in place, 1 GiB", "in place, 256 MiB", 1.2), ("in place, 256 MiB", ALONE, 1.5),
         ("in place, 256 MiB", "saved to a file, 256 MiB", 0.3))
LEAST_OF_MEMCPY = 0.5
MEMCPY = ("python3 -c 'import os, time; a = bytearray(os.urandom(1 << 20)) * 256; b = bytearray(len(a)); "
          "t = time.monotonic(); memoryview(b)[:] = a; print(256 / (time.monotonic() - t))'")


def say(text):
    print(f"vm: {text}", flush=True)


class Listener(Beside):
    """bench/vm/listen.py beside the machine."""

    def argv(self):
        return [HERE / "vm/listen.py", HOST, self.path, *(w[4] for w in WAYS)]

    def wait(self, port, lines, timeout):
        """Until the guest has printed so many lines from now on."""
        since, end = time.monotonic(), time.monotonic() + timeout
        while sum(e["port"] == port and e["t"] > since for e in self.events()) < lines:
            if time.monotonic() > end:
                raise GuestError(f"the guest has not printed {lines} lines within {timeout} s")
            time.sleep(1)


def longest_pause(events, port, since):
    """Seconds; None: the guest began anew, or its memory was not what it had written."""
    lines = [e for e in events if e["port"] == port]
    pairs = list(zip(lines, lines[1:]))
    if any(e["bad"] for e in lines) or any(b["count"] <= a["count"] for a, b in pairs):
        return None
    return max((b["t"] - a["t"] for a, b in pairs if b["t"] > since), default=None)


def define(g, name, mib, memory, port, more=""):
    unit = UNIT.format(name=name, mib=mib, memory=memory.format(mib=mib), host=HOST, port=port, more=more)
    g.write_file(f"/etc/systemd/system/{name}.service", unit.encode())
    g.run(f"cp /opt/vm/counter.img /var/lib/{name}.img; systemctl daemon-reload", 60, check=True)
    return unit


def keep_only(g, name):
    g.run("warmboot keep list --json | grep -o '\"name\": *\"[^\"]*' | cut -d'\"' -f4 | xargs -r warmboot keep remove; "
          f"warmboot keep add {name}", 120, check=True)


def with_warmboot(g, listener, name, mib, memory, port):
    """One jump; its figures."""
    define(g, name, mib, memory, port)
    g.run(f"systemctl start {name}", 60, check=True)
    listener.wait(port, 5, JUMP)
    keep_only(g, f"vm:{name}")
    since = time.monotonic()
    g.jump(f"warmboot reboot {g.release}", JUMP)
    told = g.kept(f"{name}.service", timeout=300)[f"{name}.service"]
    if told["outcome"] != "kept":
        raise GuestError(f"{name} was not kept: {told}")
    listener.wait(port, 5, JUMP)
    pause = longest_pause(listener.events(), port, since)
    g.run(f"warmboot keep remove vm:{name}; systemctl stop {name}", 120)
    return {"pause_s": pause, "mib": told["dump_bytes"] / 2**20, "dump_s": told["dump_s"],
            "restore_s": told.get("restore_s"), "frozen_s": told["frozen_s"]}


def with_a_file(g, listener, name, mib, memory, port):
    """The same without warmboot."""
    unit = define(g, name, mib, memory, port)
    after = SAVED.format(unit=unit.replace("wait=off", "wait=off -incoming file:/var/lib/saved"))
    g.write_file("/etc/systemd/system/saved-again.service", after.encode())
    g.run(f"systemctl daemon-reload; systemctl enable saved-again; systemctl start {name}", 60, check=True)
    listener.wait(port, 5, JUMP)
    g.run(LOAD_KEXEC.format(flag="-s", **{**words(g), "cmdline": g.cmdline}), 300, check=True)
    since = time.monotonic()
    g.jump(f"python3 /opt/vm/save.py /run/{name}.qmp /var/lib/saved && systemctl kexec", JUMP)
    listener.wait(port, 5, JUMP)
    return {"pause_s": longest_pause(listener.events(), port, since)}


def one_service(g, net):
    row = scale.one(g, net, [scale.unit(scale.PORT)], [scale.PORT])
    g.run("warmboot keep remove scale@7001-0.service; systemctl stop 'scale@*'", 120)
    if row["lost"] or not row["kept"]:
        raise GuestError("the service alone was not kept")
    return {"pause_s": row["last_s"]}


def run(args, rows):
    with contextlib.ExitStack() as stack:
        stage = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-vm.")))
        stage.chmod(0o755)
        stage_install(args.build, stage)
        (stage / "opt/vm").mkdir(parents=True)
        (stage / "opt/scale").mkdir()
        shutil.copy(HERE / "vm/save.py", stage / "opt/vm")
        shutil.copy(HERE / "scale/service.py", stage / "opt/scale")
        shutil.copy(pathlib.Path(args.build) / "tests/unit/counter.img", stage / "opt/vm")
        net = stack.enter_context(Network())
        g = stack.enter_context(Guest(kernel="7.2", mem=MEMORY, qemu_args=touched(MEMORY), suite="trixie-host", payload=stage,
                                      name="vm", net=net))
        listener = stack.enter_context(Listener(net))
        g.network_up()
        g.write_file("/etc/sysctl.d/huge.conf", f"vm.nr_hugepages = {(SMALL + LARGE) // 2}\n".encode())
        g.write_file("/etc/systemd/system/scale@.service", scale.UNIT.encode())
        g.run(f"sysctl -qw vm.nr_hugepages={(SMALL + LARGE) // 2}; systemctl daemon-reload", 60, check=True)
        rows["memcpy"] = {"mib_per_s": float(g.out(MEMCPY, 120))}
        steps = [(ALONE, lambda: one_service(g, net))]
        for name, *how in WAYS:
            way = with_a_file if how[0] == "saved" else with_warmboot
            steps.append((name, lambda way=way, how=how: way(g, listener, *how)))
        for name, step in steps:
            if args.only and not any(word in name for word in args.only):
                continue
            rows[name] = step()
            say(f"{name}: " + ", ".join(f"{k} {v:.2f}" for k, v in rows[name].items() if v is not None))


def judge(rows):
    """A line for each thing that is asked for."""
    def pause(name):
        return rows.get(name, {}).get("pause_s")

    lines = []
    for name, to, most in ASKED:
        ratio = pause(name) / pause(to) if pause(name) and pause(to) else None
        lines.append((f"pause, {name}, of that of {to}", ratio, f"at most {most}", ratio is None or ratio > most))
    store, copy = rows.get("store, 256 MiB", {}), rows.get("memcpy", {}).get("mib_per_s")
    for way, key in (("out", "dump_s"), ("in", "restore_s")):
        ratio = store["mib"] / store[key] / copy if copy and store.get(key) else None
        lines.append((f"speed through the store, {way}, of one copy", ratio, f"at least {LEAST_OF_MEMCPY}",
                      ratio is None or ratio < LEAST_OF_MEMCPY))
    return lines


def main():
    ap = argparse.ArgumentParser(prog="vm", description=__doc__)
    ap.add_argument("build", nargs="?", default=str(TOP / "build"))
    ap.add_argument("--only", type=lambda text: text.split(","), help="words of the names of rows")
    ap.add_argument("--out", default=str(TOP / "out/vm.json"))
    args = ap.parse_args()
    out, rows, failed, begin = pathlib.Path(args.out), {}, False, time.monotonic()
    out.parent.mkdir(exist_ok=True)
    try:
        run(args, rows)
    except (GuestError, RuntimeError, AssertionError, subprocess.SubprocessError) as e:
        say(str(e))
        failed = True
    lines = judge(rows)
    out.write_text(json.dumps({"machine": machine(), "rows": rows, "asked": lines}, indent=1) + "\n")
    for text, ratio, asked, missed in lines:
        print(f"{text}: {'not measured' if ratio is None else f'{ratio:.2f}'} ({asked})" + " MISSED" * missed)
    say(f"{time.monotonic() - begin:.0f} s; {out}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
