# SPDX-License-Identifier: LGPL-2.1-or-later
"""The answers of `warmboot keep` about Debian's own services, which go on after a rehearsal."""
import json
import pathlib
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402

# Talks to a service, rehearses it, and goes on over the same connection.
TALK = textwrap.dedent('''
    import json, socket, subprocess, sys
    unit, port, before, after = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(20)
    f = s.makefile("rwb")
    def ask(text):
        lines = text.encode().decode("unicode_escape").split("|")
        f.write(lines[0].encode())
        f.flush()
        return [f.readline().decode().strip() for _ in lines[1:]] == lines[1:]
    first = ask(before)
    out = subprocess.run(["warmboot", "keep", "test", "--json", unit], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    print(json.dumps({"rc": out.returncode, "first": first, "again": ask(after),
                      "report": json.loads(out.stdout)}))
''')

# Holds something that cannot be kept: an io_uring (io_uring_setup(2)), or a device.
HOLDER = textwrap.dedent('''
    import ctypes, sys, time
    if sys.argv[1] == "io_uring":
        params = ctypes.create_string_buffer(120)
        fd = ctypes.CDLL(None, use_errno=True).syscall(425, 8, params)
        assert fd >= 0, ctypes.get_errno()
    else:
        held = open(sys.argv[1], "rb")
    print("ready", flush=True)
    time.sleep(10000)
''')


@pytest.fixture(scope="module")
def g(payload):
    with guest.Guest(kernel="6.12", payload=payload, name="keep") as machine:
        machine.run(f"cat >/root/talk.py <<'END'\n{TALK}\nEND\ncat >/root/holder.py <<'END'\n{HOLDER}\nEND",
                    check=True)
        yield machine


def report(result):
    assert result.rc == 0, result.out
    return json.loads(result.out[result.out.index("["):])


def start(g, unit):
    g.run(f"systemctl start {unit}; systemctl is-active {unit}", 120, check=True)


def hold(g, what):
    """Start the holder of something that cannot be kept."""
    g.run("systemctl stop holder; systemctl reset-failed holder")
    g.run(f"systemd-run --unit=holder python3 /root/holder.py {what}", 60, check=True)
    g.ready("holder")


def talk(g, unit, port, before, after):
    start(g, unit)
    pid = g.run(f"systemctl show -P MainPID {unit}").out.strip()
    out = g.run(f"python3 /root/talk.py {unit} {port} '{before}' '{after}'", 180)
    assert out.rc == 0, out.out
    said = json.loads(out.out.strip().splitlines()[-1])
    assert said["rc"] == 0 and said["first"] and said["again"], said
    assert g.run(f"systemctl show -P MainPID {unit}").out.strip() == pid
    assert g.run("nft list tables").out.strip() == ""
    return said["report"][0]


def test_list(g):
    assert "No unit is to be kept" in g.run("warmboot keep list").out
    g.run("warmboot keep add memcached --probe tcp:11211 --files /run/memcached", check=True)
    # An alias stands for the unit's own name, and earlier settings stay.
    g.run("ln -s /usr/lib/systemd/system/redis-server.service /etc/systemd/system/redis.service && "
          "systemctl daemon-reload", check=True)
    g.run("warmboot keep add redis --how process && warmboot keep add redis-server --probe tcp:6379 --priority=7",
          check=True)
    kept = report(g.run("warmboot keep list --json"))
    assert kept == [
        {"name": "memcached.service", "unit": "memcached.service", "how": "auto", "files": ["/run/memcached"],
         "peers": "restart", "probe": "tcp:11211", "priority": 0},
        {"name": "redis-server.service", "unit": "redis-server.service", "how": "process", "files": [],
         "peers": "restart", "probe": "tcp:6379", "priority": 7}]
    g.run("warmboot keep remove memcached redis-server", check=True)
    assert report(g.run("warmboot keep list --json")) == []
    # All units or none are added; a malformed argument is wrong usage.
    for wrong, rc in (("add memcached no-such-thing", 1), ("remove memcached", 1), ("add memcached ssh.socket", 2),
                      ("add memcached --probe udp:1", 2), ("remove memcached --how=auto", 2)):
        bad = g.run(f"warmboot keep {wrong}")
        assert bad.rc == rc and len(bad.out.strip().splitlines()) == rc, bad.out
    # A unit that is named twice counts once; a user who is not root is refused.
    twice = g.run("warmboot keep add memcached && warmboot keep remove memcached memcached.service")
    assert twice.rc == 0 and twice.out.count("will not be kept") == 1, twice.out
    nobody = g.run("runuser -u nobody -- warmboot keep add memcached")
    assert nobody.rc == 1 and "only root can choose what is kept; use sudo" in nobody.out, nobody.out
    assert g.run("ls /etc/warmboot/keep.d | wc -l").out.strip() == "0"


