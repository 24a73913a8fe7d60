// SPDX-License-Identifier: LGPL-2.1-or-later
/* The code between the kernels, on memory and ports that are not there. */
#include "unit.h"
#include <stdio.h>

/* The library has only the built image, so the sources themselves are compiled in here. */
#include "purgatory/purgatory.c"
#include "purgatory/x86_64/board.c"
#include "purgatory/x86_64/regs.c"
#include "purgatory/x86_64/tables.c"

#define BASE 0x7f000000ull
#define PORT 0x3f8
#define SENTENCE                                                                               \
	"\r\nwarmboot: the memory from 0x7f000100 to 0x7f0001c8 is not what was loaded there " \
	"(SHA-256 differs); the new kernel is not entered, the machine resets.\r\n"

static struct {
	uint8_t memory[4096];
	uint8_t lsr;    /* the status of the serial port */
	char text[512]; /* written to it */
	size_t length;
	uint32_t resets[8]; /* port << 8 | value, in order; the triple fault is 1 */
	size_t n_resets;
	uint64_t reads, tsc;
	char trace[2048]; /* accesses of register steps, in order */
	bool unreachable; /* there are no page tables for them */
} fake;

static void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *fmt, ...)
{
	size_t n = strlen(fake.trace);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake.trace + n, sizeof(fake.trace) - n, fmt, ap);
	va_end(ap);
}

uint64_t wb_machine_cycles(void)
{
	return fake.tsc;
}

void wb_port_out8(uint16_t port, uint8_t value)
{
	if (port == PORT) {
		assert_in_range(fake.length, 0, sizeof(fake.text) - 2);
		fake.text[fake.length++] = value;
		return;
	}
	if (port == 0x443 || port >= PCI_DATA) {
		trace("out8 %x %x\n", port, value);
		return;
	}
	assert_in_range(fake.n_resets, 0, 7);
	fake.resets[fake.n_resets++] = port << 8 | value;
}

void wb_port_out16(uint16_t port, uint16_t value)
{
	trace("out16 %x %x\n", port, value);
}

void wb_port_out32(uint16_t port, uint32_t value)
{
	trace("out32 %x %x\n", port, value);
}

uint16_t wb_port_in16(uint16_t port)
{
	trace("in16 %x\n", port);
	return 0xa5f0;
}

uint32_t wb_port_in32(uint16_t port)
{
	trace("in32 %x\n", port);
	return 0x89abcdef;
}

bool wb_machine_reach_registers(const struct wb_reg_step *steps, uint32_t n)
{
	trace("reach %u\n", n);
	return !fake.unreachable;
}

void wb_machine_leave_registers(void)
{
	trace("leave\n");
}

uint8_t wb_port_in8(uint16_t port)
{
	fake.reads++;
	return port == PORT + SERIAL_LSR ? fake.lsr : 0xff;
}

void *wb_machine_memory(uint64_t address)
{
	assert_in_range(address, BASE, BASE + sizeof(fake.memory) - 1);
	return fake.memory + (address - BASE);
}

void wb_triple_fault(void)
{
	assert_in_range(fake.n_resets, 0, 7);
	fake.resets[fake.n_resets++] = 1;
}

static struct wb_handoff *handoff(void)
{
	return (struct wb_handoff *)(fake.memory + 0x800);
}

/* Two good ranges, a handoff and a serial port that works. */
static struct wb_purgatory_args prepare(void)
{
	struct wb_purgatory_args args = {.magic = WB_PURGATORY_MAGIC,
		.handoff = BASE + 0x800,
		.console = PORT,
		.n_ranges = 2,
		.ranges = {{.start = BASE, .size = 0x100}, {.start = BASE + 0x100, .size = 200}}};

	memset(&fake, 0, sizeof(fake));
	for (size_t i = 0; i < 0x800; i++)
		fake.memory[i] = i * 13;
	wb_sha256(fake.memory, 0x100, args.ranges[0].digest);
	wb_sha256(fake.memory + 0x100, 200, args.ranges[1].digest);
	*handoff() = (struct wb_handoff){.magic = WB_HANDOFF_MAGIC,
		.version = WB_HANDOFF_VERSION,
		.sha_kind = 77,
		.verified_bytes = 77};
	fake.lsr = SERIAL_THRE | SERIAL_TEMT;
	fake.tsc = 5000;
	return args;
}

static void assert_silent(void)
{
	assert_int_equal(fake.length, 0);
	assert_int_equal(fake.n_resets, 0);
}

static void assert_reset(void)
{
	static const uint32_t want[] = {0xcf902, 0xcf906, 0xcf90e, 0x64fe, 1};

	assert_int_equal(fake.n_resets, 5);
	assert_memory_equal(fake.resets, want, sizeof(want));
}

