// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file for each lingering user, on a disk in memory: what happens to one of them costs no other user anything. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-sys.h"
#include "replay/manager.h"
#include "unit.h"

#define USERS_DIR WB_USER_UNITS_DIR
#define MOST_FILES 2200

struct fake {
	int users;      /* who linger, from 1000 on */
	int huge;       /* the user who runs 3,000 units with long names */
	bool next_boot; /* nothing runs yet */
	struct {
		char *path, *text;
		size_t size;
		unsigned mode;
	} disk[MOST_FILES];
	size_t n_disk;
	const char *no_write; /* what the path of a file has in it that cannot be written */
	int no_write_error;
	unsigned dir_mode;
	uint8_t number; /* of the recording */
	struct wb_strv started;
	struct wb_blob *answers; /* of the processes that were begun */
	size_t n_answers;
	struct wb_files files;
	struct fake_sys sys;
	struct wb_replay_host host;
};

/* ---- the disk ---- */

static size_t find(struct fake *f, const char *path)
{
	size_t i = 0;

	while (i < f->n_disk && strcmp(f->disk[i].path, path) != 0)
		i++;
	return i;
}

static int put(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct fake *f = ctx;
	size_t i = find(f, path);

	if (f->no_write && strstr(path, f->no_write))
		return f->no_write_error;
	if (i == f->n_disk) {
		assert_true(f->n_disk < MOST_FILES);
		f->disk[f->n_disk].text = NULL;
		f->disk[f->n_disk++].path = strdup(path);
	}
	free(f->disk[i].text);
	f->disk[i].text = malloc(contents.size + 1);
	assert_true(f->disk[i].path && f->disk[i].text);
	memcpy(f->disk[i].text, contents.data, contents.size);
	f->disk[i].text[contents.size] = 0;
	f->disk[i].size = contents.size;
	f->disk[i].mode = mode;
	return 0;
}

static void put_text(struct fake *f, const char *path, const char *text)
{
	assert_int_equal(
		put(f, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600), 0);
}

static int drop(void *ctx, const char *path)
{
	struct fake *f = ctx;
	size_t i = find(f, path);

	if (i == f->n_disk)
		return 0;
	free(f->disk[i].path);
	free(f->disk[i].text);
	f->disk[i] = f->disk[--f->n_disk];
	return 0;
}

static int fake_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct fake *f = ctx;
	WB_CLEAN_BLOB blob = {};
	size_t i = find(f, path);

	if (i == f->n_disk)
		return wb_fail(err, -ENOENT, "%s is missing", path);
	if (limit && f->disk[i].size > limit)
		return wb_fail(err, -EFBIG, "%s is larger than %zu bytes", path, limit);
	assert_int_equal(wb_blob_append(&blob, f->disk[i].text, f->disk[i].size + 1), 0);
	blob.size--;
	*ret = wb_blob_take(&blob);
	return 0;
}

static int fake_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct fake *f = ctx;
	size_t n = strlen(path);

	for (size_t i = 0; i < f->n_disk; i++)
		if (!strncmp(f->disk[i].path, path, n) && f->disk[i].path[n] == '/')
			assert_int_equal(wb_strv_add(ret, f->disk[i].path + n + 1), 0);
	return ret->n ? 0 : -ENOENT;
}

static bool fake_exists(void *ctx, const char *path)
{
	struct fake *f = ctx;

	return find(f, path) < f->n_disk;
}

static int fake_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	return -EINVAL;
}

static int fake_make_dir(void *ctx, const char *path, unsigned mode)
{
	assert_string_equal(path, USERS_DIR);
	((struct fake *)ctx)->dir_mode = mode;
	return 0;
}

static int fake_random(void *ctx, void *ret, size_t n)
{
	memset(ret, ++((struct fake *)ctx)->number, n);
	return 0;
}

static uint64_t fake_mono(void *ctx)
{
	return 1;
}

/* ---- managers and processes ---- */

struct manager {
	struct fake *f;
	int64_t uid;
};

static void runs(wb_unit_add *add, void *arg, const char *name)
{
	struct wb_unit *u;

	assert_int_equal(add(arg, name, &u), 0);
	u->active = strdup("active");
	u->sub = strdup("running");
	assert_true(u->active && u->sub);
}