def test_memcached(g):
    r = talk(g, "memcached.service", 11211, r"set k 0 0 5\r\nhello\r\n|STORED", r"get k\r\n|VALUE k 0 5|hello|END")
    assert r["how"] == "process" and r["rehearsed"], r
    assert 0 < r["frozen_s"] < 20 and r["image_bytes"] > 500_000, r
    assert {"protocol": "tcp", "address": "127.0.0.1", "port": 11211} in r["ports"]
    assert r["connections"] == 1
    # It is set again in each thread.
    assert not any("MemoryDenyWriteExecute=" in w for w in r["warnings"]), r


def test_redis(g):
    r = talk(g, "redis-server.service", 6379, r"SET k v\r\n|+OK", r"GET k\r\n|$1|v")
    assert r["how"] == "process" and r["rehearsed"], r
    assert any("PrivateUsers=" in w for w in r["warnings"]), r
    assert "/run/redis" in r["files"]


def test_nginx(g):
    r = talk(g, "nginx.service", 80, r"GET /no HTTP/1.1\r\nHost: x\r\n\r\n|HTTP/1.1 404 Not Found",
             r"|Server: nginx")
    assert r["how"] == "process" and r["processes"] == 3, r


def test_postgresql(g):
    g.run("systemctl start postgresql", 240, check=True)
    g.until("pg_isready -q", 120)
    unit = g.run("systemctl list-units --plain --no-legend 'postgresql@*' | cut -d' ' -f1").out.strip()
    assert unit.endswith(".service"), unit
    r = report(g.run(f"warmboot keep test --json {unit} 2>/dev/null", 120))[0]
    assert r["how"] == "process" and r["rehearsed"], r
    assert any("IPC namespace of its own" in w for w in r["warnings"]), r
    assert g.run(f"systemctl is-active {unit}").out.strip() == "active"
    g.run("systemctl stop postgresql", 240)


@pytest.mark.parametrize("what, why", [("io_uring", "io_uring"), ("/dev/loop-control", "/dev/loop-control")])
def test_cannot_be_kept(g, what, why):
    hold(g, what)
    r = report(g.run("warmboot keep test --json holder 2>/dev/null", 60))[0]
    text = g.run("warmboot keep test holder; systemctl is-active holder", 60).out
    g.run("systemctl stop holder")
    assert r["how"] == "restart" and not r["rehearsed"], r
    assert any(why in reason for reason in r["reasons"]), r
    assert "holder.service: restart" in text and "because:" in text and text.strip().endswith("active")


def test_not_running(g):
    stopped = g.run("systemctl stop memcached; warmboot keep test memcached")
    assert stopped.rc == 0 and "there is nothing to keep" in stopped.out
    told = report(g.run("warmboot keep test --json memcached 2>/dev/null"))[0]
    assert told["how"] is None and "there is nothing to keep" in told["reasons"][0], told
    unknown = g.run("warmboot keep test no-such-thing")
    assert unknown.rc == 1, unknown.out


