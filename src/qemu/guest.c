// SPDX-License-Identifier: LGPL-2.1-or-later
/* Questions and orders to QEMU; qapi/migration.json and docs/devel/migration/CPR.rst there describe them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "qemu/guest.h"
#include "sys/below.h"
#include "sys/clock.h"

/* The physical addresses of x86-64 have 52 bits. */
#define MOST_MEMORY (1ull << 52)

void wb_qemu_guest_deinit(struct wb_qemu_guest *g)
{
	free(g->machine);
	free(g->status);
	wb_strv_deinit(&g->blocked);
	*g = (struct wb_qemu_guest){};
}

/* ---- facts ---- */

static char *plain(const json_t *value)
{
	const char *s = json_string_value(value);
	char *copy = s ? strndup(s, 512) : NULL;

	if (copy)
		wb_make_plain(copy);
	return copy;
}

/* "pc-q35-10.0-machine" is the type "pc-q35-10.0". */
static int ask_machine(struct wb_qmp *q, struct wb_qemu_guest *g, struct wb_error *err)
{
	static const char suffix[] = "-machine";
	json_t *value = NULL;
	size_t n;
	int r = wb_qmp_get(q, "/machine", "type", &value, err);

	if (r < 0)
		return r;
	g->machine = plain(value);
	json_decref(value);
	n = g->machine ? strlen(g->machine) : 0;
	if (n <= strlen(suffix) || strcmp(g->machine + n - strlen(suffix), suffix))
		return wb_fail(err, -EPROTO, "QEMU does not tell its machine type");
	g->machine[n - strlen(suffix)] = '\0';
	return 0;
}

static int ask_status(struct wb_qmp *q, struct wb_qemu_guest *g, struct wb_error *err)
{
	json_t *value = NULL;
	int r = wb_qmp_call(q, "query-status", NULL, &value, err);

	if (r < 0)
		return r;
	g->status = plain(json_object_get(value, "status"));
	g->running = json_is_true(json_object_get(value, "running"));
	json_decref(value);
	return g->status ? 0 : wb_fail(err, -EPROTO, "QEMU does not tell its state");
}

static int ask_memory(
	struct wb_qmp *q, const char *backend, struct wb_qemu_guest *g, struct wb_error *err)
{
	json_t *size = NULL, *list = NULL, *item;
	size_t i;
	int r = wb_qmp_call(q, "query-memory-size-summary", NULL, &size, err);

	if (r == 0)
		r = wb_qmp_call(q, "query-memdev", NULL, &list, err);
	g->memory = (uint64_t)json_integer_value(json_object_get(size, "base-memory"));
	g->others = (uint64_t)json_integer_value(json_object_get(size, "plugged-memory"));
	g->plugged = g->others;
	if (r == 0 && g->memory > MOST_MEMORY)
		r = wb_fail(err, -EPROTO, "QEMU tells of more memory than a machine can have");
	json_array_foreach(list, i, item)
	{
		const char *id = json_string_value(json_object_get(item, "id"));
		json_int_t bytes = json_integer_value(json_object_get(item, "size"));

		if (!backend || !id || strcmp(id, backend)) {
			g->others += bytes > 0 ? (uint64_t)bytes : 1;
			continue;
		}
		g->has_backend = true;
		g->share = json_is_true(json_object_get(item, "share"));
	}
	json_decref(size);
	json_decref(list);
	return r;
}

/* The reasons are there before a migration as well (qmp_query_migrate()). */
static int ask_blocked(struct wb_qmp *q, struct wb_qemu_guest *g, struct wb_error *err)
{
	json_t *value = NULL, *item;
	size_t i;
	int r = wb_qmp_call(q, "query-migrate", NULL, &value, err);

	json_array_foreach(json_object_get(value, "blocked-reasons"), i, item)
	{
		WB_CLEAN_STR why = plain(item);

		if (why && i < 16 && wb_strv_add(&g->blocked, why) < 0)
			r = wb_oom(err);
	}
	json_decref(value);
	return r;
}

static int ask_kvm(struct wb_qmp *q, struct wb_qemu_guest *g, struct wb_error *err)
{
	json_t *value = NULL;
	int r = wb_qmp_call(q, "query-kvm", NULL, &value, err);

	g->kvm = json_is_true(json_object_get(value, "enabled"));
	json_decref(value);
	return r;
}

