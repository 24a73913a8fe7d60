// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/json.h"
#include "cmd/load.h"
#include "jump/record.h"
#include "store/hold.h"
#include "store/region.h"
#include "store/state.h"
#include "store/store.h"
#include "sys/machine.h"

enum { OPT_BACKEND = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_BACKEND, 0, "backend", .values = "carve|pmem|disk",
		.help = "put: where the store shall lie (default carve, or pmem where a region is "
			"set "
			"aside)"},
	{},
};

/* ---- status ---- */

static void print_store(const char *what, const struct wb_store *s, const struct wb_error *err)
{
	struct wb_store_info info;

	if (!s) {
		printf("%-16s%s\n", what, err->code == -ENOENT ? "none" : err->text);
		return;
	}
	info = wb_store_info(s);
	printf("%-16s%s, %.1f of %.1f MiB in %zu object%s%s\n", what, info.backend,
		info.used / 1048576.0, info.size / 1048576.0, info.objects,
		info.objects == 1 ? "" : "s", info.sealed ? "" : ", not sealed");
}

static json_t *store_json(const struct wb_store *s, const struct wb_error *err)
{
	struct wb_store_object o;
	struct wb_store_info info;
	json_t *objects, *name;
	char nonce[33];

	if (!s)
		return err->code == -ENOENT ? json_null() : json_pack("{s:s}", "error", err->text);
	info = wb_store_info(s);
	objects = json_array();
	for (size_t i = 0; wb_store_object(s, i, &o); i++) {
		/* A file's name need not be UTF-8. */
		name = json_string(o.name);
		json_array_append_new(
			objects, json_pack("{s:o, s:I}", "name", name ? name : json_null(), "size",
					 (json_int_t)o.size));
	}
	wb_nonce_hex(info.nonce, nonce);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:b, s:o}", "backend", info.backend, "size",
		(json_int_t)info.size, "used", (json_int_t)info.used, "address",
		(json_int_t)info.header, "nonce", nonce, "sealed", info.sealed, "objects", objects);
}

static int run_status(const struct cmd_args *args)
{
	const struct wb_store_env *env = wb_store_env_real();
	struct wb_error next_err = {}, before_err = {}, region_err = {};
	WB_CLEAN_STORE next = NULL;
	WB_CLEAN_STORE before = NULL;
	struct wb_store_region region;
	bool has_region, in_force;

	wb_store_open(env, &next, &next_err);
	wb_store_attach(env, &before, &before_err);
	has_region = wb_store_region_read(env->sys->files, &region, &region_err) == 0;
	in_force = has_region && wb_store_region_in_force(env->sys->files, &region);
	if (cmd_has(args, OPT_JSON)) {
		json_t *json = json_pack("{s:o, s:o, s:o}", "next", store_json(next, &next_err),
			"before", store_json(before, &before_err), "region",
			has_region ? json_pack("{s:I, s:I, s:b}", "start", (json_int_t)region.start,
					     "size", (json_int_t)region.size, "in_force", in_force)
				   : json_null());

		cmd_print_json(json);
		return CMD_DONE;
	}
	print_store("next jump:", next, &next_err);
	print_store("last jump:", before, &before_err);
	if (has_region)
		printf("%-16s%" PRIu64 " MiB at %#" PRIx64 ", %s\n", "region:", region.size >> 20,
			region.start, in_force ? "in force" : "from the next jump on");
	else if (region_err.code == -ENOENT && wb_store_region_running(env->sys->files, 0, &region))
		printf("%-16s%" PRIu64 " MiB at %#" PRIx64 ", given back at the next jump\n",
			"region:", region.size >> 20, region.start);
	else
		printf("%-16s%s\n",
			"region:", region_err.code == -ENOENT ? "none" : region_err.text);
	return CMD_DONE;
}

/* ---- reserve ---- */

/* "512M", "2G", bytes. */
static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - units + 1);

		if (v > INT64_MAX >> shift)
			return false;
		v <<= shift;
		end++;
	}
	*ret = v;
	return !*end;
}

static int reserve(const char *text, struct wb_error *err)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_store_region region, old;
	WB_CLEAN_MACHINE machine = {};
	uint64_t size;
	int r;

	if (!read_size(text, &size))
		return wb_fail(
			err, -EINVAL, "\"%s\" is no size: write 512M, 2G, or 0 for none", text);
	/* A unit that was forgotten, most likely. */
	if (size && size < 1 << 20)
		return wb_fail(err, -EINVAL,
			"\"%s\" are %" PRIu64
			" bytes, less than a store can do with: write 512M or 2G",
			text, size);
	if (!size)
		return wb_store_region_write(sys, NULL, err);
	/* The one that is there is as good as any, and moving it would cost another jump. */
	if (wb_store_region_read(sys->files, &old, NULL) == 0 &&
		wb_store_region_in_force(sys->files, &old) &&
		old.size == wb_align_up(size, WB_STORE_PAGE))
		return 0;
	r = wb_machine_read(sys->files, &machine, err);
	if (r == 0)
		r = wb_store_region_choose(&machine, size, &region, err);
	if (r == 0)
		r = wb_store_region_write(sys, &region, err);
	return r;
}

