// SPDX-License-Identifier: LGPL-2.1-or-later
/* The two phases of the freeze on a fake machine: the order of steps, and the failures. */
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake-store.h"
#include "keep/ahead.h"
#include "keep/freeze.h"
#include "systemd/service.h"

struct fixture {
	pthread_mutex_t lock; /* several threads call the fakes of look() and of the way */
	pthread_cond_t met;
	unsigned workers, meet; /* so many freezes have to run at the same time; 0: any number */
	unsigned inside, most;
	bool met_all;
	struct fake_store machine;
	struct wb_store *store;
	uint8_t *memory; /* of the units; NULL: one byte each */
	struct wb_freeze_ops ops;
	struct wb_manifest m;
	struct wb_error err;
	char log[4096];
	size_t kept, looks, holds;
	const char *changes, *cannot_look_again, *cannot_note; /* units */
	int cannot_hold_again;
	size_t held; /* connections, by the last hold */
	size_t held_first, settled;
	size_t inside_ahead, most_ahead;
	const char *has_ended, *cannot_look, *cannot_freeze, *cannot_take, *has_strange; /* units */
	size_t files; /* of each */
	char long_path[4001];
	int cannot_change; /* negative errno of a freeze after memory went ahead */
	int64_t mono;
	int no_hold, no_net;
	int long_hold;      /* what a hold returns */
	size_t within_hold; /* freezes that were told that the hold lasts */
	char root[64];
};

struct wb_frozen {
	const char *unit;
};

static void note(struct fixture *f, const char *what, const char *unit)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = strlen(f->log);
	snprintf(f->log + n, sizeof(f->log) - n, "%s%s%s%.1s", n ? " " : "", what, *unit ? ":" : "",
		unit);
	pthread_mutex_unlock(&f->lock);
}

/* Wait in a freeze until as many have begun as the test asks for. */
static void meet(struct fixture *f, const struct wb_manifest_unit *u)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 60;
	pthread_mutex_lock(&f->lock);
	f->inside++;
	if (f->inside > f->most)
		f->most = f->inside;
	f->inside_ahead += !!u->ahead_pid;
	if (f->inside_ahead > f->most_ahead)
		f->most_ahead = f->inside_ahead;
	f->met_all |= f->inside >= f->meet;
	pthread_cond_broadcast(&f->met);
	while (!f->met_all && pthread_cond_timedwait(&f->met, &f->lock, &end) == 0)
		;
	pthread_mutex_unlock(&f->lock);
}

static void leave(struct fixture *f, const struct wb_manifest_unit *u)
{
	pthread_mutex_lock(&f->lock);
	f->inside--;
	f->inside_ahead -= !!u->ahead_pid;
	pthread_mutex_unlock(&f->lock);
}

static bool is(const char *name, const struct wb_manifest_unit *u)
{
	return name && strcmp(name, u->unit) == 0;
}

static void add_connection(struct wb_manifest_unit *u, int64_t port)
{
	struct wb_net_connection *c = wb_list_add(&u->ends.connections, sizeof(*c));

	c->local = strdup("10.0.0.2");
	c->remote = strdup("10.0.0.1");
	c->local_port = port;
	c->remote_port = 5432;
}

static void settle(void *ctx, const struct wb_ends_list *units)
{
	struct fixture *f = ctx;

	note(f, "settle", "");
	f->settled += units->n;
}

static int look(void *ctx, struct wb_manifest_unit *u, struct wb_strv *files, int64_t *highest,
	struct wb_error *err)
{
	struct fixture *f = ctx;
	size_t looks;
	int64_t *pid;

	note(f, "look", u->unit);
	if (is(f->has_ended, u))
		return wb_fail(err, WB_FREEZE_ENDED, "it has ended");
	if (is(f->cannot_look, u))
		return wb_fail(err, -ESRCH, "it has ended");
	pthread_mutex_lock(&f->lock);
	looks = ++f->looks;
	pthread_mutex_unlock(&f->lock);
	/* Each kept unit is examined once before anything is frozen. */
	if (looks > f->kept && is(f->cannot_look_again, u))
		return wb_fail(err, -EOPNOTSUPP, "it has an io_uring");
	if (looks > f->kept && is(f->changes, u))
		add_connection(u, 40001);
	if (!u->pids.n)
		wb_list_add(&u->pids, sizeof(*pid));
	pid = u->pids.items;
	*pid = u->main_pid = 100 + u->unit[0];
	*highest = *pid + 7;
	return wb_strv_add(files, "/tmp/of-it");
}

