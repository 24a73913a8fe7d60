// SPDX-License-Identifier: LGPL-2.1-or-later
/* With real processes and a real file in a directory of the test's own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/lock.h"
#include "sys/sys.h"
#include "unit.h"

static char dir[64], path[96];

static int setup(void **state)
{
	strcpy(dir, "/tmp/wb-lock-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/warmboot/lock", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int take(const char *command, struct wb_lock how, struct wb_error *err)
{
	how.path = path;
	how.command = command;
	return wb_lock_take(&how, err);
}

struct holder {
	pid_t pid;
	int to; /* a byte: hand over to a shutdown; its end: let go */
	int from;
};

/* Another process that has the lock when this returns. */
static struct holder hold(const char *command, struct wb_lock how)
{
	struct holder h;
	int to[2], from[2];
	char byte;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	h.pid = fork();
	if (h.pid == 0) {
		int fd;

		close(to[1]);
		fd = take(command, how, NULL);
		if (fd < 0 || write(from[1], "h", 1) != 1)
			_exit(1);
		while (read(to[0], &byte, 1) == 1)
			if (wb_lock_hand_over(fd, byte == 's', NULL) < 0 ||
				write(from[1], "s", 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	h.to = to[1];
	h.from = from[0];
	assert_int_equal(read(h.from, &byte, 1), 1);
	return h;
}

static void end(struct holder *h)
{
	close(h->to);
	close(h->from);
	waitpid(h->pid, NULL, 0);
}

static void hand_over(struct holder *h, char how)
{
	char byte;

	assert_int_equal(write(h->to, &how, 1), 1);
	assert_int_equal(read(h->from, &byte, 1), 1);
}

static void refuses_by_name(const char *second, const char *first, pid_t pid)
{
	struct wb_error err = {};
	char expected[128];

	assert_int_equal(take(second, (struct wb_lock){}, &err), -EBUSY);
	snprintf(expected, sizeof(expected), "\"warmboot %s\" is at work (process %d of ", first,
		(int)pid);
	assert_ptr_equal(strstr(err.text, expected), err.text);
	assert_non_null(strstr(err.text, "), since 20"));
	assert_non_null(strstr(err.text, "Z, 0 s ago"));
}

static void two_reboots_at_once(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});

	refuses_by_name("reboot", "reboot", h.pid);
	end(&h);
}

static void unload_during_a_reboot(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});

	refuses_by_name("unload", "reboot", h.pid);
	end(&h);
}

static void keep_test_during_a_reboot(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});

	refuses_by_name("keep test", "reboot", h.pid);
	end(&h);
}

/* Starts with the other processes when `start` ends, and keeps what it gets until `stop` ends. */
static void contend(int start, int stop, int result)
{
	struct wb_error err = {};
	char byte;
	int r;

	if (read(start, &byte, 1) != 0)
		_exit(1);
	r = take("load", (struct wb_lock){}, &err);
	byte = r >= 0 ? 'y' : r == -EBUSY && err.text[0] ? 'n' : '?';
	_exit(write(result, &byte, 1) != 1 || read(stop, &byte, 1) != 0);
}

/* Also while the lock's file is not there yet. */
static void of_many_at_once_one_gets_it(void **state)
{
	enum { MANY = 16 };

	for (int round = 0; round < 3; round++) {
		int start[2], stop[2], result[2], got = 0, refused = 0;
		pid_t pids[MANY];
		char byte;

		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(stop), 0);
		assert_int_equal(pipe(result), 0);
		for (int i = 0; i < MANY; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				close(start[1]);
				close(stop[1]);
				contend(start[0], stop[0], result[1]);
			}
		}
		close(start[1]);
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(read(result[0], &byte, 1), 1);
			got += byte == 'y';
			refused += byte == 'n';
		}
		assert_int_equal(got, 1);
		assert_int_equal(refused, MANY - 1);
		close(stop[1]);
		for (int i = 0; i < MANY; i++)
			waitpid(pids[i], NULL, 0);
		close(start[0]);
		close(stop[0]);
		close(result[0]);
		close(result[1]);
	}
}

