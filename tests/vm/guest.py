# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QEMU guest that tests and benchmarks drive.

    with Guest(kernel="6.12", payload="/tmp/stage") as g:
        print(g.run("uname -r").out)
        print(g.jump("warmboot reboot newest"))

Both serial ports are read by one thread, which stamps every console line with the host's monotonic
clock: between two kernels only the host can tell the time. A command goes through ttyS1, where the
image's wb-shell serves it (tests/vm/image/wb-shell). QMP tells a firmware reset from a kexec.
"""

import base64
import contextlib
import ctypes
import fcntl
import functools
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import saved

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

# Units of Debian that no test needs: without them an emulated boot takes a tenth less time, and so does a
# shutdown. Benchmarks measure Debian unchanged.
UNUSED = ("grub-common.service getty@tty1.service systemd-binfmt.service systemd-pstore.service"
          " systemd-random-seed.service systemd-networkd-persistent-storage.service systemd-hostnamed.socket"
          " systemd-creds.socket systemd-sysext.socket systemd-ask-password-console.path"
          " systemd-ask-password-wall.path dev-mqueue.mount proc-sys-fs-binfmt_misc.automount"
          " sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount"
          " modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service")

# Of the coldplug, only the devices that some test is about: the others' events cost an emulated boot a fifth.
COLDPLUG = "/etc/systemd/system/systemd-udev-trigger.service.d/lean.conf"
COLDPLUG_TEXT = ("[Service]\\nExecStart=\\nExecStart=-/usr/bin/udevadm trigger --action=add"
                 + "".join(f" --subsystem-match={s}" for s in ("block", "net", "pci", "virtio", "dax", "nd", "rtc"))
                 + "\\nExecStart=-/usr/bin/udevadm trigger --action=add --sysname-match=ttyS[01]\\n")
# The tests' guests have no attacker inside: without these an emulated kernel does the same with less.
LEAN_CMDLINE = "mitigations=off cryptomgr.notests"
# Generators that find nothing in a guest; each boot and each reload of systemd runs them all.
IDLE_GENERATORS = "sysv ssh rc-local debug gpt-auto hibernate-resume run system-update tpm2"
LEAN = (f"for u in {UNUSED}; do ln -s /dev/null /etc/systemd/system/$u; done; "
        "mkdir -p /etc/systemd/system-generators; "
        f"for g in {IDLE_GENERATORS}; do ln -s /dev/null /etc/systemd/system-generators/systemd-$g-generator; done; "
        f"mkdir -p $(dirname {COLDPLUG}); printf '{COLDPLUG_TEXT}' >{COLDPLUG}; "
        f"sed -i '/^[[:space:]]*linux[[:space:]]/s/$/ {LEAN_CMDLINE}/' /boot/grub/grub.cfg")
# A machine is saved when its boot is over. No test wrote to these devices before: its next owner's bytes are read
# afresh.
BEFORE_SAVED = ("systemctl is-system-running --wait >&2; udevadm settle; sync; "
                "for d in /dev/[vs]d? /dev/nvme?n?; do [ ! -b $d ] || blockdev --flushbufs $d; done")

# network_up(): one line more each time ifupdown has set up the device.
POST_UP = "/run/post-up"

# The init in place of systemd: it mounts the root as usual and serves commands.
BARE_PATH = "/usr/local/sbin/wb-bare"
BARE = f"""#!/bin/bash
mount -o remount,rw / || exit
[ -d /proc/self ] || mount -t proc proc /proc
exec /usr/local/sbin/wb-shell </dev/ttyS1 >/dev/ttyS1 2>&1
"""

# Has a test failed that may have used a running guest? Its console is kept then.
failed = False
# The guests that run, and those that have ended since the test driver looked.
opened = []

# The last thing that a kernel says: kernel_kexec() in kernel/kexec_core.c, and a plain reboot.
# scripts/run-checks looks for these words, which say that a guest hung and the program under test is not the reason.
LOST_TIMER = "the emulator lost a timer of a CPU"
OLD_KERNEL_ENDS = r"kexec(_core)?: Starting new kernel|reboot: machine restart"


# The series of the backported kernel, as in scripts/guest-image.
BACKPORT = "7.2"


def die_with_parent():
    """Let QEMU end with a driver that is killed (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class GuestError(Exception):
    """The guest did something unexpected; the text holds the end of its console."""


class Result:
    """The output and exit code of a command in the guest."""

    def __init__(self, rc, out):
        self.rc = rc
        self.out = out

    def __repr__(self):
        return f"Result(rc={self.rc}, out={self.out!r})"


def cache_dir():
    base = os.environ.get("WARMBOOT_CACHE")
    if base:
        return pathlib.Path(base)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "warmboot"


class Image:
    """A guest image of scripts/guest-image: a disk, and kernels outside it for direct boot."""

    _built = {}

    def __init__(self, path):
        self.dir = pathlib.Path(path)
        self.kernels = []
        for line in (self.dir / "disk.info").read_text().splitlines():
            key, _, value = line.partition("=")
            if key == "kernel":
                self.kernels.append(value)
            else:
                setattr(self, key, value)
        ids = (HERE / "image" / "ids").read_text()
        self.cmdline = re.search(r'^CMDLINE="(.*)"', ids, re.M).group(1)

    @classmethod
    def get(cls, suite="trixie"):
        """The image of a suite, or of a flavour of it: "trixie-field"."""
        if suite not in cls._built:
            name, _, flavour = suite.partition("-")
            out = subprocess.run([TOP / "scripts/guest-image", "--suite", name,
                                  *(["--flavour", flavour] if flavour else [])], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
            cls._built[suite] = cls(out.strip().splitlines()[-1])
        return cls._built[suite]

    def release(self, prefix):
        """The full release of a kernel named '6.12', '7.2', 'newest', 'oldest' or in full."""
        if prefix == "newest":
            return self.kernels[-1]
        if prefix == "oldest":
            return self.kernels[0]
        found = [k for k in self.kernels if k == prefix or k.startswith(prefix + ".")]
        if not found and prefix == BACKPORT:
            return self.kernels[-1]  # the mirror has newer ones, and scripts/guest-image took the newest
        if len(found) != 1:
            raise GuestError(f"no single kernel '{prefix}' among {self.kernels} of {self.dir}")
        return found[0]


def make_payload(source, target):
    """An ext4 image at `target` with the tree `source` in it."""
    size = int(subprocess.run(["du", "-sm", "--apparent-size", source], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()[0])
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "wbpayload", "-E", "root_owner=0:0",
                    "-d", source, target, f"{size + size // 4 + 16}M"],
                   check=True, env=env, stdout=subprocess.DEVNULL)


def accelerator():
    """Is there real KVM? /dev/kvm can exist without it."""
    with contextlib.suppress(OSError):
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        if re.search(r"^flags\s*:.*\b(vmx|svm)\b", flags, re.M) and os.access("/dev/kvm", os.R_OK | os.W_OK):
            return "kvm"
    return "tcg"


@functools.cache
def qemu_version():
    """As QEMU prints it."""
    return subprocess.run(["qemu-system-x86_64", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout


def ovmf():
    """(code, vars) of the firmware; the names differ between Debian 12 and 13 only by luck."""
    for size in ("_4M", ""):
        code, nvram = (pathlib.Path(f"/usr/share/OVMF/OVMF_{k}{size}.fd") for k in ("CODE", "VARS"))
        if code.exists() and nvram.exists():
            return code, nvram
    raise GuestError("no OVMF firmware under /usr/share/OVMF: install the package ovmf")


def _held_already(path):
    """Does this process (another guest of it) or a parent (`flock LOCK scripts/guest ...`) hold the lock?"""
    want = os.stat(path)
    pid = os.getpid()
    while pid > 1:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    st = os.stat(f"/proc/{pid}/fd/{fd}")
                    if (st.st_dev, st.st_ino) == (want.st_dev, want.st_ino):
                        return True
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


@contextlib.contextmanager
def guest_lock():
    """One guest at a time on this machine: emulated guests starve each other's deadlines."""
    path = pathlib.Path(os.environ.get("WARMBOOT_GUEST_LOCK") or cache_dir() / "guest.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    # A second flock() of one process would wait for the first for ever.
    ours = _held_already(path)
    with open(path, "a", encoding="ascii") as f:
        if not ours:
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


class Console:
    """Bytes from a serial port, cut into (host time, line); when() knows the time within a line."""

    def __init__(self, log=None, t0=0.0):
        self.lines = []
        self._pieces = []  # of each line: (where it begins, host time)
        self._partial = b""
        self._now = []
        self._log = log
        self._t0 = t0

    def feed(self, now, data):
        for piece in data.splitlines(keepends=True):
            self._now.append((len(self._partial.decode("utf-8", "replace")), now))
            self._partial += piece
            if piece.endswith((b"\n", b"\r")):
                self._flush()

    def _flush(self):
        line = self._partial.decode("utf-8", "replace").rstrip("\r\n")
        pieces, self._now, self._partial = self._now, [], b""
        if not line:
            return
        start = pieces[0][1]
        self._pieces.append(pieces)
        self.lines.append((start, line))
        if self._log:
            self._log.write(f"[{start - self._t0:9.3f}] {line}\n")
            self._log.flush()

    def when(self, number, at):
        """Time of the character `at` of a line: a prompt can precede the rest of its line by a long time."""
        return next(t for begin, t in reversed(self._pieces[number]) if begin <= at)

    def search(self, regex, begin=0):
        """(host time, match) of each matching line from number `begin` on."""
        for number in range(begin, len(self.lines)):
            m = re.search(regex, self.lines[number][1])
            if m:
                yield self.when(number, m.start()), m

    def tail(self, n=40):
        text = [line for _, line in self.lines[-n:]]
        if self._partial:
            text.append(self._partial.decode("utf-8", "replace"))
        return "\n".join(text)


class Guest:
    """One virtual machine. Attributes that a test may read: image, console, resets, t0."""

    lean = False  # do the boots after the first leave out what no test is about (LEAN)?
    saved = False  # does it start from a machine that has booted already (tests/vm/saved.py)?
    before_saved = BEFORE_SAVED

    def __init__(self, kernel="newest", firmware="bios", mem="1G", cpus=2, suite="trixie",
                 cmdline_extra="", cmdline=None, initrd=None, payload=None, install=True, disks=(),
                 disk_bus="virtio-blk-pci", icount=None, qemu_args=(), name="guest", timeout=240, net=None,
                 making=None, lean=None, own_disk=None, direct=True, hardware=()):
        self.image = Image.get(suite)
        self.release = self.image.release(kernel)
        self.firmware = firmware
        self.mem, self.cpus = mem, cpus
        self.lean = self.lean if lean is None else lean
        self.cmdline = cmdline or " ".join(filter(None, (
            f"BOOT_IMAGE=/boot/vmlinuz-{self.release} root=UUID={self.image.root_uuid} ro",
            self.image.cmdline, LEAN_CMDLINE if self.lean else "", cmdline_extra)))
        # A disk of its own was prepared before.
        self.prepare = LEAN if self.lean and direct else "true"
        self.initrd = initrd or self.image.dir / f"initrd.img-{self.release}"
        self.payload, self.install = payload, install
        self.disks, self.disk_bus = disks, disk_bus
        self.icount, self.qemu_args = icount, list(qemu_args)
        self.hardware = list(hardware)  # more of QEMU's arguments, which a saved machine has, too
        self.name, self.timeout = name, timeout
        self.net = net  # net.Network
        self.resets = []
        self.bites = []  # of a watchdog
        self._cond = threading.Condition()
        self._exit = contextlib.ExitStack()
        self._seq = 0
        self._shell = b""
        self._ready = None
        self._ends = {}
        self.closed = False
        self.pid_exit = None
        self.stuck = False  # a wait for something has timed out
        self._monitor = None
        # The directory that this machine is being saved into, or the saved machine that it starts from.
        self.making = making
        # A directory with the disk and the firmware's variables, which outlive this guest: they are made if they are
        # not there. Not direct: the firmware starts the boot loader of that disk, and the kernel is not ours to choose.
        self.own_disk, self.direct = own_disk, direct
        self.machine = None
        self._may_be_saved = (self.saved and not making and not own_disk and not initrd and not disks and icount is None
                              and not qemu_args and disk_bus != "nvme")  # QEMU saves no NVMe controller
        self._answers = []
        self._runs = False

    # ---- life ----

    def __enter__(self):
        try:
            self._start()
            if self.machine:
                # Input that is sent before the machine reads it is lost.
                self._wait(lambda: self._runs or None, 60, "saved machine")
            self.wait_ready(self.timeout)
            if not self.machine:
                self.run(self.prepare, check=True)
            if self.payload:
                self.mount_payload()
        except BaseException:
            self.__exit__(GuestError, None, None)
            raise
        return self

    def __exit__(self, exc_type, exc, tb):
        self.kill()
        if exc_type is None and not failed and not os.environ.get("WARMBOOT_KEEP_LOGS"):
            with contextlib.suppress(FileNotFoundError):
                self.log_path.unlink()
        self._exit.close()

    def _start(self):
        self._exit.enter_context(guest_lock())
        if self._may_be_saved:
            self.machine = saved.get(cache_dir(), self, [qemu_version(), *self._hardware()], self._make)
            self._may_be_saved = self.machine is not None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wb-guest."))
        self._exit.callback(shutil.rmtree, self.dir, ignore_errors=True)
        logs = pathlib.Path(os.environ.get("WARMBOOT_LOGS") or TOP / "out" / "vm")
        logs.mkdir(parents=True, exist_ok=True)
        self.log_path = logs / f"{self.name}-{os.getpid()}-{int(time.time() * 1000) % 10**8}.console"
        self._log = self._exit.enter_context(open(self.log_path, "w", encoding="utf-8"))
        argv = self._argv()
        self._stderr = open(self.dir / "stderr", "w+", encoding="utf-8")
        self._exit.callback(self._stderr.close)
        self.t0 = time.monotonic()
        self.console = Console(self._log, self.t0)
        self._proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self._stderr,
                                      stderr=subprocess.STDOUT, start_new_session=True,
                                      preexec_fn=die_with_parent,
                                      env=dict(os.environ, TMPDIR=str(self.dir)))
        opened.append(self)
        self._ttys0, self._ttys1, self._qmp = (self._connect(n) for n in ("ttyS0", "ttyS1", "qmp"))
        self._qmp.sendall(b'{"execute": "qmp_capabilities"}\n')
        if self.machine:
            # Nobody greets: the shell waits for its next command.
            self._ready = (self.t0, self.machine.boot_id, self.machine.release)
            self._qmp.sendall(self._share_memory() + json.dumps(
                {"execute": "migrate-incoming", "arguments": {"uri": self.machine.incoming}}).encode() + b"\n")
        self._qmp.sendall(b'{"execute": "cont"}\n')
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _hardware(self):
        """QEMU's arguments for all that is the same in each run of this configuration."""
        accel = accelerator()
        if accel == "kvm" and self.icount is None:
            args = ["-accel", "kvm", "-cpu", "host"]
        elif self.icount is not None:
            args = ["-accel", "tcg,thread=single", "-icount", self.icount, "-cpu", self._cpu()]
        else:
            args = ["-accel", "tcg,thread=multi", "-cpu", self._cpu()]
        args += self.hardware + ["-m", self.mem, "-smp", str(self.cpus), "-display", "none", "-nic", "none",
                 "-nodefaults", "-no-user-config", "-S", "-device", "virtio-rng-pci"]
        if self.firmware == "uefi":
            args += ["-machine", "q35"]
        elif self.firmware != "bios":
            raise GuestError(f"firmware is bios or uefi, not {self.firmware}")
        if self.disk_bus == "scsi-hd":
            args += ["-device", "virtio-scsi-pci"]
        elif self.disk_bus == "ide-hd" and self.firmware == "bios":
            args += ["-device", "ahci,id=ahci"]
        for i in range(self._drives()):
            bus = self.disk_bus if i == 0 else "virtio-blk-pci"
            extra = ",serial=wbroot" if bus == "nvme" else ""
            extra += ",bus=ahci.0" if bus == "ide-hd" and self.firmware == "bios" else ""
            args += ["-device", f"{bus},drive=d{i}{extra}"]
        return args

    def _drives(self):
        return 1 + bool(self.payload or self.making or self._may_be_saved) + len(self.disks)

    def _argv(self):
        sh = self.dir
        args = ["-kernel", str(self.image.dir / f"vmlinuz-{self.release}"),
                "-initrd", str(self.initrd), "-append", self.cmdline]
        if not self.direct:
            # GRUB hangs on a BIOS machine without a screen.
            args = ["-device", "VGA"]
        place = pathlib.Path(self.own_disk) if self.own_disk else sh
        if self.firmware == "uefi":
            code, nvram = ovmf()
            if self.machine:
                nvram = self.machine.dir / "vars.fd"
            if not (place / "vars.fd").exists():
                shutil.copy(nvram, place / "vars.fd")
            args += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                     "-drive", f"if=pflash,format=raw,unit=1,file={place}/vars.fd"]
        root = f"file={self.image.dir / 'disk.img'},format=raw,snapshot=on"  # writes die with QEMU
        if self.making:
            saved.fill(self.making / "memory", self.mem)
            root = f"file={self._new_disk(self.making / 'disk')},format=qcow2"
            self._memory(args, self.making, "on")
        elif self.machine:
            root = f"file={self.machine.dir / 'disk'},format=qcow2,snapshot=on"
            args += ["-incoming", "defer"]
            self._memory(args, self.machine.dir, "off")
        elif self.own_disk:
            if not (place / "disk").exists():
                self._new_disk(place / "disk")
            root = f"file={place / 'disk'},format=qcow2"
        drives = [root]
        if self._drives() > 1 + len(self.disks):
            image = sh / "payload.img"
            if self.payload:
                make_payload(self.payload, image)
            if self.making or self.machine:
                image.touch()
                os.truncate(image, saved.PAYLOAD_BYTES)
            drives.append(f"file={image},format=raw,readonly=on")
        drives += [f"file={d},format=raw,readonly=off" for d in self.disks]
        for i, drive in enumerate(drives):
            args += ["-drive", f"if=none,id=d{i},cache=unsafe,{drive}"]
        args += self._hardware()
        for n in ("ttyS0", "ttyS1"):
            args += ["-chardev", f"socket,id={n},path={sh}/{n},server=on,wait=off",
                     "-serial", f"chardev:{n}"]
        args += ["-chardev", f"socket,id=qmp,path={sh}/qmp,server=on,wait=off",
                 "-mon", "chardev=qmp,mode=control"]
        if self.net:
            return self.net.prefix_argv + ["qemu-system-x86_64"] + args + self.net.qemu_args() + self.qemu_args
        return ["qemu-system-x86_64"] + args + self.qemu_args

    # ---- saved machines ----

    def _memory(self, args, directory, share):
        args += ["-object", f"memory-backend-file,id=ram,size={self.mem},mem-path={directory}/memory,share={share}",
                 "-machine", "memory-backend=ram", "-rtc", "clock=vm"]

    def _new_disk(self, path):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.image.dir / "disk.img", path],
                       check=True)
        return path

    @staticmethod
    def _share_memory():
        """Memory stays in its file (x-ignore-shared); only the devices' state is sent."""
        return json.dumps({"execute": "migrate-set-capabilities", "arguments": {"capabilities": [
            {"capability": "x-ignore-shared", "state": True}]}}).encode() + b"\n"

    def _make(self, directory):
        """Boot this configuration once and save it in `directory`."""
        with Guest(kernel=self.release, firmware=self.firmware, mem=self.mem, cpus=self.cpus, suite=self.image.suite,
                   cmdline=self.cmdline, disk_bus=self.disk_bus, name=f"making-{self.name}", timeout=self.timeout,
                   net=self.net, making=directory, lean=self.lean, hardware=self.hardware) as g:
            g.run(self.before_saved, max(240, self.timeout), check=True)
            g.save(directory)
            return {"boot_id": g.boot_id, "release": g.release}

    def save(self, directory):
        """Write the state of the devices and end; the memory and the disk are in `directory` already."""
        self._qmp.sendall(self._share_memory() + json.dumps({
            "execute": "migrate", "arguments": {"uri": f"exec:cat >{directory}/devices"}}).encode() + b"\n")
        end = time.monotonic() + 120
        while not any(a.get("status") == "completed" for a in self._answers):
            failed_ones = [a for a in self._answers if a.get("status") == "failed" or "error" in a]
            if failed_ones or time.monotonic() > end or self._proc.poll() is not None:
                self._fail(f"the machine could not be saved: {failed_ones or self._answers}")
            self._qmp.sendall(b'{"execute": "query-migrate"}\n')
            time.sleep(0.1)
        if self.firmware == "uefi":
            shutil.copy(self.dir / "vars.fd", directory / "vars.fd")
        self.quit()

    def quit(self):
        """Let QEMU end by itself, so that a disk that outlives this guest is written out."""
        self._qmp.sendall(b'{"execute": "quit"}\n')
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._proc.wait(20)

    @staticmethod
    def _cpu():
        # No nested KVM: udev would load its modules in every boot, which takes seconds under TCG.
        # QEMU 7.2 corrupts flags in cmpxchg16b under multi-threaded TCG.
        # A byte each step of `rep stosb` is slow to emulate; without erms the kernel clears pages by words.
        major = int(re.search(r"version (\d+)", qemu_version()).group(1))
        return "max,la57=off,svm=off,erms=off,fsrm=off" + (",cx16=off" if major < 8 else "")

    def _connect(self, name):
        end = time.monotonic() + 20
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(str(self.dir / name))
                s.setblocking(True)
                return s
            except OSError:
                s.close()
                if self._proc.poll() is not None or time.monotonic() > end:
                    self._stderr.seek(0)
                    raise GuestError("QEMU did not start: " + self._stderr.read().strip()) from None
                time.sleep(0.05)

    def kill(self):
        """End QEMU and close everything; safe to call twice."""
        proc = getattr(self, "_proc", None)
        if not proc or self.closed:
            return
        self.closed = True
        if proc.poll() is None:
            os.killpg(proc.pid, signal.SIGKILL)
        self.pid_exit = proc.wait()
        if hasattr(self, "_thread"):
            self._thread.join(5)
        for s in ("_ttys0", "_ttys1", "_qmp"):
            if hasattr(self, s):
                getattr(self, s).close()

    def dead(self):
        """Is the guest useless: has QEMU ended, or does its shell not answer?"""
        if self._proc.poll() is not None:
            return True
        try:
            return self.run("true", 30).rc != 0
        except GuestError:
            return True

    # ---- the reading thread ----

    def _read(self):
        sel = selectors.DefaultSelector()
        for s, what in ((self._ttys0, self._on_console), (self._ttys1, self._on_shell),
                        (self._qmp, self._on_qmp)):
            sel.register(s, selectors.EVENT_READ, what)
        self._qmp_buf = b""
        while sel.get_map():
            for key, _ in sel.select(1.0):
                try:
                    data = key.fileobj.recv(65536)
                except OSError:
                    data = b""
                now = time.monotonic()
                if not data:
                    sel.unregister(key.fileobj)
                with self._cond:
                    if data:
                        key.data(now, data)
                    self._cond.notify_all()

    def _on_console(self, now, data):
        self.console.feed(now, data)

    def _on_shell(self, now, data):
        self._shell += data
        while True:
            m = re.search(rb"\x1eWB-(READY|END) (\S+) (\S+)\x1e", self._shell)
            if not m:
                return
            # Text before READY is the unfinished output of an old kernel.
            if m.group(1) == b"READY":
                self._ready = (now, m.group(2).decode(), m.group(3).decode())
            else:
                self._ends[int(m.group(2))] = (int(m.group(3)), self._shell[:m.start()])
            self._shell = self._shell[m.end():]

    def _on_qmp(self, now, data):
        self._qmp_buf += data
        while b"\n" in self._qmp_buf:
            line, _, self._qmp_buf = self._qmp_buf.partition(b"\n")
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if message.get("event") in ("RESET", "SHUTDOWN"):
                    self.resets.append(now)
                if message.get("event") == "WATCHDOG":
                    self.bites.append(now)
                self._runs |= message.get("event") == "RESUME"
                if isinstance(message.get("return"), str):
                    self._monitor = message["return"]
                elif message.get("return"):
                    self._answers.append(message["return"])
                elif "error" in message:
                    self._answers.append(message)

    # ---- waiting ----

    def _fail(self, what):
        if self.stuck and self._lost_a_timer():
            what = f"{LOST_TIMER}: {what}"
        raise GuestError(f"{what}\n--- console of {self.name} ({self.log_path}), its end:\n"
                         f"{self.console.tail()}\n---{self._cpus()}")

    def _lost_a_timer(self):
        """Does the running kernel say that a timer of a CPU, which the emulator makes, does not fire any more?"""
        lines = self.console.lines
        begin = max((n for n, (_, line) in enumerate(lines) if "Linux version" in line), default=0)
        return any(True for _ in self.console.search(r"rcu: \w+ kthread timer wakeup didn't happen for", begin))

    def _cpus(self):
        """The state of each CPU of a guest that does not answer, to explain a hang."""
        if not self.stuck or self._proc.poll() is not None:
            return ""
        self._monitor = None
        with contextlib.suppress(OSError), self._cond:
            self._qmp.sendall(b'{"execute": "human-monitor-command",'
                              b' "arguments": {"command-line": "info registers -a"}}\n')
            self._cond.wait_for(lambda: self._monitor, 5)
        lines = re.findall(r"CPU#\d+|^RIP=.*|^APIC.*", self._monitor or "", re.M)
        return "\nCPUs: " + "; ".join(line.strip() for line in lines)

    def _wait(self, test, timeout, what):
        """Wait until test() is not None, in step with the reading thread."""
        end = time.monotonic() + timeout
        with self._cond:
            while True:
                got = test()
                if got is not None:
                    return got
                left = end - time.monotonic()
                if self._proc.poll() is not None:
                    self._stderr.seek(0)
                    self._fail(f"QEMU ended with {self._proc.poll()} while waiting for {what}: {self._stderr.read()}")
                if left <= 0:
                    self.stuck = True
                    self._fail(f"no {what} within {timeout:.0f} s")
                self._cond.wait(min(left, 1.0))

    def wait_ready(self, timeout=240, not_boot_id=None):
        """Wait until the shell serves; returns (host time, boot id, release)."""
        def test():
            if self._ready and self._ready[1] != not_boot_id:
                return self._ready
            return None
        got = self._wait(test, timeout, "shell")
        self.boot_id = got[1]
        return got

    def expect_console(self, regex, timeout=60, since=0.0):
        """The first console line after host time `since` that matches: (host time, match)."""
        def test():
            return next(((t, m) for t, m in self.console.search(regex) if t >= since), None)
        return self._wait(test, timeout, f"console line /{regex}/")

    # ---- commands ----

    def _send(self, cmd):
        self._seq += 1
        data = base64.b64encode(cmd.encode()).decode()
        if len(data) > 60000:
            raise GuestError("command too long for the serial line: put it into the payload")
        self._ttys1.sendall(f"{self._seq} {data}\n".encode())
        return self._seq

    def run(self, cmd, timeout=60, check=False):
        """Run a shell script in the guest; Result(rc, out). check=True: a failure raises."""
        if self.stuck:
            # Otherwise each test that shares the guest would wait for its own deadline.
            timeout = min(timeout, 10)
        seq = self._send(cmd)
        rc, out = self._wait(lambda: self._ends.pop(seq, None), timeout, f"end of: {cmd}")
        self.stuck = False
        result = Result(rc, out.decode("utf-8", "replace"))
        if check and rc != 0:
            self._fail(f"`{cmd}` ended with {rc}: {result.out}")
        return result

    def start(self, cmd):
        """Start a command that takes the machine down, without waiting for its end."""
        self._send(cmd)

    def reset(self):
        """Reset like the button on the machine: no shutdown, no flush, memory unchanged."""
        self._qmp.sendall(b'{"execute": "system_reset"}\n')

    def starve_disk(self):
        """From now on the root disk gives a byte a second: who reads it hangs."""
        self._qmp.sendall(json.dumps({"execute": "block_set_io_throttle", "arguments": {
            "device": "d0", "bps": 1, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0}}).encode()
            + b"\n")

    def wait_bite(self, timeout):
        """Wait for a watchdog to reset the machine; returns the host time."""
        return self._wait(lambda: self.bites[0] if self.bites and self.resets else None, timeout, "watchdog's bite")

    def out(self, cmd, timeout=60):
        """The output of a command that must succeed, without its last newline."""
        return self.run(cmd, timeout, check=True).out.rstrip("\n")

    def until(self, test, timeout=180, check=True):
        """Wait until a shell command succeeds in the guest; its last output, or that of the last failure.

        The time ends a hang. It is long enough for forty programs that start at once on a slow emulator.
        """
        r = self.run(f"SECONDS=0; until out=$({test}); do [ $SECONDS -lt {timeout} ] || {{ echo \"$out\"; exit 1; }}; "
                     'sleep .1; done; echo "$out"', 2 * timeout + 30)
        if check and r.rc != 0:
            self._fail(f"not within {timeout} s: {test}: {r.out}")
        return r.out.rstrip("\n")

    def ready(self, *units):
        """Wait until the programs of these units, as they run now, have said so in the journal."""
        for unit in units:
            # The journal knows a line's invocation from the unit's control group. It may have looked there too early,
            # where many units start at once, but it knows the process.
            self.until(f"journalctl _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {unit}) + "
                       f"_PID=$(systemctl show -P MainPID {unit}) -o cat | grep -q ^ready")

    def kept(self, *units, timeout=120):
        """{unit: what `warmboot status` tells of it}, once it tells of `units` and none is being started any more."""
        end = time.monotonic() + timeout
        while True:
            told = {u["unit"]: u for u in json.loads(self.out("warmboot status --json", 120))["kept"]}
            over = told.keys() >= set(units) and all(u["outcome"] != "starting" for u in told.values())
            if over or time.monotonic() > end:
                return told
            time.sleep(0.2)

    def write_file(self, path, data, mode="644"):
        b64 = base64.b64encode(data).decode()
        self.run(f"mkdir -p \"$(dirname '{path}')\"; base64 -d >'{path}' <<'E'\n{b64}\nE\nchmod {mode} '{path}'",
                 check=True)

    def read_file(self, path, timeout=60):
        return base64.b64decode(self.out(f"base64 '{path}'", timeout))

    def network_up(self, v6=False, ifupdown=False):
        """
        Give the guest its address, for this boot and those after it: by systemd-networkd, or by
        ifupdown, as Debian's installer does.
        """
        if ifupdown:
            device = self.out("grep -l " + self.net.mac + " /sys/class/net/*/address | cut -d/ -f5").strip()
            self.write_file("/etc/network/interfaces", (
                f"auto lo\niface lo inet loopback\nauto {device}\niface {device} inet static\n"
                f"  address {self.net.guest}/{self.net.prefix}\n  gateway {self.net.host}\n"
                f"  post-up echo up >>{POST_UP}\n").encode())
            self.run("systemctl enable networking && systemctl restart networking", 60, check=True)
            return
        self.write_file("/etc/systemd/network/lan.network", (
            f"[Match]\nMACAddress={self.net.mac}\n"
            f"[Network]\nAddress={self.net.guest}/{self.net.prefix}\nGateway={self.net.host}\n"
            f"{f'Address={self.net.guest6}' if v6 else ''}\n"
            "LinkLocalAddressing=no\nIPv6AcceptRA=no\n").encode())
        self.run("systemctl enable --now systemd-networkd", 60, check=True)
        self.until("ip -4 -o address show scope global | grep -q .")

    def mount_payload(self):
        """Mount the payload disk on /opt/wb and, unless told otherwise, copy it into /."""
        cmd = "mkdir -p /opt/wb && mount -o ro -L wbpayload /opt/wb"
        if self.machine:
            # udev knows this disk as the blank one of the saved machine.
            cmd = f"udevadm trigger --settle --action=change $(blkid -L wbpayload) && {cmd}"
        if self.install:
            # The stamps prevent the work that systemd does in the first boot after an update of /usr.
            cmd += " && cp -a --no-preserve=ownership /opt/wb/. / && ldconfig && touch /etc/.updated /var/.updated"
        self.run(cmd, 120, check=True)

    def bare(self):
        """
        The kernel parameter for a boot that ends in a shell, without systemd. It saves time where only the
        jump matters; the next jump from there needs --now.
        """
        self.write_file(BARE_PATH, BARE.encode(), "755")
        return f"init={BARE_PATH}"

    def jump(self, cmd, timeout=240, expect_kexec=True, marks=None):
        """
        Run a command that ends in another kernel and wait for that kernel's shell. Returns host
        times in seconds since the command was sent: last (the old kernel's last console line),
        first ("Linux version"), init ("Run /init"), shell, and one for each regex in `marks`; None
        when not printed. Also boot_id, release, kexec (False: the firmware ran). A firmware reset
        where a kexec is expected raises.
        """
        if self.stuck:
            self.run("true")
        old = self.boot_id
        resets = len(self.resets)
        mark = len(self.console.lines)
        request = time.monotonic()
        seq = self._send(cmd)

        def test():
            if expect_kexec and len(self.resets) > resets:
                self._fail(f"the firmware reset the machine instead of a kexec, after: {cmd}")
            if seq in self._ends:
                rc, out = self._ends[seq]
                if rc != 0:
                    self._fail(f"`{cmd}` ended with {rc}: {out.decode('utf-8', 'replace')}")
            if self._ready and self._ready[1] != old:
                return self._ready
            return None
        shell, self.boot_id, release = self._wait(test, timeout, f"new kernel after: {cmd}")
        regexes = {"last": OLD_KERNEL_ENDS, "first": r"Linux version", "init": r"Run \S+ as init process",
                   **(marks or {})}
        times = {}
        for name, regex in regexes.items():
            t, _ = next(self.console.search(regex, mark), (None, None))
            times[name] = None if t is None else t - request
        times.update(shell=shell - request, boot_id=self.boot_id, release=release,
                     kexec=len(self.resets) == resets)
        return times


