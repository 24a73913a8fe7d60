/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of the ledger of kernel pairs, a kernel with its id, and a machine with its class. */
#pragma once

#include <string.h>

#include "arch/arch.h"
#include "fake-files.h"
#include "guard/machine-class.h"
#include "samples.h"
#include "unit.h"

#define BUILD_A "00112233445566778899aabbccddeeff00112233"
#define BUILD_B "ffeeddccbbaa99887766554433221100ffeeddcc"
#define NAME_A "6.12.1-amd64 #1 SMP Debian 6.12.1-1"
#define BUILD_C "abababababababababababababababababababab"
#define CLASS_X "1111111111111111111111111111111111111111111111111111111111111111"
#define CLASS_Y "2222222222222222222222222222222222222222222222222222222222222222"
#define ORIGIN_1 "0123456789abcdef"

/* A pair's line; `more` begins with a comma, or is "". */
#define PAIR_LINE(from, to, method, class, verdict, more)                         \
	"{\"pair\":{\"from\":\"" from "\",\"to\":\"" to "\",\"method\":\"" method \
	"\",\"class\":\"" class "\",\"verdict\":\"" verdict "\"" more "}}\n"
/* The same, counted by one ledger. */
#define SIMPLE(from, to, method, class, verdict, more) \
	PAIR_LINE(from, to, method, class, verdict, ",\"origin\":\"" ORIGIN_1 "\"" more)
#define BAD_LINE                                                                             \
	PAIR_LINE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad",                                  \
		",\"phase\":\"first-line\",\"cause\":\"it hangs\",\"count\":2,\"first\":"    \
		"\"2026-11-01T10:00:00Z\",\"last\":\"2026-11-02T10:00:00Z\","                \
		"\"durations\":[[\"purgatory\",0.25]],\"warmboot\":\"0.1.0\",\"from_name\":" \
		"\"" NAME_A "\",\"origin\":\"" ORIGIN_1 "\"")
/* A question about such a pair. */
#define QUERY(from_, to_, method_, class_)                                           \
	{                                                                            \
		.from = (from_), .to = (to_), .method = (method_), .class = (class_) \
	}
#define LEDGER_LINE "{\"ledger\":{\"origin\":\"" ORIGIN_1 "\"}}\n"
#define OLDER_LINE "{\"older\":{\"pairs\":3,\"jumps\":7}}\n"

/* Lines that are not understood in an import, and what is said of them. */
static const struct sample_damage {
	const char *line, *why;
} damages[] = {
	{"{", "no JSON"},
	{"[]", "none of"},
	{"{}", "none of"},
	{"{\"pear\":{}}", "none of"},
	{"{\"pair\":{},\"older\":{}}", "none of"},
	{"{\"pair\":7}", "object"},
	{"{\"pair\":{}}", "\"from\" is missing"},
	{SIMPLE("x", BUILD_B, "fast", CLASS_X, "bad", ""), "\"from\""},
	{SIMPLE(BUILD_A, "", "fast", CLASS_X, "bad", ""), "\"to\""},
	{SIMPLE(BUILD_A, BUILD_B, "Fast!", CLASS_X, "bad", ""), "\"method\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", "12", "bad", ""), "\"class\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "fine", ""), "\"verdict\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"count\":0"), "\"count\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"count\":9999999999"), "\"count\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"cause\":\"a\\u001b[2J\""),
		"\"cause\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"note\":\"\""), "\"note\""},
	{SIMPLE("any", BUILD_B, "fast", CLASS_X, "bad", ""), "\"any\""},
	{SIMPLE(BUILD_A, BUILD_B, "any", CLASS_X, "bad", ""), "\"any\""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", "any", "bad", ""), "\"any\""},
	{PAIR_LINE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ""), "\"origin\" is missing"},
	{"{\"machine\":{\"class\":\"" CLASS_X "\",\"plain\":{\"vendor\":\"\",\"product\":\"\","
	 "\"firmware\":\"\",\"hypervisor\":\"\",\"cpus\":"
	 "[],\"devices\":[]}}}",
		"another hash"},
	{"{\"ledger\":{\"origin\":\"7\"}}", "\"origin\""},
	{"{\"older\":{\"pairs\":-1}}", "\"pairs\""},
};

