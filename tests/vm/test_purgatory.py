# SPDX-License-Identifier: LGPL-2.1-or-later
"""Purgatory's image by itself, between two ends of a tiny stub: no Linux, a second a run."""
import array
import hashlib
import os
import pathlib
import re
import struct
import subprocess
import time

import pytest

import guest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or guest.TOP / "build")
ENTRY, PAYLOAD, HANDOFF, BOOT_PARAMS = 0x100010, 0x5000000, 0x6000123, 0x7000000
# As in src/purgatory/handoff.h.
HANDOFF_MAGIC, PURGATORY_MAGIC = 0x666f646e61686277, 0x6772757077626f74
NONE, PLAIN, NI, LANES = 0, 1, 2, 3
WORD = 0x7374617274207573
ENDED_BY_STUB = 0x10 << 1 | 1
DEADLINE = 60


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """The multiboot kernel: a 64-bit program in a 32-bit file, the only kind that QEMU takes."""
    out = tmp_path_factory.mktemp("stub") / "stub"
    subprocess.run(["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-N",
                    "-Wl,-Ttext=0x100000", "-Wl,-e,start", "-Wl,--no-warn-rwx-segments", "-o", f"{out}64",
                    HERE / "purgatory/stub.S"], check=True)
    subprocess.run(["objcopy", "-O", "elf32-i386", f"{out}64", out], check=True)
    return out


def image(ranges, serial=0x3f8, handoff=HANDOFF, digest=0, steps=(), entry=ENTRY):
    """The built image with its arguments, as the planner patches them in."""
    source = (BUILD / "src/purgatory/purgatory-image.c").read_text(encoding="ascii")
    at = int(re.search(r"wb_purgatory_args_offset = (\d+)", source).group(1))
    args = struct.pack("<QQQQQII", PURGATORY_MAGIC, entry, BOOT_PARAMS, handoff, serial, len(ranges), digest)
    args += b"".join(struct.pack("<QQ32s", *r) for r in ranges)
    if steps:
        packed = b"".join(struct.pack("<QIIBB6x", *s) for s in steps)
        args = args.ljust(48 + 16 * 48, b"\0") + struct.pack("<II", len(steps), 0)
        args += hashlib.sha256(packed).digest() + packed
    data = (BUILD / "src/purgatory/purgatory.bin").read_bytes()
    return data[:at] + args + data[at + len(args):]


def run(tmp_path, stub, purgatory, payload, at=0x4000000, cpu="max,la57=off", machine="pc", extra=()):
    """QEMU's exit code and the output of the serial port."""
    modules = {at: purgatory, PAYLOAD: payload,
               HANDOFF: struct.pack("<QII16s", HANDOFF_MAGIC, 1, 296, b"n" * 16) + bytes(272),
               BOOT_PARAMS: struct.pack("<QQ", WORD, HANDOFF)}
    for i, (where, data) in enumerate(modules.items()):
        (tmp_path / f"m{i}").write_bytes(struct.pack("<I", where) + data)
    serial = tmp_path / "serial"
    with guest.guest_lock():
        done = subprocess.run(
            ["qemu-system-x86_64", "-machine", machine, "-accel", "tcg", "-cpu", cpu, "-m", "256", "-nodefaults",
             "-display", "none", "-no-reboot", "-serial", f"file:{serial}", "-device",
             "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", stub,
             "-initrd", ",".join(str(tmp_path / f"m{i}") for i in range(len(modules))), *extra],
            timeout=DEADLINE, check=False)
    return done.returncode, serial.read_bytes().decode("ascii")


def good(payload, start=PAYLOAD):
    return start, len(payload), hashlib.sha256(payload).digest()


def in_lanes(payload):
    """As src/core/digest.h says: of all whole stripes, every eighth word, its bytes reversed."""
    full = len(payload) // 512 * 512
    words = array.array("I", payload[:full])
    words.byteswap()
    parts = [hashlib.sha256(words[i::8].tobytes()).digest() for i in range(8)]
    return PAYLOAD, len(payload), hashlib.sha256(b"".join(parts) + payload[full:]).digest()


@pytest.mark.parametrize("cpu", ["max,la57=off", "max,la57=off,avx2=off", "qemu64"])
def test_computes_in_lanes(tmp_path, stub, cpu):
    """With AVX2, which entry.S has to enable, and word by word without it. Both find a wrong bit."""
    payload = bytes(i * 7 & 255 for i in range(100001))
    code, said = run(tmp_path, stub, image([in_lanes(payload)], digest=1), payload, cpu=cpu)
    assert code == ENDED_BY_STUB, said
    assert int(said.split()[-1], 16) == len(payload)
    assert int(said.split()[-2], 16) & 0xffffffff == LANES
    broken = payload[:5000] + bytes([payload[5000] ^ 4]) + payload[5001:]
    code, said = run(tmp_path, stub, image([in_lanes(payload)], digest=1), broken, cpu=cpu)
    assert code == 0
    assert "is not what was loaded there" in said


@pytest.mark.parametrize("cpu,at,kinds", [("max,la57=off", 0x4000000, (PLAIN, NI)), ("qemu64", 0x4321000, (PLAIN,))])
def test_enters_the_kernel_with_what_it_was_given(tmp_path, stub, cpu, at, kinds):
    payload = bytes(i * 7 & 255 for i in range(100001))
    code, said = run(tmp_path, stub, image([good(payload), good(payload[5:8], PAYLOAD + 5)]), payload, at, cpu)
    assert code == ENDED_BY_STUB, said
    found = [int(w, 16) for w in said.split()]
    assert found[:8] == [0, 0x10, 0x18, 0x18, 0, 0x20, BOOT_PARAMS, WORD]
    fields = struct.unpack("<QII16sQQQQQIIQ", struct.pack("<11Q", *found[8:]))
    _, _, _, nonce, hz, enter, leave, load, wall, kind, _, verified = fields
    assert (nonce, hz, load, wall) == (b"n" * 16, 0, 0, 0)
    assert 0 < enter < leave
    assert kind in kinds
    assert verified == len(payload) + 3