def main(argv=None):
    """scripts/guest: one command in a fresh guest."""
    import argparse
    ap = argparse.ArgumentParser(prog="guest", description="Run one command in a fresh guest.")
    ap.add_argument("--kernel", default="newest", help="6.12, 7.2, newest, oldest or a full release")
    ap.add_argument("--firmware", default="bios", choices=("bios", "uefi"))
    ap.add_argument("--suite", default="trixie")
    ap.add_argument("--mem", default="1G")
    ap.add_argument("--cpus", type=int, default=2)
    ap.add_argument("--append", default="", help="more kernel command line")
    ap.add_argument("--payload", action="append", default=[], metavar="DIR",
                    help="tree that is copied into / of the guest before the command (repeatable)")
    ap.add_argument("--install", metavar="BUILDDIR",
                    help="`meson install` of this build directory as a payload")
    ap.add_argument("--jump", action="append", default=[], metavar="CMD",
                    help="before the command: run CMD and wait for the kernel that it jumps to (repeatable)")
    ap.add_argument("--timeout", type=float, default=240, help="of each step, in seconds")
    ap.add_argument("--console", action="store_true", help="print the console at the end")
    ap.add_argument("--disk-bus", default="virtio-blk-pci",
                    help="of the root disk: virtio-blk-pci, nvme, scsi-hd, ide-hd")
    ap.add_argument("command", nargs="*", help="shell command; its status becomes ours")
    args = ap.parse_args(argv)
    # `timeout` and friends: leave through the exits, so that nothing stays in /tmp.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(124))

    with contextlib.ExitStack() as stack:
        stage = None
        if args.payload or args.install:
            stage = stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-payload."))
            os.chmod(stage, 0o755)
            for tree in args.payload:
                subprocess.run(["cp", "-a", f"{tree}/.", stage], check=True)
            if args.install:
                stage_install(args.install, stage)
        os.environ.setdefault("WARMBOOT_KEEP_LOGS", "1")
        rc = 0
        g = Guest(kernel=args.kernel, firmware=args.firmware, suite=args.suite, mem=args.mem,
                  cpus=args.cpus, cmdline_extra=args.append, payload=stage,
                  disk_bus=args.disk_bus, timeout=args.timeout)
        try:
            with g:
                for cmd in args.jump:
                    t = g.jump(cmd, args.timeout)
                    show = {k: round(t[k], 3) for k in ("last", "first", "init", "shell") if t[k] is not None}
                    print(f"jumped to {t['release']}: {show}", flush=True)
                if args.command:
                    r = g.run(" ".join(args.command), args.timeout)
                    print(r.out, end="", flush=True)
                    rc = r.rc
        except GuestError as e:
            print(f"guest: {e}")
            rc = 125
        if args.console:
            print(g.log_path.read_text())
        return rc


def stage_install(build, dest):
    """`meson install` of a build directory into a tree."""
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir",
                    os.path.abspath(dest)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    raise SystemExit(main())
