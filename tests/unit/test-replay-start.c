// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording and replaying against a manager, a disk and users that are only made up. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-sys.h"
#include "replay/manager.h"
#include "replay/start.h"
#include "systemd/spare.h"

#define MOST 16

/* How one unit behaves. */
struct act {
	const char *name, *active, *sub, *state, *fragment, *after, *triggered_by;
	const char *word;    /* for the end of its start; NULL: it never ends */
	const char *refusal; /* StartUnit's sentence; NULL: it takes it */
	const char *where;
	bool waiting; /* its job waits for others */
	bool can_isolate, no_start, asked, on_bus, oneshot;
	uint64_t takes; /* microseconds until its start ends */
};

struct fake {
	const struct act *acts;
	uint64_t now, reload_takes;
	struct {
		char job[32];
		const struct act *act;
		uint64_t end;
		bool open;
	} jobs[MOST];
	size_t n_jobs;
	char diary[1024];
	bool deaf; /* wait() fails */
	struct fake_sys sys;
	struct wb_replay_host host;
	const char *lingers; /* one user's number */
	const char *no_room; /* files that cannot be written, with blanks between */
	int no_room_error;
	/* The process for a user: when it was begun and done, and what it said. */
	uint64_t begun_at, ended_at;
	struct wb_blob answer, asked; /* of the process, and of the program with a user's rights */
	bool mute;                    /* it says nothing */
	char told[1024];
};

static void note(struct fake *f, const char *what, const char *of)
{
	size_t n = strlen(f->diary);

	snprintf(f->diary + n, sizeof(f->diary) - n, "%s%s %s", n ? ", " : "", what, of);
}

static char *copy(const char *s)
{
	char *p = s ? strdup(s) : NULL;

	assert_true(p || !s);
	return p;
}