static int list_units(void *ctx, wb_unit_add *add, void *arg, struct wb_error *err)
{
	struct manager *m = ctx;
	char name[250];

	if (m->f->next_boot)
		return 0;
	if (m->uid < 0)
		runs(add, arg, "sys.service");
	for (int i = 0; m->uid < 0 && i < m->f->users; i++) {
		snprintf(name, sizeof(name), "user@%d.service", 1000 + i);
		runs(add, arg, name);
	}
	if (m->uid >= 0) {
		snprintf(name, sizeof(name), "only-%d.service", (int)m->uid);
		runs(add, arg, name);
	}
	for (int i = 0; m->uid == m->f->huge && i < 3000; i++) {
		snprintf(name, sizeof(name), "%0230d.service", i);
		runs(add, arg, name);
	}
	return 0;
}

static int facts(void *ctx, struct wb_unit *u, struct wb_unit_facts *ret, struct wb_error *err)
{
	u->state = strdup(strncmp(u->name, "user@", 5) ? "disabled" : "static");
	return u->state ? 0 : -ENOMEM;
}

static int start(void *ctx, const char *unit, char **ret_job, struct wb_error *err)
{
	struct manager *m = ctx;

	assert_int_equal(wb_strv_addf(&m->f->started, "%d:%s", (int)m->uid, unit), 0);
	*ret_job = strdup("/job");
	return *ret_job ? 0 : -ENOMEM;
}

static int wait_job(
	void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err)
{
	*ret_job = strdup("/job");
	*ret_result = strdup("done");
	return *ret_job && *ret_result ? 1 : -ENOMEM;
}

static uint64_t now_usec(void *ctx)
{
	return 1;
}

static int fake_open(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	struct manager *m = malloc(sizeof(*m));

	assert_non_null(m);
	*m = (struct manager){ctx, uid};
	*ret = (struct wb_manager){.ctx = m,
		.list = list_units,
		.facts = facts,
		.start = start,
		.wait = wait_job,
		.now_usec = now_usec,
		.close = free};
	return 0;
}

static bool fake_lingers(void *ctx, uint32_t uid)
{
	return true;
}

static struct wb_blob *new_answer(struct fake *f, struct wb_child *ret)
{
	f->answers = reallocarray(f->answers, f->n_answers + 1, sizeof(*f->answers));
	assert_non_null(f->answers);
	f->answers[f->n_answers] = (struct wb_blob){};
	ret->fd = (int)f->n_answers;
	return &f->answers[f->n_answers++];
}

static int fake_ask(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
	struct wb_child *ret, struct wb_error *err)
{
	struct fake *f = ctx;

	*ret = (struct wb_child){.uid = uid};
	return wb_user_task_run(&f->host, uid, task, new_answer(f, ret), err);
}

static int fake_begin(void *ctx, uint32_t uid, unsigned seconds, wb_beside_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	struct fake *f = ctx;
	WB_CLEAN_BLOB answer = {};
	int r = job(arg, &answer, err);

	*ret = (struct wb_child){.uid = uid};
	*new_answer(f, ret) = wb_blob_take(&answer);
	return r;
}

static int fake_finish(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	*ret = wb_blob_take(&((struct fake *)ctx)->answers[child->fd]);
	return 0;
}

static void fake_init(struct fake *f, int users)
{
	static const struct fake_file none[] = {{}};

	*f = (struct fake){.users = users, .huge = -2};
	fake_sys_init(&f->sys, none);
	f->files = (struct wb_files){.ctx = f,
		.read = fake_read,
		.list = fake_list,
		.exists = fake_exists,
		.readlink = fake_readlink};
	f->sys.sys.ctx = f;
	f->sys.sys.files = &f->files;
	f->sys.sys.random = fake_random;
	f->sys.sys.write_file = put;
	f->sys.sys.remove_file = drop;
	f->sys.sys.make_dir = fake_make_dir;
	f->sys.sys.mono_ns = fake_mono;
	f->host = (struct wb_replay_host){.sys = &f->sys.sys,
		.ctx = f,
		.open = fake_open,
		.lingers = fake_lingers,
		.ask = fake_ask,
		.begin = fake_begin,
		.finish = fake_finish};
	put_text(f, WB_RECORD_JUMP, "{\"boot_id\":\"A\",\"time\":5}");
}

