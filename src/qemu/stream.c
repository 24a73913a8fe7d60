// SPDX-License-Identifier: LGPL-2.1-or-later
/* Migrations of QEMU through a socket (qapi/migration.json and docs/devel/migration/main.rst there). */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qemu/guest.h"
#include "qemu/stream.h"
#include "qemu/stream-socket.h"
#include "sys/below.h"
#include "sys/clock.h"

/* Between two questions. */
#define EACH_MS 20
/* QEMU stops the guest when so much time is enough for the rest, or (qapi's greatest value) whatever is left. */
#define REST_MS 100
#define ANY_REST_MS 2000000
/* No limit that a machine could reach. */
#define FASTEST (1ll << 50)
/* The longest time in which not a byte comes. */
#define STALL_MS 30000
/* A page without contents has so many bytes in the stream, as ram_save_zero_page() writes it, in front of 4096 of memory. */
#define LEAST_OF_PAGE 9
#define PAGE 4096
/* So much memory is left; of half of it neither the socket nor QEMU's own buffer can hold the pages. */
#define LEFT (WB_QEMU_AHEAD_LEAST / 2)
#define MOST_READ (64u << 20)
/* A QEMU that sends a byte now and then would hold up the jump, and all guests that stand still already. */
#define SLOWEST (16u << 20) /* bytes in a second */
#define MOST_S 3600

/* ---- questions and settings ---- */

struct progress {
	bool active;    /* it goes on, or has not begun */
	bool known;     /* the next is known */
	uint64_t left;  /* bytes of memory, as far as QEMU has looked */
	int64_t passes; /* how often it has looked */
	int64_t pause_ms;
	bool complete;
};

/* -EREMOTEIO: it has failed. */
static int ask(struct wb_qmp *q, struct progress *ret, struct wb_error *err)
{
	json_t *value = NULL, *ram;
	const char *status, *why;
	int r = wb_qmp_call(q, "query-migrate", NULL, &value, err);

	if (r < 0)
		return r;
	status = json_string_value(json_object_get(value, "status"));
	why = json_string_value(json_object_get(value, "error-desc"));
	ram = json_object_get(value, "ram");
	*ret = (struct progress){.known = ram != NULL,
		.left = (uint64_t)json_integer_value(json_object_get(ram, "remaining")),
		.passes = json_integer_value(json_object_get(ram, "dirty-sync-count")),
		.pause_ms = json_integer_value(json_object_get(value, "downtime")),
		.complete = status && !strcmp(status, "completed")};
	ret->active = status && !ret->complete && strcmp(status, "none") &&
		      strcmp(status, "failed") && strcmp(status, "cancelled");
	if (!ret->active && !ret->complete)
		r = wb_fail(err, -EREMOTEIO, "QEMU's migration has %.40s%s%.300s",
			status ? status : "ended", why ? ": " : "", why ? why : "");
	json_decref(value);
	return r;
}

/* All bytes are through. */
static int wait_until_complete(struct wb_qmp *q, struct progress *ret, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + STALL_MS;
	int r;

	while ((r = ask(q, ret, err)) == 0 && !ret->complete) {
		if (wb_now_ms() > end_ms)
			return wb_fail(err, -ETIMEDOUT, "QEMU does not end its migration");
		poll(NULL, 0, EACH_MS);
	}
	return r;
}

static int set_pause(struct wb_qmp *q, int ms, struct wb_error *err)
{
	return wb_qmp_call(q, "migrate-set-parameters",
		json_pack("{s:i, s:I}", "downtime-limit", ms, "max-bandwidth", (json_int_t)FASTEST),
		NULL, err);
}

static int set_plain(struct wb_qmp *q, struct wb_error *err)
{
	/* QEMU has modes since 8.2; one that has none knows no other than this. */
	int r = wb_qmp_call(
		q, "migrate-set-parameters", json_pack("{s:s}", "mode", "normal"), NULL, err);

	if (r < 0 && r != -EREMOTEIO)
		return r;
	return wb_qmp_call(q, "migrate-set-capabilities",
		json_pack("{s:[{s:s, s:b}, {s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
			"x-ignore-shared", "state", 0, "capability", "multifd", "state", 0,
			"capability", "xbzrle", "state", 0),
		NULL, err);
}

/* ---- out of QEMU ---- */

int wb_qemu_stream_begin(struct wb_qmp *q, int *ret_peer, struct wb_error *err)
{
	WB_CLEAN_FD own = -1;
	WB_CLEAN_FD peer = -1;
	int r = wb_qemu_stream_end(q, -1, err);

	if (r == 0)
		r = set_plain(q, err);
	/* Until most of it is read, QEMU must not come to the end. */
	if (r == 0)
		r = set_pause(q, 1, err);
	if (r == 0)
		r = wb_qemu_socket_pair(&own, &peer, err);
	if (r == 0)
		r = wb_qemu_socket_give(q, WB_QEMU_SOCKET_PEER, peer, err);
	if (r == 0)
		r = wb_qemu_socket_give(q, WB_QEMU_SOCKET_OWN, own, err);
	if (r == 0)
		r = wb_qmp_call(q, "migrate", json_pack("{s:s}", "uri", "fd:" WB_QEMU_SOCKET_OWN),
			NULL, err);
	if (r < 0) {
		wb_qemu_socket_take_back(q, WB_QEMU_SOCKET_PEER);
		return r;
	}
	*ret_peer = peer;
	peer = -1;
	return 0;
}