static const struct act *find(struct fake *f, const char *name)
{
	for (const struct act *a = f->acts; a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}

static int fake_list(void *ctx, wb_unit_add *add, void *arg, struct wb_error *err)
{
	struct fake *f = ctx;

	for (const struct act *a = f->acts; a->name; a++) {
		struct wb_unit *u;

		if (!a->active)
			continue;
		assert_int_equal(add(arg, a->name, &u), 0);
		u->active = copy(a->active);
		u->sub = copy(a->sub ? a->sub : "running");
	}
	return 0;
}

static int fake_facts(
	void *ctx, struct wb_unit *u, struct wb_unit_facts *facts, struct wb_error *err)
{
	const struct act *a = find(ctx, u->name);

	u->state = copy(a->state ? a->state : "disabled");
	u->fragment = copy(a->fragment ? a->fragment : "");
	if (a->after)
		assert_int_equal(wb_strv_add(&u->after, a->after), 0);
	if (a->triggered_by)
		assert_int_equal(wb_strv_add(&u->triggered_by, a->triggered_by), 0);
	u->no_start = a->no_start;
	facts->can_isolate = a->can_isolate;
	facts->asked = a->asked;
	facts->oneshot = a->oneshot;
	facts->bus_name = copy(a->on_bus ? "org.example" : "");
	facts->where = copy(a->where);
	if (!strcmp(wb_unit_kind(u->name), "swap"))
		facts->what = copy(a->where);
	return 0;
}

static int fake_make_transient(void *ctx, const struct wb_strv *names, struct wb_error *err)
{
	for (size_t i = 0; i < names->n; i++)
		note(ctx, "make", names->items[i]);
	return 0;
}

static void fake_release(void *ctx)
{
	note(ctx, "release", "all");
}

static int fake_reload(void *ctx, struct wb_error *err)
{
	struct fake *f = ctx;

	note(f, "reload", "all");
	f->now += f->reload_takes;
	return 0;
}

static int fake_start(void *ctx, const char *unit, char **ret_job, struct wb_error *err)
{
	struct fake *f = ctx;
	const struct act *a = find(f, unit);

	note(f, "start", unit);
	if (!a)
		return wb_fail(err, -ENOENT, "no such unit");
	if (a->refusal)
		return wb_fail(err, -EPERM, "%s", a->refusal);
	snprintf(f->jobs[f->n_jobs].job, 32, "/job/%zu", f->n_jobs);
	f->jobs[f->n_jobs].act = a;
	f->jobs[f->n_jobs].end = a->word ? f->now + a->takes : UINT64_MAX;
	f->jobs[f->n_jobs].open = true;
	*ret_job = copy(f->jobs[f->n_jobs++].job);
	return 0;
}

static int fake_wait(
	void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err)
{
	struct fake *f = ctx;
	size_t first = MOST;

	if (f->deaf)
		return wb_fail(err, -ECONNRESET, "gone");
	for (size_t i = 0; i < f->n_jobs; i++)
		if (f->jobs[i].open && (first == MOST || f->jobs[i].end < f->jobs[first].end))
			first = i;
	if (first == MOST || f->jobs[first].end > until) {
		assert_true(until != UINT64_MAX);
		f->now = until;
		return 0;
	}
	f->now = f->jobs[first].end > f->now ? f->jobs[first].end : f->now;
	f->jobs[first].open = false;
	*ret_job = copy(f->jobs[first].job);
	*ret_result = copy(f->jobs[first].act->word);
	return 1;
}

static bool fake_is_waiting(void *ctx, const char *job)
{
	struct fake *f = ctx;

	for (size_t i = 0; i < f->n_jobs; i++)
		if (!strcmp(f->jobs[i].job, job))
			return f->jobs[i].act->waiting;
	return false;
}

static void fake_cancel(void *ctx, const char *job)
{
	struct fake *f = ctx;

	for (size_t i = 0; i < f->n_jobs; i++)
		if (!strcmp(f->jobs[i].job, job)) {
			f->jobs[i].open = false;
			note(f, "cancel", f->jobs[i].act->name);
		}
}

static char *fake_result(void *ctx, const char *unit)
{
	return copy("exit-code");
}

static uint64_t fake_now(void *ctx)
{
	return ((struct fake *)ctx)->now;
}

static int fake_open(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	*ret = (struct wb_manager){
		.ctx = ctx,
		.list = fake_list,
		.facts = fake_facts,
		.make_transient = fake_make_transient,
		.release = fake_release,
		.reload = fake_reload,
		.start = fake_start,
		.wait = fake_wait,
		.is_waiting = fake_is_waiting,
		.cancel = fake_cancel,
		.result = fake_result,
		.now_usec = fake_now,
	};
	return 0;
}

static int fake_link(void *ctx, const char *target, const char *path)
{
	char text[256];

	snprintf(text, sizeof(text), "%s -> %s", path, target);
	note(ctx, "link", text);
	return 0;
}

static int fake_write(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct fake *f = ctx;

	if (f->no_room && strstr(f->no_room, path))
		return f->no_room_error;
	note(ctx, mode == 0600 ? "write 0600" : "write", path);
	return 0;
}

static int fake_remove(void *ctx, const char *path)
{
	note(ctx, "remove", path);
	return 0;
}

static bool fake_lingers(void *ctx, uint32_t uid)
{
	struct fake *f = ctx;

	return f->lingers && (uint32_t)atoi(f->lingers) == uid;
}

static int fake_ask(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
	struct wb_child *ret, struct wb_error *err)
{
	note(ctx, "as user", "1000");
	*ret = (struct wb_child){.uid = uid, .pid = 1};
	return wb_user_task_run(
		&((struct fake *)ctx)->host, uid, task, &((struct fake *)ctx)->asked, err);
}

/* Its own bus and clock; what it does to the world is known at once. */
static int fake_begin(void *ctx, uint32_t uid, unsigned seconds, wb_beside_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	struct fake *f = ctx, *here = malloc(sizeof(*here));
	int r;

	assert_non_null(here);
	*here = *f;
	f->n_jobs = 0;
	f->begun_at = f->now;
	r = job(arg, &f->answer, err);
	f->ended_at = f->now;
	assert_true(f->now <= f->begun_at + 1000000ull * seconds);
	f->now = here->now;
	f->n_jobs = here->n_jobs;
	memcpy(f->jobs, here->jobs, sizeof(f->jobs));
	free(here);
	*ret = (struct wb_child){.uid = uid};
	return r;
}

static int fake_finish(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	struct fake *f = ctx;

	if (child->pid != 1)
		f->now = f->ended_at > f->now ? f->ended_at : f->now;
	*ret = wb_blob_take(child->pid == 1 ? &f->asked : &f->answer);
	return f->mute && child->pid != 1 ? wb_fail(err, -ETIMEDOUT, "no answer") : 0;
}

static uint64_t fake_mono(void *ctx)
{
	return ((struct fake *)ctx)->now * 1000;
}

static void fake_init(struct fake *f, const struct act *acts, const struct fake_file *disk)
{
	*f = (struct fake){.acts = acts};
	fake_sys_init(&f->sys, disk);
	f->sys.sys.ctx = f;
	f->sys.sys.write_file = fake_write;
	f->sys.sys.remove_file = fake_remove;
	f->sys.sys.mono_ns = fake_mono;
	f->host = (struct wb_replay_host){
		.sys = &f->sys.sys,
		.ctx = f,
		.open = fake_open,
		.make_link = fake_link,
		.lingers = fake_lingers,
		.ask = fake_ask,
		.begin = fake_begin,
		.finish = fake_finish,
	};
}

/* ---- the engine ---- */

/* Every unit that acts has, as a plan. */
static void start_all(struct fake *f, struct wb_results *results, int want)
{
	struct wb_unit units[MOST] = {};
	struct wb_step steps[MOST] = {};
	struct wb_replay_plan plan = {.start = steps};
	struct wb_manager m;
	struct wb_error err = {};

	for (const struct act *a = f->acts; a->name; a++) {
		units[plan.n_start].name = (char *)a->name;
		steps[plan.n_start].unit = &units[plan.n_start];
		plan.n_start++;
	}
	fake_open(f, -1, &m, NULL);
	assert_int_equal(
		wb_plan_start(&m, &plan, -1, (struct wb_start_limits){10, 35}, results, &err),
		want);
}

static const char *result_of(const struct wb_results *results, const char *unit)
{
	const struct wb_replay_result *r = wb_results_find(results, -1, unit);

	return r ? r->result : "none";
}

static void each_end_is_told(void **state)
{
	static const struct act acts[] = {
		{"a.service", .word = "done", .takes = 5},
		{"b.service", .word = "failed", .takes = 1},
		{"c.service", .word = "dependency", .takes = 1},
		{"d.service", .word = "skipped"},
		{"e.service", .refusal = "Unit e.service not found."},
		{"f.service", .word = "timeout", .takes = 9},
		{},
	};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, acts, NULL);
	start_all(&f, &results, 0);
	assert_int_equal(results.n, 6);
	assert_string_equal(result_of(&results, "a.service"), "started");
	assert_string_equal(result_of(&results, "b.service"), "failed");
	assert_non_null(strstr(wb_results_find(&results, -1, "b.service")->why, "exit-code"));
	assert_string_equal(result_of(&results, "c.service"), "failed");
	assert_non_null(strstr(wb_results_find(&results, -1, "c.service")->why, "needs"));
	assert_string_equal(result_of(&results, "d.service"), "skipped");
	assert_string_equal(result_of(&results, "e.service"), "failed");
	assert_string_equal(
		wb_results_find(&results, -1, "e.service")->why, "Unit e.service not found.");
	assert_string_equal(result_of(&results, "f.service"), "failed");
	fake_sys_deinit(&f.sys);
}

static void the_late_hold_nobody_up(void **state)
{
	static const struct act acts[] = {
		{"never.service", .word = NULL},
		{"behind.service", .word = "done", .takes = 12, .waiting = true},
		{},
	};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, acts, NULL);
	start_all(&f, &results, 0);
	assert_string_equal(result_of(&results, "never.service"), "late");
	assert_string_equal(result_of(&results, "behind.service"), "started");
	assert_string_equal(
		f.diary, "start never.service, start behind.service, cancel never.service");
	assert_int_equal(f.now, 12);
	fake_sys_deinit(&f.sys);
}

