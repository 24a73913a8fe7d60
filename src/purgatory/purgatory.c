// SPDX-License-Identifier: LGPL-2.1-or-later
/* Runs between the kernels: check, stamp, and let entry.S jump; or say why not and reset. */
#include "purgatory/purgatory.h"

#include "core/digest.h"
#include "core/sha256.h"
#include "purgatory/machine.h"

/* Reads of a port take about 1 us, a character at 9600 baud 1 ms: patient enough, yet bounded. */
#define SERIAL_TRIES 100000
#define RESET_TRIES 100000

/* 16550: transmitter holding register empty, transmitter all empty. */
#define SERIAL_LSR 5
#define SERIAL_THRE 0x20
#define SERIAL_TEMT 0x40

struct console {
	uint16_t port; /* 0: nobody listens */
};

static void wait_serial(struct console *c, uint8_t bit)
{
	for (int i = 0; c->port && i < SERIAL_TRIES; i++)
		if (wb_machine_in8(c->port + SERIAL_LSR) & bit)
			return;
	c->port = 0;
}

static void print(struct console *c, const char *text)
{
	for (; *text; text++) {
		wait_serial(c, SERIAL_THRE);
		if (c->port)
			wb_machine_out8(c->port, *text);
	}
}

static void print_hex(struct console *c, uint64_t v)
{
	char text[19], *p = text + sizeof(text) - 1;

	*p = 0;
	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	*--p = 'x';
	*--p = '0';
	print(c, p);
}

/*
 * The chipset's reset control register, power cycled like the kernel does it (reboot=pci); the
 * keyboard controller's reset line; a triple fault. Each gets some time to work.
 */
static void reset(void)
{
	static const uint8_t full[] = {0x02, 0x06, 0x0e};

	for (size_t i = 0; i < sizeof(full); i++) {
		wb_machine_out8(0xcf9, full[i]);
		for (int t = 0; t < RESET_TRIES; t++)
			wb_machine_in8(0x80);
	}
	wb_machine_out8(0x64, 0xfe);
	for (int t = 0; t < RESET_TRIES; t++)
		wb_machine_in8(0x80);
	wb_machine_triple_fault();
}

static int refuse(const struct wb_purgatory_args *args, const struct wb_purgatory_range *range)
{
	struct console c = {.port = args->serial_port};

	print(&c, "\r\nwarmboot: ");
	if (range) {
		print(&c, "the memory from ");
		print_hex(&c, range->start);
		print(&c, " to ");
		print_hex(&c, range->start + range->size);
		print(&c, " is not what was loaded there (SHA-256 differs)");
	} else {
		print(&c, "purgatory's own arguments are damaged");
	}
	print(&c, "; the new kernel is not entered, the machine resets.\r\n");
	wait_serial(&c, SERIAL_TEMT);
	reset();
	return -1;
}

static int same(const uint8_t a[32], const uint8_t b[32])
{
	uint8_t differ = 0;

	for (int i = 0; i < 32; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

static uint32_t sha_kind(const struct wb_purgatory_args *args)
{
	if (!args->n_ranges)
		return WB_SHA_NONE;
	if (args->digest == WB_DIGEST_LANES)
		return WB_SHA_LANES;
	return wb_sha256_best() == wb_sha256_blocks_plain ? WB_SHA_PLAIN : WB_SHA_NI;
}

int wb_purgatory_run(const struct wb_purgatory_args *args, uint64_t tsc_enter)
{
	struct wb_handoff *handoff;
	uint64_t verified = 0;

	if (args->magic != WB_PURGATORY_MAGIC || args->n_ranges > WB_PURGATORY_MAX_RANGES ||
		args->digest >= WB_DIGEST_KINDS)
		return refuse(args, NULL);
	for (int i = 0; i < args->n_ranges; i++) {
		uint8_t digest[32];

		wb_digest(args->digest, wb_machine_memory(args->ranges[i].start),
			args->ranges[i].size, digest);
		if (!same(digest, args->ranges[i].digest))
			return refuse(args, &args->ranges[i]);
		verified += args->ranges[i].size;
	}
	if (!args->handoff)
		return 0;
	handoff = wb_machine_memory(args->handoff);
	if (handoff->magic != WB_HANDOFF_MAGIC || handoff->version != WB_HANDOFF_VERSION)
		return 0;
	handoff->tsc_enter = tsc_enter;
	handoff->verified_bytes = verified;
	handoff->sha_kind = sha_kind(args);
	handoff->tsc_leave = wb_machine_tsc();
	return 0;
}
