// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "keep/threads.h"
#include "keep/criu.h"
#include "keep/images.h"
#include "keep/revive.h"
#include "keep/thaw.h"
#include "keep/wake.h"
#include "timeline/marks.h"

/* Can a socket be bound to it? That is what the restore will do. */
static bool is_here(const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool six = strchr(address, ':');
	int fd, r;

	if (inet_pton(six ? AF_INET6 : AF_INET, address,
		    six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
		return true;
	/* Which link it is on, a link's own address does not tell. */
	if (six && IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr))
		return true;
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	r = six ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
		: bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	r = r < 0 ? errno : 0;
	close(fd);
	return r != EADDRNOTAVAIL;
}

static const char *missing_address(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->connections.n; i++)
		if (!is_here(u->connections.items[i].local))
			return u->connections.items[i].local;
	for (size_t i = 0; i < u->ports.n; i++)
		if (u->ports.items[i].address && !is_here(u->ports.items[i].address))
			return u->ports.items[i].address;
	return NULL;
}

static int wait_for_addresses(
	const struct wb_manifest_unit *u, unsigned seconds, struct wb_error *err)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	const char *missing;

	for (unsigned tries = 0; (missing = missing_address(u)); tries++) {
		if (tries >= seconds * 50)
			return wb_fail(err, -EADDRNOTAVAIL,
				"the address %s, which %s uses, did not come within %u s", missing,
				u->unit, seconds);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int restore(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	const struct wb_manifest_unit *u = t->unit;
	struct wb_images images = {store, u->images};
	struct wb_stream_source source = wb_images_source(&images);
	WB_CLEAN_CRIU_IMAGE image = {};
	WB_CLEAN_STR pidfile = NULL;
	struct wb_stream_stats stats;
	struct wb_criu_restore how = {.unit = u->unit,
		.image = &image,
		.source = &source,
		.namespaces = t->namespaces,
		.n_namespaces = t->n_namespaces};
	int r = wb_criu_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	if (asprintf(&pidfile, "/run/warmboot/%s.pid", u->unit) < 0) {
		pidfile = NULL;
		return wb_oom(err);
	}
	how.pidfile = pidfile;
	/* CPUAffinity= is ours now, and its threads may have had more. */
	wb_threads_reset();
	r = wb_criu_restore(t->sys, &how, &stats, err);
	if (r == 0)
		wb_threads_restore(u);
	return r;
}

static int thaw(const struct wb_thaw *t, struct wb_error *err)
{
	int mount_ns = t->n_namespaces ? t->namespaces[t->n_namespaces - 1] : -1;
	WB_CLEAN_STORE store = NULL;
	int r = wb_store_attach(wb_store_env_real(), &store, err);

	if (r == 0)
		r = wb_revive_files(store, t->unit, mount_ns, err);
	if (r == 0)
		r = wait_for_addresses(t->unit, t->address_seconds, err);
	if (r == 0)
		r = restore(t, store, err);
	return r;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int write_part(
	const struct wb_thaw *t, const struct wb_unit_result *how, struct wb_error *err)
{
	struct wb_unit_result part = *how;

	part.unit = t->unit->unit;
	part.asked = t->unit->asked;
	return wb_result_part_write(t->sys, &part, err);
}

int wb_thaw_failed(const struct wb_thaw *t, const struct wb_error *why, struct wb_error *err)
{
	const struct wb_unit_result part = {.how = "restart", .why = (char *)why->text};

	return write_part(t, &part, err);
}

static int write_success(const struct wb_thaw *t, double seconds, struct wb_error *err)
{
	const struct wb_sys *sys = t->sys;
	uint64_t now = sys->wall_ns(sys->ctx);
	const struct wb_unit_result part = {.how = "process",
		.why = t->unit->why,
		.ahead_bytes = t->unit->ahead_pid ? t->unit->ahead_bytes : 0,
		.ahead_why = t->unit->ahead_why,
		.dump_bytes = t->unit->dump_bytes,
		.dump_s = (double)t->unit->dump_us / 1e6,
		.frozen_s = wb_result_frozen_s(t->manifest, t->unit, sys->tsc(sys->ctx), now),
		.thawed_ns = (int64_t)now,
		.restore_s = seconds};

	return write_part(t, &part, err);
}

static bool is_this(void *arg, const char *unit)
{
	return !strcmp(arg, unit);
}

/* Its connections need not wait for other units' thaws; a failure is made good after the last. */
static void let_go(const struct wb_thaw *t)
{
	bool ports = !wb_hold_has_firewall(t->sys->files);

	if (wb_hold_release(&wb_runner_host, t->manifest, t->unit, ports, NULL) == 0)
		wb_wake_send(t->manifest, is_this, t->unit->unit);
}

int wb_thaw(const struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err)
{
	struct timespec start;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &start);
	wb_mark_unit(t->sys, WB_MARK_THAW_BEGIN, t->unit->unit);
	r = thaw(t, err);
	if (r == 0) {
		wb_mark_unit(t->sys, WB_MARK_THAW_END, t->unit->unit);
		let_go(t);
	}
	if (r == 0)
		write_success(t, seconds_since(&start), ret_warning);
	else
		wb_thaw_failed(t, err, ret_warning);
	return r;
}
