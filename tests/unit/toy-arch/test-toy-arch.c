// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The seam between kernels, on a machine that nobody else knows of: it plans, hands over, and the kernel
 * after finds the store. Whatever fails here is a fact of one machine outside its row.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

#include "../fake-store.h"
#include "../samples.h"
#include "jump/record.h"
#include "stage/stage.h"
#include "store/impl.h"
#include "store/region.h"
#include "store/state.h"
#include "sys/handoff.h"
#include "sys/machine.h"
#include "timeline/klog.h"
#include "timeline/marks.h"
#include "toy.h"

#define MIB (1ull << 20)
#define KERNEL "/boot/toy"
#define DATA (5 * MIB + 321)

struct world {
	struct fake_store machine; /* first: the context of its functions */
	struct wb_store *store;
	struct wb_stage *stage;
	struct wb_error err;
	/* what the kernel holds for the jump */
	struct wb_blob loaded[WB_PLAN_SEGMENTS];
	uint64_t at[WB_PLAN_SEGMENTS];
	size_t n_loaded;
	uint64_t entry;
	unsigned long flags;
	uint64_t clock;
	uint8_t data[DATA];
};

static int w_load(void *ctx, uint64_t entry, const struct wb_sys_segment *segments, size_t n,
	unsigned long flags)
{
	struct world *w = ctx;

	w->n_loaded = n;
	w->entry = entry;
	w->flags = flags;
	for (size_t i = 0; i < n; i++) {
		w->at[i] = segments[i].mem;
		wb_blob_append(&w->loaded[i], segments[i].buf, segments[i].bufsz);
	}
	return 0;
}

static uint64_t w_clock(void *ctx)
{
	return ((struct world *)ctx)->clock += 1000;
}

static int w_may_boot(void *ctx)
{
	return 1;
}

static int w_write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	struct world *w = ctx;
	uint8_t page[64] = {};

	assert_string_equal(path, TOY_SCRATCH);
	memcpy(page + off, contents.data, contents.size);
	fake_store_file(&w->machine, path, page, sizeof(page));
	return 0;
}

static void text(struct world *w, const char *path, const char *contents)
{
	fake_store_file(&w->machine, path, contents, strlen(contents));
}

static int set_up(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));
	uint8_t kernel[SAMPLE_ARM64_SIZE];
	char memory[64];

	fake_store_init(&w->machine);
	w->machine.files.arch = &toy_arch;
	w->machine.sys.kexec_load = w_load;
	w->machine.sys.may_boot = w_may_boot;
	w->machine.sys.write_at = w_write_at;
	w->machine.sys.tsc = w->machine.sys.wall_ns = w->machine.sys.mono_ns = w_clock;
	w->machine.sys.raw_ns = w->machine.sys.boot_ns = w_clock;
	sample_arm64(kernel);
	fake_store_file(&w->machine, KERNEL, kernel, sizeof(kernel));
	snprintf(memory, sizeof(memory), "0 %llu ram\n", (unsigned long long)FAKE_STORE_RAM);
	text(w, TOY_MEMORY, memory);
	text(w, TOY_CAME, "power\n");
	text(w, "/proc/sys/kernel/osrelease", "1.0-toy\n");
	text(w, "/proc/sys/kernel/kexec_load_disabled", "0\n");
	text(w, "/proc/cmdline", "root=/dev/toy\n");
	for (size_t i = 0; i < DATA; i++)
		w->data[i] = (uint8_t)(i * 7 + i / 251);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	wb_store_close(w->store);
	wb_stage_free(w->stage);
	for (size_t i = 0; i < w->n_loaded; i++)
		wb_blob_deinit(&w->loaded[i]);
	fake_store_deinit(&w->machine);
	test_free(w);
	return 0;
}

static void ok(struct world *w, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, w->err.text);
}

static void make_store(struct world *w, const char *backend)
{
	ok(w, wb_store_create(&w->machine.env, backend, 8 * MIB, &w->store, &w->err));
	ok(w, wb_store_put(w->store, "object", (struct wb_bytes){w->data, DATA}, &w->err));
	ok(w, wb_store_seal(w->store, &w->err));
}