def test_active_without_a_main_process(g):
    g.run("systemd-run --unit=once -p Type=oneshot -p RemainAfterExit=yes true", 60, check=True)
    g.run("systemd-run --no-block --unit=starting -p Type=oneshot sleep 1000", 60, check=True)
    g.until("[ $(systemctl show -P ActiveState starting) = activating ]")
    once, starting = report(g.run("warmboot keep test --json once starting 2>/dev/null", 60))
    g.run("systemctl stop once starting")
    assert once["how"] == "restart" and "no main process" in once["reasons"][0], once
    assert starting["how"] == "restart" and "(activating)" in starting["reasons"][0], starting


def nothing_is_left(g):
    assert g.out("cat /sys/kernel/kexec_loaded") == "0"
    assert json.loads(g.out("warmboot store status --json"))["next"] is None
    assert g.out("nft list tables") == ""
    assert not g.out("find /run/systemd/system /var/lib/warmboot/keep-result.json -path '*warmboot*' 2>&- || true")
    assert not g.out("ls /run/systemd/system.control/*.mount 2>/dev/null || true")


def test_who_insists_gets_no_jump(g):
    hold(g, "io_uring")
    g.run("warmboot keep add holder --how=process", check=True)
    for command in ("reboot newest", "reboot newest --now", "reboot newest --dry-run"):
        refused = g.run(f"warmboot {command}", 120)
        assert refused.rc == 1, refused.out
        assert "holder.service was to be kept as a process: " in refused.out and "io_uring" in refused.out
    g.run("warmboot keep remove holder && systemctl is-active holder && systemctl stop holder", 60, check=True)
    nothing_is_left(g)


DUMP_LOG = "/run/warmboot/criu/memcached.service/dump.log"
DROP_IN = "/run/systemd/system/memcached.service.d/zzzz-warmboot.conf"


@pytest.mark.parametrize("signal,when,code,sentence", [
    # Like Ctrl-C while CRIU works on the service.
    ("TERM", DUMP_LOG, "exit code 1", "interrupted by a signal; nothing was stopped"),
    # A killed command prints nothing, and another process undoes its work: while CRIU has the service, and at the end.
    ("KILL", DUMP_LOG, "exit code 137", ""),
    ("KILL", DROP_IN, "exit code 137", ""),
])
def test_a_reboot_that_is_broken_off(g, signal, when, code, sentence):
    """The service's connection goes on, and nothing of the rehearsal is left."""
    start(g, "memcached.service")
    pid = g.out("systemctl show -P MainPID memcached")
    g.write_file("/root/break-off", textwrap.dedent(f"""\
        until {{ exec 3<>/dev/tcp/127.0.0.1/11211; }} 2>/dev/null; do sleep .1; done
        rm -f {DUMP_LOG}
        setsid warmboot reboot newest --keep memcached </dev/null >/root/said 2>&1 &
        until [ -s {when} ]; do sleep .01; done
        kill -{signal} -- -$!
        wait $!
        echo "exit code $?"
        while pgrep -f "^warmboot reboot" >&2; do sleep .1; done
        cat /root/said
        printf 'version\\r\\n' >&3
        read -t 20 -r answer <&3 && echo "answer $answer"
        """).encode())
    said = g.run("bash /root/break-off", 180).out
    assert code in said and sentence in said, said
    assert "answer VERSION" in said, said
    assert g.out("systemctl show -P MainPID memcached") == pid
    nothing_is_left(g)


# Prints the events of inotify(7) for the root of a tmpfs, and for a directory and a file there.
WATCH_PY = textwrap.dedent('''
    import ctypes, os, struct, sys
    libc = ctypes.CDLL(None)
    fd = libc.inotify_init1(0)
    for path in ["/run", "/run/tree-in", "/run/watched"] + sys.argv[1:]:
        os.path.exists(path) or os.mkdir(path)
        assert libc.inotify_add_watch(fd, path.encode(), 0x108) > 0  # IN_CREATE | IN_CLOSE_WRITE
    print("ready", flush=True)
    while True:
        data = os.read(fd, 4096)
        while data:
            watch, mask, _, n = struct.unpack("iIII", data[:16])
            print("saw", watch, data[16:16 + n].rstrip(b"\\\\0").decode(), flush=True)
            data = data[16 + n:]
''')


