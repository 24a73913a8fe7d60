# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services of Debian's packages, and their clients beside the guest, over a jump and back again.

One guest makes both jumps with everything running; each test looks at one service after each jump.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

# Answers each line with the kernel's release, a secret of its memory, and a count; by IPv6 and, on the same
# socket, by IPv4. On a CPU of its choice.
ASK_PY = textwrap.dedent('''
    import itertools, os, secrets, socket, socketserver
    SECRET, counter = secrets.token_hex(8), itertools.count(1)
    os.sched_setaffinity(0, {1})
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                count = next(counter)
                release = open("/proc/sys/kernel/osrelease").read().strip()
                self.wfile.write(f"{release} {SECRET} {count}\\n".encode())
                if count % 10 == 0:
                    print(f"answered {count} on {release}", flush=True)
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        address_family = socket.AF_INET6
    Server(("::", 7001), Handler).serve_forever()
''')
# The same in C. Its secret lies in shared memory of which it has only the mapping, and it posts a semaphore of its
# own with each answer.
ASK_C = textwrap.dedent('''
    #include <fcntl.h>
    #include <netinet/in.h>
    #include <poll.h>
    #include <semaphore.h>
    #include <stdio.h>
    #include <sys/mman.h>
    #include <sys/random.h>
    #include <sys/socket.h>
    #include <sys/utsname.h>
    #include <unistd.h>
    int main(void)
    {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7002)};
        struct pollfd p[64] = {{.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN}};
        int file = open("/dev/shm/ask-c", O_CREAT | O_RDWR, 0600), none = ftruncate(file, 4096);
        unsigned *secret = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        sem_t *answers = sem_open("/ask-c", O_CREAT, 0600, 0);
        unsigned count = 0, n = 1, one = 1;
        char line[256];
        struct utsname u;

        close(file);
        getrandom(secret, sizeof(*secret), 0);
        setsockopt(p[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(p[0].fd, (void *)&at, sizeof(at)) || listen(p[0].fd, 64))
            return 1;
        for (;;) {
            /* A checkpoint may interrupt it, as a signal does. */
            if (poll(p, n, -1) < 0)
                continue;
            if (p[0].revents && n < 64)
                p[n++] = (struct pollfd){.fd = accept(p[0].fd, 0, 0), .events = POLLIN};
            for (unsigned i = 1; i < n; i++) {
                if (!p[i].revents)
                    continue;
                if (read(p[i].fd, line, sizeof(line)) <= 0) {
                    close(p[i].fd);
                    p[i--] = p[--n];
                    continue;
                }
                uname(&u);
                sem_post(answers);
                write(p[i].fd, line, snprintf(line, sizeof(line), "%s %x %u\\n", u.release, *secret, ++count));
            }
        }
    }
''')
# Asks another service over a connection of its own, and passes on the answer.
FRONT_PY = textwrap.dedent('''
    import socket, socketserver
    back = socket.create_connection(("127.0.0.1", 7001)).makefile("rwb")
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                back.write(b"?\\n")
                back.flush()
                self.wfile.write(back.readline())
    class Server(socketserver.TCPServer):
        allow_reuse_address = True
    Server(("", 7003), Handler).serve_forever()
''')
# CRIU cannot take an io_uring along.
RING_PY = textwrap.dedent('''
    import ctypes, time
    assert ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0
    time.sleep(100000)
''')
UNITS = {
    "ask.service": ("MemoryMax=1G\n", "/usr/bin/python3 /opt/t/ask.py"),
    # In a slice that a shutdown stops.
    "ask-c.service": ("ProtectSystem=strict\nPrivateTmp=yes\nSlice=apps-web.slice\nIOSchedulingClass=idle\n"
                      "TimerSlackNSec=77777\n"
                      "ExecStartPre=/bin/sh -c 'mkdir /tmp/own; echo 1 >/tmp/own/file; echo 2 >/var/tmp/file'\n",
                      "/opt/t/ask-c"),
    "front.service": ("", "/usr/bin/python3 /opt/t/front.py"),
    "ring.service": ("", "/usr/bin/python3 /opt/t/ring.py"),
    "editor.service": ("Type=forking\nEnvironment=TERM=xterm HOME=/root LANG=C.UTF-8\n",
                       "/usr/bin/tmux -S /run/editor.sock new-session -d -x 80 -y 24 vim.tiny /root/letter"),
}
KEPT = ("memcached", "redis-server", "nginx", "ask", "ask-c", "front", "editor", "ring",
        "postgresql@17-main")