static void it_ends_when_all_time_is_up(void **state)
{
	static const struct act acts[] = {
		{"wait.service", .word = NULL, .waiting = true},
		{},
	};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, acts, NULL);
	start_all(&f, &results, 0);
	assert_string_equal(result_of(&results, "wait.service"), "late");
	assert_int_equal(f.now, 35);
	fake_sys_deinit(&f.sys);
}

static void a_lost_manager_is_told(void **state)
{
	static const struct act acts[] = {{"a.service", .word = "done"}, {}};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, acts, NULL);
	f.deaf = true;
	start_all(&f, &results, -ECONNRESET);
	fake_sys_deinit(&f.sys);
}

/* ---- files ---- */

static void runtime_files_are_found(void **state)
{
	static const struct fake_file disk[] = {
		{"/run/systemd/transient/t.service", "T"},
		{"/run/systemd/transient/t.service.d/50-x.conf", "X"},
		{"/run/systemd/transient/session-1.scope", "S"},
		{"/run/systemd/transient/session-1.scope.d/50-x.conf", "S"},
		{"/run/systemd/system/m.service", .link = "/dev/null"},
		{"/run/systemd/system/w.target.wants/w.service", .link = "/usr/lib/w.service"},
		{"/run/systemd/system/warmboot-x.service", "own"},
		{"/run/systemd/system/k.service.d/50-warmboot.conf", "own"},
		{"/run/systemd/system/k.service.d/notes.txt", "no"},
		{"/run/systemd/system/README", "no"},
		{"/run/systemd/system.control/c.service.d/50-CPU.conf", "C"},
		{"/run/systemd/system.control/tmp.mount", WB_JUMP_MARK "[Unit]\n"},
		{"/run/systemd/generator/g.mount", "generated"},
		{},
	};
	static const char *const want[] = {"/run/systemd/transient/t.service",
		"/run/systemd/transient/t.service.d/50-x.conf", "/run/systemd/system/m.service",
		"/run/systemd/system/w.target.wants/w.service",
		"/run/systemd/system.control/c.service.d/50-CPU.conf"};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_WORLD world = {.uid = -1};

	assert_int_equal(wb_runtime_files_read(&files, &world), 0);
	assert_int_equal(world.n_files, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(world.files[i].path, want[i]);
	assert_string_equal((char *)world.files[0].text, "T");
	assert_string_equal(world.files[2].link, "/dev/null");
	assert_null(world.files[2].text);
}

static void only_unit_directories_are_written_to(void **state)
{
	static const char *const bad[] = {"/etc/passwd", "/run/systemd/x", "/run/systemd/system",
		"/run/systemd/system/", "/run/systemd/system/../x", "/run/systemd/system/a/..",
		"/run/systemd/system/a/b/c", "/run/systemd/system//a", "/run/systemd/system/a/",
		"/run/systemd/system/./a", "/run/systemd/generator/a.service",
		"/run/systemd/systems/a.service", "/run/user/1000/systemd/user/a.service",
		"run/systemd/system/a.service", ""};
	const char *rest;
	char dir[32];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(wb_runtime_file_split(bad[i], -1, dir, &rest));
	assert_true(wb_runtime_file_split("/run/systemd/system.control/a.d/b", -1, dir, &rest));
	assert_string_equal(dir, "system.control");
	assert_string_equal(rest, "a.d/b");
	assert_true(wb_runtime_file_split("/run/user/7/systemd/user/..a", 7, dir, &rest));
	assert_false(wb_runtime_file_split("/run/user/7/systemd/user/a", 8, dir, &rest));
}

static void files_go_back_and_nothing_is_overwritten(void **state)
{
	static const struct fake_file disk[] = {
		{"/run/systemd/system/here.service", "new"},
		{"/run/systemd/transient/made.service", "empty"},
		{},
	};
	static const struct wb_bytes text = {(const uint8_t *)"x", 1};
	WB_CLEAN_WORLD world = {.uid = -1};
	WB_CLEAN_STRV warnings = {}, made = {}, missing = {};
	struct fake f;
	size_t n;

	fake_init(&f, NULL, disk);
	wb_world_add_file(&world, "/run/systemd/system/here.service", NULL, text);
	wb_world_add_file(&world, "/run/systemd/system/m.service", "/dev/null", text);
	wb_world_add_file(&world, "/run/systemd/transient/t.service", NULL, text);
	wb_world_add_file(&world, "/run/systemd/system.control/c.d/x.conf", NULL, text);
	wb_world_add_file(&world, "/etc/shadow", NULL, text);
	wb_world_add_file(&world, "/run/systemd/transient/made.service", NULL, text);
	wb_world_add_file(&world, "/run/systemd/transient/made.service.d/x.conf", NULL, text);
	wb_world_add_file(&world, "/run/systemd/transient/s.slice", NULL, text);
	assert_int_equal(wb_runtime_files_transient(f.host.sys->files, &world, &missing), 0);
	assert_int_equal(missing.n, 1);
	assert_string_equal(missing.items[0], "t.service");
	assert_int_equal(wb_strv_add(&made, "made.service"), 0);
	assert_int_equal(wb_runtime_files_write(&f.host, &world, &made, &n, &warnings), 0);
	assert_int_equal(n, 6);
	assert_string_equal(f.diary, "link /run/systemd/system/m.service -> /dev/null, "
				     "write /run/systemd/transient/t.service, "
				     "write /run/systemd/system.control/c.d/x.conf, "
				     "write /run/systemd/transient/made.service, "
				     "write /run/systemd/transient/made.service.d/x.conf, "
				     "write /run/systemd/transient/s.slice");
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.items[0], "/etc/shadow"));

	/* For a generator: each with the precedence that it had, and nothing transient. */
	f.diary[0] = 0;
	assert_int_equal(wb_runtime_files_generate(&f.host, &world, "/n", "/e"), 0);
	assert_string_equal(f.diary,
		"write /n/here.service, link /n/m.service -> /dev/null, write /e/c.d/x.conf");
	fake_sys_deinit(&f.sys);
}

/* ---- mounts ---- */