static int hold(void *ctx, const struct wb_manifest *m, char **held, struct wb_error *err)
{
	struct fixture *f = ctx;

	note(f, "hold", "");
	/* A renewal gets the ruleset that is in force. */
	assert_int_equal(!*held, f->holds == 0);
	f->holds++;
	f->held = 0;
	for (size_t i = 0; i < m->units.n; i++)
		if (wb_unit_is_checkpointed(&m->units.items[i]))
			f->held += m->units.items[i].ends.connections.n;
	if (f->holds == 1)
		f->held_first = f->held;
	if (f->holds > 1 && f->cannot_hold_again) {
		f->cannot_hold_again = 0;
		return wb_fail(err, -EIO, "no nft");
	}
	if (f->no_hold)
		return wb_fail(err, -EIO, "no nft");
	free(*held);
	*held = strdup("rules");
	return f->long_hold;
}

static void unhold(void *ctx)
{
	note(ctx, "unhold", "");
}

static void mark(void *ctx, const char *what, const char *unit)
{
}

/* a.service has grown to 5 MiB, c.service has its 3 MiB. */
static size_t size_of(const struct fixture *f, const struct wb_manifest_unit *u)
{
	if (!f->memory)
		return 0;
	return !strcmp(u->unit, "a.service") ? 5 << 20 : 3 << 20;
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	struct fixture *f = host->sys->ctx;
	char name[64];
	int r;

	note(f, u->ahead_pid ? "change" : "freeze", u->unit);
	pthread_mutex_lock(&f->lock);
	f->within_hold += host->held;
	pthread_mutex_unlock(&f->lock);
	meet(f, u);
	leave(f, u);
	snprintf(name, sizeof(name), "%score-1.img", u->images);
	r = wb_store_put(store, name,
		(struct wb_bytes){
			f->memory ? f->memory : (const uint8_t *)u->unit, 1 + size_of(f, u)},
		err);
	if (r < 0)
		return r;
	if (u->ahead_pid && f->cannot_change)
		return wb_fail(err, f->cannot_change, "no parent image");
	if (is(f->cannot_freeze, u))
		return wb_fail(err, -EREMOTEIO, "it holds a device");
	/* Not test_malloc(): cmocka's list of blocks is not for several threads. */
	*ret = malloc(sizeof(**ret));
	(*ret)->unit = u->unit;
	return 0;
}

static int note_still(struct fixture *f, struct wb_manifest_unit *u, struct wb_strv *files,
	int64_t *highest, struct wb_error *err)
{
	note(f, "note", u->unit);
	assert_int_equal(files->n, 1);
	if (is(f->cannot_note, u))
		return wb_fail(err, -ESRCH, "it is gone");
	if (is(f->changes, u)) {
		add_connection(u, 40002);
		*highest += 1000;
		return wb_strv_add(files, "/tmp/new");
	}
	return 0;
}

static void add_file(struct wb_manifest_unit *u, const char *path)
{
	struct wb_manifest_file *file = wb_list_add(&u->files, sizeof(*file));

	file->path = strdup(path);
}

static int take(struct fixture *f, struct wb_manifest_unit *u, const struct wb_strv *files,
	struct wb_error *err)
{
	note(f, "take", u->unit);
	assert_int_equal(files->n, is(f->changes, u) ? 2 : 1);
	if (is(f->has_strange, u))
		add_file(u, "run/no-root");
	for (size_t i = 0; i < f->files; i++)
		add_file(u, f->long_path);
	return is(f->cannot_take, u) ? wb_fail(err, -ENOSPC, "the store is full") : 0;
}

static int complete(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_strv *files, int64_t *highest, struct wb_store *store, struct wb_error *err)
{
	int r = note_still(host->sys->ctx, u, files, highest, err);

	return r < 0 ? r : take(host->sys->ctx, u, files, err);
}

static int commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	struct fixture *f = host->sys->ctx;

	assert_true(wb_store_info(f->store).sealed);
	note(f, "commit", frozen->unit);
	free(frozen);
	return 0;
}

static int cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	note(host->sys->ctx, "cancel", frozen->unit);
	free(frozen);
	return 0;
}

static int net(void *ctx, struct wb_net *ret, struct wb_error *err)
{
	struct fixture *f = ctx;

	note(f, "net", "");
	return f->no_net ? wb_fail(err, -EIO, "no ip") : 0;
}

