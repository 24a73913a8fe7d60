// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The work between the kernels: verify, run the register steps, stamp, and let entry.S jump; or print
 * the reason and reset.
 */
#include "purgatory/purgatory.h"

#include "core/digest.h"
#include "core/sha256.h"
#include "purgatory/machine.h"
#include "purgatory/steps.h"

struct console {
	uint64_t at; /* 0: none */
};

static void print(struct console *c, const char *text)
{
	for (; c->at && *text; text++)
		if (!wb_machine_put(c->at, *text))
			c->at = 0;
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

static int refuse(const struct wb_purgatory_args *args, const struct wb_purgatory_range *range)
{
	struct console c = {.at = args->console};

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
	if (c.at)
		wb_machine_flush(c.at);
	wb_machine_reset();
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

/* Are the steps what the planner wrote? Their digest is checked even if no range is verified. */
static bool steps_are_good(const struct wb_purgatory_args *args)
{
	uint8_t digest[32];

	if (!args->n_steps)
		return true;
	if (!wb_steps_valid(args->steps, args->n_steps))
		return false;
	wb_digest(WB_DIGEST_SHA256, (const uint8_t *)args->steps,
		args->n_steps * sizeof(args->steps[0]), digest);
	return same(digest, args->steps_digest);
}

/* Nothing may come between the last step and the new kernel that can fail. */
static bool run_steps(const struct wb_purgatory_args *args)
{
	if (!args->n_steps || !wb_machine_reach_registers(args->steps, args->n_steps))
		return false;
	wb_steps_run(args->steps, args->n_steps, wb_machine_read, wb_machine_write, NULL);
	wb_machine_leave_registers();
	return true;
}

int wb_purgatory_run(const struct wb_purgatory_args *args, uint64_t tsc_enter)
{
	struct wb_handoff *handoff;
	uint64_t verified = 0;
	bool stepped;

	if (args->magic != WB_PURGATORY_MAGIC || args->n_ranges > WB_PURGATORY_MAX_RANGES ||
		args->digest >= WB_DIGEST_KINDS || !steps_are_good(args))
		return refuse(args, NULL);
	for (uint32_t i = 0; i < args->n_ranges; i++) {
		uint8_t digest[32];

		wb_digest(args->digest, wb_machine_memory(args->ranges[i].start),
			args->ranges[i].size, digest);
		if (!same(digest, args->ranges[i].digest))
			return refuse(args, &args->ranges[i]);
		verified += args->ranges[i].size;
	}
	stepped = run_steps(args);
	if (!args->handoff)
		return 0;
	handoff = wb_machine_memory(args->handoff);
	if (handoff->magic != WB_HANDOFF_MAGIC || handoff->version != WB_HANDOFF_VERSION)
		return 0;
	handoff->tsc_enter = tsc_enter;
	handoff->verified_bytes = verified;
	handoff->sha_kind = sha_kind(args);
	handoff->flags = stepped ? WB_HANDOFF_STEPS : 0;
	handoff->tsc_leave = wb_machine_cycles();
	return 0;
}