static void fake_deinit(struct fake *f)
{
	while (f->n_disk)
		drop(f, f->disk[0].path);
	for (size_t i = 0; i < f->n_answers; i++)
		wb_blob_deinit(&f->answers[i]);
	free(f->answers);
	wb_strv_deinit(&f->started);
	fake_sys_deinit(&f->sys);
}

/* ---- what the tests ask ---- */

static void record(struct fake *f, struct wb_strv *warnings)
{
	const struct wb_record jump = {.boot_id = "A", .time = 5};
	struct wb_error err = {};

	if (wb_replay_record(&f->host, &jump, warnings, &err) < 0)
		fail_msg("%s", err.text);
}

static void record_without_a_word(struct fake *f)
{
	WB_CLEAN_STRV warnings = {};

	record(f, &warnings);
	if (warnings.n)
		fail_msg("%s", warnings.items[0]);
}

static void jump(struct fake *f)
{
	f->next_boot = true;
	put_text(f, "/proc/sys/kernel/random/boot_id", "B\n");
	put_text(f, "/proc/sys/kernel/bootloader_type", "208\n");
}

static void replay(struct fake *f, struct wb_results *ret)
{
	struct wb_error err = {};

	if (wb_replay_start(&f->host, false, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* The file that holds the name of the unit that only this user runs. */
static size_t file_of(struct fake *f, int uid)
{
	char name[64];
	size_t i = 0;

	snprintf(name, sizeof(name), "only-%d.service", uid);
	while (i < f->n_disk && !strstr(f->disk[i].text, name))
		i++;
	assert_true(i < f->n_disk);
	return i;
}

static size_t count_files(struct fake *f)
{
	WB_CLEAN_STRV names = {};

	fake_list(f, USERS_DIR, &names, NULL);
	return names.n;
}

static void assert_started(struct fake *f, const char *unit, bool want)
{
	if (wb_strv_has(&f->started, unit) != want)
		fail_msg("%s was %sstarted", unit, want ? "not " : "");
}

/* ---- the tests ---- */

static void replace(struct fake *f, int uid, const char *text, size_t size)
{
	WB_CLEAN_STR path = strdup(f->disk[file_of(f, uid)].path);

	assert_non_null(path);
	assert_int_equal(put(f, path, (struct wb_bytes){(const uint8_t *)text, size}, 0600), 0);
}

static void half(struct fake *f)
{
	size_t i = file_of(f, 1001);

	f->disk[i].size /= 2;
	f->disk[i].text[f->disk[i].size] = 0;
}

static void none(struct fake *f)
{
	drop(f, f->disk[file_of(f, 1001)].path);
}

static void too_large(struct fake *f)
{
	char *text = malloc(2u << 20);

	assert_non_null(text);
	memset(text, ' ', 2u << 20);
	replace(f, 1001, text, 2u << 20);
	free(text);
}

static void of_another_user(struct fake *f)
{
	WB_CLEAN_STR text = strdup(f->disk[file_of(f, 1000)].text);

	assert_non_null(text);
	replace(f, 1001, text, strlen(text));
}

/* All that a manager could have said, but not what it did say. */
static void of_another_jump(struct fake *f)
{
	static const char text[] = "{\"uid\":1001,\"units\":[{\"name\":\"x.service\",\"active\":"
				   "\"active\",\"state\":\"disabled\"}],\"files\":[]}";

	replace(f, 1001, text, sizeof(text) - 1);
}

static void what_happens_to_a_users_file_costs_that_user_only(void **state)
{
	static const struct {
		void (*harm)(struct fake *f);
		const char *want;
	} cases[] = {{half, "is damaged, or was written for another jump"}, {none, "is missing"},
		{too_large, "is larger than 1048576 bytes"}, {of_another_user, "is damaged, or"},
		{of_another_jump, "is damaged, or was written for another jump"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_RESULTS results = {};
		WB_CLEAN_DIFFERENCES before = {}, after = {};
		struct wb_error err = {};
		struct fake f;

		fake_init(&f, 3);
		record_without_a_word(&f);
		cases[i].harm(&f);
		jump(&f);
		assert_int_equal(wb_replay_compare(&f.host, &before, &err), 0);
		assert_int_equal(before.n, 3);
		assert_int_equal(before.results.warnings.n, 1);
		assert_non_null(strstr(before.results.warnings.items[0],
			"the units of user 1001 before the jump are not known: " USERS_DIR
			"/1001-"));
		replay(&f, &results);
		assert_started(&f, "-1:sys.service", true);
		assert_started(&f, "1000:only-1000.service", true);
		assert_started(&f, "1002:only-1002.service", true);
		assert_started(&f, "1001:only-1001.service", false);
		assert_started(&f, "1001:x.service", false);
		assert_int_equal(results.warnings.n, 1);
		assert_non_null(strstr(results.warnings.items[0],
			"the units of user 1001 are not started again: " USERS_DIR "/1001-"));
		if (!strstr(results.warnings.items[0], cases[i].want))
			fail_msg("%s", results.warnings.items[0]);
		/* It is told once. */
		assert_int_equal(wb_replay_compare(&f.host, &after, &err), 0);
		assert_int_equal(after.results.warnings.n, 1);
		assert_string_equal(after.results.warnings.items[0], results.warnings.items[0]);
		fake_deinit(&f);
	}
}

static void each_user_has_a_file(void **state)
{
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_DIFFERENCES d = {};
	struct wb_error err = {};
	struct fake f;
	const char *text;

	fake_init(&f, 3);
	record_without_a_word(&f);
	assert_int_equal(f.dir_mode, 0700);
	assert_int_equal(count_files(&f), 3);
	for (int uid = 1000; uid < 1003; uid++) {
		char path[128];

		snprintf(path, sizeof(path), USERS_DIR "/%d-01010101010101010101010101010101.json",
			uid);
		assert_string_equal(f.disk[file_of(&f, uid)].path, path);
		assert_int_equal(f.disk[file_of(&f, uid)].mode, 0600);
	}
	text = f.disk[find(&f, WB_UNITS_PATH)].text;
	assert_non_null(strstr(text, "sys.service"));
	assert_null(strstr(text, "only-"));
	jump(&f);
	replay(&f, &results);
	assert_int_equal(results.warnings.n, 0);
	assert_started(&f, "1000:only-1000.service", true);
	assert_started(&f, "1001:only-1001.service", true);
	assert_started(&f, "1002:only-1002.service", true);
	/* That it was replayed is put down, and the files stay to be compared with. */
	text = f.disk[find(&f, WB_UNITS_PATH)].text;
	assert_non_null(strstr(text, "replayed_boot"));
	assert_null(strstr(text, "only-"));
	assert_int_equal(wb_replay_compare(&f.host, &d, &err), 0);
	assert_int_equal(d.n, 4);
	assert_int_equal(d.results.warnings.n, 0);
	fake_deinit(&f);
}

static void one_users_size_is_cut_and_told(void **state)
{
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, 3);
	f.huge = 1001;
	record(&f, &warnings);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"1001 units and unit files of user 1001 are not recorded: more than the 1024 KiB "
		"that a user has room for");
	assert_true(f.disk[file_of(&f, 1001)].size <= WB_USER_LARGEST);
	jump(&f);
	replay(&f, &results);
	assert_int_equal(results.warnings.n, 0);
	assert_started(&f, "1000:only-1000.service", true);
	assert_started(&f, "1001:only-1001.service", true);
	assert_started(&f, "1002:only-1002.service", true);
	fake_deinit(&f);
}

static void the_number_of_users_is_bounded(void **state)
{
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, WB_USERS_MOST + 3);
	record(&f, &warnings);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"the units of 3 users are not recorded: a record has room for 1000 users");
	assert_int_equal(count_files(&f), WB_USERS_MOST);
	jump(&f);
	replay(&f, &results);
	assert_started(&f, "1999:only-1999.service", true);
	assert_started(&f, "2000:only-2000.service", false);
	fake_deinit(&f);
}

