# SPDX-License-Identifier: LGPL-2.1-or-later
"""CRIU or the next kernel could lose what these services have: it is the same after a jump, or keep test names it."""
import json
import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402

# The function named by the first argument prepares something and returns a function that looks at it. It answers
# who connects to the socket with what it has seen, as JSON. A name that begins with "_" may have another value after a jump.
RECIPE_PY = textwrap.dedent('''
    import ctypes, json, mmap, os, secrets, signal, socket, struct, sys, threading, time
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    def call(number, *args):
        r = libc.syscall(number, *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
        return r if r >= 0 else -ctypes.get_errno()
    def prctl(*args):
        return call(157, *args, *[0] * (5 - len(args)))
    def read(path):
        try:
            return open(path).read().strip()
        except OSError as e:
            return e.errno
    def worker():
        pid = os.fork()
        while not pid:
            time.sleep(1000)
        return pid

    # ---- kept ----

    def pidfd():
        fd = os.pidfd_open(worker())
        def look():
            signal.pidfd_send_signal(fd, 0)
            return {"pid": [l for l in read(f"/proc/self/fdinfo/{fd}").splitlines() if l.startswith("Pid:")]}
        return look
    def rseq():
        seen = {"bad": 0, "n": 0}
        def loop():
            while True:
                seen["bad"] += libc.sched_getcpu() not in range(os.cpu_count())
                seen["n"] += 1
                time.sleep(0.01)
        threading.Thread(target=loop, daemon=True).start()
        def look():
            n = seen["n"]
            time.sleep(1)
            return {"bad": seen["bad"], "runs": seen["n"] > n}
        return look
    def rights():
        keys = ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters")
        def look():
            status = dict(l.split(":", 1) for l in read("/proc/self/status").splitlines())
            return {**{k: status[k].split() for k in keys}, "mount": call(165, b"x", b"/mnt", b"tmpfs", 0, 0)}
        return look
    def groups():
        me = "/sys/fs/cgroup" + read("/proc/self/cgroup").split("0::")[1].strip()
        os.makedirs(me + "/main")
        os.makedirs(me + "/job/a")
        open(me + "/main/cgroup.procs", "w").write("0")
        for group in ("", "/job"):
            for controller in ("+pids", "+memory"):
                open(me + group + "/cgroup.subtree_control", "w").write(controller)
        pid = worker()
        open(me + "/job/a/cgroup.procs", "w").write(str(pid))
        for name, value in (("job/pids.max", "20"), ("job/a/pids.max", "7"), ("job/a/memory.high", "67108864")):
            open(f"{me}/{name}", "w").write(value)
        def look():
            found = {}
            for d, dirs, files in os.walk(me):
                if d.endswith("/.control"):
                    continue
                found[d[len(me):]] = [os.stat(d).st_uid, os.stat(d + "/cgroup.procs").st_uid] + [
                    read(f"{d}/{n}") for n in ("cgroup.procs", "cgroup.subtree_control", "pids.max", "memory.high") if n in files]
            # The unit's own limit of tasks is systemd's, and follows the memory of the machine.
            found[""] = found[""][:4]
            return {"groups": found, "mine": [read(f"/proc/{p}/cgroup") for p in (os.getpid(), pid)]}
        return look
    def memory():
        secret = secrets.token_hex(8).encode()
        fd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        os.write(fd, secret)
        call(72, fd, 1033, 15)
        shared = mmap.mmap(-1, 4096)
        if not os.fork():
            while True:
                shared[:8] = struct.pack("q", struct.unpack("q", shared[:8])[0] + 1)
                time.sleep(0.05)
        shm = open(f"/dev/shm/{NAME}", "w+b")
        shm.truncate(4096)
        mapped = mmap.mmap(shm.fileno(), 4096)
        mapped[:16] = secret
        shm.close()
        def look():
            n = shared[:8]
            time.sleep(1)
            return {"seals": call(72, fd, 1034), "memfd": os.pread(fd, 16, 0).decode(), "write": call(18, fd, b"x", 1, 0),
                    "counts": shared[:8] != n, "mapped": mapped[:16].decode(), "file": read(f"/dev/shm/{NAME}")[:16]}
        return look
    def clocks():
        fired, timers, files = [], {}, {}
        signal.signal(signal.SIGUSR1, lambda *a: fired.append(1))
        for clock in (0, 1, 2, 3, 7, 11):
            timer = ctypes.c_int()
            event = struct.pack("Qii48x", clock, signal.SIGUSR1, 0)
            assert call(222, clock, event, ctypes.byref(timer)) == 0
            assert call(223, timer.value, 0, struct.pack("4q", 50, 0, 36000, 0), 0) == 0
            timers[clock] = timer.value
        for clock in (0, 1, 7):
            files[clock] = call(283, clock, 0)
            assert call(286, files[clock], 0, struct.pack("4q", 50, 0, 36000, 0), 0) == 0
        for which in range(3):
            signal.setitimer(which, 36000, 50)
        # Set to a time: still to come, with 2 for TFD_TIMER_CANCEL_ON_SET, or over and read, or not set any more.
        ends, over, none = {}, call(283, 1, 2048), call(283, 1, 2048)
        for clock, how in ((0, 1), (0, 3), (1, 1), (7, 1)):
            at, fd = time.clock_gettime(clock) + 36000, call(283, clock, 0)
            assert call(286, fd, how, struct.pack("4q", 0, 0, int(at), int(at % 1 * 1e9)), 0) == 0
            ends[clock, how] = fd, at
        assert call(286, over, 1, struct.pack("4q", 0, 0, 0, 1), 0) == 0 and os.read(over, 8)
        assert call(286, none, 1, struct.pack("4q", 0, 0, 10**6, 0), 0) == call(286, none, 1, bytes(32), 0) == 0
        slept = {"early": 0, "n": 0, "error": []}
        def sleep(clock):
            while True:
                at = time.clock_gettime(clock) + 0.2
                r = call(230, clock, 1, struct.pack("2q", int(at), int(at % 1 * 1e9)), 0)
                slept["early"] += r == 0 and time.clock_gettime(clock) < at - 0.001
                slept["n"] += 1
                slept["error"] += [r] if r not in (0, -4) else []
        for clock in (0, 1, 7):
            threading.Thread(target=sleep, args=(clock,), daemon=True).start()
        last = {c: time.clock_gettime(c) for c in (0, 1, 7, 11)}
        wrong = []
        def loop():
            while True:
                for clock in last:
                    now = time.clock_gettime(clock)
                    if now < last[clock]:
                        wrong.append((clock, last[clock], now))
                    last[clock] = now
                time.sleep(0.01)
        threading.Thread(target=loop, daemon=True).start()
        def left(number, what):
            buf = ctypes.create_string_buffer(32)
            assert call(number, what, buf) == 0
            every, _, seconds, _ = struct.unpack("4q", buf.raw)
            return every, 34000 < seconds <= 36000
        def off(clock, fd, at):
            buf = ctypes.create_string_buffer(32)
            assert call(287, fd, buf) == 0
            _, _, seconds, ns = struct.unpack("4q", buf.raw)
            return round(seconds + ns / 1e9 + time.clock_gettime(clock) - at, 3)
        def again(fd):
            try:
                return os.read(fd, 8)[0]
            except BlockingIOError:
                return 0
        def look():
            n, late = slept["n"], {str(k): off(k[0], *v) for k, v in ends.items()}
            time.sleep(1)
            return {"ends": {k: abs(v) < 0.05 for k, v in late.items()}, "_late": late, "again": [again(over), again(none)],
                    "slept": [slept["early"], slept["error"], slept["n"] > n],
                    "how": [l for f, _ in ends.values() for l in read(f"/proc/self/fdinfo/{f}").splitlines() if "flags: 0" in l],
                    "timers": {c: left(224, t) for c, t in timers.items()}, "files": {c: left(287, f) for c, f in files.items()},
                    "interval": [34000 < signal.getitimer(i)[0] <= 36000.1 for i in range(3)], "fired": len(fired),
                    "backwards": wrong, "_now": {c: time.clock_gettime(c) for c in last}}
        return look
    def network():
        # The same port and the same abstract name are in the machine's network, too, and another's there.
        pair = socket.create_server(("127.0.0.1", 7099), backlog=8)
        name = socket.socket(socket.AF_UNIX)
        name.bind("\\0apart")
        name.listen(8)
        inner = socket.create_connection(("127.0.0.1", 7099))
        far = pair.accept()[0]
        def serve(listener):
            while True:
                c = listener.accept()[0]
                c.sendall(SECRET.encode())
                c.close()
        if not os.fork():
            inner.close()
            for listener in (pair, name):
                threading.Thread(target=serve, args=(listener,), daemon=True).start()
            while True:
                far.sendall(far.recv(100)[::-1])
        far.close()
        def get(c):
            return b"".join(iter(lambda: c.recv(100), b"")).decode()
        def look():
            inner.sendall(SECRET.encode())
            new, abstract = socket.create_connection(("127.0.0.1", 7099)), socket.socket(socket.AF_UNIX)
            abstract.connect("\\0apart")
            return {"held": inner.recv(100).decode()[::-1] == SECRET, "mine": [get(c) == SECRET for c in (new, abstract)],
                    "links": [n for _, n in socket.if_nameindex()], "lo": read("/proc/net/dev").count(":"),
                    "_ns": os.readlink("/proc/self/ns/net"), "pid": os.getpid()}
        return look
    def label():
        return lambda: {"label": read("/proc/self/attr/current"), "_threads": threading.active_count()}
    def settings():
        os.getrandom(8)
        at = libc.mmap(None, 65536, 3, 0x22, -1, 0)
        libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(65536), 18)
        prctl(1, 15)
        prctl(36, 1)
        libc.personality(0x40000)
        def look():
            signal_at_death = ctypes.c_int()
            flags, wiped, inside = [], False, False
            for line in open("/proc/self/smaps"):
                if "-" in line.split()[0]:
                    start, end = [int(x, 16) for x in line.split()[0].split("-")]
                    inside = start <= at < end
                elif line.startswith("VmFlags:"):
                    words = line.split()
                    wiped |= inside and "wf" in words
                    flags += [w for w in words if w == "dp"]
            return {"wiped": wiped, "droppable": flags, "personality": libc.personality(0xffffffff), "mdwe": prctl(66)}
        return look

    # ---- not kept ----

    def io_uring():
        assert call(425, 8, ctypes.create_string_buffer(120)) >= 0
    def memfd_secret():
        fd = call(447, 0)
        assert fd >= 0
        os.ftruncate(fd, 4096)
        globals()["held"] = mmap.mmap(fd, 4096)
    def landlock():
        rules = struct.pack("QQ", 0, 1)
        fd = call(444, rules, 16, 0)
        prctl(38, 1)
        assert fd >= 0 and call(446, fd, 0) == 0
        os.close(fd)
    def keys():
        assert call(248, b"user", b"k", b"v", 1, -3) > 0
    def keys_user():
        assert call(248, b"user", b"k", b"v", 1, -4) > 0
    def keys_process():
        assert call(248, b"user", b"k", b"v", 1, -2) > 0
    def keys_thread():
        def hold():
            assert call(248, b"user", b"k", b"v", 1, -1) > 0
            time.sleep(100000)
        threading.Thread(target=hold, daemon=True).start()
    def alarm():
        globals()["held"] = call(283, 9, 0)
        assert held >= 0
    def alarm_timer():
        assert call(222, 8, struct.pack("Qii48x", 0, signal.SIGUSR1, 0), ctypes.byref(ctypes.c_int())) == 0
    def watchdog():
        globals()["held"] = open("/dev/watchdog0", "wb", buffering=0)
    def apart():
        def loop():
            call(272, 0x200)
            os.chdir("/usr")
            time.sleep(100000)
        threading.Thread(target=loop, daemon=True).start()
    def huge():
        at = libc.mmap(None, 2 << 20, 3, 0x40022, -1, 0)
        ctypes.memset(at, 7, 100)
    def huge_file():
        fd = os.memfd_create("x", os.MFD_HUGETLB)
        os.ftruncate(fd, 2 << 20)
        globals()["held"] = mmap.mmap(fd, 2 << 20)
        held[:1] = b"x"
    def packets():
        os.pipe2(os.O_DIRECT)

    NAME, SECRET = sys.argv[1], secrets.token_hex(8)
    look = globals()[sys.argv[2]]() or dict
    s = socket.socket(socket.AF_UNIX)
    s.bind(f"/run/{NAME}/socket")
    s.listen(8)
    print("ready", flush=True)
    while True:
        try:
            c = s.accept()[0]
            c.sendall(json.dumps({"secret": SECRET, "main": os.getpid(), **look()}).encode())
        except OSError as e:
            c.sendall(json.dumps({"error": repr(e)}).encode())
        c.close()
''')
ASK_PY = textwrap.dedent('''
    import json, socket, sys
    answers = {}
    for name in sys.argv[1:]:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(f"/run/{name}/socket")
        answers[name] = json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
    print(json.dumps(answers))
''')
# A profile that only complains, as apparmor_parser(8) would give it to the kernel (security/apparmor/policy_unpack.c);
# and the service that Debian's package has for this.
POLICY_PY = textwrap.dedent('''
    import struct
    def u32(*values, name=b""):
        return name + b"".join(b"\\2" + struct.pack("<I", v) for v in values)
    def tag(name):
        return b"\\4" + struct.pack("<H", len(name) + 1) + name + b"\\0"
    profile = (tag(b"profile") + b"\\7\\5" + struct.pack("<H", 7) + b"recipe\\0" + tag(b"flags") + b"\\7" + u32(0, 1, 0) + b"\\10"
               + u32(0, 0, 0, 0) + tag(b"caps64") + b"\\7" + u32(0, 0, 0, 0) + b"\\10" + b"\\10")
    open("/sys/kernel/security/apparmor/.load", "wb", buffering=0).write(u32(7, name=tag(b"version")) + profile)
''')
POLICY_UNIT = ("[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\nAfter=local-fs.target\n[Service]\nType=oneshot\n"
               "RemainAfterExit=yes\nExecStart=/usr/bin/python3 /opt/policy.py\n[Install]\nWantedBy=sysinit.target\n")