static void now(void *ctx, int64_t *mono, int64_t *tsc)
{
	struct fixture *f = ctx;

	*mono = f->mono += 3000000;
	*tsc = 2000;
}

static void note_silence(void *ctx, struct wb_manifest *m)
{
	m->silent.tsc = 2001;
}

static const struct wb_keep_means process = {.how = WB_KEEP_PROCESS,
	.freeze = freeze,
	.complete = complete,
	.commit = commit,
	.cancel = cancel};
static const struct wb_keep_means *const ways[] = {&process, NULL};

static void add_unit(struct fixture *f, const char *name, enum wb_keep_how how)
{
	struct wb_manifest_unit *u = wb_list_add(&f->m.units, sizeof(*u));

	u->unit = strdup(name);
	u->asked = WB_KEEP_AUTO;
	u->how = how;
	f->kept += how == WB_KEEP_PROCESS;
	if (how != WB_KEEP_PROCESS) {
		u->why = strdup("asked for");
	} else {
		struct wb_unit_text *t = wb_list_add(&u->definition, sizeof(*t));

		t->path = strdup("/usr/lib/systemd/system/x.service");
		t->text = strdup("[Service]\n");
	}
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->met, NULL);
	fake_store_init(&f->machine);
	assert_int_equal(wb_store_create(&f->machine.env, NULL, 8 << 20, &f->store, &f->err), 0);
	f->ops =
		(struct wb_freeze_ops){f, settle, look, hold, unhold, mark, net, now, note_silence};
	f->m.from = strdup("6.12");
	f->m.criu = strdup("4.1.1");
	add_unit(f, "a.service", WB_KEEP_PROCESS);
	add_unit(f, "b.service", WB_KEEP_RESTART);
	add_unit(f, "c.service", WB_KEEP_PROCESS);
	strcpy(f->root, "/tmp/test-freeze.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_manifest_deinit(&f->m);
	wb_store_close(f->store);
	fake_store_deinit(&f->machine);
	rmdir(f->root);
	test_free(f);
	return 0;
}

static int run(struct fixture *f, bool strict)
{
	const struct wb_sys sys = {.ctx = f};
	struct wb_freeze freeze_now = {.ops = &f->ops,
		.ways = ways,
		.host.sys = &sys,
		.store = f->store,
		.strict = strict,
		.workers = f->workers};

	return wb_freeze_all(&freeze_now, &f->m, &f->err);
}

static bool has_object(struct fixture *f, const char *name)
{
	struct wb_store_object o;

	for (size_t i = 0; wb_store_object(f->store, i, &o); i++)
		if (strcmp(o.name, name) == 0)
			return true;
	return false;
}

static void all_is_written_before_any_process_ends(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->log, "look:a look:c settle look:a hold freeze:a note:a take:a "
				    "settle look:c hold freeze:c "
				    "note:c take:c net commit:a commit:c");
	assert_true(has_object(f, "u0/core-1.img"));
	assert_true(has_object(f, "u2/core-1.img"));
	assert_true(has_object(f, WB_MANIFEST_OBJECT));
	assert_int_equal(f->m.highest_pid, 107 + 'c');
	assert_int_equal(f->m.units.items[0].frozen_tsc, 2000);
	/* Taken last, for the kernel that goes on with the hold. */
	assert_int_equal(f->m.silent.tsc, 2001);
	assert_int_equal(f->m.silence_since_ns, 0);
	assert_int_equal(f->m.units.items[0].dump_us, 3000);
}

static void begin(void *ctx)
{
	note(ctx, "begin", "");
}

static void look_begin(void *ctx)
{
	note(ctx, "share", "");
}

static void look_end(void *ctx)
{
	note(ctx, "looked", "");
}

static void end(void *ctx)
{
	note(ctx, "end", "");
}

/* No last look uses what was found before other units were frozen. */
static void only_looks_that_follow_each_other_share_what_they_find(void **state)
{
	struct fixture *f = *state;

	f->ops.begin = begin;
	f->ops.end = end;
	f->ops.look_begin = look_begin;
	f->ops.look_end = look_end;
	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->log,
		"begin share look:a look:c looked settle share look:a looked hold freeze:a note:a "
		"take:a settle share look:c looked hold freeze:c note:c take:c end net commit:a "
		"commit:c");
}