def test_verifies_nothing_when_told_so(tmp_path, stub):
    code, said = run(tmp_path, stub, image([]), b"anything")
    assert code == ENDED_BY_STUB, said
    assert int(said.split()[-2], 16) == NONE
    assert int(said.split()[-1], 16) == 0


@pytest.mark.parametrize("machine", ["pc", "q35", "isapc"])
def test_says_what_differs_and_resets(tmp_path, stub, machine):
    """Each reset works, since not every machine has the first one; -no-reboot makes a reset end QEMU."""
    payload = bytes(range(256)) * 16
    broken = payload[:-1] + b"\0"
    code, said = run(tmp_path, stub, image([good(payload[:9]), good(payload)]), broken, machine=machine)
    assert code == 0
    assert said == ("\r\nwarmboot: the memory from 0x5000000 to 0x5001000 is not what was loaded there (SHA-256 "
                    "differs); the new kernel is not entered, the machine resets.\r\n")


def test_resets_without_a_serial_port_too(tmp_path, stub):
    code, said = run(tmp_path, stub, image([good(b"right")], serial=0), b"wrong")
    assert (code, said) == (0, "")


# ---- register steps: the watchdogs of src/guard ----

PORT, PCI, MEMORY = 1, 2, 3
HANG = b"\xf4\xeb\xfd"  # hlt; jmp
# A place that SeaBIOS leaves free, so that the test knows it.
BAR = 0xfe800000


def port(address, width, value, keep=0):
    return address, keep, value, PORT, width


def i6300esb(seconds):
    """At 00:04.0, with its BAR set here."""
    ticks = -(-seconds * 10**8 // 196608)
    device = 4 << 11

    def unlocked(offset, width, value):
        return [(BAR + 0xc, 0, 0x80, MEMORY, 2), (BAR + 0xc, 0, 0x86, MEMORY, 2), (BAR + offset, 0, value, MEMORY, width)]
    return [(device | 0x10, 0, BAR, PCI, 4), (device | 4, 0xffff, 2, PCI, 2), (device | 0x68, 0, 0, PCI, 1),
            (device | 0x60, 0, 3, PCI, 2), *unlocked(0, 4, ticks), *unlocked(4, 4, ticks),
            *unlocked(0xc, 2, 0x100), (device | 0x68, 0, 2, PCI, 1)]


def itco(seconds):
    """SeaBIOS puts these where they are on most machines."""
    tco = 0x660
    return [(0xfed1f410, 0xffffffdf, 0, MEMORY, 4), port(tco + 8, 2, 0x800, 0xffff), port(tco + 4, 2, 8),
            port(tco + 6, 2, 2), port(tco + 6, 2, 4), port(tco + 0x12, 2, -(-seconds * 10 // 12)), port(tco, 2, 1),
            port(tco + 8, 2, 0, 0xf7ff)]


def ib700(seconds):
    return [port(0x443, 1, 15 - (seconds + 1) // 2)]


DOGS = {"i6300esb": (i6300esb, 3, "pc", ["-device", "i6300esb,addr=4"]), "itco": (itco, 6, "q35", []),
        "ib700": (ib700, 4, "isapc", ["-device", "ib700"])}


@pytest.mark.parametrize("name,cpu", [*((name, "max,la57=off") for name in DOGS), ("i6300esb", "max")])
def test_watchdog_bites_a_kernel_that_hangs_at_once(tmp_path, stub, name, cpu):
    """Without page tables of purgatory's own, the first register in memory would be a triple fault at once."""
    steps, seconds, machine, extra = DOGS[name]
    begin = time.monotonic()
    code, said = run(tmp_path, stub, image([good(HANG)], entry=PAYLOAD, steps=steps(seconds)), HANG,
                     cpu=cpu, machine=machine, extra=[*extra, "-action", "watchdog=reset"])
    assert (code, said) == (0, "")
    # The firmware and the stub come first, and that is short.
    assert seconds <= time.monotonic() - begin < seconds + 15


@pytest.mark.parametrize("at,cpu", [(0x4000000, "max,la57=off"), (0x3fff000, "qemu64"), (0x3fff000, "max")])
def test_kernel_is_entered_as_ever_after_the_steps(tmp_path, stub, at, cpu):
    """The second place lies on both sides of a border of 2 MiB; the last CPU has five levels of page tables."""
    payload = bytes(i * 7 & 255 for i in range(100001))
    code, said = run(tmp_path, stub, image([good(payload)], steps=i6300esb(60)), payload, at, cpu,
                     extra=["-device", "i6300esb,addr=4", "-action", "watchdog=reset"])
    assert code == ENDED_BY_STUB, said
    found = [int(w, 16) for w in said.split()]
    assert found[:8] == [0, 0x10, 0x18, 0x18, 0, 0x1020 if cpu == "max" else 0x20, BOOT_PARAMS, WORD]
    flags = struct.unpack("<QII16sQQQQQIIQ", struct.pack("<11Q", *found[8:]))[10]
    assert flags == 1


def test_damaged_steps_are_not_run(tmp_path, stub):
    purgatory = bytearray(image([], steps=ib700(20)))
    at = purgatory.find(struct.pack("<QIIBB", *ib700(20)[0]))
    purgatory[at + 12] ^= 1
    code, said = run(tmp_path, stub, bytes(purgatory), b"anything")
    assert code == 0
    assert "purgatory's own arguments are damaged" in said