static void match_is_stamped(void **state)
{
	struct wb_purgatory_args args = prepare();

	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_silent();
	assert_int_equal(handoff()->tsc_enter, 1234);
	assert_int_equal(handoff()->tsc_leave, 5000);
	assert_int_equal(handoff()->verified_bytes, 0x100 + 200);
	assert_int_equal(handoff()->sha_kind, wb_sha256_has_ni() ? WB_SHA_NI : WB_SHA_PLAIN);
}

static void lanes_are_checked_when_asked_for(void **state)
{
	struct wb_purgatory_args args = prepare();

	args.digest = WB_DIGEST_LANES;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	args = prepare();
	args.digest = WB_DIGEST_LANES;
	wb_digest(WB_DIGEST_LANES, fake.memory, 0x100, args.ranges[0].digest);
	args.ranges[1].size = 0x100 + 512;
	wb_digest(WB_DIGEST_LANES, fake.memory + 0x100, 0x100 + 512, args.ranges[1].digest);
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_silent();
	assert_int_equal(handoff()->sha_kind, WB_SHA_LANES);
	fake.memory[0x100] ^= 1;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_reset();
}

static void mismatch_is_told_and_resets(void **state)
{
	struct wb_purgatory_args args = prepare();

	fake.memory[0x100 + 199] ^= 0x80;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_string_equal(fake.text, SENTENCE);
	assert_reset();
	assert_int_equal(handoff()->verified_bytes, 77);
}

static void every_bit_of_a_digest_counts(void **state)
{
	for (int bit = 0; bit < 256; bit++) {
		struct wb_purgatory_args args = prepare();

		args.console = 0;
		args.ranges[1].digest[bit / 8] ^= 1 << bit % 8;
		assert_true(wb_purgatory_run(&args, 1234) < 0);
		assert_int_equal(fake.length, 0);
		assert_reset();
	}
}

static void a_stuck_serial_port_does_not_hang(void **state)
{
	struct wb_purgatory_args args = prepare();

	fake.memory[0] ^= 1;
	fake.lsr = 0;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_int_equal(fake.length, 0);
	assert_in_range(fake.reads, 1, 1000000);
	assert_reset();
}

static void an_absent_serial_port_does_not_hang(void **state)
{
	struct wb_purgatory_args args = prepare();

	fake.memory[0] ^= 1;
	fake.lsr = 0xff; /* an empty bus */
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_reset();
}

static void a_strange_handoff_is_left_alone(void **state)
{
	struct wb_purgatory_args args = prepare();

	handoff()->magic ^= 1;
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_int_equal(handoff()->tsc_enter, 0);
	args = prepare();
	handoff()->version++;
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_int_equal(handoff()->tsc_enter, 0);
	args = prepare();
	args.handoff = 0;
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_int_equal(handoff()->tsc_enter, 0);
	assert_silent();
}

/* ---- register steps ---- */

static void give_steps(struct wb_purgatory_args *args, const struct wb_reg_step *steps, uint32_t n)
{
	args->n_steps = n;
	memcpy(args->steps, steps, n * sizeof(*steps));
	wb_sha256((const uint8_t *)args->steps, n * sizeof(*steps), args->steps_digest);
}

static const struct wb_reg_step some_steps[] = {
	{.space = WB_REG_PORT, .width = 1, .address = 0x443, .set = 5},
	{.space = WB_REG_PORT, .width = 2, .address = 0x668, .keep = 0xf7ff, .set = 0x0003},
	{.space = WB_REG_PORT, .width = 4, .address = 0x630, .keep = 0xffffdfff},
	{.space = WB_REG_PCI, .width = 1, .address = 0xf02069, .set = 2},
	{.space = WB_REG_PCI, .width = 2, .address = 0x2062, .keep = 0x00ff, .set = 0x0300},
	{.space = WB_REG_MEMORY, .width = 4, .address = BASE + 0x900, .keep = ~0x20u},
	{.space = WB_REG_MEMORY, .width = 2, .address = BASE + 0x906, .set = 0x8642},
	{.space = WB_REG_MEMORY, .width = 1, .address = BASE + 0x909, .set = 0x77},
};
#define N_SOME (sizeof(some_steps) / sizeof(*some_steps))

