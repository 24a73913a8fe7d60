// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reasons for which kept services lose their processes, and reasons that refuse the jump. */
#include "unit.h"
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
		TEST(a_full_run_refuses),
		TEST(a_run_that_fills_up_refuses),
		TEST(without_memory_and_room_it_refuses),
		cmocka_unit_test(a_kernel_without_a_record_refuses_where_services_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