static const char mountinfo[] =
	"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
	"23 22 0:21 / /proc rw,nosuid - proc proc rw\n"
	"30 22 254:2 / /srv/my\\040data ro,noatime - xfs /dev/vda2 rw,attr2,logbufs=8\n"
	"31 22 254:1 /home /srv/bind rw shared:1 master:2 - ext4 /dev/vda1 rw\n"
	"34 22 0:40 /sub /srv/sub rw - btrfs /dev/vdb rw,space_cache=v2,subvolid=5,subvol=/sub\n"
	"35 22 0:41 / /srv/net rw - nfs4 host:/x rw,vers=4.2,soft\n"
	"36 22 7:0 / /srv/loop rw - ext4 /dev/loop0 rw\n"
	"37 22 0:44 / /srv/tmp rw,nosuid - tmpfs 100% rw,size=3072k,inode64\n"
	"38 22 0:45 / /run/user/0 rw - tmpfs tmpfs rw\n"
	"39 22 0:46 / /var/lib/x/merged rw - overlay overlay rw\n"
	"43 22 259:0 / /srv/dax rw - ext4 /dev/pmem0 rw,dax=always,stripe=512\n"
	"44 22 259:1 / /srv/old-dax rw - xfs /dev/pmem1 rw,attr2,dax\n"
	"40 22 254:9 / /srv/odd rw - ext4 /dev/vdz rw\n"
	"41 22 0:47 / /srv/twice rw - tmpfs one rw\n"
	"42 41 253:0 / /srv/twice rw - ext4 /dev/mapper/vg-lv rw\n";

