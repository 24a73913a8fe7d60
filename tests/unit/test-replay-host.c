// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real processes beside this one, and the program that is started as a user: this one, when it is told so. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"
#include "replay/manager.h"

#define NOBODY 65534

/* ---- what the program does that was started as a user ---- */

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	/* ".", ".." and the directory itself. */
	return n - 3;
}

/* Is there a mapping in which these words stand, other than in the file that it was started from? */
static bool remembers(const char *words)
{
	FILE *maps = fopen("/proc/self/maps", "re"), *mem = fopen("/proc/self/mem", "re");
	unsigned long from, to;
	char line[512], perms[8], *page = malloc(1 << 20);
	bool found = false;

	while (maps && mem && page && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 || perms[1] != 'w')
			continue;
		/* Its own stack has the words that it looks for. */
		if (strstr(line, "[stack]") || to - from > 1 << 20)
			continue;
		if (fseeko(mem, (off_t)from, SEEK_SET) == 0 &&
			fread(page, 1, to - from, mem) == to - from)
			found |= memmem(page, to - from, words, strlen(words)) != NULL;
		memset(page, 0, 1 << 20);
	}
	if (maps)
		fclose(maps);
	if (mem)
		fclose(mem);
	free(page);
	return found;
}

static void tell_who(void)
{
	struct rlimit core = {};
	char input[64] = "";
	size_t n = fread(input, 1, sizeof(input) - 1, stdin);
	/* Put together here, so that the words are in no memory but who had them before. */
	char secret[32];

	getrlimit(RLIMIT_CORE, &core);
	snprintf(secret, sizeof(secret), "%s-%s-%d", "only", "root", 4711);
	printf("+%u %u %d %d fds, %d privileges, %d groups, session %d, core %d, home %s, secret "
	       "%s, "
	       "input %zu %s",
		getuid(), geteuid(), setuid(0) == 0, count_fds(),
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getgroups(0, NULL), getsid(0) == getpid(),
		(int)core.rlim_max, getenv("HOME") ? getenv("HOME") : "none",
		getenv("SECRET") || remembers(secret) ? "known" : "unknown", n, input);
}

static int run_as_user(char **argv)
{
	if (!strcmp(argv[2], "who"))
		tell_who();
	if (!strcmp(argv[2], "no"))
		printf("-no manager");
	while (!strcmp(argv[2], "nothing"))
		pause();
	while (!strcmp(argv[2], "much"))
		puts("+++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++");
	return 0;
}

/* ---- the tests ---- */

static int ask(const char *what, unsigned seconds, uint32_t uid, struct wb_bytes input,
	struct wb_blob *ret, struct wb_error *err)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real(), NULL);
	const struct wb_user_task task = {.name = what, .input = input};
	struct wb_child child;
	int r = host.ask(host.ctx, uid, seconds, &task, &child, err);

	return r < 0 ? r : host.finish(host.ctx, &child, ret, err);
}

static void a_user_is_asked_with_that_users_rights(void **state)
{
	static const char want[] =
		"65534 65534 0 3 fds, 1 privileges, 1 groups, session 1, core 0, home none, "
		"secret unknown, input 3 abc";
	const struct wb_bytes input = {(const uint8_t *)"abc", 3};
	WB_CLEAN_BLOB answer = {};
	struct wb_error err = {};
	char *secret;
	int extra;

	if (geteuid() != 0)
		skip();
	secret = malloc(64);
	extra = dup(2);
	snprintf(secret, 64, "%s-%s-%d", "only", "root", 4711);
	setenv("SECRET", secret, 1);
	assert_int_equal(ask("who", 20, NOBODY, input, &answer, &err), 0);
	assert_int_equal(wb_blob_append(&answer, "", 1), 0);
	assert_string_equal((char *)answer.data, want);
	assert_int_equal(ask("no", 20, NOBODY, input, &answer, &err), -EIO);
	assert_string_equal(err.text, "no manager");
	assert_int_equal(ask("nothing", 1, NOBODY, input, &answer, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "user 65534"));
	assert_int_equal(ask("much", 20, NOBODY, input, &answer, &err), -EFBIG);
	assert_string_equal(err.text, "the process for user 65534 says more than 1024 KiB");
	assert_int_equal(ask("who", 20, 4000000000u, input, &answer, &err), -EIO);
	assert_non_null(strstr(err.text, "rights"));
	unsetenv("SECRET");
	free(secret);
	close(extra);
}

/* The program itself: there is no manager of that user's here. */
static void the_program_knows_its_task(void **state)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real(), WARMBOOT);
	WB_CLEAN_WORLD world = {};
	struct wb_error err = {};

	if (geteuid() != 0)
		skip();
	assert_int_equal(wb_user_glance(&host, NOBODY, &world, &err), -EIO);
	assert_string_equal(err.text, "cannot reach systemd at /run/user/65534/systemd/private: No "
				      "such file or directory");
}

static int say_nothing(void *arg, struct wb_blob *out, struct wb_error *err)
{
	for (;;)
		pause();
	return 0;
}

static int say_parent(void *arg, struct wb_blob *out, struct wb_error *err)
{
	char text[64];

	snprintf(text, sizeof(text), "%u", geteuid());
	return wb_blob_append(out, text, strlen(text));
}

static void processes_work_beside_each_other(void **state)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real(), NULL);
	struct wb_child slow = {}, quick = {};
	WB_CLEAN_BLOB answer = {};
	struct wb_error err = {};
	char want[64];

	snprintf(want, sizeof(want), "%u", geteuid());
	assert_int_equal(host.begin(NULL, NOBODY, 1, say_nothing, NULL, &slow, &err), 0);
	assert_int_equal(host.begin(NULL, NOBODY, 20, say_parent, NULL, &quick, &err), 0);
	assert_int_equal(host.finish(NULL, &quick, &answer, &err), 0);
	/* As this process, not as the user. */
	assert_int_equal(answer.size, strlen(want));
	assert_memory_equal(answer.data, want, answer.size);
	assert_int_equal(host.finish(NULL, &slow, &answer, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "user 65534"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_asked_with_that_users_rights),
		cmocka_unit_test(the_program_knows_its_task),
		cmocka_unit_test(processes_work_beside_each_other),
	};

	if (argc > 2 && !strcmp(argv[1], "as-user"))
		return run_as_user(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