static void who_ends_lets_it_go(void **state)
{
	struct holder h = hold("load", (struct wb_lock){});
	int fd;

	end(&h);
	fd = take("unload", (struct wb_lock){}, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void a_killed_holder_lets_it_go(void **state)
{
	struct holder h = hold("keep test", (struct wb_lock){});
	int fd;

	kill(h.pid, SIGKILL);
	waitpid(h.pid, NULL, 0);
	fd = take("load", (struct wb_lock){}, NULL);
	assert_true(fd >= 0);
	close(fd);
	close(h.to);
	close(h.from);
}

/*
 * The process that undoes the work of a killed command is its child, and keeps the lock until it is
 * done.
 */
static void a_child_goes_on_holding_it(void **state)
{
	struct wb_error err = {};
	int to[2], ready[2], fd;
	pid_t parent;
	char byte;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(ready), 0);
	parent = fork();
	if (parent == 0) {
		close(to[1]);
		if (take("reboot", (struct wb_lock){}, NULL) < 0)
			_exit(1);
		if (fork() == 0) {
			if (read(to[0], &byte, 1) < 0)
				_exit(1);
			_exit(0);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(to[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EBUSY);
	assert_non_null(strstr(err.text, "was killed, and its changes are being undone"));
	close(to[1]);
	fd = take("load", (struct wb_lock){.patience_ms = 5000}, &err);
	assert_true(fd >= 0);
	close(fd);
}

static int answer(void *ctx, struct wb_error *err)
{
	int r = *(int *)ctx;

	return r < 0 ? wb_fail(err, r, "nobody answers") : r;
}

static void a_shutdown_keeps_it_without_a_process(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});
	struct wb_error err = {};
	int goes_on = 1, fd;

	hand_over(&h, 's');
	end(&h);
	assert_int_equal(
		take("unload", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, &err),
		-EBUSY);
	assert_ptr_equal(
		strstr(err.text, "a reboot is under way: \"warmboot reboot\" (process "), err.text);
	/* It is unknown whether the shutdown goes on. */
	goes_on = -EIO;
	assert_int_equal(
		take("unload", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, &err), -EIO);
	assert_string_equal(err.text, "a reboot was begun, and it is not known whether it goes on: "
				      "nobody answers");
	/* Its own last part has it. */
	fd = take("freeze", (struct wb_lock){.of_shutdown = true}, &err);
	assert_true(fd >= 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EBUSY);
	assert_ptr_equal(strstr(err.text, "a reboot is under way: \"warmboot reboot\""), err.text);
	close(fd);
	goes_on = 1;
	assert_int_equal(
		take("load", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, &err), -EBUSY);
}

static void a_shutdown_that_was_taken_back_frees_it(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});
	struct wb_error err = {};
	int goes_on = 0, fd;

	hand_over(&h, 's');
	end(&h);
	fd = take("unload", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, &err);
	assert_true(fd >= 0);
	close(fd);
	/* And the word for it is gone. */
	goes_on = 1;
	fd = take("unload", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, &err);
	assert_true(fd >= 0);
	close(fd);
}