PSQL = "su postgres -c \"psql -qAt -c \\\"{}\\\"\""
# 200 values of a megabyte each.
FILL_PY = textwrap.dedent('''
    import hashlib, socket, sys
    s = socket.create_connection(("127.0.0.1", 11211))
    f = s.makefile("rwb")
    def value(i):
        return hashlib.sha256(b"%d" % i).digest() * 32000
    bad = 0
    for i in range(200):
        if sys.argv[1] == "set":
            f.write(b"set k%d 0 0 %d\\r\\n" % (i, len(value(i))) + value(i) + b"\\r\\n")
            f.flush()
            bad += f.readline() != b"STORED\\r\\n"
        else:
            f.write(b"get k%d\\r\\n" % i)
            f.flush()
            head = f.readline()
            if head == b"END\\r\\n":
                bad += 1
                continue
            bad += f.read(len(value(i)) + 2) != value(i) + b"\\r\\n"
            f.readline()
    sys.exit(f"{bad} of 200 values are wrong" if bad else 0)
''')
DOWNLOAD_PY = textwrap.dedent('''
    import hashlib, sys, urllib.request
    h = hashlib.sha256()
    with urllib.request.urlopen(sys.argv[1], timeout=300) as r:
        while data := r.read(65536):
            h.update(data)
    print(h.hexdigest())
''')
BLPOP_PY = textwrap.dedent('''
    import socket, sys
    s = socket.create_connection((sys.argv[1], 6379))
    s.settimeout(600)
    s.sendall(b"BLPOP waiting 0\\r\\n")
    print(s.recv(4096).decode().split()[-1])
''')

# A client of PostgreSQL by its own protocol. Its transaction is open while the kernel changes.
PG_PY = textwrap.dedent('''
    import socket, struct, sys, time
    s = socket.create_connection((sys.argv[1], 5432), 30)
    s.settimeout(600)
    f = s.makefile("rb")
    def answer():
        values = []
        while True:
            kind, size = struct.unpack("!cI", f.read(5))
            body = f.read(size - 4)
            if kind == b"E":
                sys.exit(body.decode(errors="replace"))
            if kind == b"D":
                values.append(body[6:].decode())
            if kind == b"Z":
                return values
    def ask(sql):
        s.sendall(struct.pack("!cI", b"Q", len(sql) + 5) + sql.encode() + b"\\0")
        return answer()
    def state():
        return ask("select concat_ws(' ', txid_current(), pg_backend_pid(), pg_postmaster_start_time())")
    def release():
        return ask("select pg_read_file('/proc/sys/kernel/osrelease')")
    who = b"user\\0postgres\\0\\0"
    s.sendall(struct.pack("!II", len(who) + 8, 3 << 16) + who)
    answer()
    ask("begin; create temp table held as select generate_series(1, 1000) as n; insert into t values (1), (2)")
    before, kernel = state(), release()
    print("open", flush=True)
    while release() == kernel:
        time.sleep(0.3)
    same, held = state() == before, ask("select sum(n) from held")
    ask("commit")
    print(same, *held)
''')