/* ---- a kernel and a machine ---- */

/* A note with another owner, then the build id 00 11 … 77 of eight bytes. */
static const char sample_notes[] = "\6\0\0\0\1\0\0\0\3\0\0\0Linux\0\0\0x\0\0\0"
				   "\4\0\0\0\x8\0\0\0\3\0\0\0GNU\0\x00\x11\x22\x33\x44\x55\x66\x77";
#define NOTES_SIZE (sizeof(sample_notes) - 1)
#define NOTES_ID "0011223344556677"

static inline struct wb_bytes bytes(const void *data, size_t n)
{
	return (struct wb_bytes){data, n};
}

/* The sample's ELF with notes as its third part, after the texts that it has. */
#define WITH_NOTES (SAMPLE_ELF_SIZE + NOTES_SIZE)

static inline void sample_elf_with_notes(uint8_t out[WITH_NOTES])
{
	uint8_t *ph = out + 64 + 2 * 56;

	sample_elf(out);
	sample_le16(out + 56, 3);
	memset(ph, 0, 56);
	sample_le32(ph, 4); /* PT_NOTE */
	sample_le64(ph + 8, SAMPLE_ELF_SIZE);
	sample_le64(ph + 32, NOTES_SIZE);
	memcpy(out + SAMPLE_ELF_SIZE, sample_notes, NOTES_SIZE);
}

#define PCI(slot, vendor_, device_, driver_)                                                \
	{"/sys/bus/pci/devices/" slot "/vendor", vendor_ "\n"},                             \
		{"/sys/bus/pci/devices/" slot "/device", device_ "\n"},                     \
	{                                                                                   \
		"/sys/bus/pci/devices/" slot "/driver", .link = "../../../drivers/" driver_ \
	}
#define CPU(n, microcode)                                                                 \
	"processor\t: " n "\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n" \
	"model name\t: Toy\nstepping\t: 7\nmicrocode\t: " microcode                       \
	"\nflags\t\t: fpu hypervisor lm\n\n"
#define DMI                                                    \
	{"/sys/class/dmi/id/sys_vendor", "Toy\033 Inc. \n"},   \
		{"/sys/class/dmi/id/product_name", "Box 1\n"}, \
	{                                                      \
		"/sys/class/dmi/id/bios_version", "1.0\n"      \
	}
#define KERNEL                                                         \
	{"/sys/kernel/notes", sample_notes, NOTES_SIZE},               \
		{"/proc/sys/kernel/osrelease", "6.12.1-amd64\n"},      \
	{                                                              \
		"/proc/sys/kernel/version", "#1 SMP Debian 6.12.1-1\n" \
	}
#define SAMPLE_MACHINE                                                 \
	DMI, {"/proc/cpuinfo", CPU("0", "0x5") CPU("1", "0x5")},       \
		PCI("0000:00:02.0", "0x8086", "0x25ab", "i6300esb"),   \
		PCI("0000:01:00.0", "0x1af4", "0x1041", "virtio-pci"), \
		PCI("0000:01:00.1", "0x1af4", "0x1041", "virtio-pci"), \
		{"/sys/bus/pci/devices/0000:03:00.0/vendor", "0xffff\n"}, KERNEL

static inline struct wb_machine_class class_of(const struct fake_file *disk)
{
	struct wb_files files = fake_files(disk);
	struct wb_machine_class c = {};

	files.arch = &wb_arch_x86_64;
	assert_int_equal(wb_machine_class_read(&files, &c, NULL), 0);
	return c;
}

static const struct fake_file sample_machine[] = {SAMPLE_MACHINE, {}};