KEPT = {
    "pidfd": [],
    "rseq": ["Environment=GLIBC_TUNABLES=glibc.pthread.rseq=1"],
    "rights": ["User=nobody", "CapabilityBoundingSet=", "NoNewPrivileges=yes", "PrivateUsers=yes"],
    "filter": ["Recipe=rights", "User=nobody", "NoNewPrivileges=yes", "SystemCallFilter=@system-service @mount",
               "SystemCallFilter=~mount", "SystemCallErrorNumber=EUCLEAN"],
    "groups": ["Delegate=yes"],
    "memory": [],
    "clocks": [],
    "settings": ["MemoryDenyWriteExecute=yes"],
    "apart_net": ["Recipe=network", "PrivateNetwork=yes", "CapabilityBoundingSet=~CAP_NET_ADMIN"],
    "network": [],
    "label": ["AppArmorProfile=recipe"],
    "dynamic": ["Recipe=rights", "DynamicUser=yes", "StateDirectory=dynamic", "CapabilityBoundingSet="],
}
REFUSED = {
    "io_uring": "io_uring",
    "memfd_secret": "memfd_secret",
    "landlock": "restricted by Landlock",
    "keys": "keys in its session keyring",
    "keys_user": "keys in the keyring of its user",
    "keys_process": "keys in its process keyring",
    "keys_thread": "keys in its thread keyring",
    "alarm": "a timer that wakes the machine",
    "alarm_timer": "a timer that wakes the machine",
    "watchdog": "nobody would feed that watchdog",
    "admin": "may change the network of PrivateNetwork=",
    "apart": "working directory",
    "huge": "memory of huge pages",
    "huge_file": "memory of huge pages",
    "packets": "packetized",
}
REFUSED_SETTINGS = {"keys_user": ["User=daemon"], "admin": ["Recipe=network", "PrivateNetwork=yes"]}


