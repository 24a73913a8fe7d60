# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults while services are kept: nothing is lost that an ordinary reboot would not lose.

One guest has all the faults, back and forth between two kernels. After each of them every service runs, the
reason is reported, and nothing is left behind: no rules, no images, no failed unit.
"""
import contextlib
import json
import pathlib
import re
import sys
import textwrap
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

OLD, NEW = "6.12", "7.2"

# Answers each line with the kernel's release, a secret of its memory, and a count. "grow": it allocates memory at
# once if /run/t/grow-now exists, and after measurement and rehearsal if /run/t/grow does. "at=PID": with this
# process number.
ASK = textwrap.dedent('''
    import os, secrets, socketserver, sys, threading, time
    SECRET, count, more = secrets.token_hex(8), 0, []
    def grow():
        while not more:
            time.sleep(0.05)
            if os.path.exists("/run/t/grow-now"):
                more.append(b"x" * 700000000)
            elif os.path.exists("/run/t/grow") and os.path.exists("/run/warmboot/freeze.json"):
                more.append(b"x" * 150000000)
    def become(pid):
        # Where somebody else has the number, as any process.
        while True:
            taken = os.path.exists(f"/proc/{pid}")
            with open("/proc/sys/kernel/ns_last_pid", "w") as f:
                f.write(str(pid - 1))
            child = os.fork()
            if child == 0 and (taken or os.getpid() == pid):
                return
            if child == 0 or child == pid or taken:
                os._exit(0)
            os.waitpid(child, 0)
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            global count
            for line in self.rfile:
                count += 1
                release = open("/proc/sys/kernel/osrelease").read().strip()
                self.wfile.write(f"{release} {SECRET} {count}\\n".encode())
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
    if len(sys.argv) > 2 and sys.argv[2].startswith("at="):
        become(int(sys.argv[2][3:]))
    elif len(sys.argv) > 2:
        threading.Thread(target=grow, daemon=True).start()
    Server(("", int(sys.argv[1])), Handler).serve_forever()
''')
# Each start is recorded on the disk, by either kernel. A kept service has none, even if systemd would start it.
UNIT = textwrap.dedent('''
    [Unit]
    Description=Answers
    After=network.target
    [Service]
    Type={type}
    ExecStartPre=/bin/sh -c 'cat /proc/sys/kernel/random/boot_id >>/root/starts-%N'
    ExecStart=/usr/bin/python3 /opt/t/ask.py {args}
    [Install]
    WantedBy=multi-user.target
''')
# As from "systemctl edit", whose drop-in mostly comes last.
OVERRIDE = "/etc/systemd/system/{}.service.d/override.conf"
EDITED = "[Service]\nRestart=always\nRestartSec=0\nRestartForceExitStatus=SIGKILL\n"
# A program that runs once in a shutdown, right before or after the freeze, and causes the fault.
FAULT = textwrap.dedent('''
    [Unit]
    DefaultDependencies=no
    ConditionPathExists=/opt/t/{name}
    After=shutdown.target umount.target {after}
    Before=final.target systemd-kexec.service {before}
    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStartPre=/bin/mv /opt/t/{name} /run/t-{name}
    ExecStart=/bin/sh /run/t-{name}
    StandardOutput=journal+console
    StandardError=journal+console
    [Install]
    WantedBy=kexec.target
''')
PORTS = {"one": 7001, "two": 7002, "three": 7003}


class World:
    def __init__(self, stack, payload, net):
        self.net = net
        self.g = g = stack.enter_context(Guest(kernel=OLD, mem="1536M", payload=payload, name="faults", net=net))
        self.kernel_threads = {}
        g.network_up()
        g.write_file("/opt/t/ask.py", ASK.encode())
        for name in PORTS:
            self.define(name)
        g.write_file("/etc/systemd/system/fault-before.service", FAULT.format(
            name="before", before="warmboot-freeze.service", after="").encode())
        g.write_file("/etc/systemd/system/fault-after.service", FAULT.format(
            name="after", before="", after="warmboot-freeze.service").encode())
        g.run("systemctl daemon-reload && systemctl enable fault-before fault-after && systemctl enable --now "
              + " ".join(PORTS), 120, check=True)
        g.run("warmboot keep add " + " ".join(PORTS), check=True)
        self.kernel_threads[g.out("uname -r")] = self.threads()

    def define(self, name, kind="simple", args=None):
        args = args or ("grow" if name == "two" else "")
        self.g.write_file(f"/etc/systemd/system/{name}.service",
                          UNIT.format(type=kind, args=f"{PORTS[name]} {args}").encode())
        self.g.write_file(OVERRIDE.format(name), EDITED.encode())

    def go_wrong(self, when, script):
        """`when`: "before" or "after" the freeze of the jump to come."""
        self.g.write_file(f"/opt/t/{when}", script.encode())

    def unit_at_start(self, name, unit):
        """Run a script at the beginning of every boot; `unit` removes the file that enables it."""
        self.g.write_file(f"/etc/systemd/system/{name}.service", (
            f"[Unit]\nDefaultDependencies=no\n{unit}\n[Install]\nWantedBy=sysinit.target\n").encode())
        self.g.run(f"systemctl daemon-reload && systemctl enable {name}", check=True)

    def unit_away(self, name):
        self.g.run(f"systemctl disable {name}; rm /etc/systemd/system/{name}.service; systemctl daemon-reload",
                   check=True)

    @contextlib.contextmanager
    def clients(self):
        with contextlib.ExitStack() as stack:
            c = {name: stack.enter_context(self.net.client("hold", port)) for name, port in PORTS.items()}
            for client in c.values():
                client.wait_answers(2, 60)
            yield c

    def secret(self, name):
        return self.g.out("python3 -c 'import socket; f = socket.create_connection((\"127.0.0.1\", "
                          f"{PORTS[name]})).makefile(\"rw\"); f.write(\"\\n\"); f.flush(); "
                          "print(f.readline().split()[1])'")

    def starts(self):
        return {name: self.g.out(f"cat /root/starts-{name}").split() for name in PORTS}

    def other(self):
        image = self.g.image
        return image.release(NEW if self.g.out("uname -r") == image.release(OLD) else OLD)

    def jump(self, how="{}", expect_kexec=True, do=None):
        """Jump to the other kernel; the outcome of each unit when all have answered again."""
        g = self.g
        with self.clients() as clients:
            before = {n: c.events[-1]["text"].split() for n, c in clients.items()}
            started = self.starts()
            jump = do or g.jump
            jump("warmboot reboot " + how.format(self.other()), 400, expect_kexec=expect_kexec)
            state = g.out("systemctl is-system-running --wait || systemctl --failed --no-pager", 240)
            for c in clients.values():
                c.wait_answers(2, 240)
            ends = {n: (c.report(), c.since_answered(), c.events[-1]["text"].split()) for n, c in clients.items()}
        told = {unit.removesuffix(".service"): u for unit, u in g.kept().items()}
        starts = {n: s[len(started[n]):] for n, s in self.starts().items()}
        result = {}
        for name, (report, events, last) in ends.items():
            result[name] = {"fresh": last[1] != before[name][1], "release": last[0], **report, "starts": starts[name],
                            "errors": {e["error"] for e in events if "error" in e}, "told": told.get(name)}
        print(*result.items(), g.out("warmboot status"), sep="\n")
        assert state == "running"
        self.kernel_threads[last[0]] = self.threads()
        return result

    def threads(self):
        """Numbers of the kernel's own threads, without workers, whose numbers differ in each boot.

        A rescuer (kworker/R-) is no such worker: it is made once, with its work queue.
        """
        return {int(pid): name for pid, parent, name in (
            line.split() for line in self.g.out("ps -eo pid=,ppid=,comm=").splitlines()
            if len(line.split()) == 3 and not re.search(" kworker/[^R]", line)) if parent in "02"}

    def nothing_is_left(self):
        g = self.g
        assert g.run("nft list ruleset | grep -i -e warmboot -e CRIU").rc == 1, "the hold was not ended"
        assert g.out("systemctl --failed --no-legend") == ""
        for name in PORTS:
            assert g.out(f"systemctl show -P FragmentPath {name}") == f"/etc/systemd/system/{name}.service"
            assert g.out(f"systemctl show -P DropInPaths {name}") == OVERRIDE.format(name)
            assert g.out(f"systemctl is-active {name}") == "active"
        assert not g.out("find /opt/t -name before -o -name after"), "the fault did not happen"
        store = json.loads(g.out("warmboot store --json"))
        assert store["next"] is None and store["before"] is None, store


@pytest.fixture(scope="module")
def world(payload, network):
    with contextlib.ExitStack() as stack:
        yield World(stack, payload, network)


def kept(r):
    """The unit is reported as kept, and has the same process with the same connection."""
    assert r["told"]["outcome"] == "kept" and not r["fresh"] and not r["starts"], r
    assert r["connected"] == 1 and r["lost"] == 0, r


def anew(r, why, silent=True):
    """The unit was started in the ordinary way, with a reason, and its port dropped packets meanwhile."""
    assert r["fresh"] and r["told"]["outcome"] == "restarted" and r["told"]["how"] == "restart", r
    assert len(r["starts"]) == 1, r
    assert why in r["told"]["why"], r
    assert not silent or not any("refused" in e for e in r["errors"]), r


@pytest.mark.long
def test_store_too_small(world):
    g = world.g
    # With How=process there is no jump, and nothing has changed.
    g.run("mkdir -p /run/t && touch /run/t/grow-now", check=True)
    pid = g.out("systemctl show -P MainPID two")
    g.until(f"awk '/^RssAnon/ {{exit $2 < 680000}}' /proc/{pid}/status", 120)
    g.run("rm /run/t/grow-now", check=True)
    g.run("warmboot keep add three --how process", check=True)
    secret = world.secret("three")
    r = g.run("warmboot reboot " + world.other(), 120)
    assert r.rc == 1 and "three.service was to be kept as a process: too little memory for a store" in r.out, r.out
    assert len(r.out.strip().splitlines()) == 1 and world.secret("three") == secret
    assert g.out("cat /sys/kernel/kexec_loaded /proc/sys/vm/nr_hugepages").split() == ["0", "0"]
    g.run("warmboot keep add three --how auto", check=True)
    result = world.jump()
    for r in result.values():
        anew(r, "too little memory for a store")
    world.nothing_is_left()


@pytest.mark.long
def test_criu_missing(world):
    world.go_wrong("after", "mv /usr/sbin/criu /usr/sbin/criu.away\n")
    result = world.jump()
    world.g.run("mv /usr/sbin/criu.away /usr/sbin/criu", check=True)
    for r in result.values():
        anew(r, "criu is not installed")
    world.nothing_is_left()


# Flip one bit at each place in the store that has the given secret; some are left from the rehearsal.
FLIP = textwrap.dedent('''
    cat >/run/t-flip.py <<'END'
    import json, mmap, sys
    store, n = json.load(open("/run/warmboot/store.json")), 0
    with open(store["path"], "r+b") as f:
        for off, _, size in store["pieces"]:
            m = mmap.mmap(f.fileno(), size, offset=off)
            while (at := m.find(sys.argv[1].encode())) >= 0:
                m[at] ^= 1
                n += 1
    print("t: flipped", n)
    END
    python3 /run/t-flip.py {secret}
''')


def test_bit_flipped_and_pid_taken(world):
    g = world.g
    if world.other() not in world.kernel_threads:
        world.jump("--no-keep {}")
    to = world.other()
    # A process number that is free here, and belongs to a thread of the other kernel. Its threads start side by side, so
    # their numbers differ a little from boot to boot: it lies among as many others as possible.
    taken, here = world.kernel_threads[to], g.out("ps -eo pid=").split()
    pid = max((p for p in taken if str(p) not in here), key=lambda p: (sum(abs(p - q) < 5 for q in taken), -p))
    print(pid, taken[pid])
    world.define("two", "forking", f"at={pid}")
    g.run("systemctl daemon-reload && systemctl restart two", check=True)
    assert g.out("systemctl show -P MainPID two") == str(pid)
    world.go_wrong("after", FLIP.format(secret=world.secret("one")))
    result = world.jump()
    g.expect_console("t: flipped [1-9]", 1)
    world.define("two")
    g.run("systemctl daemon-reload && systemctl restart two", check=True)
    anew(result["one"], "in the store is damaged: extent ")
    anew(result["two"], "criu")
    kept(result["three"])
    world.nothing_is_left()


LATE = """
After=warmboot-hold.service
ConditionPathExists=/opt/t/virtio_net
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /opt/t/late.sh
"""


@pytest.mark.long
def test_address_comes_late(world):
    g = world.g
    module = g.out(f"find /lib/modules/{world.other()} -name 'virtio_net.ko*'")
    g.write_file("/opt/t/late.sh", (
        # The address is missing for this long, while services wait for it.
        f"sleep 3; mv /opt/t/virtio_net {module}; modprobe virtio_net\n"
        f"for i in $(seq 50); do ip link set eth0 up && ip address replace {world.net.guest}/24 dev eth0 && exit\n"
        "sleep .1; done; exit 1\n").encode())
    world.unit_at_start("late", LATE)
    world.go_wrong("after", f"mv {module} /opt/t/virtio_net\n")
    result = world.jump()
    world.unit_away("late")
    for r in result.values():
        kept(r)
    world.nothing_is_left()


# Kills CRIU when it has written some of the images of one.service.
KILL_DUMP = textwrap.dedent('''
    cat >/run/t-kill.py <<'END'
    import os, re, signal, sys
    def number(path, name):
        return int(re.search(name + r":\\s*(\\d+)", open(path).read()).group(1))
    open("/run/t-killer", "w").close()
    def criu():
        pid = number(f"/proc/{sys.argv[1]}/status", "TracerPid")
        try:
            return pid if pid and open(f"/proc/{pid}/comm").read().strip() == "criu" else 0
        except OSError:
            return 0
    # warmboot itself stops the threads for a moment, before CRIU does.
    tracer, seen = 0, 0
    while not tracer or number(f"/proc/{tracer}/io", "wchar") < 2000 and seen < 5:
        tracer = criu()
        seen += tracer > 0
    os.kill(tracer, signal.SIGKILL)
    END
    python3 /run/t-kill.py $(systemctl show -P MainPID one) &
    until test -e /run/t-killer; do sleep .05; done
''')


def test_dumps_fail_half_way(world):
    world.g.run("mkdir -p /run/t && touch /run/t/grow", check=True)
    world.go_wrong("before", KILL_DUMP)
    result = world.jump()
    anew(result["one"], "criu was killed by signal 9")
    anew(result["two"], "the store of ")
    kept(result["three"])
    world.nothing_is_left()


@pytest.mark.long
def test_module_missing(world):
    g, to = world.g, world.other()
    dep = f"/lib/modules/{to}/modules.dep"
    # Known beforehand.
    g.run(f"cp {dep} /root/dep && sed -i s/nf_tables.ko/nf_no_tables.ko/g {dep}", check=True)
    said = g.out(f"warmboot reboot --dry-run {to}; mv /root/dep {dep}", 120)
    for name in PORTS:
        assert f"{name}.service: restart: the kernel {to} has no module nf_tables, which criu needs" in said, said
    # And not.
    module = g.out(f"find /lib/modules/{to} -name 'nf_tables.ko*'")
    world.go_wrong("after", f"mv {module} /opt/t/nf_tables\n")
    result = world.jump()
    g.run(f"mv /opt/t/nf_tables {module}", check=True)
    for r in result.values():
        assert r["fresh"] == (r["told"]["outcome"] != "kept"), r
        if r["fresh"]:
            assert r["told"]["outcome"] == "restarted" and "nf" in r["told"]["why"], r
    world.nothing_is_left()


def firmware(world, result):
    """The next boot is an ordinary one, and no process from before the jump comes back."""
    g = world.g
    jump = json.loads(g.out("warmboot status --json"))["last_jump"]
    assert jump["outcome"] == "firmware-reboot", jump
    for r in result.values():
        anew(r, "the boot after the jump found nothing of it to bring back", silent=False)
    assert g.run("test -e /run/warmboot/keep.json").rc == 1
    world.nothing_is_left()


PANIC = """
After=warmboot-thawed.service
ConditionKernelCommandLine=t.panic
[Service]
ExecStart=/bin/sh -c 'echo c >/proc/sysrq-trigger'
"""


@pytest.mark.long
def test_new_kernel_panics(world):
    world.unit_at_start("panic", PANIC)
    resets = len(world.g.resets)
    result = world.jump("--append 'panic=1 t.panic' {}", expect_kexec=False)
    world.unit_away("panic")
    assert len(world.g.resets) > resets
    world.g.expect_console("Kernel panic - not syncing: sysrq triggered crash", 1)
    firmware(world, result)


def test_power_cut_after_the_freeze(world):
    def cut(cmd, timeout, expect_kexec):
        mark, old = time.monotonic(), g.boot_id
        g.start(cmd)
        g.expect_console("t: frozen", timeout, since=mark)
        g.reset()
        g.wait_ready(timeout, not_boot_id=old)

    g = world.g
    # The power is cut while the shutdown stands still.
    world.go_wrong("after", "sync; echo t: frozen; sleep 300\n")
    # Only this store is still there.
    firmware(world, world.jump("--store=disk {}", do=cut))
    assert g.run("test -e /var/lib/warmboot/store.img").rc == 1, "secrets are left on the disk"


def test_now(world):
    # Another program starts the unit whenever it is down, besides systemd, which does so after a failure.
    g, names = world.g, " ".join(f"{name}.service" for name in PORTS)
    g.write_file("/run/systemd/system/upholds.service",
                 f"[Unit]\nUpholds={names}\n[Service]\nExecStart=sleep infinity\n".encode())
    g.run("systemctl daemon-reload && systemctl start upholds", check=True)
    for r in world.jump("--now {}").values():
        kept(r)
    g.run("systemctl stop upholds && rm -f /run/systemd/system/upholds.service && systemctl daemon-reload", check=True)
    world.nothing_is_left()


def test_now_goes_back_when_a_dump_fails(world):
    g = world.g
    g.run("mkdir -p /run/t && touch /run/t/grow", check=True)
    kept_before = "ls /run/systemd/system; cat /var/lib/warmboot/keep-result.json 2>&1 || true"
    before = g.out(kept_before)
    with world.clients() as clients:
        secrets = {n: c.events[-1]["text"].split()[1] for n, c in clients.items()}
        r = g.run("warmboot reboot --now " + world.other(), 240)
        for name, c in clients.items():
            c.wait_answers(5, 60)
            assert c.events[-1]["text"].split()[1] == secrets[name]
            assert c.report()["connected"] == 1 and c.report()["lost"] == 0, c.report()
    assert r.rc == 1, r.out
    said = [line for line in re.split(r"[\r\n]|\x1b\[K", r.out) if line.startswith("warmboot: ")]
    # The unit that has grown, and none of those whose room is set aside.
    assert len(said) == 1 and "two.service: the store of " in said[0], r.out
    assert g.out("cat /sys/kernel/kexec_loaded /proc/sys/vm/nr_hugepages").split() == ["0", "0"]
    assert g.out(kept_before) == before
    assert g.run("test -e /run/warmboot/freeze.json").rc == 1
    world.nothing_is_left()