static void load(struct world *w, const char *region_word)
{
	const struct wb_load_options options = {
		.size = sizeof(options),
		.kernel = KERNEL,
		.cmdline = "root=/dev/toy",
		.method = WB_METHOD_SEGMENTS,
		.initramfs = WB_INITRAMFS_OWN,
		.store = wb_store_load(w->store),
		.region_word = region_word,
	};

	ok(w, wb_stage_prepare(&w->machine.sys, &options, &w->stage, &w->err));
	ok(w, wb_stage_commit(&w->machine.sys, w->stage, &w->err));
}

/* The kernel after, which has nothing but its memory and the letter's address. */
static void boot_from_letter(struct world *w)
{
	const uint8_t *ram = fake_store_ram(&w->machine), *at = ram + w->entry;
	struct toy_letter letter;
	struct toy_item item;
	int notes = 0;

	memcpy(&letter, at, sizeof(letter));
	assert_true(letter.magic == TOY_LETTER);
	assert_memory_equal(ram + letter.kernel + 56, "ARM\x64", 4);
	text(w, TOY_CAME, "kexec\n");
	for (at += sizeof(letter);; at += sizeof(item) + wb_align_up(item.size, 8)) {
		char path[64] = "";

		memcpy(&item, at, sizeof(item));
		if (item.kind == TOY_END)
			break;
		if (item.kind == TOY_MAP)
			snprintf(path, sizeof(path), TOY_MEMORY);
		else if (item.kind == TOY_CMDLINE)
			snprintf(path, sizeof(path), "/proc/cmdline");
		else
			snprintf(path, sizeof(path), TOY_NOTES "/%d", notes++);
		fake_store_file(&w->machine, path, at + sizeof(item), item.size);
	}
}

static void jump(struct world *w)
{
	uint8_t *ram = fake_store_ram(&w->machine);

	for (size_t i = 0; i < w->n_loaded; i++)
		memcpy(ram + w->at[i], w->loaded[i].data, w->loaded[i].size);
	wb_store_close(w->store);
	w->store = NULL;
	fake_store_boot(&w->machine);
	boot_from_letter(w);
}

static void assert_store_is_whole(struct world *w)
{
	WB_CLEAN_BLOB got = {};

	ok(w, wb_store_attach(&w->machine.env, &w->store, &w->err));
	ok(w, wb_store_check(w->store, &w->err));
	ok(w, wb_store_read(w->store, "object", SIZE_MAX, &got, &w->err));
	assert_int_equal(got.size, DATA);
	assert_memory_equal(got.data, w->data, DATA);
}

static void ram_crosses_a_jump(void **state)
{
	struct world *w = *state;
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_MACHINE machine = {};
	struct wb_handoff h;

	assert_false(wb_handoff_possible(&w->machine.files));
	make_store(w, "carve");
	load(w, NULL);
	assert_int_equal(w->flags, 99ul << 16);
	assert_int_equal(w->n_loaded, 2);
	jump(w);
	assert_true(wb_handoff_possible(&w->machine.files));
	assert_true(wb_handoff_read(&w->machine.files, &h));
	assert_string_equal(h.from_release, "1.0-toy");
	assert_string_equal(h.to_release, "6.1.2-arm");
	assert_int_equal(wb_traces_read(&w->machine.files, &traces), 0);
	assert_true(traces.by_kexec);
	assert_string_equal(traces.handoff_method, "segments");
	assert_int_equal(wb_judge(NULL, &traces).outcome, WB_OUTCOME_JUMPED);
	/*
	 * Memory that was kept from this kernel is RAM for the next one, and nothing is placed in
	 * it.
	 */
	ok(w, wb_machine_read(&w->machine.files, &machine, &w->err));
	assert_int_equal(machine.memory.n, 1);
	assert_int_equal(machine.memory.items[0].size, FAKE_STORE_RAM);
	assert_int_equal(machine.avoid.n, 2);
	assert_store_is_whole(w);
	ok(w, wb_store_wipe(w->store, &w->err));
}

