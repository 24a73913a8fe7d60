// SPDX-License-Identifier: LGPL-2.1-or-later
/* The column "lock" of the command table, and taking the lock that it asks for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "jump/jump.h"
#include "sys/lock.h"
#include "sys/sys.h"

/* The longest wait of a unit for the lock; a shorter one for a restore, because peers wait for it. */
#define UNIT_MS 60000
#define REVIVE_MS 5000

enum cmd_lock cmd_lock_none(const struct cmd_args *args)
{
	return CMD_LOCK_NONE;
}

enum cmd_lock cmd_lock_command(const struct cmd_args *args)
{
	return CMD_LOCK_COMMAND;
}

enum cmd_lock cmd_lock_revive(const struct cmd_args *args)
{
	return CMD_LOCK_REVIVE;
}

static void waits(void *ctx, const char *command)
{
	char text[96];

	snprintf(text, sizeof(text), "waiting for \"warmboot %s\"", command);
	cmd_progress(NULL, text);
}

static int under_way(void *ctx, struct wb_error *err)
{
	return wb_jump_under_way(wb_sys_real()->files, err);
}

/* The name of this command for other commands: "keep test", "reboot". */
static void name_of(const struct cmd_args *args, char *ret, size_t size)
{
	bool verb = args->row->min_args && args->n_words;

	snprintf(ret, size, "%s%s%.24s", args->row->name, verb ? " " : "",
		verb ? args->words[0] : "");
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

int cmd_lock_take(struct cmd_args *args, struct wb_error *err)
{
	static const unsigned patience[] = {[CMD_LOCK_UNIT] = UNIT_MS,
		[CMD_LOCK_REVIVE] = REVIVE_MS,
		[CMD_LOCK_SHUTDOWN] = UNIT_MS,
		[CMD_LOCK_LAST] = 0};
	enum cmd_lock kind = args->row->lock(args);
	const struct wb_sys *sys = wb_sys_real();
	char name[48];
	struct wb_lock how = {.command = name,
		.shared = kind == CMD_LOCK_REVIVE,
		.patience_ms = patience[kind],
		.of_shutdown = kind == CMD_LOCK_SHUTDOWN || kind == CMD_LOCK_LAST,
		.unit = kind != CMD_LOCK_COMMAND && kind != CMD_LOCK_LAST,
		.unit_patience_ms = kind == CMD_LOCK_COMMAND ? UNIT_MS : patience[kind],
		.waits = kind == CMD_LOCK_COMMAND ? waits : NULL,
		.under_way = under_way};
	int r;

	if (kind == CMD_LOCK_NONE || (geteuid() != 0 && !sys->may_boot(sys->ctx)))
		return 0;
	name_of(args, name, sizeof(name));
	r = wb_lock_take(&how, err);
	if (r < 0)
		cmd_progress_end();
	if (r >= 0)
		args->lock = r;
	if (r >= 0 || kind == CMD_LOCK_LAST)
		return 0;
	if (kind != CMD_LOCK_REVIVE)
		return r;
	fprintf(stderr, "warmboot: %s: services are brought back all the same\n",
		err ? err->text : "");
	if (err)
		*err = (struct wb_error){};
	return 0;
}