class World:
    """The guest, its services and its clients."""

    def __init__(self, stack, payload, net):
        self.net = net
        self.g = stack.enter_context(Guest(kernel="6.12", mem="3G", payload=payload, name="kept", net=self.net))
        self.stack = stack
        self.set_up()

    def beside(self, program, *args):
        """A program beside the guest; its output is read when it has ended."""
        p = subprocess.Popen([*self.net.prefix_argv, sys.executable, "-c", program, *args],
                             stdout=subprocess.PIPE, text=True)
        self.stack.callback(p.kill)
        return p

    def set_up(self):
        g = self.g
        g.network_up(v6=True)
        for name, text in (("ask.py", ASK_PY), ("front.py", FRONT_PY), ("ring.py", RING_PY), ("fill.py", FILL_PY)):
            g.write_file(f"/opt/t/{name}", text.encode())
        for name, (settings, command) in UNITS.items():
            g.write_file(f"/etc/systemd/system/{name}", (
                f"[Unit]\nAfter=network.target{' ask.service' if name == 'front.service' else ''}\n"
                f"[Service]\n{settings}ExecStart={command}\n[Install]\nWantedBy=multi-user.target\n").encode())
        g.write_file("/etc/nginx/conf.d/slow.conf",
                     b"server { listen 8080; root /srv; location / { limit_rate 300k; limit_rate_after 300k; } }\n")
        g.run("mkdir -p /srv && head -c 24000000 /dev/urandom >/srv/big"
              " && sed -i 's/^-l .*/-l 0.0.0.0/; s/^-m .*/-m 512/' /etc/memcached.conf"
              " && sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/; s/^save .*//'"
              " /etc/redis/redis.conf && echo 'save \"\"' >>/etc/redis/redis.conf", 60, check=True)
        g.run("systemctl daemon-reload; for u in memcached redis-server nginx ask ask-c ring editor; do"
              " systemctl start $u || exit; done", 120, check=True)
        g.until("ss -ltn | grep -q :7001")
        g.run("systemctl start front", check=True)
        g.run("python3 /opt/t/fill.py set", 120, check=True)
        g.run("tmux -S /run/editor.sock send-keys i 'a letter that nobody has saved'", check=True)
        g.run("echo \"listen_addresses = '*'\" >>/etc/postgresql/17/main/postgresql.conf &&"
              " echo host all all 10.99.0.0/24 trust >>/etc/postgresql/17/main/pg_hba.conf &&"
              " systemctl start postgresql", 240, check=True)
        g.until("pg_isready -q", 120)
        g.run(PSQL.format("create table t (n int)"), check=True)
        g.run("warmboot keep add " + " ".join(KEPT), check=True)

    def clients(self):
        """New clients for each jump; all have had answers when this returns."""
        c = {name: self.stack.enter_context(self.net.client("hold", port, **options)) for name, port, options in (
            ("ask", 7001, {}), ("ask6", 7001, {"v6": True}), ("ask-c", 7002, {}), ("front", 7003, {}),
            ("memcached", 11211, {"send": r"get k7\r\n", "until": r"END\r\n"}),
            ("redis", 6379, {"send": r"INCR counter\r\n", "until": r"\r\n"}))}
        for client in c.values():
            client.wait_answers(3, 60)
        return c


def build_ask_c(payload, directory):
    (directory / "ask.c").write_text(ASK_C)
    binary = pathlib.Path(payload) / "opt/t/ask-c"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O1", "-w", "-static", "-o", binary, directory / "ask.c"], check=True)


@pytest.fixture(scope="module")
def world(payload, network, tmp_path_factory):
    build_ask_c(payload, tmp_path_factory.mktemp("c"))
    with contextlib.ExitStack() as stack:
        yield World(stack, payload, network)


@pytest.fixture(scope="module", params=["7.2", pytest.param("6.12", marks=pytest.mark.long)])
def jumped(request, world):
    """The results after the jump to this kernel, for the tests."""
    g = world.g
    clients = world.clients()
    secrets = {n: clients[n].events[-1]["text"].split()[1] for n in ("ask", "ask-c", "front")}
    download = world.beside(DOWNLOAD_PY, f"http://{world.net.guest}:8080/big")
    blocked = world.beside(BLPOP_PY, world.net.guest)
    committed = g.out(PSQL.format("insert into t select generate_series(1, 1000); select count(*) from t"))
    transaction = world.beside(PG_PY, world.net.guest)
    assert transaction.stdout.readline() == "open\n"
    g.until("redis-cli info clients | grep -q blocked_clients:1")
    g.until("ss -Htn state established '( sport = :8080 )' | grep -q :8080")
    pids = {u: g.out(f"systemctl show -P MainPID {u}") for u in KEPT}
    g.jump(f"warmboot reboot {g.image.release(request.param)}", 400)
    g.run("systemctl is-system-running --wait", 240)
    result = g.kept()
    print(json.dumps(result, indent=1))
    for c in clients.values():
        c.wait_answers(3, 240)
    return {"g": g, "release": g.image.release(request.param), "clients": clients, "secrets": secrets, "pids": pids,
            "result": result, "download": download, "blocked": blocked, "world": world,
            "committed": committed, "transaction": transaction}