static int run_reserve(const struct cmd_args *args)
{
	struct wb_store_region region;
	struct wb_error err = {};
	char word[64];
	int r = reserve(args->words[1], &err);

	if (r == -EINVAL)
		return cmd_misused(args, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	if (wb_store_region_read(wb_sys_real()->files, &region, NULL) < 0) {
		puts("No region will be set aside from the next jump on.");
		return CMD_DONE;
	}
	wb_store_region_word(&region, word);
	if (wb_store_region_in_force(wb_sys_real()->files, &region))
		printf("The region is in force (%s).\n", word);
	else
		printf("Every kernel that warmboot loads from now on is told to set a region aside "
		       "(%s).\nIt is there after the next jump.\n",
			word);
	return CMD_DONE;
}

/* ---- put, get ---- */

static int file_size(const char *path, uint64_t *ret, struct wb_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return wb_fail(err, -EINVAL, "%s is no regular file", path);
	*ret += wb_align_up((uint64_t)st.st_size, 4096);
	return 0;
}

/* Straight into the store. */
static int copy_in(struct wb_store_writer *w, int fd, const char *path, struct wb_error *err)
{
	for (;;) {
		uint8_t *to;
		size_t room;
		ssize_t got;
		int r = wb_store_space(w, &to, &room, err);

		if (r < 0)
			return r;
		got = read(fd, to, room > (256 << 10) ? 256 << 10 : room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
		if (got == 0)
			return 0;
		wb_store_commit(w, (size_t)got);
	}
}

static int put_file(struct wb_store *s, const char *path, struct wb_error *err)
{
	struct wb_store_writer *w;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	r = wb_store_begin(s, path, &w, err);
	if (r == 0) {
		r = copy_in(w, fd, path, err);
		if (r == 0)
			r = wb_store_end(w, err);
		else
			wb_store_abort(w);
	}
	close(fd);
	return r;
}

static int put_files(const char *backend, const char **paths, size_t n, struct wb_error *err)
{
	const struct wb_store_env *env = wb_store_env_real();
	struct wb_store_region region;
	WB_CLEAN_STORE s = NULL;
	uint64_t size = 4096;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = file_size(paths[i], &size, err);
	if (r < 0)
		return r;
	/* Memory that lies idle otherwise. */
	if (!backend && wb_store_region_read(env->sys->files, &region, NULL) == 0 &&
		wb_store_region_in_force(env->sys->files, &region))
		backend = "pmem";
	r = wb_store_create(env, backend, size, &s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_file(s, paths[i], err);
	if (r == 0)
		r = wb_store_seal(s, err);
	if (r < 0)
		wb_store_drop(env, NULL);
	return r;
}

static int run_put(const struct cmd_args *args)
{
	struct wb_error err = {};

	if (put_files(cmd_get(args, OPT_BACKEND), args->words + 1, args->n_words - 1, &err) < 0)
		return cmd_fail(args, &err);
	puts("The store is ready: stage a kernel now, and it will find the store (\"warmboot "
	     "reboot\" "
	     "does both).");
	return CMD_DONE;
}

/* Is standard output somewhere that takes it all? */
static int copy_out(struct wb_store *s, const char *name, struct wb_error *err)
{
	struct wb_store_reader reader;
	struct wb_bytes piece;
	int r = wb_store_get(s, name, &reader, err);

	if (r < 0)
		return r;
	fflush(stdout);
	while (wb_store_next(&reader, &piece))
		while (piece.size) {
			ssize_t put = write(STDOUT_FILENO, piece.data, piece.size);

			if (put < 0 && errno == EINTR)
				continue;
			if (put < 0)
				return wb_fail(err, -errno, "cannot write \"%s\" out: %s", name,
					strerror(errno));
			piece.data += put;
			piece.size -= (size_t)put;
		}
	return 0;
}

static int run_get(const struct cmd_args *args)
{
	WB_CLEAN_STORE s = NULL;
	struct wb_error err = {};
	int r = wb_store_attach(wb_store_env_real(), &s, &err);

	for (size_t i = 1; i < args->n_words && r == 0; i++)
		r = copy_out(s, args->words[i], &err);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

static int run_check(const struct cmd_args *args)
{
	WB_CLEAN_STORE s = NULL;
	struct wb_error err = {};
	int r = wb_store_attach(wb_store_env_real(), &s, &err);

	if (r == 0)
		r = wb_store_check(s, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	printf("All %zu objects of the store are as they were put in.\n", wb_store_info(s).objects);
	return CMD_DONE;
}

/* ---- the end of a store ---- */

static int run_wipe(const struct cmd_args *args)
{
	struct wb_error err = {};

	return wb_store_wipe_any(wb_store_env_real(), &err) < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

static int run_drop(const struct cmd_args *args)
{
	struct wb_error err = {};

	bool held = wb_sys_real()->files->exists(NULL, WB_STORE_STATE);
	bool staged = held && cmd_is_loaded(wb_sys_real()) && cmd_store_is_staged(wb_sys_real());

	if (wb_store_drop(wb_store_env_real(), &err) < 0)
		return cmd_fail(args, &err);
	if (staged)
		puts("The kernel that is loaded still leaves the store's memory alone: load it "
		     "again.");
	return CMD_DONE;
}

/* Called by warmboot-store.service, or by nobody's init: stays until the jump. */
static int run_hold(const struct cmd_args *args)
{
	struct wb_error err = {};
	int null;

	if (wb_store_hold(wb_store_env_real(), &err) < 0)
		return cmd_fail(args, &err);
	sd_notify(1, "READY=1\nSTATUS=Holding memory for the next jump");
	/* Whoever started this without an init waits for its standard output to end. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	for (;;)
		pause();
}

static const struct verb {
	const char *name;
	size_t min, max; /* words behind it */
	const char *takes;
	int not_for[3]; /* options that it does not know */
	int (*run)(const struct cmd_args *args);
} verbs[] = {
	{"status", 0, 0, "no argument", {OPT_BACKEND}, run_status},
	{"reserve", 1, 1, "one SIZE", {OPT_BACKEND, OPT_JSON}, run_reserve},
	{"put", 1, SIZE_MAX, "at least one FILE", {OPT_JSON}, run_put},
	{"get", 1, SIZE_MAX, "at least one NAME (\"warmboot store status --json\" has them)",
		{OPT_BACKEND, OPT_JSON}, run_get},
	{"check", 0, 0, "no argument", {OPT_BACKEND, OPT_JSON}, run_check},
	{"wipe", 0, 0, "no argument", {OPT_BACKEND, OPT_JSON}, run_wipe},
	{"drop", 0, 0, "no argument", {OPT_BACKEND, OPT_JSON}, run_drop},
	{"hold", 0, 0, "no argument", {OPT_BACKEND, OPT_JSON}, run_hold},
};

static int refuse_user(const struct cmd_args *args)
{
	struct wb_error err = {};

	wb_fail(&err, -EPERM, "only root can use the store; use sudo");
	return cmd_fail(args, &err);
}

static int run_store(const struct cmd_args *args)
{
	const char *name = args->n_words ? args->words[0] : "status";
	size_t more = args->n_words ? args->n_words - 1 : 0;
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].name, name))
			continue;
		if (more < verbs[i].min || more > verbs[i].max)
			wb_fail(&err, -EINVAL, "store %s takes %s", name, verbs[i].takes);
		else if (cmd_none_of(args, verbs[i].not_for, name, &err) == 0)
			return geteuid() && verbs[i].run != run_status ? refuse_user(args)
								       : verbs[i].run(args);
		return cmd_misused(args, &err);
	}
	wb_fail(&err, -EINVAL, "store knows no \"%s\"", name);
	return cmd_misused(args, &err);
}

const struct cmd_row cmd_store = {
	.name = "store",
	.args = "status|reserve|put|get|check|wipe|drop",
	.max_args = SIZE_MAX,
	.help = "carry files over the next jump in memory, and see to the memory for it",
	.notes = "store status            what is held for the next jump, and what the last one "
		 "brought\n"
		 "store put FILE...       hold memory, and put these files into it\n"
		 "store get NAME...       in the kernel after: check them, and write them out\n"
		 "store check             check all that the last jump brought\n"
		 "store wipe              zero all of it\n"
		 "store drop              give back what is held for the next jump\n"
		 "store reserve SIZE      set a region of memory aside from the next jump on, for "
		 "--backend=pmem,\n"
		 "                        which works with --method=file too; 0: none\n\n"
		 "carve takes memory of the running system (fast and segments methods), pmem the "
		 "region that is\n"
		 "set aside, disk a file: only there do the contents reach a disk.",
	.options = {own_options, cmd_json_option},
	.run = run_store,
};