static void a_refused_shutdown_leaves_no_word(void **state)
{
	struct holder h = hold("reboot", (struct wb_lock){});
	int goes_on = 1, fd;

	hand_over(&h, 's');
	hand_over(&h, 'r');
	end(&h);
	fd = take("load", (struct wb_lock){.under_way = answer, .ctx = &goes_on}, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void who_share_it_go_together(void **state)
{
	struct holder h = hold("thaw", (struct wb_lock){.shared = true});
	struct wb_error err = {};
	int fd = take("hold", (struct wb_lock){.shared = true}, &err);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EBUSY);
	end(&h);
	h = hold("load", (struct wb_lock){});
	assert_int_equal(take("thaw", (struct wb_lock){.shared = true}, &err), -EBUSY);
	end(&h);
}

static void patience_has_an_end(void **state)
{
	struct holder h = hold("load", (struct wb_lock){});
	uint64_t before = wb_sys_host.mono_ns(NULL), waited;
	struct wb_error err = {};

	assert_int_equal(take("status", (struct wb_lock){.patience_ms = 200}, &err), -EBUSY);
	waited = wb_sys_host.mono_ns(NULL) - before;
	assert_true(waited >= 200000000 && waited < 5000000000);
	end(&h);
}

static void note(void *ctx, const char *command)
{
	*(bool *)ctx = !strcmp(command, "replay start");
}

/* After a boot they are still at work, and end by themselves. */
static void warmboots_own_units_are_waited_for(void **state)
{
	struct holder h = hold("replay start", (struct wb_lock){.unit = true});
	struct wb_error err = {};
	bool told = false;
	const struct wb_lock how = {.unit_patience_ms = 200, .waits = note, .ctx = &told};
	uint64_t before = wb_sys_host.mono_ns(NULL);
	int fd;

	assert_int_equal(take("load", how, &err), -EBUSY);
	assert_true(wb_sys_host.mono_ns(NULL) - before >= 200000000);
	assert_true(told);
	end(&h);
	fd = take("load", how, &err);
	assert_true(fd >= 0);
	close(fd);
	/* A command is not. */
	h = hold("load", (struct wb_lock){});
	before = wb_sys_host.mono_ns(NULL);
	assert_int_equal(take("unload", (struct wb_lock){.unit_patience_ms = 60000}, &err), -EBUSY);
	assert_true(wb_sys_host.mono_ns(NULL) - before < 10000000000);
	end(&h);
}

/* A process that locks the file itself, and has written its record only after `late_ms`. */
static pid_t signs_late(unsigned late_ms, unsigned ends_ms)
{
	const struct timespec late = {.tv_nsec = late_ms * 1000000L},
			      ends = {.tv_nsec = ends_ms * 1000000L};
	char record[WB_LOCK_RECORD], byte;
	int from[2];
	pid_t pid;

	assert_int_equal(pipe(from), 0);
	pid = fork();
	if (pid == 0) {
		struct wb_lock_holder holder;
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(from[1], "h", 1) != 1)
			_exit(1);
		nanosleep(&late, NULL);
		/* Its own record, as a unit would write it: the parent's with another process. */
		if (pread(fd, record, sizeof(record), 0) != sizeof(record) ||
			wb_lock_parse(record, sizeof(record), &holder) < 0)
			_exit(1);
		holder.pid = getpid();
		holder.start = wb_lock_process_start(getpid());
		holder.unit = true;
		wb_lock_format(&holder, record);
		if (pwrite(fd, record, sizeof(record), 0) != sizeof(record))
			_exit(1);
		nanosleep(&ends, NULL);
		_exit(0);
	}
	assert_int_equal(read(from[0], &byte, 1), 1);
	close(from[0]);
	close(from[1]);
	return pid;
}

/* Right after a boot, between the moment when the unit has the lock and its record. */
static void a_unit_that_signs_late_is_waited_for(void **state)
{
	struct holder h = hold("load", (struct wb_lock){});
	struct wb_error err = {};
	pid_t pid;
	int fd;

	end(&h);
	pid = signs_late(200, 300);
	fd = take("load", (struct wb_lock){.unit_patience_ms = 60000}, &err);
	assert_string_equal(err.text, "");
	assert_true(fd >= 0);
	close(fd);
	waitpid(pid, NULL, 0);
}

/* A holder that has ended holds nothing, even if its parent has not asked for its end yet. */
static void a_holder_that_has_ended_does_not_live(void **state)
{
	pid_t pid = fork();
	siginfo_t info;

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(wb_lock_process_start(pid), 0);
	waitpid(pid, NULL, 0);
	assert_true(wb_lock_process_start(getpid()) > 0);
}