/* Can it run guests of its own? Of the CPU of a PC, one of these is a property that tells so; others have none. */
static int ask_nested(struct wb_qmp *q, struct wb_qemu_guest *g, struct wb_error *err)
{
	static const char *const features[] = {"vmx", "svm", NULL};
	json_t *list = NULL;
	const char *path;
	int r = g->kvm ? wb_qmp_call(q, "query-cpus-fast", NULL, &list, err) : 0;

	path = json_string_value(json_object_get(json_array_get(list, 0), "qom-path"));
	for (const char *const *f = features; r == 0 && path && *f; f++) {
		json_t *value = NULL;

		r = wb_qmp_get(q, path, *f, &value, err);
		if (r == -EREMOTEIO)
			r = 0;
		g->nested |= json_is_true(value);
		json_decref(value);
	}
	json_decref(list);
	return r;
}

int wb_qemu_ask(
	struct wb_qmp *q, const char *backend, struct wb_qemu_guest *ret, struct wb_error *err)
{
	WB_CLEAN_QEMU_GUEST g = {};
	int r = ask_machine(q, &g, err);

	if (r == 0)
		r = ask_status(q, &g, err);
	if (r == 0)
		r = ask_memory(q, backend, &g, err);
	if (r == 0)
		r = ask_blocked(q, &g, err);
	if (r == 0)
		r = ask_kvm(q, &g, err);
	if (r == 0)
		r = ask_nested(q, &g, err);
	if (r < 0)
		return r;
	*ret = g;
	g = (struct wb_qemu_guest){};
	return 0;
}

/* ---- saving and taking ---- */

static int pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000l};

	return nanosleep(&t, NULL);
}

static int prepare(struct wb_qmp *q, struct wb_error *err)
{
	int r = wb_qmp_call(
		q, "migrate-set-parameters", json_pack("{s:s}", "mode", "cpr-reboot"), NULL, err);

	if (r < 0)
		return r;
	return wb_qmp_call(q, "migrate-set-capabilities",
		json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
			"x-ignore-shared", "state", 1, "capability", "events", "state", 1),
		NULL, err);
}

/*
 * Give QEMU the file. It finds it as /dev/fdset/NUMBER, and its access has to be the one with which QEMU opens it.
 */
static int give(
	struct wb_qmp *q, int memfd, int flags, int *ret_fd, char ret_uri[64], struct wb_error *err)
{
	json_t *value = NULL;
	char path[64];
	json_int_t set;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	*ret_fd = open(path, flags | O_CLOEXEC);
	if (*ret_fd < 0)
		return wb_fail(err, -errno, "cannot open the state's file: %s", strerror(errno));
	r = wb_qmp_call_with(q, "add-fd", NULL, *ret_fd, &value, err);
	if (r < 0)
		return r;
	set = json_integer_value(json_object_get(value, "fdset-id"));
	json_decref(value);
	snprintf(ret_uri, 64, "file:/dev/fdset/%lld", (long long)set);
	return 0;
}

/* 1: it goes on; 0: it is complete. */
static int ask_progress(struct wb_qmp *q, struct wb_error *err)
{
	json_t *value = NULL;
	WB_CLEAN_STR status = NULL;
	WB_CLEAN_STR why = NULL;
	int r = wb_qmp_call(q, "query-migrate", NULL, &value, err);

	if (r < 0)
		return r;
	status = plain(json_object_get(value, "status"));
	why = plain(json_object_get(value, "error-desc"));
	json_decref(value);
	if (status && !strcmp(status, "completed"))
		return 0;
	if (!status || (strcmp(status, "failed") && strcmp(status, "cancelled")))
		return 1;
	return wb_fail(err, -EREMOTEIO, "QEMU's migration has %s%s%.300s", status, why ? ": " : "",
		why ? why : "");
}

static int wait_until_done(struct wb_qmp *q, int memfd, unsigned seconds, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + seconds * 1000;
	struct stat st;
	int r;

	while ((r = ask_progress(q, err)) > 0) {
		/* QEMU could fill the machine's memory with it. */
		if (fstat(memfd, &st) == 0 && st.st_size > WB_QEMU_STATE_MOST)
			return wb_fail(err, -EFBIG, "QEMU's state has more than %u MiB",
				WB_QEMU_STATE_MOST >> 20);
		if (wb_now_ms() > end_ms)
			return wb_fail(err, -ETIMEDOUT,
				"QEMU's migration is not complete after %u s", seconds);
		pause_ms(10);
	}
	return r;
}