def kept(j, unit):
    r = j["result"][unit + ".service"]
    assert r["how"] == "process", r
    assert j["g"].out(f"systemctl show -P MainPID {unit}") == j["pids"][unit]
    assert j["g"].out(f"systemctl is-active {unit}") == "active"
    slices = {"ask-c": "apps.slice/apps-web.slice",
              "postgresql@17-main": "system.slice/system-postgresql.slice"}.get(unit, "system.slice")
    assert f"/{slices}/{unit}.service" in j["g"].out(f"cat /proc/{j['pids'][unit]}/cgroup")


def connected(j, name):
    """The client's connection survived, with answers before and after."""
    j["clients"][name].stop()
    r = j["clients"][name].report()
    print(name, r)
    assert r["connected"] == 1 and r["lost"] == 0, r


@pytest.mark.parametrize("name", ["ask", "ask-c", "front"])
def test_own_services(jumped, name):
    kept(jumped, name)
    connected(jumped, name)
    release, secret, _ = jumped["clients"][name].events[-1]["text"].split()
    assert (release, secret) == (jumped["release"], jumped["secrets"][name])


def test_ipv6(jumped):
    connected(jumped, "ask6")
    release, secret, _ = jumped["clients"]["ask6"].events[-1]["text"].split()
    assert (release, secret) == (jumped["release"], jumped["secrets"]["ask"])


def test_what_criu_does_not_know_of(jumped):
    g, pids = jumped["g"], jumped["pids"]
    assert g.out("od -An -tx4 -N4 /dev/shm/ask-c").strip().lstrip("0") == jumped["secrets"]["ask-c"]
    assert g.run(f"grep -q /dev/shm/ask-c$ /proc/{pids['ask-c']}/maps").rc == 0
    # The name of the shared memory still leads to the memory that the service has.
    answered = int(jumped["clients"]["ask-c"].events[-1]["text"].split()[2])
    assert int(g.out("od -An -tu4 -N4 /dev/shm/sem.ask-c")) >= answered
    assert not g.out("ls /dev/shm | grep link_remap || true")
    inside = f"/proc/{pids['ask-c']}/root"
    assert g.out(f"cat {inside}/tmp/own/file {inside}/var/tmp/file").split() == ["1", "2"]
    assert g.out(f"ionice -p {pids['ask-c']}; cat /proc/{pids['ask-c']}/timerslack_ns").split() == ["idle", "77777"]
    allowed = g.out(f"cat /proc/{pids['ask']}/task/*/status | grep Cpus_allowed_list").split()[1::2]
    assert set(allowed) == {"1"}, allowed


def test_early(jumped):
    """Services that need nothing of systemd were restored before its first unit, and are its units now."""
    g = jumped["g"]
    early = json.loads(g.out("cat /run/warmboot/early.json"))
    back = {u["unit"] for u in early["units"]}
    assert early["held"] and {"ask.service", "front.service"} <= back, (back, g.out("dmesg | grep warmboot:"))
    # CRIU knows the kernel before the first restore, though the root is read-only until then.
    assert not g.out("find /run/warmboot/criu -name streamer-serve.sock ! -newer /run/criu.kdat")
    ours, journal = (int(g.out(f"systemctl show -P {what} {unit}")) for unit, what in (
        ("ask.service", "ExecMainStartTimestampMonotonic"), ("systemd-journald.service", "ActiveEnterTimestampMonotonic")))
    print("thawed", ours, "journal", journal)
    # Its memory is counted for its control group, or MemoryMax= would not hold.
    counted = int(g.out("cat /sys/fs/cgroup/system.slice/ask.service/memory.current"))
    has = int(g.out(f"awk '/RssAnon/ {{print $2 * 1024}}' /proc/{jumped['pids']['ask']}/status"))
    assert counted > 0.8 * has, (counted, has)
    # No process is between the service and the journal, and no output is missing.
    assert g.out("cat /sys/fs/cgroup/system.slice/ask.service/cgroup.procs").split() == [jumped["pids"]["ask"]]
    said = g.out("journalctl -b -u ask --no-pager -o cat | sed -n 's/^answered //p'").splitlines()
    counts = [int(line.split()[0]) for line in said]
    assert len(counts) > 3 and sorted(counts) == list(range(min(counts), min(counts) + 10 * len(counts), 10)), said
    assert all(line.split()[2] == jumped["release"] for line in said), said
    first = next(int(e["text"].split()[2]) for e in jumped["clients"]["ask"].events
                 if e["what"] == "answer" and e["text"].split()[0] == jumped["release"])
    assert min(counts) < first + 10, (first, said[0])