def add(g, name, settings):
    recipe = [line.split("=")[1] for line in settings if line.startswith("Recipe=")] or [name]
    lines = [f"RuntimeDirectory={name}", f"ExecStart=/usr/bin/python3 /opt/recipe.py {name} {recipe[0]}"]
    lines += [line for line in settings if not line.startswith("Recipe=")]
    g.write_file(f"/etc/systemd/system/{name}.service", "\n".join(["[Service]", *lines, ""]).encode())


def ask(g, names):
    out = g.run("python3 /opt/ask.py " + " ".join(names), 300, check=True).out
    return json.loads(out.strip().splitlines()[-1])


def rehearse(g, names):
    out = g.run("warmboot keep test --json " + " ".join(names) + " 2>/dev/null", 600, check=True).out
    return {r["unit"].removesuffix(".service"): r for r in json.loads(out[out.index("["):])}


def same(facts):
    return {name: {k: v for k, v in seen.items() if k[0] != "_"} for name, seen in facts.items()}


def test_recipes_over_a_jump(payload):
    with guest.Guest(kernel="6.12", payload=payload, name="recipes") as g:
        g.write_file("/opt/recipe.py", RECIPE_PY.encode())
        g.write_file("/opt/ask.py", ASK_PY.encode())
        g.write_file("/opt/policy.py", POLICY_PY.encode())
        g.write_file("/etc/systemd/system/apparmor.service", POLICY_UNIT.encode())
        g.run("systemctl daemon-reload; systemctl enable --now apparmor", 120, check=True)
        # The module's watchdog only says that it would reset the machine.
        g.run("sysctl -w kernel.io_uring_disabled=0 vm.nr_hugepages=4; modprobe softdog soft_noboot=1", 60)
        for name in REFUSED:
            add(g, name, REFUSED_SETTINGS.get(name, []))
        for name, settings in KEPT.items():
            add(g, name, settings)
        g.run("systemctl daemon-reload; systemctl start " + " ".join([*KEPT, *REFUSED]), 300, check=True)
        for name in [*KEPT, *REFUSED]:
            g.ready(name)
        found = rehearse(g, [*REFUSED, *KEPT])
        for name, why in REFUSED.items():
            assert found[name]["how"] == "restart", name
            assert any(why in reason for reason in found[name]["reasons"]), (name, found[name])
        for name in KEPT:
            assert found[name]["how"] == "process", (name, found[name])
        g.run("systemctl stop " + " ".join(REFUSED), 180, check=True)
        g.run("warmboot keep add " + " ".join(KEPT), 60, check=True)
        before = ask(g, KEPT)
        for name, seen in before.items():
            assert "error" not in seen, (name, seen)
        assert before["settings"]["mdwe"] == 1 and before["settings"]["wiped"], before["settings"]
        assert before["filter"]["mount"] == -117 and before["filter"]["Seccomp"] == ["2"], before["filter"]
        assert len(before["groups"]["groups"]) == 4, before["groups"]
        assert before["label"]["label"] == "recipe (complain)", before["label"]
        assert before["apart_net"]["_ns"] != before["network"]["_ns"] and before["apart_net"]["links"] == ["lo"]
        masked = g.run(f"warmboot reboot --dry-run --append clearcpuid=avx {g.image.release('7.2')}", 300, check=True).out
        assert "clearcpuid=avx, which takes the CPU's feature avx away" in masked, masked
        g.jump(f"warmboot reboot {g.image.release('7.2')}", 900)
        g.run("systemctl is-system-running --wait", 600)
        result = g.kept()
        for name in KEPT:
            assert result[f"{name}.service"]["how"] == "process", (name, result[f"{name}.service"]["why"])
        after = ask(g, KEPT)
        for name in KEPT:
            assert same(after)[name] == same(before)[name], (name, before[name], after[name])
        clocks = before["clocks"]["_now"], after["clocks"]["_now"]
        assert all(clocks[1][c] > clocks[0][c] for c in clocks[0]), clocks
        # After a restart, all of it is as its unit says.
        g.run("systemctl restart dynamic groups", 180, check=True)
        g.until("journalctl -b -u dynamic -o cat | grep -q ready && journalctl -b -u groups -o cat | grep -q ready", 60)
        fresh = ask(g, ["dynamic", "groups"])
        assert fresh["dynamic"]["Uid"] == before["dynamic"]["Uid"]
        assert fresh["groups"]["secret"] != before["groups"]["secret"] and len(fresh["groups"]["groups"]) == 4