static void files_that_no_record_names_go(void **state)
{
	struct fake f;

	fake_init(&f, 2);
	put_text(&f, USERS_DIR "/1000-00000000000000000000000000000000.json", "stray");
	put_text(&f, USERS_DIR "/.warmboot-0000000000000000", "half-written");
	record_without_a_word(&f);
	assert_int_equal(count_files(&f), 2);
	/* Those of the record that is replaced stay: the jump may be refused. */
	record_without_a_word(&f);
	assert_int_equal(count_files(&f), 4);
	record_without_a_word(&f);
	assert_int_equal(count_files(&f), 4);
	/* A record that is damaged names none. */
	put_text(&f, WB_UNITS_PATH, "[]");
	f.users = 1;
	record_without_a_word(&f);
	assert_int_equal(count_files(&f), 1);
	fake_deinit(&f);
}

static void a_record_that_is_taken_back_takes_its_files_along(void **state)
{
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_BLOB nothing = {}, before = {};
	struct wb_error err = {};
	WB_CLEAN_UNITS units = {};
	struct fake f;

	fake_init(&f, 3);
	assert_int_equal(wb_replay_record_first(&f.host, &nothing, &warnings, &err), 0);
	assert_int_equal(count_files(&f), 3);
	wb_replay_take_back(&f.sys.sys, &nothing);
	assert_int_equal(count_files(&f), 0);
	assert_false(fake_exists(&f, WB_UNITS_PATH));
	/* With a record before it. */
	f.users = 2;
	record_without_a_word(&f);
	f.users = 3;
	assert_int_equal(wb_replay_record_first(&f.host, &before, &warnings, &err), 0);
	assert_int_equal(count_files(&f), 5);
	wb_replay_take_back(&f.sys.sys, &before);
	assert_int_equal(count_files(&f), 2);
	assert_int_equal(wb_units_read(&f.files, &units, &err), 0);
	assert_int_equal(wb_user_files_read(&f.files, &units, &err), 0);
	assert_int_equal(units.n_worlds, 3);
	/* One that cannot be put back is gone, with all its files. */
	f.no_write = WB_UNITS_PATH;
	f.no_write_error = -EROFS;
	wb_replay_take_back(&f.sys.sys, &before);
	assert_int_equal(count_files(&f), 0);
	assert_int_equal(warnings.n, 0);
	fake_deinit(&f);
}

