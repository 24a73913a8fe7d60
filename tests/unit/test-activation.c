// SPDX-License-Identifier: LGPL-2.1-or-later
/* Services that a socket unit activates: which can be kept, and with what. */
#define _GNU_SOURCE
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "sample-service.h"

/* By a socket unit, whose state is `socket`. */
static void activate(struct wb_service *s, void (*socket)(struct wb_service *s))
{
	if (strstr(s->id, ".socket")) {
		socket(s);
	} else {
		wb_strv_add(&s->triggered_by, "a.timer");
		wb_strv_add(&s->triggered_by, "a.socket");
	}
}

static void for_each(struct wb_service *s)
{
	s->accepts = true;
}

static void activated_for_each(struct wb_service *s)
{
	activate(s, for_each);
}

static void set_state(struct wb_service *s, const char *active, const char *file_state)
{
	free(s->active);
	s->active = strdup(active);
	s->file_state = strdup(file_state);
}

static void to_start(struct wb_service *s)
{
	set_state(s, "inactive", "enabled");
}

static void activated_later(struct wb_service *s)
{
	activate(s, to_start);
}

static void unused(struct wb_service *s)
{
	set_state(s, "inactive", "disabled");
}

static void activated_never(struct wb_service *s)
{
	activate(s, unused);
}

static void usual(struct wb_service *s)
{
	wb_strv_add(&s->listens, "Stream 11211");
	wb_strv_add(&s->listens, "Datagram /run/d");
	wb_strv_add(&s->listens, "SequentialPacket @s");
	wb_strv_add(&s->listens, "FIFO /run/f");
}

static void activated(struct wb_service *s)
{
	activate(s, usual);
}

static void odd(struct wb_service *s)
{
	usual(s);
	wb_strv_add(&s->listens, "Netlink kobject-uevent 1");
}

static void activated_by_netlink(struct wb_service *s)
{
	activate(s, odd);
}

static void at_runtime(struct wb_service *s)
{
	s->fragment = strdup("/run/systemd/transient/a.socket");
}

static void activated_for_now(struct wb_service *s)
{
	activate(s, at_runtime);
}

/* As it is at the freeze. */
static void spared(struct wb_service *s)
{
	s->fragment = strdup("/run/systemd/system.control/a.socket");
	wb_strv_add(&s->dropins, "/run/systemd/system/a.socket.d/zzzz-warmboot.conf");
}

static void activated_and_spared(struct wb_service *s)
{
	activate(s, spared);
}

static void some_socket_units_are_a_reason(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	static const struct {
		void (*change)(struct wb_service *s);
		const char *want;
	} cases[] = {
		{activated_for_each, "a.socket starts an instance of it for each connection"},
		{activated_later, "a.socket, which activates it, is inactive, and may listen"},
		{activated_by_netlink, "cannot be handed over again: Netlink kobject-uevent 1"},
		{activated_for_now, "does not have /run/systemd/transient/a.socket"},
		{activated_never, NULL},
		{activated, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, cases[i].change, NULL, &v, &err), 0);
		assert_int_equal(v.reasons.n, cases[i].want ? 1 : 0);
		if (cases[i].want)
			assert_true(mentions(&v.reasons, cases[i].want));
	}
}

/* Its sockets are those that process 1 has open, too. A name of one is of no matter. */
static void sockets_of_systemd_are_handed_over(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/net/unix",
			UNIX "0000: 00000003 00000000 00000000 0002 01  2700 /run/d\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/29", .link = "socket:[2700]"},
		{"/proc/452/fd/30", .link = "socket:[2700]"},
		{"/proc/1/fd/40", .link = "socket:[2534]"},
		{"/proc/1/fd/41", .link = "socket:[2700]"}, {}};
	void (*const changes[])(struct wb_service * s) = {activated, activated_and_spared};
	WB_CLEAN_KEEP_VERDICT alone = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		WB_CLEAN_KEEP_VERDICT v = {};

		assert_int_equal(look_at(disk, changes[i], NULL, &v, &err), 0);
		assert_int_equal(v.reasons.n, 0);
		assert_int_equal(v.sockets.n, 1);
		assert_string_equal(v.sockets.items[0], "a.socket");
		assert_int_equal(v.places.n, 0);
		assert_int_equal(v.image.unread.n, 1);
		assert_int_equal(v.image.unread.items[0], 2700);
		assert_true(mentions(&v.warnings, "has not read from /run/d when it is frozen"));
		assert_int_equal(v.ends.ports.n, 1);
		/* Twice, as the freeze does it. */
		for (int k = 0; i == 0 && k < 2; k++)
			assert_int_equal(wb_keep_record(NULL, &v, u, &err), 0);
	}
	assert_int_equal(u->sockets.n, 1);
	wb_manifest_lower(u, "no");
	assert_int_equal(u->sockets.n, 0);
	/* Otherwise nothing would hand them over, and CRIU goes by their names. */
	assert_int_equal(look_at(disk, activated_never, NULL, &alone, &err), 0);
	assert_int_equal(alone.how, WB_KEEP_RESTART);
	assert_true(mentions(&alone.reasons, "no socket unit activates it"));
	assert_int_equal(alone.places.n, 1);
}

/* In the last moment, a service can give systemd a socket of its own. */
static void a_stored_socket_is_still_its_own(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/net/unix",
			UNIX "0000: 00000003 00000000 00000000 0002 01  2700 /run/d\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/29", .link = "socket:[2700]"},
		{"/proc/1/fd/41", .link = "socket:[2700]"}, {}};
	struct wb_files files = fake_files(disk);
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look still = {
		.files = &files, .namespaces = &ns, .find_externals = all_are_the_machines};
	struct wb_error err = {};

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_MANIFEST m = {};
		struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
		WB_CLEAN_STRV paths = {};

		u->unit = strdup("memcached.service");
		u->cgroup = strdup("/system.slice/memcached.service");
		u->main_pid = 452;
		if (i)
			assert_int_equal(wb_strv_add(&u->sockets, "a.socket"), 0);
		assert_int_equal(wb_keep_look_still(&still, -1, u, &paths, &err), 0);
		assert_int_equal(u->places.n, i ? 0 : 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_socket_units_are_a_reason),
		cmocka_unit_test(sockets_of_systemd_are_handed_over),
		cmocka_unit_test(a_stored_socket_is_still_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
