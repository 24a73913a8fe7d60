// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reasons for which kept services lose their processes, and reasons that refuse the jump. */
#include "unit.h"
#include <jansson.h>
#include <stdlib.h>

#include "session/keeping.h"
#include "fake-store.h"
#include "fake-write.h"
#include "session/request.h"
#include "store/state.h"

struct fixture {
	struct fake_store machine;
	struct wb_keeping k;
	struct wb_error err;
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct wb_manifest_unit *u = wb_list_add(&f->k.draft.units, sizeof(*u));

	fake_store_init(&f->machine);
	u->unit = strdup("one.service");
	u->asked = WB_KEEP_AUTO;
	u->how = WB_KEEP_PROCESS;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_keeping_deinit(&f->k);
	fake_store_deinit(&f->machine);
	test_free(f);
	return 0;
}

static int reserve(struct fixture *f)
{
	const struct wb_session_host h = {.sys = &f->machine.sys, .store = &f->machine.env};

	return wb_keeping_reserve(&h, wb_store_backends[0], &f->k, &f->err);
}

static void too_little_memory_costs_a_rung(void **state)
{
	struct fixture *f = *state;

	f->k.bytes = 1ull << 40;
	assert_int_equal(reserve(f), 0);
	assert_int_equal(f->k.draft.units.items[0].how, WB_KEEP_RESTART);
	assert_non_null(strstr(f->k.draft.units.items[0].why, "too little memory"));
	/* The rest of the memory is for the manifest. */
	assert_non_null(f->k.store);
}

static void add_guest(struct fixture *f, const char *unit, long long memory, bool stored)
{
	struct wb_manifest_unit *u = wb_list_add(&f->k.draft.units, sizeof(*u));

	u->unit = strdup(unit);
	u->asked = WB_KEEP_AUTO;
	u->how = WB_KEEP_VM;
	u->image = json_pack("{s:s, s:s, s:I, s:b}", "program", "/q", "qmp", "/q.sock", "size",
		(json_int_t)memory, "stored", stored);
	f->k.bytes += stored ? (uint64_t)memory : 0;
}

/* A guest whose memory has no room costs the others nothing. */
static void the_largest_guest_gives_way(void **state)
{
	struct fixture *f = *state;
	const struct wb_manifest_unit *u;

	add_guest(f, "small.service", 1 << 20, true);
	add_guest(f, "large.service", 1ll << 40, true);
	add_guest(f, "inplace.service", 1ll << 41, false);
	assert_int_equal(reserve(f), 0);
	u = f->k.draft.units.items;
	assert_int_equal(u[0].how, WB_KEEP_PROCESS);
	assert_int_equal(u[1].how, WB_KEEP_VM);
	assert_int_equal(u[2].how, WB_KEEP_RESTART);
	assert_non_null(strstr(u[2].why, "too little memory"));
	assert_int_equal(u[3].how, WB_KEEP_VM);
}

static void a_guest_that_insists_refuses(void **state)
{
	struct fixture *f = *state;

	add_guest(f, "large.service", 1ll << 40, true);
	f->k.draft.units.items[1].asked = WB_KEEP_VM;
	assert_int_equal(reserve(f), -EOPNOTSUPP);
	assert_non_null(strstr(f->err.text, "too little memory for a store"));
	assert_null(f->k.store);
}

/* RAM on both sides of a hole: no span can have both. */
static void give_memory(struct fixture *f)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{"/sys/firmware/memmap/0/start", "0x100000\n"},
		{"/sys/firmware/memmap/0/end", "0xbfffffff\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/sys/firmware/memmap/1/start", "0x100000000\n"},
		{"/sys/firmware/memmap/1/end", "0x17fffffff\n"},
		{"/sys/firmware/memmap/1/type", "System RAM\n"},
		{"/proc/iomem", "00100000-bfffffff : System RAM\n"
				"100000000-17fffffff : System RAM\n"},
		{"/proc/cmdline", "quiet\n"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		fake_store_file(&f->machine, files[i].path, files[i].text, strlen(files[i].text));
}

static void add_in_place(
	struct fixture *f, const char *unit, long long start, long long size, const char *path)
{
	struct wb_manifest_unit *u = wb_list_add(&f->k.draft.units, sizeof(*u));

	u->unit = strdup(unit);
	u->asked = WB_KEEP_AUTO;
	u->how = WB_KEEP_VM;
	u->image = json_pack("{s:s, s:s, s:I, s:[[I, I]], s:[s, s, s, s, s+]}", "program", "/q",
		"qmp", "/q.sock", "size", (json_int_t)size, "runs", (json_int_t)start,
		(json_int_t)size, "argv", "q", "-machine", "memory-backend=r", "-object",
		"memory-backend-file,id=r,share=on,mem-path=", path);
}

static int place(struct fixture *f, bool by_file)
{
	const struct wb_session_host h = {.sys = &f->machine.sys, .store = &f->machine.env};

	return wb_keeping_place(&h, &f->k, by_file, &f->err);
}

static bool is_stored(const struct wb_manifest_unit *u)
{
	return json_is_true(json_object_get(u->image, "stored")) &&
	       !json_array_size(json_object_get(u->image, "runs"));
}

#define MIB (1ll << 20)