static void mounts_by_hand_are_written_down(void **state)
{
	static const struct {
		const char *where;
		int want;
		const char *text;
	} cases[] = {
		{"/srv/my data", 1,
			"What=/dev/disk/by-uuid/u2\nWhere=/srv/my "
			"data\nType=xfs\nOptions=ro,noatime\n"},
		{"/srv/sub", 1,
			"What=/dev/disk/by-uuid/ub\nWhere=/srv/sub\nType=btrfs\nOptions=rw,subvol=/"
			"sub\n"},
		{"/srv/net", 1,
			"What=host:/x\nWhere=/srv/net\nType=nfs4\nOptions=rw,vers=4.2,soft\n"},
		{"/srv/tmp", 1,
			"What=100%%\nWhere=/srv/tmp\nType=tmpfs\nOptions=rw,nosuid,size=3072k\n"},
		{"/srv/twice", 1,
			"What=/dev/mapper/vg-lv\nWhere=/srv/twice\nType=ext4\nOptions=rw\n"},
		{"/srv/dax", 1,
			"What=/dev/disk/by-uuid/up\nWhere=/srv/"
			"dax\nType=ext4\nOptions=rw,dax=always\n"},
		{"/srv/old-dax", 1,
			"What=/dev/disk/by-uuid/uq\nWhere=/srv/"
			"old-dax\nType=xfs\nOptions=rw,dax\n"},
		{"/srv/bind", 0, "bind mount"},
		{"/srv/loop", 0, "loop device"},
		{"/srv/odd", 0, "by-uuid"},
		{"/run/user/0", -ENOENT, NULL},
		{"/var/lib/x/merged", -ENOENT, NULL},
		{"/proc", -ENOENT, NULL},
		{"/nowhere", -ENOENT, NULL},
	};
	static const struct fake_file disk[] = {
		{"/dev/disk/by-uuid/u1", .link = "../../vda1"},
		{"/dev/disk/by-uuid/u2", .link = "../../vda2"},
		{"/dev/disk/by-uuid/ub", .link = "../../vdb"},
		{"/dev/disk/by-uuid/up", .link = "../../pmem0"},
		{"/dev/disk/by-uuid/uq", .link = "../../pmem1"},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_STRV by_uuid = {};
	WB_CLEAN_MOUNTS mounts = {};

	assert_int_equal(wb_mounts_parse(mountinfo, &mounts), 0);
	assert_int_equal(wb_by_uuid_read(&files, &by_uuid), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STR text = NULL;
		const char *why = NULL;
		int r = wb_mount_define(&mounts, &by_uuid, cases[i].where, &text, &why);

		assert_int_equal(r, cases[i].want);
		if (r == 1)
			assert_non_null(strstr(text, cases[i].text));
		else if (r == 0)
			assert_non_null(strstr(why, cases[i].text));
	}
}

/* ---- all of it ---- */

static const struct wb_unit *unit(const struct wb_world *w, const char *name)
{
	for (size_t i = 0; i < w->n_units; i++)
		if (!strcmp(w->units[i].name, name))
			return &w->units[i];
	return NULL;
}

static bool has_file(const struct wb_world *w, const char *path)
{
	for (size_t i = 0; i < w->n_files; i++)
		if (!strcmp(w->files[i].path, path))
			return true;
	return false;
}

#define MADE                                                                                     \
	"# This is a transient unit file, created programmatically via the systemd API. Do not " \
	"edit.\n"
static void a_world_is_observed(void **state)
{
	static const struct act acts[] = {
		{"plain.service", "active"},
		{"down.service", "inactive"},
		{"later.timer", "active", "waiting", .state = "transient"},
		{"session-3.scope", "active"},
		{"other.scope", "active"},
		{"user@1000.service", "active", .state = "static"},
		{"user@1001.service", "active", .state = "static"},
		{"ssh@7-1.2.3.4.service", "active", .state = "static",
			.triggered_by = "ssh.socket"},
		{"bus.service", "active", .state = "static", .on_bus = true},
		{"mybus.service", "active", .on_bus = true},
		{"did.service", "active", "exited", .state = "static"},
		{"part.service", "active", "exited", .state = "static", .asked = true},
		{"ssh.service", "active", .triggered_by = "ssh.socket"},
		{"tty.service", "active", .state = "transient",
			.fragment = "/run/systemd/transient/tty.service"},
		{"basic.target", "active", .state = "static"},
		{"big.target", "active", .state = "static", .can_isolate = true},
		{"mine.target", "active", .state = "disabled"},
		{"rescue.target", "active", .state = "static", .can_isolate = true},
		{"srv-tmp.mount", "active", "mounted", .state = "", .where = "/srv/tmp"},
		{"srv-loop.mount", "active", "mounted", .state = "", .where = "/srv/loop"},
		{"proc.mount", "active", "mounted", .state = "", .where = "/proc"},
		{"boot.mount", "active", "mounted", .state = "generated", .fragment = "/x"},
		{"swapfile.swap", "active", .state = "", .where = "/swapfile"},
		{"x.slice", "active"},
		{"x.device", "active"},
		{"pre.service", "activating", "start-pre"},
		{"backup.service", "activating", "start", .state = "static", .oneshot = true},
		{"boot.service", "activating", "start", .state = "enabled", .asked = true,
			.oneshot = true},
		{},
	};
	static const struct fake_file disk[] = {
		{"/proc/self/mountinfo", mountinfo},
		{"/run/systemd/transient/tty.service", "[Service]\nTTYPath=/dev/pts/3\n"},
		{"/run/systemd/transient/ended.service", "[Service]\n"},
		{"/run/systemd/transient/ended.service.d/50-x.conf", "[Service]\n"},
		{"/run/systemd/transient/later.service", "[Service]\n"},
		{"/run/systemd/transient/later.timer.d/50-x.conf", "[Timer]\n"},
		{"/run/systemd/transient/work.slice", "[Slice]\n"},
		{"/run/systemd/transient/plain.service", MADE "[Service]\n"},
		{"/run/systemd/system/plain.service", MADE "[Service]\n"},
		{"/run/systemd/system/plain.service.d/50-x.conf", MADE "[Service]\n"},
		{"/run/systemd/system/was-kept.service", MADE "[Service]\n"},
		{"/run/systemd/system/by-hand.service", "[Service]\n"},
		{},
	};
	WB_CLEAN_WORLD world = {};
	struct wb_manager m;
	struct fake f;

	fake_init(&f, acts, disk);
	f.lingers = "1000";
	fake_open(&f, -1, &m, NULL);
	assert_int_equal(wb_world_observe(&f.host, &m, -1, &world, NULL), 0);
	assert_null(unit(&world, "plain.service")->cannot);
	assert_null(unit(&world, "down.service"));
	assert_false(unit(&world, "plain.service")->unasked);
	assert_true(unit(&world, "bus.service")->by_bus);
	assert_false(unit(&world, "mybus.service")->by_bus);
	assert_true(unit(&world, "did.service")->unasked);
	assert_false(unit(&world, "part.service")->unasked);
	assert_null(unit(&world, "session-3.scope"));
	assert_non_null(unit(&world, "other.scope")->cannot);
	assert_non_null(unit(&world, "user@1000.service"));
	assert_null(unit(&world, "user@1001.service"));
	assert_non_null(strstr(unit(&world, "ssh@7-1.2.3.4.service")->cannot, "connection"));
	assert_null(unit(&world, "ssh.service")->cannot);
	assert_non_null(strstr(unit(&world, "tty.service")->cannot, "terminal"));
	assert_null(unit(&world, "basic.target"));
	assert_null(unit(&world, "big.target")->cannot);
	assert_non_null(unit(&world, "mine.target"));
	assert_non_null(unit(&world, "rescue.target")->cannot);
	assert_string_equal(unit(&world, "srv-tmp.mount")->state, "transient");
	assert_non_null(strstr(unit(&world, "srv-loop.mount")->cannot, "loop"));
	assert_null(unit(&world, "proc.mount"));
	assert_string_equal(unit(&world, "boot.mount")->state, "generated");
	assert_string_equal(unit(&world, "swapfile.swap")->state, "transient");
	assert_true(!unit(&world, "x.slice") && !unit(&world, "x.device"));
	assert_null(unit(&world, "pre.service")->cannot);
	assert_string_equal(unit(&world, "pre.service")->active, "activating");
	assert_non_null(strstr(unit(&world, "backup.service")->cannot, "the jump interrupted it"));
	assert_null(unit(&world, "boot.service"));
	/* Units that have ended do not come back; those that a timer starts do. */
	assert_true(has_file(&world, "/run/systemd/transient/tty.service"));
	assert_true(has_file(&world, "/run/systemd/transient/later.service"));
	assert_true(has_file(&world, "/run/systemd/transient/later.timer.d/50-x.conf"));
	assert_true(has_file(&world, "/run/systemd/transient/work.slice"));
	assert_true(has_file(&world, "/run/systemd/transient/srv-tmp.mount"));
	assert_true(has_file(&world, "/run/systemd/transient/swapfile.swap"));
	/* Also where it was kept once, and lay among others since. */
	assert_true(has_file(&world, "/run/systemd/transient/plain.service"));
	assert_true(has_file(&world, "/run/systemd/transient/plain.service.d/50-x.conf"));
	assert_true(has_file(&world, "/run/systemd/system/by-hand.service"));
	assert_int_equal(world.n_files, 9);
	fake_sys_deinit(&f.sys);
}

static void a_user_has_neither_mounts_nor_swap(void **state)
{
	static const struct act acts[] = {
		{"mine.service", "active"},
		{"srv-ram.mount", "active", "mounted", .where = "/srv/ram"},
		{"swapfile.swap", "active", .where = "/swapfile"},
		{},
	};
	static const struct fake_file none[] = {{}};
	WB_CLEAN_WORLD world = {};
	struct wb_manager m;
	struct fake f;

	fake_init(&f, acts, none);
	fake_open(&f, 1000, &m, NULL);
	assert_int_equal(wb_world_observe(&f.host, &m, 1000, &world, NULL), 0);
	assert_int_equal(world.n_units, 1);
	assert_string_equal(world.units[0].name, "mine.service");
	fake_sys_deinit(&f.sys);
}

#define NONCE "000102030405060708090a0b0c0d0e0f"

static const char record[] =
	"{\"boot_id\":\"A\",\"nonce\":\"" NONCE "\",\"time\":5,\"worlds\":["
	"{\"uid\":-1,\"units\":["
	"{\"name\":\"b.service\",\"active\":\"active\",\"sub\":\"running\",\"state\":\"disabled\","
	"\"after\":[\"c.service\"]},"
	"{\"name\":\"c.service\",\"active\":\"active\",\"sub\":\"running\",\"state\":\"transient\"}"
	","
	"{\"name\":\"up.service\",\"active\":\"active\",\"sub\":\"running\"}],"
	"\"files\":[{\"path\":\"/run/systemd/transient/c.service\",\"text\":\"[Service]\\n\"}]},"
	"{\"uid\":1000,\"units\":[{\"name\":\"u.service\",\"active\":\"active\",\"sub\":"
	"\"running\","
	"\"state\":\"disabled\"}],\"files\":[]}]}";

static const struct fake_file after_jump[] = {
	{WB_UNITS_PATH, record},
	{WB_RECORD_JUMP, "{\"boot_id\":\"A\",\"nonce\":\"" NONCE "\",\"time\":5}"},
	{"/proc/sys/kernel/random/boot_id", "B\n"},
	{"/proc/cmdline", "warmboot.jump=" NONCE "\n"},
	{},
};

static const struct act after_acts[] = {
	{"up.service", "active"},
	{"b.service", "inactive", "dead", .word = "done", .takes = 3},
	{"c.service", .word = "failed"},
	{"u.service", .word = "done"},
	{"user@1000.service", .word = "done"},
	{},
};

static void a_record_is_replayed(void **state)
{
	WB_CLEAN_RESULTS results = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, after_acts, after_jump);
	f.lingers = "1000";
	assert_int_equal(wb_replay_start(&f.host, false, &results, &err), 0);
	/* The record is marked before anything else. */
	assert_string_equal(f.diary,
		"write 0600 " WB_REPLAY_PATH ", write 0600 " WB_UNITS_PATH ", make c.service, "
		"write /run/systemd/transient/c.service, reload all, "
		"start c.service, start b.service, start "
		"user@1000.service, as user 1000, "
		"start u.service, release all, write 0600 " WB_REPLAY_PATH);
	assert_string_equal(results.boot_id, "B");
	assert_int_equal(results.pid, 0);
	assert_int_equal(results.n, 3);
	assert_string_equal(result_of(&results, "b.service"), "started");
	assert_string_equal(result_of(&results, "c.service"), "failed");
	assert_string_equal(wb_results_find(&results, 1000, "u.service")->result, "started");
	assert_int_equal(results.warnings.n, 0);
	fake_sys_deinit(&f.sys);
}