static void steps_run_in_their_order_after_the_check(void **state)
{
	struct wb_purgatory_args args = prepare();
	static const uint32_t gcs = 0x12345678 | 0x20;
	static const uint8_t want[] = {0x58, 0x56, 0x34, 0x12, 0, 0, 0x42, 0x86, 0, 0x77, 0};

	memcpy(fake.memory + 0x900, &gcs, 4);
	give_steps(&args, some_steps, N_SOME);
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_string_equal(fake.trace,
		"reach 8\nout8 443 5\nin16 668\nout16 668 a5f3\nin32 630\nout32 630 89abcdef\n"
		"out32 cf8 80f02068\nout8 cfd 2\n"
		"out32 cf8 80002060\nin16 cfe\nout32 cf8 80002060\nout16 cfe 3f0\nleave\n");
	assert_memory_equal(fake.memory + 0x900, want, sizeof(want));
	assert_int_equal(handoff()->flags, WB_HANDOFF_STEPS);
	assert_int_equal(handoff()->tsc_leave, 5000);
	/* A kernel that is not what was loaded is not guarded: the machine resets at once. */
	args = prepare();
	give_steps(&args, some_steps, N_SOME);
	fake.memory[0] ^= 1;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_null(strstr(fake.trace, "reach"));
	assert_reset();
}

static void without_steps_no_register_is_touched(void **state)
{
	struct wb_purgatory_args args = prepare();

	args.steps[0] = some_steps[0];
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_string_equal(fake.trace, "");
	assert_int_equal(handoff()->flags, 0);
}

static void registers_out_of_reach_are_told_and_no_reason_to_stop(void **state)
{
	struct wb_purgatory_args args = prepare();

	fake.unreachable = true;
	give_steps(&args, some_steps, N_SOME);
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_string_equal(fake.trace, "reach 8\n");
	assert_int_equal(handoff()->flags, 0);
}

static void a_damaged_step_is_refused(void **state)
{
	for (size_t i = 0; i < N_SOME * sizeof(*some_steps); i++) {
		struct wb_purgatory_args args = prepare();

		give_steps(&args, some_steps, N_SOME);
		((uint8_t *)args.steps)[i] ^= 0x10;
		args.n_ranges = 0;
		args.console = 0;
		assert_true(wb_purgatory_run(&args, 1234) < 0);
		assert_null(strstr(fake.trace, "reach"));
		assert_reset();
	}
}

static void wrong_lists_are_not_valid(void **state)
{
	static const struct wb_reg_step wrong[] = {
		{.space = 0, .width = 1, .address = 0x443},
		{.space = WB_REG_MEMORY + 1, .width = 1, .address = 0x443},
		{.space = WB_REG_PORT, .width = 0, .address = 0x443},
		{.space = WB_REG_PORT, .width = 3, .address = 0x443},
		{.space = WB_REG_PORT, .width = 8, .address = 0x440},
		{.space = WB_REG_PORT, .width = 2, .address = 0x443},
		{.space = WB_REG_PORT, .width = 1, .address = 0x10000},
		{.space = WB_REG_PORT, .width = 1, .address = 0x443, .set = 0x100},
		{.space = WB_REG_PORT, .width = 2, .address = 0x442, .keep = 0x10000},
		{.space = WB_REG_PORT, .width = 1, .address = 0x443, .pad = {0, 0, 0, 0, 0, 1}},
		{.space = WB_REG_PCI, .width = 1, .address = 1 << 24},
		{.space = WB_REG_MEMORY, .width = 4, .address = 0xffffc},
		{.space = WB_REG_MEMORY, .width = 4, .address = WB_REG_MEMORY_END},
		{.space = WB_REG_MEMORY, .width = 4, .address = 0xfed1f412},
	};
	struct wb_reg_step many[WB_REG_STEPS_MOST + 1];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(wb_steps_valid(&wrong[i], 1));
	assert_true(wb_steps_valid(some_steps, N_SOME));
	assert_true(wb_steps_valid(NULL, 0));
	for (size_t i = 0; i <= WB_REG_STEPS_MOST; i++)
		many[i] = some_steps[0];
	assert_true(wb_steps_valid(many, WB_REG_STEPS_MOST));
	assert_false(wb_steps_valid(many, WB_REG_STEPS_MOST + 1));
	/* Each of these has a page of its own. */
	for (size_t i = 0; i <= WB_REG_PAGES_MOST; i++)
		many[i] = (struct wb_reg_step){.space = WB_REG_MEMORY,
			.width = 4,
			.address = 0xc0000000 + i * WB_REG_PAGE};
	assert_true(wb_steps_valid(many, WB_REG_PAGES_MOST));
	assert_false(wb_steps_valid(many, WB_REG_PAGES_MOST + 1));
	many[WB_REG_PAGES_MOST].address = 0xc0000010;
	assert_true(wb_steps_valid(many, WB_REG_PAGES_MOST + 1));
}

/* ---- page tables ---- */

static uint64_t pool[WB_TABLES_MOST][512] __attribute__((aligned(4096)));

