# SPDX-License-Identifier: LGPL-2.1-or-later
"""Purgatory's image by itself, between two ends of a tiny stub: no Linux, a second a run."""
import array
import hashlib
import os
import pathlib
import re
import struct
import subprocess

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


def image(ranges, serial=0x3f8, handoff=HANDOFF, digest=0):
    """The built image with its arguments, as the planner patches them in."""
    source = (BUILD / "src/purgatory/purgatory-image.c").read_text(encoding="ascii")
    at = int(re.search(r"wb_purgatory_args_offset = (\d+)", source).group(1))
    args = struct.pack("<QQQQQII", PURGATORY_MAGIC, ENTRY, BOOT_PARAMS, handoff, serial, len(ranges), digest)
    args += b"".join(struct.pack("<QQ32s", *r) for r in ranges)
    data = (BUILD / "src/purgatory/purgatory.bin").read_bytes()
    return data[:at] + args + data[at + len(args):]


def run(tmp_path, stub, purgatory, payload, at=0x4000000, cpu="max,la57=off", machine="pc"):
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
             "-initrd", ",".join(str(tmp_path / f"m{i}") for i in range(len(modules)))],
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