/* Both for a user's file and for the record, after all users' files. */
static void without_room_for_a_file_there_is_no_jump(void **state)
{
	static const struct {
		const char *path, *want;
		int error;
	} cases[] = {
		{USERS_DIR "/1001-", USERS_DIR "/1001-", -ENOSPC},
		{USERS_DIR "/1001-", USERS_DIR "/1001-", -EDQUOT},
		{WB_UNITS_PATH, WB_UNITS_PATH, -ENOSPC},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STRV warnings = {};
		WB_CLEAN_BLOB before = {};
		WB_CLEAN_STR was = NULL;
		struct wb_error err = {};
		struct fake f;

		fake_init(&f, 2);
		record_without_a_word(&f);
		was = strdup(f.disk[find(&f, WB_UNITS_PATH)].text);
		assert_non_null(was);
		f.users = 12;
		f.no_write = cases[i].path;
		f.no_write_error = cases[i].error;
		assert_int_equal(
			wb_replay_record_first(&f.host, &before, &warnings, &err), cases[i].error);
		assert_non_null(strstr(err.text, cases[i].want));
		assert_non_null(strstr(err.text, "make room there and try again"));
		assert_string_equal(f.disk[find(&f, WB_UNITS_PATH)].text, was);
		assert_int_equal(count_files(&f), 2);
		assert_int_equal(before.size, 0);
		assert_int_equal(warnings.n, 0);
		fake_deinit(&f);
	}
}