/* As the CPU walks them; 0: not mapped. */
static uint64_t entry_of(uint64_t address, unsigned levels)
{
	uint64_t *table = pool[0];

	for (unsigned level = levels; level > 2; level--) {
		uint64_t e = table[address >> (12 + 9 * (level - 1)) & 511];

		if (!(e & 1))
			return 0;
		assert_int_equal(e & 0xfff, 3);
		table = (uint64_t *)(uintptr_t)(e & 0x000ffffffffff000);
	}
	return table[address >> 21 & 511];
}

static void tables_map_each_page_at_its_own_address(void **state)
{
	for (unsigned levels = 4; levels <= 5; levels++) {
		struct wb_tables t = {pool, 1, levels};

		memset(pool, 0, sizeof(pool));
		assert_true(wb_tables_map(&t, 0x3fffe000, false));
		assert_true(wb_tables_map(&t, 0x40000000, false));
		assert_true(wb_tables_map(&t, 0xfebd100c, true));
		assert_true(wb_tables_map(&t, 0x3812345678c, true)); /* a BAR above 4 GiB */
		assert_true(wb_tables_map(&t, 0x3812345678c, false));
		assert_int_equal(entry_of(0x3fffe000, levels), 0x3fe00083);
		assert_int_equal(entry_of(0x40000000, levels), 0x40000083);
		assert_int_equal(entry_of(0xfebd100c, levels), 0xfea0009b);
		assert_true(entry_of(0x3812345678c, levels) == 0x3812340009bull);
		assert_int_equal(entry_of(0x3fc00000, levels), 0);
		assert_int_equal(entry_of(0x80000000, levels), 0);
	}
}

static void tables_have_room_for_every_valid_list(void **state)
{
	struct wb_tables t = {pool, 1, 5};

	memset(pool, 0, sizeof(pool));
	/* The image's two pages, and those of the registers, as far apart as they can be. */
	for (uint64_t i = 0; i < 2 + WB_REG_PAGES_MOST; i++)
		assert_true(wb_tables_map(&t, i << 39, true));
	while (t.n < WB_TABLES_MOST)
		wb_tables_map(&t, (uint64_t)t.n << 40, true);
	assert_false(wb_tables_map(&t, 0xffull << 39, true));
}

static void no_ranges_verify_nothing(void **state)
{
	struct wb_purgatory_args args = prepare();

	args.n_ranges = 0;
	fake.memory[0] ^= 1;
	assert_int_equal(wb_purgatory_run(&args, 1234), 0);
	assert_silent();
	assert_int_equal(handoff()->sha_kind, WB_SHA_NONE);
	assert_int_equal(handoff()->verified_bytes, 0);
	assert_int_equal(handoff()->tsc_enter, 1234);
}

static void damaged_arguments_are_refused(void **state)
{
	struct wb_purgatory_args args = prepare();

	args.n_ranges = WB_PURGATORY_MAX_RANGES + 1;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_non_null(strstr(fake.text, "purgatory's own arguments are damaged"));
	assert_reset();
	args = prepare();
	args.magic ^= 1;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_reset();
	args = prepare();
	args.digest = WB_DIGEST_KINDS;
	assert_true(wb_purgatory_run(&args, 1234) < 0);
	assert_reset();
}

static void the_image_can_be_patched(void **state)
{
	uint64_t magic;

	assert_true(wb_purgatory_memsz >= wb_purgatory_size);
	assert_int_equal(wb_purgatory_memsz % 4096, 0);
	assert_true(
		wb_purgatory_args_offset + sizeof(struct wb_purgatory_args) <= wb_purgatory_size);
	memcpy(&magic, wb_purgatory_image + wb_purgatory_args_offset, sizeof(magic));
	assert_true(magic == WB_PURGATORY_MAGIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match_is_stamped),
		cmocka_unit_test(lanes_are_checked_when_asked_for),
		cmocka_unit_test(mismatch_is_told_and_resets),
		cmocka_unit_test(every_bit_of_a_digest_counts),
		cmocka_unit_test(a_stuck_serial_port_does_not_hang),
		cmocka_unit_test(an_absent_serial_port_does_not_hang),
		cmocka_unit_test(a_strange_handoff_is_left_alone),
		cmocka_unit_test(no_ranges_verify_nothing),
		cmocka_unit_test(steps_run_in_their_order_after_the_check),
		cmocka_unit_test(without_steps_no_register_is_touched),
		cmocka_unit_test(registers_out_of_reach_are_told_and_no_reason_to_stop),
		cmocka_unit_test(a_damaged_step_is_refused),
		cmocka_unit_test(wrong_lists_are_not_valid),
		cmocka_unit_test(tables_map_each_page_at_its_own_address),
		cmocka_unit_test(tables_have_room_for_every_valid_list),
		cmocka_unit_test(damaged_arguments_are_refused),
		cmocka_unit_test(the_image_can_be_patched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