/* So much can be read without QEMU coming near the end, even if all of it is pages without contents. */
static uint64_t credit(uint64_t left)
{
	uint64_t bytes = (left - LEFT / 2) / PAGE * LEAST_OF_PAGE;

	return bytes < MOST_READ ? bytes : MOST_READ;
}

static int read_bytes(
	int peer, const struct wb_room *room, uint64_t n, uint64_t *bytes, struct wb_error *err)
{
	for (uint64_t end = *bytes + n; *bytes < end;) {
		ssize_t some = wb_qemu_socket_read(peer, room, end - *bytes, STALL_MS, err);

		if (some == 0)
			return wb_fail(err, -EPIPE, "QEMU has ended its migration");
		if (some < 0)
			return (int)some;
		*bytes += (uint64_t)some;
	}
	return 0;
}

int wb_qemu_stream_ahead(struct wb_qmp *q, int peer, const struct wb_room *room,
	uint64_t *ret_bytes, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + STALL_MS;
	struct progress now = {};
	uint64_t bytes = 0;
	int r;

	while ((r = ask(q, &now, err)) == 0 && !now.complete) {
		if (now.known && now.left && now.left <= LEFT)
			break;
		if (now.known && now.left) {
			r = read_bytes(peer, room, credit(now.left), &bytes, err);
			if (r < 0)
				return r;
			continue;
		}
		/* It has not looked at its memory yet. */
		if (wb_now_ms() > end_ms)
			return wb_fail(err, -ETIMEDOUT, "QEMU does not begin its migration");
		poll(NULL, 0, EACH_MS);
	}
	if (r == 0 && now.complete)
		r = wb_fail(err, -EPROTO, "QEMU has stopped the guest too early");
	*ret_bytes = bytes;
	return r;
}

/* A thread reads, since QEMU may answer no question before its last bytes are read. */
struct reading {
	int peer;
	const struct wb_room *room;
	_Atomic uint64_t bytes;
	pthread_mutex_t lock; /* for `ended` */
	pthread_cond_t end;
	bool ended;
	int r;
	struct wb_error err;
};