static void a_unit_that_cannot_be_frozen_drops_a_rung(void **state)
{
	struct fixture *f = *state;

	f->cannot_freeze = "a.service";
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_RESTART);
	assert_string_equal(f->m.units.items[0].why, "it holds a device");
	assert_false(has_object(f, "u0/core-1.img"));
	assert_true(has_object(f, "u2/core-1.img"));
	assert_string_equal(f->log,
		"look:a look:c settle look:a hold freeze:a settle look:c hold freeze:c note:c "
		"take:c net commit:c");
}

static void one_that_has_ended_drops_too(void **state)
{
	struct fixture *f = *state;

	f->cannot_look = "c.service";
	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->m.units.items[2].why, "it has ended");
	assert_string_equal(
		f->log, "look:a look:c settle look:a hold freeze:a note:a take:a net commit:a");
}

/* It has done its work, and is neither kept nor started again, nor does a jump fail for it. */
static void what_ended_by_itself_is_left_alone(void **state)
{
	struct fixture *f = *state;

	wb_list_add(&f->m.units.items[2].ends.ports, sizeof(struct wb_net_port));
	f->m.units.items[2].ends.ports.items[0] =
		(struct wb_net_port){.protocol = strdup("tcp"), .port = 80};
	f->has_ended = "c.service";
	assert_int_equal(run(f, true), 0);
	assert_int_equal(f->m.units.items[2].how, WB_KEEP_ENDED);
	assert_string_equal(f->m.units.items[2].why, "it ended by itself before the freeze");
	assert_int_equal(f->m.units.items[2].ends.ports.n, 0);
	assert_string_equal(
		f->log, "look:a look:c settle look:a hold freeze:a note:a take:a net commit:a");
}

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	const char *const *has = ctx;

	if (!has[0])
		return wb_fail(err, -ENOENT, "systemd knows no unit %s", name);
	ret->active = strdup(has[0]);
	ret->result = strdup(has[1]);
	ret->file_state = strdup(has[2]);
	return 0;
}

static void who_has_ended_is_told_by_systemd(void **state)
{
	static const struct {
		const char *has[3]; /* ActiveState, Result, UnitFileState */
		bool ended;
	} cases[] = {
		{{"inactive", "success", "disabled"}, true},
		{{"inactive", "success", "static"}, true},
		{{NULL}, true}, /* transient */
		{{"inactive", "success", "enabled"}, false},
		{{"inactive", "success", "enabled-runtime"}, false},
		{{"failed", "exit-code", "disabled"}, false},
		{{"inactive", "exit-code", "disabled"}, false},
		{{"activating", "success", "disabled"}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct wb_services services = {(void *)cases[i].has, read_service};

		assert_int_equal(wb_service_has_ended(&services, "job.service"), cases[i].ended);
	}
}

/* a takes its time, and c runs meanwhile: files that c gets then are in the manifest, too. */
static void what_is_new_when_its_turn_comes_travels(void **state)
{
	struct fixture *f = *state;

	f->changes = "c.service";
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->held, 1);
	assert_int_equal(f->m.units.items[0].ends.connections.n, 0);
	assert_int_equal(f->m.units.items[2].ends.connections.n, 2);
	assert_int_equal(f->m.highest_pid, 1107 + 'c');
}

static void what_can_be_kept_no_more_drops_alone(void **state)
{
	struct fixture *f = *state;

	f->cannot_look_again = "c.service";
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_PROCESS);
	assert_int_equal(f->m.units.items[2].how, WB_KEEP_RESTART);
	assert_string_equal(f->m.units.items[2].why, "it has an io_uring");
	assert_non_null(strstr(f->log, "take:a settle look:c hold net commit:a"));
}

static void what_cannot_be_held_drops_alone(void **state)
{
	struct fixture *f = *state;

	f->cannot_hold_again = 1;
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_PROCESS);
	assert_int_equal(f->m.units.items[2].how, WB_KEEP_RESTART);
	assert_non_null(strstr(f->log, "take:a settle look:c hold net commit:a"));
}

static void what_is_not_known_to_the_end_goes_on(void **state)
{
	struct fixture *f = *state;

	f->cannot_note = "a.service";
	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->m.units.items[0].why, "it is gone");
	assert_non_null(strstr(f->log, "freeze:a note:a cancel:a settle look:c"));
}

static void files_that_do_not_fit_let_the_unit_go_on(void **state)
{
	struct fixture *f = *state;

	f->cannot_take = "a.service";
	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->m.units.items[0].why, "the store is full");
	assert_non_null(strstr(f->log, "take:a cancel:a settle look:c hold freeze:c"));
	assert_false(has_object(f, "u0/core-1.img"));
}