def test_memcached_has_every_key(jumped):
    kept(jumped, "memcached")
    connected(jumped, "memcached")
    jumped["g"].run("python3 /opt/t/fill.py get", 120, check=True)


def test_large_memory_went_ahead(jumped):
    """Memcached's 200 MB were copied while it ran; what the freeze wrote, it wrote in less time."""
    r = jumped["result"]["memcached.service"]
    assert r["ahead_bytes"] > 190 << 20 and r["ahead_why"] is None, r
    assert not jumped["result"]["ask.service"]["ahead_bytes"]
    assert 0 < r["dump_bytes"] < 40 << 20 and r["dump_s"] > 0, r
    jumped["g"].run("test -z \"$(ls -A /run/warmboot/criu/memcached.service/before 2>&-)\"", check=True)


def test_redis_still_waits(jumped):
    kept(jumped, "redis-server")
    connected(jumped, "redis")
    assert jumped["blocked"].poll() is None, "the blocked BLPOP has ended"
    jumped["g"].run("redis-cli LPUSH waiting here-it-is", check=True)
    assert jumped["blocked"].communicate(timeout=60)[0].strip() == "here-it-is"
    numbers = [int(e["text"].lstrip(":")) for e in jumped["clients"]["redis"].events if e["what"] == "answer"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "an increment was lost or made twice"


def test_nginx_download_goes_on(jumped):
    kept(jumped, "nginx")
    assert jumped["download"].communicate(timeout=300)[0].strip() == jumped["g"].out("sha256sum /srv/big").split()[0]


def test_unsaved_text(jumped):
    kept(jumped, "editor")
    assert "a letter that nobody has saved" in jumped["g"].out("tmux -S /run/editor.sock capture-pane -p")


def test_what_cannot_be_kept_is_started_anew(jumped):
    r = jumped["result"]["ring.service"]
    assert r["how"] == "restart" and "io_uring" in r["why"], r
    assert jumped["g"].out("systemctl is-active ring") == "active"


def test_postgresql_in_the_middle_of_a_transaction(jumped):
    g = jumped["g"]
    kept(jumped, "postgresql@17-main")
    said, _ = jumped["transaction"].communicate(timeout=120)
    assert said == "True 500500\n" and jumped["transaction"].returncode == 0, said
    assert int(g.out(PSQL.format("select count(*) from t"))) == int(jumped["committed"]) + 2
    # The umbrella unit, in which nothing runs, is there again, and so is System V memory, of its own namespace.
    assert g.out("systemctl is-active postgresql") == "active"
    assert len(g.out(f"nsenter -t {jumped['pids']['postgresql@17-main']} -i ipcs -m | grep 0x").splitlines()) == 1
    assert g.run("journalctl -b -u postgresql@17-main | grep -i 'recovery'").rc == 1


def test_systemd_stays_in_charge(jumped):
    g = jumped["g"]
    # The unit has its own definition, log and restart setting again.
    assert g.out("systemctl show -P FragmentPath ask") == "/etc/systemd/system/ask.service"
    assert g.out("systemctl show -P Type ask") == "simple"
    assert not g.out("systemctl show -P DropInPaths ask memcached")
    assert g.out("systemctl --failed --no-legend") == ""
    assert g.run("nft list ruleset | grep -i warmboot").rc == 1, "the hold was not ended"


def test_restart_works_afterwards(jumped):
    if not jumped["release"].startswith("6.12"):
        pytest.skip("the second jump needs what runs")
    g = jumped["g"]
    g.run("systemctl restart ask memcached redis-server", 120, check=True)
    assert g.out("systemctl is-active ask memcached redis-server").split() == ["active"] * 3


def test_nothing_complains(jumped):
    assert jumped["g"].run("journalctl -b -p err --no-pager -q | grep -i warmboot").rc == 1