/* It had been done when the jump was made: once is enough. */
static void what_ended_after_the_record_stays_so(void **state)
{
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_STRV ended = {};
	struct wb_error err = {};
	struct fake f;

	assert_int_equal(wb_strv_add(&ended, "b.service"), 0);
	fake_init(&f, after_acts, after_jump);
	f.host.ended = &ended;
	assert_int_equal(wb_replay_start(&f.host, false, &results, &err), 0);
	assert_non_null(strstr(f.diary, "start c.service"));
	assert_null(strstr(f.diary, "start b.service"));
	assert_null(wb_results_find(&results, -1, "b.service"));
	fake_sys_deinit(&f.sys);
}

#define SECOND 1000000ull

static void no_user_waits_behind_a_unit_that_hangs(void **state)
{
	static const struct act acts[] = {
		{"up.service", "active"},
		{"b.service", .word = "done", .takes = 3},
		{"c.service", .word = NULL},
		{"u.service", .word = NULL, .waiting = true},
		{"user@1000.service", .word = "done"},
		{},
	};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, acts, after_jump);
	f.reload_takes = 30 * SECOND;
	f.lingers = "1000";
	assert_int_equal(wb_replay_start(&f.host, false, &results, NULL), 0);
	/* They get a head start for those that are well, from when these were asked for. */
	assert_int_equal(f.begun_at, 40 * SECOND);
	assert_string_equal(result_of(&results, "b.service"), "started");
	assert_string_equal(result_of(&results, "c.service"), "late");
	/* There is one end for all. */
	assert_string_equal(wb_results_find(&results, 1000, "u.service")->result, "late");
	assert_int_equal(f.ended_at, 300 * SECOND);
	assert_int_equal(f.now, 300 * SECOND);
	fake_sys_deinit(&f.sys);
}

static void remember(void *arg, const struct wb_replay_result *result, const char *warning)
{
	struct fake *f = arg;
	size_t n = strlen(f->told);

	if (warning)
		snprintf(f->told + n, sizeof(f->told) - n, "%s\n", warning);
	else
		snprintf(f->told + n, sizeof(f->told) - n, "%s %d %s after %d\n", result->unit,
			(int)result->uid, result->result, (int)f->now);
}

static void each_end_is_told_when_it_comes(void **state)
{
	WB_CLEAN_RESULTS results = {}, more = {};
	struct fake f;

	fake_init(&f, after_acts, after_jump);
	f.lingers = "1000";
	results.tell = more.tell = remember;
	results.tell_arg = more.tell_arg = &f;
	assert_int_equal(wb_replay_start(&f.host, false, &results, NULL), 0);
	assert_string_equal(f.told, "c.service -1 failed after 0\nb.service -1 started after 3\n"
				    "u.service 1000 started after 3\n");
	/* A failure of a user's unit is reported once, too. */
	f.told[0] = 0;
	f.lingers = NULL;
	f.n_jobs = 0;
	assert_int_equal(wb_replay_start(&f.host, false, &more, NULL), 0);
	assert_non_null(strstr(f.told, "started after 6\nthe units of user 1000 are not started "
				       "again: it does not linger any more\n"));
	assert_ptr_equal(strstr(f.told, "user 1000"), strrchr(f.told, '1') - 5);
	fake_sys_deinit(&f.sys);
}

static void a_user_whose_process_is_lost_is_told(void **state)
{
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, after_acts, after_jump);
	f.lingers = "1000";
	f.mute = true;
	assert_int_equal(wb_replay_start(&f.host, false, &results, NULL), 0);
	assert_string_equal(result_of(&results, "b.service"), "started");
	assert_int_equal(results.warnings.n, 1);
	assert_non_null(strstr(results.warnings.items[0], "user 1000"));
	assert_non_null(strstr(results.warnings.items[0], "no answer"));
	fake_sys_deinit(&f.sys);
}