static void a_file_that_cannot_be_listed_costs_its_unit_alone(void **state)
{
	struct fixture *f = *state;

	f->has_strange = "a.service";
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_RESTART);
	assert_string_equal(f->m.units.items[0].why,
		"its file run/no-root: \"path\" has a value that is not allowed");
	assert_int_equal(f->m.units.items[0].files.n, 0);
	assert_string_equal(f->log,
		"look:a look:c settle look:a hold freeze:a note:a take:a cancel:a settle look:c "
		"hold freeze:c note:c take:c net commit:c");
	assert_true(has_object(f, WB_MANIFEST_OBJECT));
}

static void what_is_more_than_its_share_costs_who_has_it(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(f->long_path) - 1; i++)
		f->long_path[i] = i % 200 ? 'x' : '/';
	f->files = (33 << 20) / sizeof(f->long_path);
	wb_store_close(f->store);
	f->store = NULL;
	assert_int_equal(wb_store_drop(&f->machine.env, &f->err), 0);
	assert_int_equal(wb_store_create(&f->machine.env, NULL, 48 << 20, &f->store, &f->err), 0);
	assert_int_equal(run(f, false), 0);
	/* No unit takes the room of those after it, but it may take what is left over. */
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_RESTART);
	assert_non_null(strstr(f->m.units.items[0].why, "connections is too long by"));
	assert_int_equal(f->m.units.items[2].how, WB_KEEP_PROCESS);
	assert_int_equal(f->m.units.items[2].files.n, f->files);
	assert_non_null(
		strstr(f->log, "freeze:a note:a take:a cancel:a settle look:c hold freeze:c"));
	assert_non_null(strstr(f->log, "net commit:c"));
}

static void what_has_grown_takes_no_room_of_others(void **state)
{
	struct fixture *f = *state;

	f->memory = test_malloc(6 << 20);
	memset(f->memory, 1, 6 << 20);
	f->m.units.items[0].share_bytes = 1 << 20;
	f->m.units.items[2].share_bytes = (3 << 20) + 4096;
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->m.units.items[0].how, WB_KEEP_RESTART);
	assert_non_null(strstr(f->m.units.items[0].why, "is full"));
	assert_int_equal(f->m.units.items[2].how, WB_KEEP_PROCESS);
	test_free(f->memory);
}

static void where_the_jump_can_be_called_off_one_failure_rolls_all_back(void **state)
{
	struct fixture *f = *state;

	f->cannot_freeze = "c.service";
	assert_int_equal(run(f, true), -EREMOTEIO);
	assert_string_equal(f->err.text, "c.service: it holds a device");
	assert_string_equal(f->log,
		"look:a look:c settle look:a hold freeze:a note:a take:a settle look:c hold "
		"freeze:c cancel:a unhold");
	assert_false(wb_store_info(f->store).sealed);
}

static void a_store_that_cannot_be_sealed_rolls_all_back(void **state)
{
	struct fixture *f = *state;

	f->machine.moved = 1;
	assert_true(run(f, false) < 0);
	assert_non_null(strstr(f->log, "net cancel:c cancel:a unhold"));
	assert_null(strstr(f->log, "commit"));
}

/* New connections are not held for a jump that is not made. */
static void where_nothing_is_frozen_newcomers_come_in_again(void **state)
{
	struct fixture *f = *state;

	f->cannot_look_again = "a.service";
	assert_int_equal(run(f, true), -EOPNOTSUPP);
	assert_string_equal(f->log, "look:a look:c settle look:a unhold");
}

/* A failure that the first look finds costs no unit a moment. */
static void where_one_cannot_go_no_other_is_stopped(void **state)
{
	struct fixture *f = *state;

	f->cannot_look = "c.service";
	assert_int_equal(run(f, true), -ESRCH);
	assert_string_equal(f->log, "look:a look:c unhold");
}

static void without_hold_rules_nothing_is_frozen(void **state)
{
	struct fixture *f = *state;

	f->no_hold = 1;
	assert_int_equal(run(f, false), -EIO);
	assert_string_equal(f->log, "look:a look:c settle look:a hold unhold");
}

/* ---- several at a time ---- */