/* ---- the file ---- */

static void it_is_for_its_owner_alone(void **state)
{
	mode_t mask = umask(0);
	int fd = take("load", (struct wb_lock){}, NULL);
	struct stat st;

	umask(mask);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void no_link_is_followed(void **state)
{
	struct wb_error err = {};
	char other[96], parent[96];

	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(parent, sizeof(parent), "%s/warmboot", dir);
	assert_int_equal(mkdir(parent, 0755), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EPERM);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(parent), 0);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(symlink(other, parent), 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not what warmboot made there"));
}

static void what_others_can_write_is_refused(void **state)
{
	struct wb_error err = {};
	char parent[96];

	snprintf(parent, sizeof(parent), "%s/warmboot", dir);
	assert_int_equal(mkdir(parent, 0755), 0);
	assert_int_equal(chmod(parent, 0777), 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EPERM);
	assert_int_equal(chmod(parent, 0755), 0);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(take("load", (struct wb_lock){}, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not what warmboot made there"));
}

static void a_record_comes_back(void **state)
{
	const struct wb_lock_holder h = {
		"store put", 123, 456, 1000, -1, 789000000000u, 1700000000, true, true};
	struct wb_lock_holder got = {};
	struct wb_error err = {};
	char text[WB_LOCK_RECORD];

	wb_lock_format(&h, text);
	assert_int_equal(wb_lock_parse(text, sizeof(text), &got), 0);
	assert_string_equal(got.command, "store put");
	assert_int_equal(got.pid, 123);
	assert_int_equal(got.start, 456);
	assert_int_equal(got.uid, 1000);
	assert_int_equal(got.login_uid, -1);
	assert_int_equal(got.boot_ns, 789000000000u);
	assert_true(got.unit && got.shutdown);
	/* The clock on the wall was set back meanwhile: how long ago it is does not come from it. */
	got.login_uid = 1001;
	got.shutdown = false;
	wb_lock_tell(&got, true, 799000000000u, &err);
	assert_string_equal(err.text,
		"\"warmboot store put\" is at work (process 123 of user 1000, logged in as user "
		"1001), since 2023-11-14T22:13:20Z, 10 s ago");
}

static void a_damaged_record_is_none(void **state)
{
	static const char *const bad[] = {"", "warmboot lock 1\n", "warmboot lock 1\nend\n",
		"warmboot lock 1\npid x\nend\n", "warmboot lock 1\ncommand \nend\n",
		"warmboot lock 1\nwhat 1\nend\n", "warmboot lock 2\nend\n"};
	struct wb_lock_holder h = {"load", 1, 2, 3, 4, 5, 6, false, false};
	char text[WB_LOCK_RECORD];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(wb_lock_parse(bad[i], strlen(bad[i]), &h), -EBADMSG);
	assert_string_equal(h.command, "load");
	wb_lock_format(&h, text);
	for (size_t n = 0; n < sizeof(text) && memcmp(text + n, "end", 3); n++)
		assert_int_equal(wb_lock_parse(text, n, &h), -EBADMSG);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_reboots_at_once),
		T(unload_during_a_reboot),
		T(keep_test_during_a_reboot),
		T(of_many_at_once_one_gets_it),
		T(who_ends_lets_it_go),
		T(a_killed_holder_lets_it_go),
		T(a_child_goes_on_holding_it),
		T(a_shutdown_keeps_it_without_a_process),
		T(a_shutdown_that_was_taken_back_frees_it),
		T(a_refused_shutdown_leaves_no_word),
		T(who_share_it_go_together),
		T(patience_has_an_end),
		T(warmboots_own_units_are_waited_for),
		T(a_unit_that_signs_late_is_waited_for),
		T(a_holder_that_has_ended_does_not_live),
		T(it_is_for_its_owner_alone),
		T(no_link_is_followed),
		T(what_others_can_write_is_refused),
		cmocka_unit_test(a_record_comes_back),
		cmocka_unit_test(a_damaged_record_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