static void a_region_crosses_a_jump(void **state)
{
	const struct wb_store_region region = {16 * MIB, 32 * MIB};
	struct world *w = *state;
	struct wb_store_region there;
	char word[WB_ARCH_WORD];

	ok(w, wb_store_region_write(&w->machine.sys, WB_REGION_STORE, &region, &w->err));
	assert_string_equal(
		fake_store_text(&w->machine, WB_STORE_REGION), "aside=16777216+33554432\n");
	assert_false(wb_store_region_in_force(&w->machine.files, &region));
	text(w, "/proc/cmdline", "root=/dev/toy aside=16777216+33554432\n");
	assert_true(wb_store_region_in_force(&w->machine.files, &region));
	make_store(w, "pmem");
	wb_store_region_word(&w->machine.files, &region, word);
	load(w, word);
	jump(w);
	/* The command line that the stage made has it. */
	assert_string_equal(fake_store_text(&w->machine, "/proc/cmdline"),
		"root=/dev/toy aside=16777216+33554432");
	assert_true(wb_store_region_running(&w->machine.files, 0, &there));
	assert_int_equal(there.start, region.start);
	assert_store_is_whole(w);
}

static void the_driver_is_kept_from_a_store(void **state)
{
	struct world *w = *state;

	make_store(w, "carve");
	load(w, NULL);
	jump(w);
	text(w, TOY_DEVICE, "");
	text(w, "/proc/iomem", "06400000-073fffff : Kept for somebody\n");
	wb_store_guard(&w->machine.env);
	/* That memory is not all ours: the driver gets it. */
	assert_int_equal(w->machine.modules, 2);
	text(w, "/proc/iomem", "00000000-063fffff : System RAM\n");
	wb_store_guard(&w->machine.env);
	assert_string_equal(
		fake_store_text(&w->machine, TOY_DEVICE "/driver_override"), "warmboot\n");
}

static void the_last_instant_crosses(void **state)
{
	struct world *w = *state;

	assert_int_equal(wb_last_read(&w->machine.files, "boot 0"), 0);
	assert_int_equal(wb_last_mark(&w->machine.sys), 0);
	assert_int_equal(wb_last_read(&w->machine.files, "boot 0"), w->clock);
	assert_int_equal(wb_last_read(&w->machine.files, "boot 1"), 0);
}

static void its_log_tells_the_rate(void **state)
{
	static const char log[] = "6,0,0,-;clockwork: 50 kHz\n"
				  "6,1,1,-;tsc: Detected 2596.111 MHz processor\n";
	struct wb_klog k;

	wb_klog_parse(&toy_arch, log, strlen(log), &k);
	assert_int_equal(k.tsc_khz, 50);
}

static void a_crash_load_lies_in_spare_memory(void **state)
{
	struct world *w = *state;
	WB_CLEAN_MACHINE machine = {};
	const struct wb_image image = {.arch = toy_arch.id, .bytes = {w->data, 100 << 10}};
	const struct wb_plan_wish wish = {.target = WB_TARGET_CRASH,
		.method = WB_METHOD_SEGMENTS,
		.image = &image,
		.cmdline = ""};
	struct wb_plan plan = {};

	text(w, TOY_MEMORY, "0 67108864 ram\n67108864 8388608 spare\n75497472 4096 kept\n");
	ok(w, wb_machine_read(&w->machine.files, &machine, &w->err));
	ok(w, wb_plan_make(&machine, &wish, &plan, &w->err));
	assert_int_equal(plan.n, 2);
	assert_int_equal(plan.kexec_flags, 99ul << 16 | 1);
	for (size_t i = 0; i < plan.n; i++)
		assert_in_range(plan.segments[i].mem, 64 * MIB, 72 * MIB - 4096);
	/* The rest of the RAM is the dump's. */
	assert_string_equal(
		(char *)plan.params.data + sizeof(struct toy_letter) + sizeof(struct toy_item),
		"0 1048576 ram\n67108864 8388608 ram\n75497472 4096 kept\n");
	wb_plan_deinit(&plan);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ram_crosses_a_jump),
		TEST(a_region_crosses_a_jump),
		TEST(the_driver_is_kept_from_a_store),
		TEST(the_last_instant_crosses),
		TEST(its_log_tells_the_rate),
		TEST(a_crash_load_lies_in_spare_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