static size_t count(const struct fixture *f, const char *what)
{
	size_t n = 0;

	for (const char *p = f->log; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* Eight kept units besides the one that is restarted. */
static void many(struct fixture *f)
{
	static const char *const more[] = {"d", "e", "f", "g", "h", "i"};
	char name[16];

	for (size_t i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "%s.service", more[i]);
		add_unit(f, name, WB_KEEP_PROCESS);
	}
	f->workers = 4;
}

static void several_are_frozen_at_a_time(void **state)
{
	struct fixture *f = *state;
	char name[32];

	many(f);
	f->meet = 4;
	assert_int_equal(run(f, true), 0);
	assert_int_equal(f->most, 4);
	assert_int_equal(count(f, "freeze:"), 8);
	assert_int_equal(count(f, "look:"), 8 + 8);
	assert_int_equal(f->settled, 8);
	assert_int_equal(count(f, "commit:"), 8);
	assert_int_equal(count(f, "cancel:"), 0);
	/* Before the first freeze: a look at all, and the hold of the first wave with its second looks. */
	assert_true(strstr(f->log, "hold") < strstr(f->log, "freeze:"));
	*strstr(f->log, "hold") = 0;
	assert_int_equal(count(f, "look:"), 8 + 4);
	for (size_t i = 0; i < f->m.units.n; i++) {
		snprintf(name, sizeof(name), "u%zu/core-1.img", i);
		assert_int_equal(has_object(f, name), i != 1);
	}
}

/* No other wave makes it wait, so a look right before the freeze is enough. */
static void a_single_wave_is_looked_at_once(void **state)
{
	struct fixture *f = *state;

	f->workers = 2;
	assert_int_equal(run(f, true), 0);
	assert_int_equal(count(f, "look:"), 2);
	assert_int_equal(count(f, "settle"), 1);
	assert_true(strstr(f->log, "settle") < strstr(f->log, "look:"));
	assert_true(strstr(f->log, "look:") < strstr(f->log, "freeze:"));
}

/* The packets of units that run on while others are frozen go on, too. */
static void who_still_runs_is_not_held(void **state)
{
	struct fixture *f = *state;

	many(f);
	for (size_t i = 0; i < f->m.units.n; i++)
		add_connection(&f->m.units.items[i], 40000);
	assert_int_equal(run(f, false), 0);
	assert_int_equal(f->holds, 2);
	assert_int_equal(f->held_first, 4);
	assert_int_equal(f->held, 8);
}

/* CRIU needs no rules of its own then. */
static void a_way_knows_whether_the_hold_lasts(void **state)
{
	struct fixture *f = *state;

	for (int lasts = 0; lasts < 2; lasts++) {
		f->long_hold = lasts;
		f->holds = f->looks = f->within_hold = 0;
		f->cannot_take = "a.service";
		assert_int_equal(run(f, true), -ENOSPC);
		assert_int_equal(f->within_hold, lasts);
		wb_store_forget(f->store, "u", NULL);
	}
}

/* Such a checkpoint is a copy in memory for a moment. */
static void changes_are_taken_one_at_a_time(void **state)
{
	struct fixture *f = *state;

	many(f);
	for (size_t i = 2; i < f->m.units.n; i++) {
		struct wb_manifest_unit *u = &f->m.units.items[i];
		char name[40];

		u->ahead_pid = 100 + u->unit[0];
		snprintf(name, sizeof(name), "u%zu/before.pages-1.img", i);
		assert_int_equal(wb_store_put(f->store, name,
					 (struct wb_bytes){(const uint8_t *)"p", 1}, &f->err),
			0);
	}
	assert_int_equal(run(f, false), 0);
	assert_int_equal(count(f, "change:"), 7);
	assert_int_equal(count(f, "freeze:"), 1);
	assert_int_equal(f->most_ahead, 1);
	/* The one without goes beside the first. */
	assert_int_equal(f->holds, 7);
}

/* In each place where one of them can fail, all others go on, too. None of them ends. */
static void one_failure_among_several_rolls_all_back(void **state)
{
	struct fixture *f = *state;
	const char **places[] = {&f->cannot_look_again, &f->cannot_freeze, &f->cannot_note,
		&f->cannot_take, &f->has_strange};

	many(f);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		*places[i] = "f.service";
		f->looks = f->holds = 0;
		f->log[0] = 0;
		assert_true(run(f, true) < 0);
		assert_true(strstr(f->err.text, "f.service: ") == f->err.text);
		assert_int_equal(count(f, "commit"), 0);
		/* One whose freeze fails is not frozen, and so is not let go. */
		assert_int_equal(count(f, "cancel:"),
			count(f, "freeze:") - (places[i] == &f->cannot_freeze));
		assert_non_null(strstr(f->log, "unhold"));
		assert_false(wb_store_info(f->store).sealed);
		*places[i] = NULL;
		wb_store_forget(f->store, "u", NULL);
		for (size_t k = 0; k < f->m.units.n; k++)
			assert_int_equal(f->m.units.items[k].how,
				k == 1 ? WB_KEEP_RESTART : WB_KEEP_PROCESS);
	}
}