def test_watched_and_named_files_over_a_jump(g):
    g.write_file("/root/watch.py", WATCH_PY.encode())
    for unit, settings, more in (("watch", "", "/tmp/seen"), (
            "boxed", "ProtectSystem=strict\nPrivateTmp=yes\nPrivateDevices=yes\n", "/tmp/private")):
        g.write_file(f"/etc/systemd/system/{unit}.service",
                     f"[Service]\n{settings}ExecStart=/usr/bin/python3 /root/watch.py {more}\n".encode())
    g.run("install -d -m 0710 -o nobody /run/tree-in && touch /run/tree-in/of-another && echo old >/run/watched &&"
          " mkdir -p /run/named /tmp/named /run/lock/named && echo kept | tee /tmp/named/a >/run/lock/named/b && mkfifo -m 0620 /run/named/fifo && echo before >/var/lib/on-disk &&"
          " systemctl daemon-reload && systemctl start watch boxed", 60, check=True)
    g.ready("watch", "boxed")
    g.write_file("/etc/systemd/system/once.service",
                 b"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    g.run("systemctl daemon-reload; systemctl start once", 60, check=True)
    g.run("warmboot keep add once boxed && warmboot keep add watch --files /run/named --files /var/lib/on-disk --files /proc/1"
          " --files / --files /tmp/named --files /run/lock/named", check=True)
    r, boxed = report(g.run("warmboot keep test --json watch boxed 2>/dev/null", 60))
    assert r["how"] == boxed["how"] == "process" and r["rehearsed"] and boxed["rehearsed"], (r, boxed)
    assert sorted(r["files"]) == ["/run/lock/named", "/run/named", "/run/tree-in/", "/run/watched", "/tmp/named",
                                  "/tmp/seen/"], r
    assert sorted(boxed["files"]) == ["/run/tree-in/", "/run/watched", "/tmp", "/var/tmp"], boxed
    assert sum("lies on no tmpfs" in w for w in r["warnings"]) == 3, r
    pids = g.out("systemctl show -P MainPID watch boxed").split()
    g.jump(f"warmboot reboot {g.image.release('7.2')} --store=disk", 400)
    g.run("systemctl is-system-running --wait", 240)
    assert g.run("test -e /var/lib/warmboot/store.img").rc == 1, "secrets are left on the disk"
    result = g.kept()
    print(json.dumps(result, indent=1))
    assert result["watch.service"]["how"] == result["boxed.service"]["how"] == "process", result
    assert result["once.service"]["how"] == "restart" and "no main process" in result["once.service"]["why"], result
    assert g.out("systemctl show -P MainPID watch boxed").split() == pids
    assert g.out("stat -c '%a %U' /run/tree-in; ls /run/tree-in; cat /run/watched; stat -c '%a %F' /run/named/fifo"
                 ).splitlines() == ["710 nobody", "old", "620 fifo"]
    assert g.out("cat /tmp/named/a /run/lock/named/b; findmnt -no TARGET /tmp; findmnt -no TARGET /run/lock"
                 ).split() == ["kept", "kept", "/tmp", "/run/lock"]
    assert g.run("ls /run/systemd/system.control/tmp.mount").rc == 2
    g.run("touch /tmp/seen/in-tmp /run/tree-in/new /run/top && echo new >/run/watched", check=True)
    for unit in ("watch", "boxed"):
        g.until(f"[ $(journalctl -b -u {unit} -o cat | sort -u | grep -c -e '^saw 1 top' -e '^saw 2 new' -e '^saw 3')"
                " = 3 ]")
        said = {line.strip() for line in g.out(f"journalctl -b -u {unit} --no-pager -o cat | grep ^saw").splitlines()}
        assert {"saw 1 top", "saw 2 new", "saw 3"} <= said, (unit, said)
        assert ("saw 4 in-tmp" in said) == (unit == "watch"), (unit, said)
