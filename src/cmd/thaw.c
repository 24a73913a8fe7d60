// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "keep/criu.h"
#include "keep/images.h"
#include "keep/revive.h"
#include "keep/wake.h"
#include "sys/handoff.h"
#include "timeline/marks.h"

/* An address that comes later than this is not waited for any longer. */
#define ADDRESS_SECONDS 20
#define MOST_NAMESPACES 8

enum { OPT_ANCHOR = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_ANCHOR, 0, "anchor", .help = "only hand the sandbox's namespaces to systemd"},
	{},
};

/* ---- the anchor: runs in the sandbox ---- */

static int hand_over(const char *name, struct wb_error *err)
{
	char path[64], state[64];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=warmboot-%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", path, strerror(errno));
	r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
	close(fd);
	if (r < 0)
		return wb_fail(err, r, "cannot hand %s to systemd: %s", path, strerror(-r));
	if (r == 0)
		return wb_fail(
			err, -EOPNOTSUPP, "systemd did not start this: it is its own to call");
	return 0;
}

static int run_anchor(const struct cmd_args *args)
{
	struct wb_error err = {};

	for (const char *const *name = wb_anchor_names; *name; name++)
		if (hand_over(*name, &err) < 0)
			return cmd_fail(args, &err);
	/* It must have been read before this process is gone, or nobody knows whose it was. */
	sd_notify_barrier(0, 5 * 1000 * 1000);
	return CMD_DONE;
}

/* ---- the thaw: runs beside it ---- */

/* The anchor's, mount namespace last; how many there are. */
static size_t find_namespaces(int *ret)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	size_t found = 0;

	for (const char *const *want = wb_anchor_names; *want; want++)
		for (int i = 0; i < n && found < MOST_NAMESPACES; i++)
			if (!strncmp(names[i], "warmboot-", 9) && !strcmp(names[i] + 9, *want))
				ret[found++] = SD_LISTEN_FDS_START + i;
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return found;
}

/* systemd would give them to the service's next start, too. */
static void forget_namespaces(void)
{
	for (const char *const *name = wb_anchor_names; *name; name++) {
		char state[64];

		snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=warmboot-%s", *name);
		sd_notify(0, state);
	}
}

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

static int wait_for_addresses(const struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	const char *missing;

	for (int tries = 0; (missing = missing_address(u)); tries++) {
		if (tries >= ADDRESS_SECONDS * 50)
			return wb_fail(err, -EADDRNOTAVAIL,
				"the address %s, which %s uses, did not come within %d s", missing,
				u->unit, ADDRESS_SECONDS);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int restore(const struct wb_sys *sys, struct wb_store *store,
	const struct wb_manifest_unit *u, const int *namespaces, size_t n, struct wb_error *err)
{
	struct wb_images images = {store, u->images};
	struct wb_stream_source source = wb_images_source(&images);
	WB_CLEAN_CRIU_IMAGE image = {};
	WB_CLEAN_STR pidfile = NULL;
	struct wb_stream_stats stats;
	struct wb_criu_restore how = {.unit = u->unit,
		.image = &image,
		.source = &source,
		.namespaces = namespaces,
		.n_namespaces = n};
	int r = wb_criu_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	if (asprintf(&pidfile, "/run/warmboot/%s.pid", u->unit) < 0) {
		pidfile = NULL;
		return wb_fail(err, -ENOMEM, "out of memory");
	}
	how.pidfile = pidfile;
	return wb_criu_restore(sys, &how, &stats, err);
}

static int thaw(const struct wb_sys *sys, const struct wb_manifest_unit *u, struct wb_error *err)
{
	int namespaces[MOST_NAMESPACES];
	size_t n = find_namespaces(namespaces);
	WB_CLEAN_STORE store = NULL;
	int r;

	if (!n)
		return wb_fail(err, -EINVAL, "systemd gave no namespace of %s's sandbox", u->unit);
	r = wb_store_attach(wb_store_env_real(), &store, err);
	if (r == 0)
		r = wb_revive_files(store, u, namespaces[n - 1], err);
	if (r == 0)
		r = wait_for_addresses(u, err);
	if (r == 0)
		r = restore(sys, store, u, namespaces, n, err);
	return r;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int write_part(const struct wb_sys *sys, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, const struct timespec *start, bool back,
	const struct wb_error *why, struct wb_error *err)
{
	const struct wb_unit_result part = {
		.unit = u->unit,
		.asked = u->asked,
		.how = back ? "process" : "restart",
		.why = back ? u->why : (char *)why->text,
		.frozen_s =
			back ? wb_result_frozen_s(m, u, sys->tsc(sys->ctx), sys->wall_ns(sys->ctx))
			     : 0,
		.thawed_ns = back ? (int64_t)sys->wall_ns(sys->ctx) : 0,
		.restore_s = seconds_since(start),
	};

	return wb_result_part_write(sys, &part, err);
}

static bool is_this(void *arg, const char *unit)
{
	return !strcmp(arg, unit);
}

/* Its connections need not wait for other units' thaws; a failure is made good after the last. */
static void let_go(const struct wb_manifest *m, const struct wb_manifest_unit *u)
{
	if (wb_hold_release(&wb_runner_host, m, u, NULL) == 0)
		wb_wake_send(m, is_this, u->unit);
}

static int run_thaw(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	const struct wb_manifest_unit *u;
	struct wb_error err = {}, second = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_handoff handoff;
	struct timespec start;
	int r;

	if (cmd_has(args, OPT_ANCHOR))
		return run_anchor(args);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (wb_revive_read(sys->files, &m, &err) < 0)
		return cmd_fail(args, &err);
	u = wb_manifest_find(&m, args->words[0]);
	if (!u || !wb_manifest_is_process(u)) {
		wb_fail(&err, -ENOENT, "nothing of %s was kept over the jump", args->words[0]);
		return cmd_fail(args, &err);
	}
	if (!m.tsc_hz && wb_handoff_read(sys->files, &handoff))
		m.tsc_hz = (int64_t)handoff.tsc_hz;
	wb_mark_unit(sys, WB_MARK_THAW_BEGIN, u->unit);
	r = thaw(sys, u, &err);
	if (r == 0) {
		wb_mark_unit(sys, WB_MARK_THAW_END, u->unit);
		let_go(&m, u);
	}
	forget_namespaces();
	if (write_part(sys, &m, u, &start, r == 0, &err, &second) < 0)
		cmd_fail(args, &second);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

const struct cmd_row cmd_thaw = {
	.name = "thaw",
	.args = "UNIT",
	.min_args = 1,
	.max_args = 1,
	.help = "bring a kept service's processes back; its replacement unit calls this",
	.options = {own_options},
	.run = run_thaw,
};