static void one_failure_among_several_costs_one_unit(void **state)
{
	struct fixture *f = *state;

	many(f);
	f->cannot_freeze = "d.service";
	f->cannot_note = "f.service";
	f->cannot_look_again = "h.service";
	assert_int_equal(run(f, false), 0);
	for (size_t i = 0; i < f->m.units.n; i++)
		assert_int_equal(f->m.units.items[i].how,
			strchr("bdfh", f->m.units.items[i].unit[0]) ? WB_KEEP_RESTART
								    : WB_KEEP_PROCESS);
	assert_int_equal(count(f, "commit:"), 5);
	assert_false(has_object(f, "u3/core-1.img"));
	assert_false(has_object(f, "u5/core-1.img"));
	assert_true(has_object(f, "u8/core-1.img"));
}

static void who_has_connections_is_frozen_last(void **state)
{
	struct fixture *f = *state;

	add_connection(&f->m.units.items[0], 40000);
	assert_int_equal(run(f, false), 0);
	assert_string_equal(f->log,
		"look:a look:c settle look:c hold freeze:c note:c take:c settle look:a hold "
		"freeze:a note:a take:a net commit:a commit:c");
}

static void who_has_priority_is_frozen_last(void **state)
{
	struct fixture *f = *state;

	add_connection(&f->m.units.items[2], 40000);
	f->m.units.items[0].priority = 1;
	assert_int_equal(run(f, false), 0);
	assert_non_null(strstr(f->log, "hold freeze:c note:c take:c settle look:a hold freeze:a"));
}

/* As the process that asked for the jump leaves it: unit a's memory is in the store. */
static struct wb_manifest_unit *goes_ahead(struct fixture *f)
{
	struct wb_manifest_unit *u = &f->m.units.items[0];

	u->images = strdup("u0/");
	u->ahead_pid = 100 + 'a';
	u->ahead_bytes = 100 << 20;
	assert_int_equal(wb_store_put(f->store, "u0/before.pages-1.img",
				 (struct wb_bytes){(const uint8_t *)"p", 1}, &f->err),
		0);
	return u;
}

static void what_went_ahead_stays_in_the_store(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = goes_ahead(f);

	assert_int_equal(run(f, false), 0);
	assert_non_null(strstr(f->log, "hold change:a note:a take:a settle look:c"));
	assert_true(has_object(f, "u0/before.pages-1.img"));
	assert_true(has_object(f, "u0/core-1.img"));
	assert_int_equal(u->ahead_bytes, 100 << 20);
	assert_null(u->ahead_why);
}

static void a_change_that_cannot_be_taken_is_frozen_whole(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = goes_ahead(f);

	f->cannot_change = -EREMOTEIO;
	assert_int_equal(run(f, true), 0);
	assert_non_null(strstr(f->log, "hold change:a freeze:a note:a take:a settle look:c"));
	assert_false(has_object(f, "u0/before.pages-1.img"));
	assert_true(has_object(f, "u0/core-1.img"));
	assert_int_equal(u->how, WB_KEEP_PROCESS);
	assert_string_equal(u->ahead_why, "no parent image");
	assert_int_equal(u->ahead_bytes, 0);
}

static void a_unit_that_hung_is_not_tried_twice(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = goes_ahead(f);

	f->cannot_change = -EIO;
	assert_int_equal(run(f, false), 0);
	assert_non_null(strstr(f->log, "hold change:a settle look:c hold freeze:c"));
	assert_int_equal(u->how, WB_KEEP_RESTART);
	assert_string_equal(u->why, "no parent image");
	assert_false(has_object(f, "u0/before.pages-1.img"));
}

static void memory_of_another_process_is_of_no_use(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = goes_ahead(f);

	u->ahead_pid = 99;
	assert_int_equal(run(f, false), 0);
	assert_non_null(strstr(f->log, "hold freeze:a"));
	assert_false(has_object(f, "u0/before.pages-1.img"));
	assert_non_null(strstr(u->ahead_why, "started again"));
}

