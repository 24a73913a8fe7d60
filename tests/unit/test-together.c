// SPDX-License-Identifier: LGPL-2.1-or-later
/* Several units are looked at, and rehearsed, at a time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/text.h"
#include "fake-machine.h"
#include "fake-write.h"
#include "session/keeping.h"
#include "unit.h"

#define UNITS 6

static const char *const names[UNITS] = {
	"a.service", "b.service", "c.service", "d.service", "e.service", "f.service"};

/* The fakes below note what they see; one test runs at a time. */
struct seen {
	atomic_uint now, most; /* units that are worked on */
	atomic_uint ahead, most_ahead;
	atomic_uint looks;
	_Atomic(const struct wb_files *) machine;
	unsigned opened, closed; /* connections to systemd */
	bool shared;             /* all looks had the same files of the machine */
	const char *fails;       /* the unit whose look fails */
};

struct fixture {
	struct fake_machine m;
	struct wb_session_host host;
	struct wb_services services;
	struct wb_keep_wish wish;
	struct wb_keeping k;
	struct wb_error err;
	struct seen seen;
};

/* Wait for another unit to be worked on, too; if none is, its number stays 1. */
static void meet(atomic_uint *now, atomic_uint *most)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	unsigned n = atomic_fetch_add(now, 1) + 1, before = atomic_load(most);

	while (n > before && !atomic_compare_exchange_weak(most, &before, n))
		;
	for (unsigned i = 0; atomic_load(most) < 2 && i < 100; i++)
		nanosleep(&ms, NULL);
	atomic_fetch_sub(now, 1);
}

/* Not all fakes get a context of their own. */
static struct seen *seen;

static int look(const struct wb_session_host *h, const char *unit,
	const struct wb_keep_config *config, const char *criu, const char *release,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	const struct wb_files *first = NULL;
	struct seen *s = seen;

	atomic_fetch_add(&s->looks, 1);
	if (h->services->ctx != s)
		s->shared = false;
	if (!atomic_compare_exchange_strong(&s->machine, &first, h->machine) && first != h->machine)
		s->shared = false;
	meet(&s->now, &s->most);
	if (s->fails && !strcmp(unit, s->fails))
		return wb_fail(err, -EIO, "%s cannot be looked at", unit);
	*ret = (struct wb_keep_verdict){.how = WB_KEEP_PROCESS,
		.cgroup = strdup("/system.slice/x.service"),
		.plain = true,
		.bytes = 1 << 20};
	ret->image.main_pid = 77;
	return 0;
}

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	*ret = (struct wb_service){.id = strdup(name),
		.active = strdup("active"),
		.fragment = strdup("/etc/systemd/system/one.service")};
	return 0;
}

static void close_services(void *ctx)
{
	((struct seen *)ctx)->closed++;
}

static int open_services(struct wb_services *ret)
{
	seen->opened++;
	*ret = (struct wb_services){.ctx = seen, .read = read_service, .close = close_services};
	return 0;
}

static int rehearse(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	struct seen *s = seen;

	if (u->ahead_pid)
		meet(&s->ahead, &s->most_ahead);
	else
		meet(&s->now, &s->most);
	if (s->fails && !strcmp(u->unit, s->fails))
		return wb_fail(err, -EIO, "criu was killed");
	ret->frozen_us = 1000;
	return 0;
}

static int ahead(const struct wb_way_host *host, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	u->ahead_pid = 77;
	return 0;
}

static int record(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	u->main_pid = 77;
	wb_text_replace(&u->cgroup, v->cgroup);
	return 0;
}

static const struct wb_keep_means as_process = {
	.how = WB_KEEP_PROCESS, .record = record, .rehearse = rehearse, .ahead = ahead};
static const struct wb_keep_means *const ways[] = {&as_process, &wb_way_restart, NULL};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_machine_init(&f->m);
	f->services = (struct wb_services){.read = read_service, .open = open_services};
	f->host = f->m.host;
	f->host.services = &f->services;
	f->host.look = look;
	f->host.ways = ways;
	f->host.workers = 2;
	f->seen.shared = true;
	seen = &f->seen;
	for (size_t i = 0; i < UNITS; i++)
		assert_int_equal(wb_strv_add(&f->wish.units, names[i]), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_keeping_deinit(&f->k);
	wb_keep_wish_deinit(&f->wish);
	fake_machine_deinit(&f->m);
	test_free(f);
	return 0;
}

static int decide(struct fixture *f)
{
	return wb_keeping_decide(&f->host, &f->wish, NULL, &f->k, &f->err);
}

static void looks_run_side_by_side(void **state)
{
	struct fixture *f = *state;

	/* Named twice, it is looked at once. */
	assert_int_equal(wb_strv_add(&f->wish.units, "b"), 0);
	assert_int_equal(decide(f), 0);
	assert_int_equal(f->seen.most, 2);
	assert_int_equal(f->seen.looks, UNITS);
	assert_non_null(f->seen.machine);
	assert_true(f->seen.shared);
	assert_int_equal(f->seen.opened, 1);
	assert_int_equal(f->seen.closed, 1);
	/* The order of the draft is that of the wish. */
	assert_int_equal(f->k.draft.units.n, UNITS);
	for (size_t i = 0; i < UNITS; i++) {
		char images[8];

		snprintf(images, sizeof(images), "u%zu/", i);
		assert_string_equal(f->k.draft.units.items[i].unit, names[i]);
		assert_string_equal(f->k.draft.units.items[i].images, images);
	}
}

static void the_first_failure_ends_the_decision(void **state)
{
	struct fixture *f = *state;

	f->seen.fails = "c.service";
	assert_int_equal(decide(f), -EIO);
	assert_string_equal(f->err.text, "c.service cannot be looked at");
	assert_true(f->seen.looks < UNITS);
}

static void rehearse_all(struct fixture *f)
{
	assert_int_equal(decide(f), 0);
	assert_int_equal(wb_keeping_reserve(&f->host, wb_store_backends[0], &f->k, &f->err), 0);
	f->seen.now = f->seen.most = 0;
}

static void rehearsals_run_side_by_side(void **state)
{
	struct fixture *f = *state;
	const struct wb_manifest_unit *u = NULL;

	rehearse_all(f);
	f->seen.fails = "d.service";
	assert_int_equal(wb_keeping_rehearse(&f->host, &f->k, &f->err), 0);
	assert_int_equal(f->seen.most, 2);
	for (size_t i = 0; i < UNITS; i++) {
		u = &f->k.draft.units.items[i];
		assert_int_equal(u->how, i == 3 ? WB_KEEP_RESTART : WB_KEEP_PROCESS);
		assert_int_equal(u->dump_us, i == 3 ? 0 : 1000);
	}
	assert_string_equal(f->k.draft.units.items[3].why, "criu was killed");
}

static void memory_goes_ahead_for_one_unit_at_a_time(void **state)
{
	struct fixture *f = *state;

	rehearse_all(f);
	for (size_t i = 0; i < UNITS; i++)
		f->k.draft.units.items[i].ahead_bytes = 64 << 20;
	assert_int_equal(wb_keeping_rehearse(&f->host, &f->k, &f->err), 0);
	assert_int_equal(f->seen.most_ahead, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(looks_run_side_by_side, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_first_failure_ends_the_decision, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rehearsals_run_side_by_side, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			memory_goes_ahead_for_one_unit_at_a_time, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