static void *read_all(void *arg)
{
	struct reading *x = arg;
	ssize_t n;

	while ((n = wb_qemu_socket_read(x->peer, x->room, UINT64_MAX, STALL_MS, &x->err)) > 0)
		atomic_fetch_add(&x->bytes, (uint64_t)n);
	x->r = (int)n;
	/* QEMU must not wait for a reader that has ended. */
	if (n < 0)
		shutdown(x->peer, SHUT_RDWR);
	pthread_mutex_lock(&x->lock);
	x->ended = true;
	pthread_cond_signal(&x->end);
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

/* True: it has ended. */
static bool wait_for_reader(struct reading *x, unsigned ms)
{
	struct timespec until;
	bool ended;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000l;
	until.tv_nsec %= 1000000000l;
	pthread_mutex_lock(&x->lock);
	while (!x->ended && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&x->end, &x->lock, CLOCK_MONOTONIC, &until);
	ended = x->ended;
	pthread_mutex_unlock(&x->lock);
	return ended;
}

/* How the memory that is left gets less from pass to pass. */
struct trend {
	int64_t passes, end_ms;
	uint64_t left; /* at the beginning of this pass */
};

/* Another pass would be of no use: what the guest writes meanwhile is no less than before. */
static bool is_vain(struct trend *t, const struct progress *now)
{
	uint64_t before = t->left;
	bool first = t->passes < 2;

	if (!now->known || now->passes == t->passes)
		return false;
	t->passes = now->passes;
	t->left = now->left;
	return !first && now->passes > 2 && now->left > before / 4 * 3;
}

static bool is_impatient(const struct reading *x, const struct wb_qemu_patience *patience,
	struct trend *t, const struct progress *now)
{
	if (is_vain(t, now) || atomic_load(&x->bytes) > patience->bytes)
		return true;
	if (!t->end_ms && now->passes > 1)
		t->end_ms = wb_now_ms() + patience->ms;
	return t->end_ms && wb_now_ms() >= t->end_ms;
}

static int64_t longest_ms(const struct wb_qemu_patience *patience)
{
	uint64_t s = patience->memory / SLOWEST;

	return patience->ms + STALL_MS + (int64_t)(s < MOST_S ? s : MOST_S) * 1000;
}

static int watch(struct wb_qmp *q, struct reading *x, const struct wb_qemu_patience *patience,
	struct wb_qemu_streamed *ret, struct wb_error *err)
{
	struct progress now = {.active = true};
	struct trend trend = {};
	int64_t end_ms = wb_now_ms() + longest_ms(patience);
	int r = 0;

	while (r == 0 && !now.complete && !wait_for_reader(x, EACH_MS)) {
		if (!ret->hurried && is_impatient(x, patience, &trend, &now)) {
			ret->hurried = true;
			r = set_pause(q, ANY_REST_MS, err);
		}
		if (r == 0)
			r = ask(q, &now, err);
		if (r == 0 && wb_now_ms() > end_ms)
			r = wb_fail(err, -ETIMEDOUT, "QEMU's migration takes too long");
	}
	if (r == 0 && !now.complete)
		r = wait_until_complete(q, &now, err);
	ret->pause_ms = now.pause_ms;
	return r;
}

int wb_qemu_stream_finish(struct wb_qmp *q, int peer, const struct wb_room *room,
	const struct wb_qemu_patience *patience, struct wb_qemu_streamed *ret, struct wb_error *err)
{
	struct reading x = {.peer = peer,
		.room = room,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.end = PTHREAD_COND_INITIALIZER};
	struct wb_qemu_streamed done = {};
	pthread_t thread;
	int r = set_pause(q, REST_MS, err);

	if (r < 0)
		return r;
	/* From here on this process has the only copy: if it ends, QEMU's migration fails and the guest goes on. */
	wb_qemu_socket_take_back(q, WB_QEMU_SOCKET_PEER);
	r = -pthread_create(&thread, NULL, read_all, &x);
	if (r < 0)
		return wb_fail(err, r, "cannot start a thread: %s", strerror(-r));
	r = watch(q, &x, patience, &done, err);
	if (r < 0)
		shutdown(peer, SHUT_RDWR);
	pthread_join(thread, NULL);
	/* The reader's reason is the better one: QEMU only tells that nobody reads. */
	if (x.r < 0) {
		if (err)
			*err = x.err;
		return x.r;
	}
	done.bytes = x.bytes;
	if (r == 0)
		*ret = done;
	return r;
}

int wb_qemu_stream_end(struct wb_qmp *q, int peer, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + STALL_MS;
	struct progress now = {};
	struct wb_error why = {};
	int r;

	/* A QEMU that waits for its last bytes to be read answers no question. */
	if (peer >= 0)
		shutdown(peer, SHUT_RDWR);
	r = ask(q, &now, &why);
	if (r == 0 && now.active)
		wb_qmp_call(q, "migrate_cancel", NULL, NULL, NULL);
	while (r == 0 && now.active) {
		if (wb_now_ms() > end_ms)
			return wb_fail(err, -ETIMEDOUT, "QEMU does not give up its migration");
		poll(NULL, 0, EACH_MS);
		r = ask(q, &now, &why);
	}
	wb_qemu_socket_take_back(q, WB_QEMU_SOCKET_PEER);
	if (r == -EREMOTEIO || r == 0)
		return 0;
	if (err)
		*err = why;
	return r;
}

/* ---- into QEMU ---- */

static int write_pieces(int to, const struct wb_qemu_pieces *pieces, struct wb_error *err)
{
	struct wb_bytes piece;
	int r = 0;

	while (r == 0 && pieces->next(pieces->ctx, &piece))
		r = wb_qemu_socket_write(to, piece, STALL_MS, err);
	shutdown(to, SHUT_WR);
	return r;
}

static int check_running(struct wb_qmp *q, bool run, struct wb_error *err)
{
	WB_CLEAN_QEMU_GUEST now = {};
	int r = run ? wb_qemu_go_on(q, err) : 0;

	if (r == 0)
		r = wb_qemu_ask(q, NULL, &now, err);
	if (r == 0 && now.running != run)
		r = wb_fail(err, -EPROTO, "QEMU is \"%s\" with the guest's state", now.status);
	return r;
}

int wb_qemu_stream_take(
	struct wb_qmp *q, const struct wb_qemu_pieces *pieces, bool run, struct wb_error *err)
{
	WB_CLEAN_FD own = -1;
	WB_CLEAN_FD peer = -1;
	struct progress now = {};
	struct wb_error why = {};
	int r = set_plain(q, err), told;

	if (r == 0)
		r = wb_qemu_socket_pair(&own, &peer, err);
	if (r == 0)
		r = wb_qemu_socket_give(q, WB_QEMU_SOCKET_OWN, own, err);
	if (r == 0)
		r = wb_qmp_call(q, "migrate-incoming",
			json_pack("{s:s}", "uri", "fd:" WB_QEMU_SOCKET_OWN), NULL, err);
	if (r < 0)
		return r;
	close(own);
	own = -1;
	wb_qemu_socket_widen(peer);
	r = write_pieces(peer, pieces, &why);
	told = wait_until_complete(q, &now, err);
	/* QEMU knows best why it reads no further, if it still answers. */
	if (r < 0 && told != -EREMOTEIO && err)
		*err = why;
	if (r < 0)
		return r;
	return told == 0 ? check_running(q, run, err) : told;
}