/* A fault in one file affects only that user. */
static void a_file_that_cannot_be_written_costs_its_user(void **state)
{
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, 3);
	f.no_write = USERS_DIR "/1001-";
	f.no_write_error = -EIO;
	record(&f, &warnings);
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.items[0],
		"the units of user 1001 are not recorded: cannot write " USERS_DIR "/1001-"));
	assert_int_equal(count_files(&f), 2);
	jump(&f);
	replay(&f, &results);
	assert_int_equal(results.warnings.n, 0);
	assert_started(&f, "1000:only-1000.service", true);
	assert_started(&f, "1002:only-1002.service", true);
	fake_deinit(&f);
}

static void the_record_of_an_earlier_version_is_read(void **state)
{
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_DIFFERENCES d = {};
	struct wb_error err = {};
	struct fake f;

	fake_init(&f, 2);
	put_text(&f, WB_UNITS_PATH,
		"{\"boot_id\":\"A\",\"time\":5,\"worlds\":[{\"uid\":-1,\"units\":[{\"name\":"
		"\"sys.service\",\"active\":\"active\",\"state\":\"disabled\"}],\"files\":[]},"
		"{\"uid\":1000,\"units\":[{\"name\":\"only-1000.service\",\"active\":\"active\","
		"\"state\":\"disabled\"}],\"files\":[]}]}");
	jump(&f);
	replay(&f, &results);
	assert_int_equal(results.warnings.n, 0);
	assert_started(&f, "-1:sys.service", true);
	assert_started(&f, "1000:only-1000.service", true);
	/* It stays what it is, but for the mark. */
	assert_non_null(strstr(f.disk[find(&f, WB_UNITS_PATH)].text, "replayed_boot"));
	assert_non_null(strstr(f.disk[find(&f, WB_UNITS_PATH)].text, "only-1000.service"));
	assert_int_equal(wb_replay_compare(&f.host, &d, &err), 0);
	assert_int_equal(d.n, 2);
	fake_deinit(&f);
}

#define ID "\"files_id\":\"00112233445566778899aabbccddeeff\""
#define SHA "\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define USER "{\"uid\":1,\"size\":2," SHA "}"

static void what_is_no_list_of_files_is_refused(void **state)
{
	static const char good[] = "{\"worlds\":[]," ID ",\"users\":[" USER "]}";
	static const char *const bad[] = {
		"{\"worlds\":[],\"users\":[" USER "]}",
		"{\"worlds\":[],\"files_id\":\"../../../../../../etc/shadow\",\"users\":[" USER
		"]}",
		"{\"worlds\":[]," ID ",\"users\":[{}]}",
		"{\"worlds\":[]," ID ",\"users\":[{\"uid\":-1,\"size\":2," SHA "}]}",
		"{\"worlds\":[]," ID ",\"users\":[{\"uid\":1,\"size\":-2," SHA "}]}",
		"{\"worlds\":[]," ID ",\"users\":[{\"uid\":1,\"size\":2,\"sha256\":\"00\"}]}",
		"{\"worlds\":[]," ID ",\"users\":[" USER "," USER "]}",
		"{\"worlds\":[{\"uid\":1}]," ID ",\"users\":[" USER "]}",
	};
	WB_CLEAN_UNITS fine = {};

	assert_int_equal(wb_units_parse((struct wb_bytes){(const uint8_t *)good, strlen(good)}, "x",
				 &fine, NULL),
		0);
	assert_int_equal(fine.n_users, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		WB_CLEAN_UNITS units = {};
		struct wb_error err = {};

		if (wb_units_parse((struct wb_bytes){(const uint8_t *)bad[i], strlen(bad[i])}, "x",
			    &units, &err) != -EBADMSG)
			fail_msg("%s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_happens_to_a_users_file_costs_that_user_only),
		cmocka_unit_test(each_user_has_a_file),
		cmocka_unit_test(one_users_size_is_cut_and_told),
		cmocka_unit_test(the_number_of_users_is_bounded),
		cmocka_unit_test(files_that_no_record_names_go),
		cmocka_unit_test(a_record_that_is_taken_back_takes_its_files_along),
		cmocka_unit_test(without_room_for_a_file_there_is_no_jump),
		cmocka_unit_test(a_file_that_cannot_be_written_costs_its_user),
		cmocka_unit_test(the_record_of_an_earlier_version_is_read),
		cmocka_unit_test(what_is_no_list_of_files_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