int wb_qemu_go_on(struct wb_qmp *q, struct wb_error *err)
{
	return wb_qmp_call(q, "cont", NULL, NULL, err);
}

int wb_qemu_quit(struct wb_qmp *q, struct wb_error *err)
{
	int r = wb_qmp_call(q, "quit", NULL, NULL, err);

	/* It may end before its answer. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* The state of the CPUs tells whether all is written: they stand still then. */
static int write_state(
	struct wb_qmp *q, int memfd, unsigned seconds, uint64_t *ret_bytes, struct wb_error *err)
{
	WB_CLEAN_FD fd = -1;
	WB_CLEAN_QEMU_GUEST now = {};
	char uri[64];
	off_t end;
	int r = give(q, memfd, O_WRONLY, &fd, uri, err);

	if (r == 0)
		r = wb_qmp_call(q, "migrate", json_pack("{s:s}", "uri", uri), NULL, err);
	if (r == 0)
		r = wait_until_done(q, memfd, seconds, err);
	if (r == 0)
		r = ask_status(q, &now, err);
	if (r < 0)
		return r;
	if (strcmp(now.status, "postmigrate"))
		return wb_fail(err, -EPROTO, "QEMU is \"%s\" after its migration", now.status);
	/* From here on QEMU cannot change what it has written. */
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return wb_fail(err, -errno, "cannot seal the guest's state: %s", strerror(errno));
	end = lseek(memfd, 0, SEEK_END);
	if (end <= 0 || end > WB_QEMU_STATE_MOST)
		return wb_fail(
			err, -EPROTO, "QEMU has written %lld bytes of state", (long long)end);
	*ret_bytes = (uint64_t)end;
	return 0;
}

static int make_file(struct wb_error *err)
{
	int fd = memfd_create("warmboot-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd >= 0 ? fd
		       : wb_fail(err, -errno, "cannot make a file for the guest's state: %s",
				 strerror(errno));
}

int wb_qemu_save(struct wb_qmp *q, bool was_running, unsigned seconds, int *ret_state,
	uint64_t *ret_bytes, struct wb_error *err)
{
	WB_CLEAN_FD memfd = make_file(err);
	int r = memfd < 0 ? memfd : prepare(q, err);

	if (r < 0)
		return r;
	r = write_state(q, memfd, seconds, ret_bytes, err);
	if (r < 0) {
		wb_qmp_call(q, "migrate_cancel", NULL, NULL, NULL);
		if (was_running)
			wb_qemu_go_on(q, NULL);
		return r;
	}
	*ret_state = memfd;
	memfd = -1;
	return 0;
}

int wb_qemu_take(struct wb_qmp *q, int state, bool run, unsigned seconds, struct wb_error *err)
{
	WB_CLEAN_FD fd = -1;
	WB_CLEAN_QEMU_GUEST now = {};
	char uri[64];
	int r = prepare(q, err);

	if (r == 0)
		r = give(q, state, O_RDONLY, &fd, uri, err);
	if (r == 0)
		r = wb_qmp_call(q, "migrate-incoming", json_pack("{s:s}", "uri", uri), NULL, err);
	if (r == 0)
		r = wait_until_done(q, state, seconds, err);
	if (r == 0 && run)
		r = wb_qemu_go_on(q, err);
	if (r == 0)
		r = ask_status(q, &now, err);
	if (r == 0 && now.running != run)
		r = wb_fail(err, -EPROTO, "QEMU is \"%s\" with the guest's state", now.status);
	return r;
}

int wb_qemu_announce(struct wb_qmp *q, struct wb_error *err)
{
	/* Milliseconds: 50, then 150 more each time and a second at most; eight rounds take four seconds and a half. */
	return wb_qmp_call(q, "announce-self",
		json_pack("{s:i, s:i, s:i, s:i}", "initial", 50, "max", 1000, "rounds", 8, "step",
			150),
		NULL, err);
}
