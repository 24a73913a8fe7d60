// SPDX-License-Identifier: LGPL-2.1-or-later
/* The column of the command table that says which uses of a command take the lock. */
#include "cmd/cmd.h"
#include "unit.h"

static const struct {
	const char *argv[5];
	enum cmd_lock lock;
} uses[] = {
	{{"status"}, CMD_LOCK_NONE},
	{{"status", "--record"}, CMD_LOCK_UNIT},
	{{"list"}, CMD_LOCK_NONE},
	{{"load", "x"}, CMD_LOCK_COMMAND},
	{{"load", "--dry-run"}, CMD_LOCK_NONE},
	{{"unload"}, CMD_LOCK_COMMAND},
	{{"reboot"}, CMD_LOCK_COMMAND},
	{{"reboot", "--now"}, CMD_LOCK_COMMAND},
	{{"reboot", "--dry-run"}, CMD_LOCK_NONE},
	{{"stage-auto", "on"}, CMD_LOCK_COMMAND},
	{{"stage-auto", "off", "--once"}, CMD_LOCK_COMMAND},
	{{"stage-auto", "status"}, CMD_LOCK_NONE},
	{{"stage-auto", "run"}, CMD_LOCK_UNIT},
	{{"stage-auto", "watch"}, CMD_LOCK_NONE},
	{{"stage-auto", "look"}, CMD_LOCK_NONE},
	{{"keep", "add", "x"}, CMD_LOCK_COMMAND},
	{{"keep", "remove", "x"}, CMD_LOCK_COMMAND},
	{{"keep", "test", "x"}, CMD_LOCK_COMMAND},
	{{"keep", "list"}, CMD_LOCK_NONE},
	{{"timeline"}, CMD_LOCK_NONE},
	{{"timeline", "advise"}, CMD_LOCK_NONE},
	{{"timeline", "advise", "--apply"}, CMD_LOCK_COMMAND},
	{{"timeline", "--apply"}, CMD_LOCK_COMMAND},
	{{"timeline", "--unapply"}, CMD_LOCK_COMMAND},
	{{"timeline", "--record"}, CMD_LOCK_NONE},
	{{"history"}, CMD_LOCK_NONE},
	{{"store"}, CMD_LOCK_NONE},
	{{"store", "status"}, CMD_LOCK_NONE},
	{{"store", "reserve", "1G"}, CMD_LOCK_COMMAND},
	{{"store", "put", "x"}, CMD_LOCK_COMMAND},
	{{"store", "get", "x"}, CMD_LOCK_COMMAND},
	{{"store", "check"}, CMD_LOCK_COMMAND},
	{{"store", "wipe"}, CMD_LOCK_COMMAND},
	{{"store", "drop"}, CMD_LOCK_COMMAND},
	{{"store", "hold"}, CMD_LOCK_NONE},
	{{"kexec", "-l", "x"}, CMD_LOCK_COMMAND},
	{{"kexec", "-u"}, CMD_LOCK_COMMAND},
	{{"kexec", "-e"}, CMD_LOCK_COMMAND},
	{{"kexec", "-f", "x"}, CMD_LOCK_COMMAND},
	{{"kexec", "x"}, CMD_LOCK_COMMAND},
	{{"kexec", "-S"}, CMD_LOCK_NONE},
	{{"kexec", "-v"}, CMD_LOCK_NONE},
	{{"completion", "bash"}, CMD_LOCK_NONE},
	{{"help"}, CMD_LOCK_NONE},
	{{"mark", "asked"}, CMD_LOCK_NONE},
	{{"probe"}, CMD_LOCK_NONE},
	{{"early"}, CMD_LOCK_NONE},
	{{"freeze"}, CMD_LOCK_SHUTDOWN},
	{{"generator", "a"}, CMD_LOCK_NONE},
	{{"hold"}, CMD_LOCK_REVIVE},
	{{"hold", "--end"}, CMD_LOCK_REVIVE},
	{{"thaw", "x"}, CMD_LOCK_REVIVE},
	{{"thawed"}, CMD_LOCK_REVIVE},
	{{"replay", "record"}, CMD_LOCK_UNIT},
	{{"replay", "start"}, CMD_LOCK_UNIT},
	{{"check"}, CMD_LOCK_NONE},
	{{"needed"}, CMD_LOCK_NONE},
	{{"gate"}, CMD_LOCK_NONE},
	{{"confirm"}, CMD_LOCK_COMMAND},
	{{"fall-back"}, CMD_LOCK_COMMAND},
	{{"pairs"}, CMD_LOCK_NONE},
	{{"pairs", "--export", "--plain"}, CMD_LOCK_NONE},
	{{"pairs", "--import", "x"}, CMD_LOCK_COMMAND},
	{{"pairs", "forget", "x"}, CMD_LOCK_COMMAND},
	{{"pairs", "note", "x", "y"}, CMD_LOCK_COMMAND},
	{{"as-user", "observe", "1000", "0"}, CMD_LOCK_NONE},
};
#define N_USES (sizeof(uses) / sizeof(*uses))

static void each_use_has_its_place(void **state)
{
	for (size_t i = 0; i < N_USES; i++) {
		const struct cmd_row *row = cmd_find(uses[i].argv[0]);
		struct cmd_args args = {};
		struct wb_error err = {};
		char *argv[6] = {};
		int argc = 0;

		/* The parser sorts them. */
		for (; argc < 5 && uses[i].argv[argc]; argc++)
			argv[argc] = (char *)uses[i].argv[argc];
		assert_non_null(row);
		if (cmd_parse(row, argc, argv, &args, &err) < 0)
			fail_msg("%s: %s", uses[i].argv[0], err.text);
		if (row->lock(&args) != uses[i].lock)
			fail_msg("%s %s", uses[i].argv[0], argc > 1 ? uses[i].argv[1] : "");
		cmd_args_deinit(&args);
	}
}

static bool is_used(const char *name)
{
	for (size_t i = 0; i < N_USES; i++)
		if (!strcmp(uses[i].argv[0], name))
			return true;
	return false;
}

/* A command that is new has to choose. */
static void every_row_is_there(void **state)
{
	const struct cmd_row *const *tables[] = {cmd_rows, cmd_service_rows};

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; tables[t][i]; i++) {
			assert_non_null(tables[t][i]->lock);
			if (!is_used(tables[t][i]->name))
				fail_msg("%s is not in the table of this test", tables[t][i]->name);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_use_has_its_place),
		cmocka_unit_test(every_row_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
