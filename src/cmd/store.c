// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot store: files that a user carries over the jump, and the state of the stores. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "cmd/store.h"
#include "core/text.h"
#include "files/plain.h"
#include "store/backend.h"
#include "store/guest-memory.h"
#include "store/hold.h"
#include "store/state.h"
#include "systemd/notify.h"

enum { OPT_BACKEND = OPT_OWN, OPT_FOR };

static const struct cmd_option own_options[] = {
	{OPT_BACKEND, 0, "backend", .values = WB_STORE_NAMES,
		.help = "put: where the store shall lie (default " WB_STORE_DEFAULT ")"},
	{OPT_FOR, 0, "for", .values = "store|vm",
		.help = "reserve: what the region is for (default store)"},
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
	wb_hex_write(info.nonce, 16, nonce);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:b, s:o}", "backend", info.backend, "size",
		(json_int_t)info.size, "used", (json_int_t)info.used, "address",
		(json_int_t)info.header, "nonce", nonce, "sealed", info.sealed, "objects", objects);
}

static int run_status(const struct cmd_args *args)
{
	const struct wb_store_env *env = wb_store_env_real();
	struct wb_error next_err = {}, before_err = {};
	WB_CLEAN_STORE next = NULL;
	WB_CLEAN_STORE before = NULL;

	wb_store_open(env, &next, &next_err);
	wb_store_attach(env, &before, &before_err);
	if (cmd_has(args, OPT_JSON)) {
		json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "next",
			store_json(next, &next_err), "before", store_json(before, &before_err),
			"region", cmd_region_json(env->sys->files, WB_REGION_STORE), "vm_region",
			cmd_region_json(env->sys->files, WB_REGION_VM));

		cmd_print_json(json);
		return CMD_DONE;
	}
	print_store("next jump:", next, &next_err);
	print_store("last jump:", before, &before_err);
	cmd_region_print(env->sys->files, WB_REGION_STORE);
	cmd_region_print(env->sys->files, WB_REGION_VM);
	return CMD_DONE;
}

static int run_reserve(const struct cmd_args *args)
{
	const char *what = cmd_get(args, OPT_FOR);

	return cmd_region_reserve(
		args, what && !strcmp(what, "vm") ? WB_REGION_VM : WB_REGION_STORE);
}

/* ---- put, get ---- */

static int run_put(const struct cmd_args *args)
{
	struct wb_error err = {};

	if (wb_files_put(wb_store_env_real(), cmd_get(args, OPT_BACKEND), args->words + 1,
		    args->n_words - 1, &err) < 0)
		return cmd_fail(args, &err);
	puts("The store is ready: stage a kernel now, and it will find the store (\"warmboot "
	     "reboot\" "
	     "does both).");
	return CMD_DONE;
}

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
	bool staged = held && wb_is_loaded(wb_sys_real()) && wb_is_store_staged(wb_sys_real());

	if (wb_store_drop(wb_store_env_real(), &err) < 0)
		return cmd_fail(args, &err);
	if (staged)
		puts("The kernel that is loaded still leaves the store's memory alone: load it "
		     "again.");
	return CMD_DONE;
}

/* For warmboot-store.service; without systemd, a command starts it. It stays until the jump. */
static int run_hold(const struct cmd_args *args)
{
	struct wb_error err = {};
	int null;

	if (wb_store_hold(wb_store_env_real(), &err) < 0)
		return cmd_fail(args, &err);
	wb_notify_ready("Holding memory for the next jump");
	/* A command that started this without an init waits for its standard output to end. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	for (;;)
		pause();
}

/*
 * get and check need the lock, because they take the memory from its driver while they read it. hold
 * needs none, because it works for a command that has it; mount none, because it is a part of the boot.
 */
static const struct verb {
	const char *name;
	size_t min, max; /* words after the verb */
	const char *takes;
	int not_for[4]; /* options that are refused with it */
	enum cmd_lock lock;
	int (*run)(const struct cmd_args *args); /* as in struct cmd_row */
} verbs[] = {
	{"status", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR}, CMD_LOCK_NONE, run_status},
	{"reserve", 1, 1, "one SIZE", {OPT_BACKEND, OPT_JSON}, CMD_LOCK_COMMAND, run_reserve},
	{"put", 1, SIZE_MAX, "at least one FILE", {OPT_FOR, OPT_JSON}, CMD_LOCK_COMMAND, run_put},
	{"get", 1, SIZE_MAX, "at least one NAME (\"warmboot store status --json\" has them)",
		{OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_COMMAND, run_get},
	{"check", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_COMMAND,
		run_check},
	{"wipe", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_COMMAND, run_wipe},
	{"drop", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_COMMAND, run_drop},
	{"hold", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_NONE, run_hold},
	{"mount", 0, 0, "no argument", {OPT_BACKEND, OPT_FOR, OPT_JSON}, CMD_LOCK_NONE,
		cmd_region_mount},
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

static enum cmd_lock lock(const struct cmd_args *args)
{
	for (size_t i = 0; args->n_words && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, args->words[0]))
			return verbs[i].lock;
	return CMD_LOCK_NONE;
}

const struct cmd_row cmd_store = {
	.name = "store",
	.args = "status|reserve|put|get|check|wipe|drop",
	.max_args = SIZE_MAX,
	.help = "carry files over the next jump in memory",
	.notes =
		"store status            the store for the next jump, and that of the last jump\n"
		"store put FILE...       reserve memory, and store these files in it\n"
		"store get NAME...       in the kernel after: check them, and write them out\n"
		"store check             check all objects of the last jump\n"
		"store wipe              zero the store of the last jump\n"
		"store drop              release the store for the next jump\n"
		"store reserve SIZE      set a region of memory aside from the next jump on, for "
		"--backend=" WB_STORE_RESERVED ",\n"
		"                        which works with --method=file too; 0: "
		"none\n"
		"store reserve SIZE --for=vm\n"
		"                        another region, for the memory of virtual machines: files "
		"in\n"
		"                        " WB_VM_MEMORY
		" are that memory; 0: none\n\n" WB_STORE_HELP,
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_store,
};