static void a_full_disk_holds_no_replay_up(void **state)
{
	WB_CLEAN_RESULTS results = {}, none = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, after_acts, after_jump);
	f.lingers = "1000";
	f.no_room = WB_UNITS_PATH;
	f.no_room_error = -ENOSPC;
	assert_int_equal(wb_replay_start(&f.host, false, &results, &err), 0);
	assert_int_equal(results.n, 3);
	assert_int_equal(results.warnings.n, 1);
	assert_non_null(strstr(results.warnings.items[0], "No space left on device"));
	/* Somewhere it has to be put down, or it might come again and again. */
	f.no_room = WB_UNITS_PATH " " WB_REPLAY_PATH;
	f.diary[0] = 0;
	assert_int_equal(wb_replay_start(&f.host, false, &none, &err), -ENOSPC);
	assert_non_null(strstr(err.text, WB_UNITS_PATH));
	assert_string_equal(f.diary, "");
	fake_sys_deinit(&f.sys);
}

static void what_was_noted_in_run_is_not_replayed_again(void **state)
{
	struct fake_file disk[] = {after_jump[0], after_jump[1], after_jump[2], after_jump[3],
		{WB_REPLAY_PATH, "{\"boot_id\":\"B\",\"pid\":77}"}, {}};
	WB_CLEAN_RESULTS results = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, after_acts, disk);
	assert_int_equal(wb_replay_start(&f.host, false, &results, &err), -EALREADY);
	assert_non_null(strstr(err.text, "already"));
	assert_int_equal(wb_replay_generate(&f.host, "/n", "/e", NULL), 0);
	assert_string_equal(f.diary, "");
	fake_sys_deinit(&f.sys);
}

static void a_user_who_lingers_no_more_is_told(void **state)
{
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, after_acts, after_jump);
	assert_int_equal(wb_replay_start(&f.host, false, &results, NULL), 0);
	assert_int_equal(results.warnings.n, 1);
	assert_non_null(strstr(results.warnings.items[0], "user 1000"));
	assert_non_null(strstr(results.warnings.items[0], "linger"));
	fake_sys_deinit(&f.sys);
}

static void another_boot_replays_nothing(void **state)
{
	static const struct fake_file disk[] = {
		{WB_UNITS_PATH, record},
		{WB_RECORD_JUMP, "{\"boot_id\":\"A\",\"nonce\":\"" NONCE "\",\"time\":5}"},
		{"/proc/sys/kernel/random/boot_id", "B\n"},
		{"/proc/cmdline", "quiet\n"},
		{},
	};
	WB_CLEAN_RESULTS results = {}, forced = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, after_acts, disk);
	assert_int_equal(wb_replay_start(&f.host, false, &results, &err), -EALREADY);
	assert_non_null(strstr(err.text, "did not come from the jump"));
	assert_string_equal(f.diary, "");
	assert_int_equal(wb_replay_start(&f.host, true, &forced, &err), 0);
	assert_int_equal(forced.n, 2);
	fake_sys_deinit(&f.sys);
}

static void what_a_recording_writes_can_be_read(void **state)
{
	static const struct act acts[] = {
		{"a.service", "active", .after = "b.service"},
		{"user@1000.service", "active", .state = "static"},
		{},
	};
	static const struct fake_file none[] = {{}};
	struct wb_record jump = {.boot_id = "A", .nonce = "77", .time = 5};
	WB_CLEAN_STRV warnings = {};
	struct fake f;

	fake_init(&f, acts, none);
	f.lingers = "1000";
	assert_int_equal(wb_replay_record(&f.host, &jump, &warnings, NULL), 0);
	assert_int_equal(warnings.n, 0);
	/* The user's file comes first. */
	assert_string_equal(f.diary,
		"as user 1000, write 0600 " WB_USER_UNITS_DIR
		"/1000-5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a.json, write 0600 " WB_UNITS_PATH);
	fake_sys_deinit(&f.sys);
}

static void without_room_for_the_record_there_is_no_jump(void **state)
{
	static const struct act acts[] = {{"a.service", "active"}, {}};
	static const struct fake_file disk[] = {
		{WB_UNITS_PATH, "older"},
		{WB_RECORD_JUMP, "{\"boot_id\":\"A\",\"nonce\":\"" NONCE "\",\"time\":5}"},
		{},
	};
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_BLOB before = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, acts, disk);
	f.no_room = WB_UNITS_PATH;
	f.no_room_error = -ENOSPC;
	assert_int_equal(wb_replay_record_first(&f.host, &before, &warnings, &err), -ENOSPC);
	assert_non_null(strstr(err.text, WB_UNITS_PATH ": No space left on device; make room"));
	assert_string_equal(f.diary, "");
	assert_int_equal(warnings.n, 0);
	/* Where nobody can help it, it goes on, and nothing stale stays. */
	f.no_room_error = -EROFS;
	assert_int_equal(wb_replay_record_first(&f.host, &before, &warnings, &err), 0);
	assert_string_equal(f.diary, "remove " WB_UNITS_PATH);
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.items[0], "are not recorded"));
	/* Refused for another reason after that. */
	f.no_room = NULL;
	f.diary[0] = 0;
	wb_replay_take_back(&f.sys.sys, &before);
	assert_string_equal(f.diary, "write 0600 " WB_UNITS_PATH);
	fake_sys_deinit(&f.sys);
}

static void what_was_on_record_before_is_known(void **state)
{
	static const struct act acts[] = {{"a.service", "active"}, {}};
	struct fake_file disk[] = {{WB_UNITS_PATH, "older"}, after_jump[1], {}};
	WB_CLEAN_BLOB before = {}, none = {};
	WB_CLEAN_STRV warnings = {};
	struct fake f;

	fake_init(&f, acts, disk);
	assert_int_equal(wb_replay_record_first(&f.host, &before, &warnings, NULL), 0);
	assert_string_equal(f.diary, "write 0600 " WB_UNITS_PATH);
	assert_int_equal(before.size, 5);
	assert_memory_equal(before.data, "older", 5);
	f.diary[0] = 0;
	wb_replay_take_back(&f.sys.sys, &none);
	assert_string_equal(f.diary, "remove " WB_UNITS_PATH);
	fake_sys_deinit(&f.sys);
}