/* As few as need be, and not silently. */
static void guests_without_a_span_go_through_the_store(void **state)
{
	struct fixture *f = *state;
	const struct wb_manifest_unit *u;

	give_memory(f);
	add_in_place(f, "low.service", 1024 * MIB, 64 * MIB, "/dev/hugepages/a");
	add_in_place(f, "tiny.service", 1200 * MIB, 16 * MIB, "/dev/hugepages/b");
	add_in_place(f, "high.service", 5120 * MIB, 32 * MIB, "/dev/hugepages/c");
	assert_int_equal(place(f, false), 0);
	u = f->k.draft.units.items;
	assert_false(is_stored(&u[1]) || is_stored(&u[2]));
	assert_true(is_stored(&u[3]));
	assert_int_equal(u[3].how, WB_KEEP_VM);
	assert_non_null(strstr(u[3].why,
		"its memory cannot stay in place, and goes through the store: the guests' memory "
		"lies in"));
	assert_null(u[1].why);
	assert_true(f->k.bytes > 32 * MIB);
	assert_int_equal(f->k.n_guests, 0);
	assert_int_equal(place(f, false), 0);
	assert_false(is_stored(&f->k.draft.units.items[1]));
}

static void another_method_moves_all_guests_that_can_move(void **state)
{
	struct fixture *f = *state;
	const struct wb_manifest_unit *u;

	give_memory(f);
	add_in_place(f, "low.service", 1024 * MIB, 64 * MIB, "/dev/hugepages/a");
	add_in_place(
		f, "again.service", 1200 * MIB, 16 * MIB, "/run/warmboot/vm/again.service.ram");
	assert_int_equal(place(f, true), 0);
	u = f->k.draft.units.items;
	assert_true(is_stored(&u[1]));
	assert_non_null(strstr(u[1].why, "kexec_file_load(2) might write over its memory"));
	/* Its device is there in this boot only. */
	assert_int_equal(u[2].how, WB_KEEP_RESTART);
	assert_non_null(strstr(u[2].why, "kexec_file_load(2)"));
}

/* The next kernel would take a region for a part of the guests' memory. */
static void region_within_a_span_prevents_it(void **state)
{
	struct fixture *f = *state;
	const char *words = "memmap=64M!1100M\n";

	give_memory(f);
	fake_store_file(&f->machine, "/proc/cmdline", words, strlen(words));
	add_in_place(f, "low.service", 1024 * MIB, 64 * MIB, "/dev/hugepages/a");
	add_in_place(f, "high.service", 1200 * MIB, 16 * MIB, "/dev/hugepages/b");
	assert_int_equal(place(f, false), 0);
	assert_false(is_stored(&f->k.draft.units.items[1]));
	assert_true(is_stored(&f->k.draft.units.items[2]));
	assert_non_null(strstr(f->k.draft.units.items[2].why, "on both sides of the region"));
}

/* If /run is full, keeping fails, and is not left out silently. */
static void a_full_run_refuses(void **state)
{
	struct fixture *f = *state;

	f->machine.no_write = -ENOSPC;
	assert_true(reserve(f) < 0);
	assert_string_equal(f->err.text,
		"cannot write /run/warmboot/store.json: No space left on device: make room there, "
		"or use --no-keep");
	assert_null(f->k.store);
	assert_null(fake_store_text(&f->machine, WB_STORE_STATE));
	assert_int_equal(f->k.draft.units.items[0].how, WB_KEEP_PROCESS);
}

/* The request fits, and the list of the store's places does not. */
static void a_run_that_fills_up_refuses(void **state)
{
	struct fixture *f = *state;

	f->machine.no_write = -ENOSPC;
	f->machine.good_writes = 1;
	assert_true(reserve(f) < 0);
	assert_null(f->k.store);
	assert_int_equal(f->k.draft.units.items[0].how, WB_KEEP_PROCESS);
}

static void without_memory_and_room_it_refuses(void **state)
{
	struct fixture *f = *state;

	f->k.bytes = 1ull << 40;
	f->machine.no_write = -ENOSPC;
	assert_true(reserve(f) < 0);
	assert_non_null(strstr(f->err.text, "--no-keep"));
	assert_null(f->k.store);
}

static void a_kernel_without_a_record_refuses_where_services_are_kept(void **state)
{
	const struct wb_error why = {-ENOSPC, "cannot write staged.json"};
	struct wb_request req = {};
	struct fake_write machine;
	struct wb_error err = {};

	const struct wb_session_host h = {.sys = &machine.sys};

	fake_write_init(&machine, (const struct fake_file[]){{}});
	assert_int_equal(wb_request_unrecorded(&h, &req, &why, &err), 0);
	req.must_record = true;
	assert_int_equal(wb_request_unrecorded(&h, &req, &why, &err), -ENOSPC);
	assert_string_equal(
		err.text, "cannot write staged.json: make room there, or use --no-keep");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(too_little_memory_costs_a_rung),
		TEST(the_largest_guest_gives_way),
		TEST(a_guest_that_insists_refuses),
		TEST(guests_without_a_span_go_through_the_store),
		TEST(another_method_moves_all_guests_that_can_move),
		TEST(region_within_a_span_prevents_it),
		TEST(a_full_run_refuses),
		TEST(a_run_that_fills_up_refuses),
		TEST(without_memory_and_room_it_refuses),
		cmocka_unit_test(a_kernel_without_a_record_refuses_where_services_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
