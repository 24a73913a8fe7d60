// SPDX-License-Identifier: LGPL-2.1-or-later
/* The code between the kernels, on memory and ports that are not there. */
#include "unit.h"

/* The library has only the built image, so the sources themselves are compiled in here. */
#include "purgatory/purgatory.c"
#include "purgatory/x86_64/board.c"

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
} fake;

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
	assert_in_range(fake.n_resets, 0, 7);
	fake.resets[fake.n_resets++] = port << 8 | value;
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
		cmocka_unit_test(damaged_arguments_are_refused),
		cmocka_unit_test(the_image_can_be_patched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