static void a_missing_record_is_told(void **state)
{
	static const struct fake_file first_boot[] = {
		{"/proc/sys/kernel/random/boot_id", "B\n"}, {"/proc/cmdline", "quiet\n"}, {}};
	static const char older[] = "{\"boot_id\":\"Z\",\"nonce\":\"77\",\"time\":1,"
				    "\"replayed_boot\":\"A\",\"worlds\":[]}";
	struct fake_file none[] = {after_jump[1], after_jump[2], after_jump[3], {}};
	struct fake_file stale[] = {
		{WB_UNITS_PATH, older}, after_jump[1], after_jump[2], after_jump[3], {}};
	struct fake_file bad[] = {
		{WB_UNITS_PATH, "[]"}, after_jump[1], after_jump[2], after_jump[3], {}};
	static const struct {
		int want;
		const char *why;
	} cases[] = {{-ENODATA, "were not recorded"}, {-ENODATA, "were not recorded"},
		{-ENODATA, "remove it"}, {-ENOENT, ""}};
	const struct fake_file *disks[] = {none, stale, bad, first_boot};

	for (size_t i = 0; i < 4; i++) {
		WB_CLEAN_DIFFERENCES d = {};
		struct wb_error err = {};
		struct fake f;

		fake_init(&f, after_acts, disks[i]);
		assert_int_equal(wb_replay_compare(&f.host, &d, &err), cases[i].want);
		assert_non_null(strstr(err.text, cases[i].why));
		fake_sys_deinit(&f.sys);
	}
}

static void differences_have_reasons(void **state)
{
	static const char replayed[] =
		"{\"boot_id\":\"B\",\"results\":[{\"uid\":-1,\"unit\":\"b.service\",\"result\":"
		"\"started\",\"why\":\"\"},{\"uid\":-1,\"unit\":\"c.service\",\"result\":"
		"\"failed\","
		"\"why\":\"so\"}],\"warnings\":[\"hm\"]}";
	struct fake_file disk[] = {
		after_jump[0],
		after_jump[1],
		after_jump[2],
		after_jump[3],
		{WB_REPLAY_PATH, replayed},
		{},
	};
	WB_CLEAN_DIFFERENCES d = {};
	WB_CLEAN_STR b = NULL;
	WB_CLEAN_STR c = NULL;
	struct fake f;

	fake_init(&f, after_acts, disk);
	assert_int_equal(wb_replay_compare(&f.host, &d, NULL), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.worlds[0].plan.n_start, 2);
	c = wb_difference_why(&d, 0, &d.worlds[0].plan.start[0]);
	b = wb_difference_why(&d, 0, &d.worlds[0].plan.start[1]);
	assert_string_equal(c, "so");
	assert_string_equal(b, "it was started again, and is inactive now (dead)");
	assert_string_equal(d.results.warnings.items[0], "hm");
	fake_sys_deinit(&f.sys);
}

static void what_was_not_replayed_is_told_as_such(void **state)
{
	static const struct act failed[] = {
		{"up.service", "active"}, {"warmboot-replay.service", "failed"}, {}};
	static const struct act starting[] = {
		{"up.service", "active"}, {"warmboot-replay.service", "activating"}, {}};
	static const char note[] = "{\"boot_id\":\"B\",\"pid\":77}";
	static const char comm[] = "/proc/77/comm";
	static const struct {
		const struct act *acts;
		const char *note, *comm, *why;
		bool running;
	} cases[] = {
		{starting, NULL, NULL, "has not started it again yet"},
		{failed, NULL, NULL, "\"warmboot replay start\" repeats"},
		{starting, note, "warmboot\n", "still running", true},
		{failed, note, NULL, "\"warmboot replay start --force\" repeats"},
		/* Another process has its number. */
		{failed, note, "sh\n", "--force"},
		{starting, "{\"boot_id\":\"B\"}", NULL, "it ran when the replay began"},
		/* An earlier boot's, if such a thing could be. */
		{starting, "{\"boot_id\":\"A\"}", NULL, "has not started it again yet"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fake_file disk[] = {after_jump[0], after_jump[1], after_jump[2],
			after_jump[3], {cases[i].note ? WB_REPLAY_PATH : "/x", cases[i].note},
			{cases[i].comm ? comm : "/y", cases[i].comm}, {}};
		WB_CLEAN_DIFFERENCES d = {};
		WB_CLEAN_STR why = NULL;
		struct fake f;

		fake_init(&f, cases[i].acts, disk);
		assert_int_equal(wb_replay_compare(&f.host, &d, NULL), 0);
		assert_int_equal(d.worlds[0].plan.n_start, 2);
		why = wb_difference_why(&d, 0, &d.worlds[0].plan.start[0]);
		assert_non_null(strstr(why, cases[i].why));
		assert_int_equal(d.running, cases[i].running);
		fake_sys_deinit(&f.sys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_told),
		cmocka_unit_test(the_late_hold_nobody_up),
		cmocka_unit_test(it_ends_when_all_time_is_up),
		cmocka_unit_test(a_lost_manager_is_told),
		cmocka_unit_test(runtime_files_are_found),
		cmocka_unit_test(only_unit_directories_are_written_to),
		cmocka_unit_test(files_go_back_and_nothing_is_overwritten),
		cmocka_unit_test(mounts_by_hand_are_written_down),
		cmocka_unit_test(a_world_is_observed),
		cmocka_unit_test(a_user_has_neither_mounts_nor_swap),
		cmocka_unit_test(a_record_is_replayed),
		cmocka_unit_test(what_ended_after_the_record_stays_so),
		cmocka_unit_test(no_user_waits_behind_a_unit_that_hangs),
		cmocka_unit_test(each_end_is_told_when_it_comes),
		cmocka_unit_test(a_user_whose_process_is_lost_is_told),
		cmocka_unit_test(a_full_disk_holds_no_replay_up),
		cmocka_unit_test(what_was_noted_in_run_is_not_replayed_again),
		cmocka_unit_test(what_was_not_replayed_is_told_as_such),
		cmocka_unit_test(a_user_who_lingers_no_more_is_told),
		cmocka_unit_test(another_boot_replays_nothing),
		cmocka_unit_test(what_a_recording_writes_can_be_read),
		cmocka_unit_test(without_room_for_the_record_there_is_no_jump),
		cmocka_unit_test(what_was_on_record_before_is_known),
		cmocka_unit_test(a_missing_record_is_told),
		cmocka_unit_test(differences_have_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