static void memory_that_is_not_there_is_frozen(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = goes_ahead(f);

	wb_store_forget(f->store, "u0/", NULL);
	assert_int_equal(run(f, false), 0);
	assert_non_null(strstr(f->log, "hold freeze:a"));
	assert_non_null(strstr(u->ahead_why, "not in the store"));
}

static void large_memory_goes_ahead_where_it_fits(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = f->m.units.items;

	wb_ahead_choose(&u[0], (64 << 20) - 1);
	assert_int_equal(wb_ahead_bytes(&u[0]), 0);
	for (int i = 0; i < 3; i++)
		wb_ahead_choose(&u[i], (uint64_t)(100 + 100 * i) << 20);
	/* The one in the middle is restarted. */
	assert_int_equal(wb_ahead_bytes(&u[1]), 0);
	assert_int_equal(wb_ahead_changes(&f->m), 100 << 20);
	wb_ahead_fit(&f->m, UINT64_MAX);
	assert_int_equal(wb_ahead_bytes(&u[2]), 300 << 20);
	/* One after the other: the largest decides for itself only. */
	wb_ahead_fit(&f->m, 300 << 20);
	assert_int_equal(wb_ahead_bytes(&u[0]), 100 << 20);
	assert_int_equal(wb_ahead_bytes(&u[2]), 0);
	assert_string_equal(
		u[2].ahead_why, "that takes 401 MiB for a moment, and 300 MiB are available");
	wb_ahead_stay(&u[0], NULL, "two\nlines");
	assert_string_equal(u[0].ahead_why, "two?lines");
}

/* QEMU reads a small guest's memory in a moment, and a large one's into the store itself. */
static void memory_of_guests_exists_twice_only(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_unit *u = f->m.units.items;

	u[0].how = WB_KEEP_VM;
	wb_ahead_choose(&u[0], 511 << 20);
	assert_int_equal(wb_ahead_bytes(&u[0]), 0);
	wb_ahead_choose(&u[0], 1 << 30);
	assert_int_equal(wb_ahead_changes(&f->m), 256 << 20);
	wb_ahead_fit(&f->m, 64 << 20);
	assert_int_equal(wb_ahead_bytes(&u[0]), 1 << 30);
	wb_ahead_fit(&f->m, 0);
	assert_int_equal(wb_ahead_bytes(&u[0]), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_written_before_any_process_ends),
		TEST(only_looks_that_follow_each_other_share_what_they_find),
		TEST(a_unit_that_cannot_be_frozen_drops_a_rung),
		TEST(one_that_has_ended_drops_too),
		TEST(what_ended_by_itself_is_left_alone),
		cmocka_unit_test(who_has_ended_is_told_by_systemd),
		TEST(what_is_new_when_its_turn_comes_travels),
		TEST(what_can_be_kept_no_more_drops_alone),
		TEST(what_cannot_be_held_drops_alone),
		TEST(what_is_not_known_to_the_end_goes_on),
		TEST(files_that_do_not_fit_let_the_unit_go_on),
		TEST(a_file_that_cannot_be_listed_costs_its_unit_alone),
		TEST(what_has_grown_takes_no_room_of_others),
		TEST(what_is_more_than_its_share_costs_who_has_it),
		TEST(where_the_jump_can_be_called_off_one_failure_rolls_all_back),
		TEST(a_store_that_cannot_be_sealed_rolls_all_back),
		TEST(where_nothing_is_frozen_newcomers_come_in_again),
		TEST(where_one_cannot_go_no_other_is_stopped),
		TEST(without_hold_rules_nothing_is_frozen),
		TEST(several_are_frozen_at_a_time),
		TEST(a_single_wave_is_looked_at_once),
		TEST(who_still_runs_is_not_held),
		TEST(changes_are_taken_one_at_a_time),
		TEST(a_way_knows_whether_the_hold_lasts),
		TEST(one_failure_among_several_rolls_all_back),
		TEST(one_failure_among_several_costs_one_unit),
		TEST(who_has_connections_is_frozen_last),
		TEST(who_has_priority_is_frozen_last),
		TEST(what_went_ahead_stays_in_the_store),
		TEST(a_change_that_cannot_be_taken_is_frozen_whole),
		TEST(a_unit_that_hung_is_not_tried_twice),
		TEST(memory_of_another_process_is_of_no_use),
		TEST(memory_that_is_not_there_is_frozen),
		TEST(large_memory_goes_ahead_where_it_fits),
		TEST(memory_of_guests_exists_twice_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
