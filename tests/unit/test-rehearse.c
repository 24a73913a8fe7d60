// SPDX-License-Identifier: LGPL-2.1-or-later
/* A rehearsal of this very process, with a criu that touches nothing. */
#define _GNU_SOURCE
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-files.h"
#include "fake-ns.h"
#include "keep/rehearse.h"

struct world {
	char dir[64];
	struct fake_file disk[32];
	struct wb_files files;
	struct wb_sys sys;
	pid_t pid; /* the service's */
	char stat[64], status[128], path[12][64];
	size_t n;
	int runs;
	char ran[128];
	int run_status;
	bool bad; /* RootDirectory= */
	int looked;
};

/* The real files for CRIU's work directory, the list for everything else. */
static int mixed_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct world *w = ctx;

	/* Its state afterwards is the true one. */
	if (!strncmp(path, w->dir, strlen(w->dir)) || (!strcmp(path, w->path[0]) && w->looked++))
		return wb_files_host.read(NULL, path, limit, ret, err);
	return w->files.read(w->files.ctx, path, limit, ret, err);
}

static int mixed_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct world *w = ctx;

	return w->files.list(w->files.ctx, path, ret, err);
}

static bool mixed_exists(void *ctx, const char *path)
{
	struct world *w = ctx;

	return w->files.exists(w->files.ctx, path);
}

static int mixed_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	struct world *w = ctx;

	return w->files.readlink(w->files.ctx, path, ret, err);
}

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	struct world *w = ctx;

	*ret = (struct wb_service){
		.active = strdup("active"),
		.cgroup = strdup("/x.service"),
		.main_pid = (uint32_t)w->pid,
		.root_directory = w->bad ? strdup("/srv/root") : NULL,
	};
	return 0;
}

static int run_nothing(
	void *ctx, const struct wb_spawn *how, struct wb_blob *ret_output, struct wb_error *err)
{
	struct world *w = ctx;

	/* CRIU's modules are loaded first. */
	if (!strcmp(how->argv[0], "modprobe"))
		return 0;
	w->runs++;
	w->ran[0] = '\0';
	for (size_t i = 0; how->argv[i]; i++)
		snprintf(w->ran + strlen(w->ran), sizeof(w->ran) - strlen(w->ran), "%s%s",
			i ? " " : "", how->argv[i]);
	return w->run_status;
}

static void add(struct world *w, const char *name, const char *text, const char *link)
{
	snprintf(w->path[w->n], sizeof(w->path[0]), "/proc/%d/%s", (int)w->pid, name);
	w->disk[w->n] = (struct fake_file){.path = w->path[w->n], .text = text, .link = link};
	w->n++;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	static char procs[32];

	strcpy(w->dir, "/tmp/wb-test-rehearse.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->pid = fork();
	if (w->pid == 0) {
		pause();
		_exit(0);
	}
	snprintf(procs, sizeof(procs), "%d\n", (int)w->pid);
	snprintf(w->stat, sizeof(w->stat), "%d (x) S 1 %d %d 0 -1", (int)w->pid, (int)w->pid,
		(int)w->pid);
	add(w, "stat", w->stat, NULL);
	add(w, "status", "Threads:\t1\nUid:\t0\t0\t0\t0\nVmRSS:\t4 kB\n", NULL);
	add(w, "mountinfo", "1 0 1:1 / / rw - ext4 x rw\n", NULL);
	add(w, "maps", "", NULL);
	add(w, "fd/0", NULL, "pipe:[1]");
	w->disk[w->n++] = (struct fake_file){"/sys/fs/cgroup/x.service/cgroup.procs", procs};
	w->disk[w->n++] = (struct fake_file){"/proc/1/stat", "1 (init) S 0 1 1 0 -1"};
	w->disk[w->n++] = (struct fake_file){"/proc/1/status", "Threads:\t1\n"};
	w->disk[w->n++] = (struct fake_file){"/proc/1/mountinfo", "1 0 1:1 / / rw - ext4 x rw\n"};
	w->disk[w->n++] = (struct fake_file){"/proc/1/maps", ""};
	w->disk[w->n++] = (struct fake_file){"/proc/1/fd/0", .link = "pipe:[1]"};
	w->files = fake_files(w->disk);
	w->sys = *wb_sys_real();
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char cmd[128];

	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

static void set_mode(const struct world *w, const char *mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/x.service", w->dir);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/x.service/mode", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(mode, f);
	fclose(f);
}

static int rehearse_by(const struct wb_keep_means *const *ways, struct world *w,
	struct wb_keep_rehearsal *ret, struct wb_error *err)
{
	struct wb_files mixed = {w, mixed_read, NULL, mixed_list, mixed_exists, mixed_readlink};
	struct wb_services services = {w, read_service};
	struct wb_runner runner = {w, run_nothing, NULL};
	struct fake_ns trusted = {.cgroup = "0::/x.service\n"};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_rehearsing with = {.sys = &w->sys,
		.look = {.files = &mixed, .units = &services, .namespaces = &ns, .criu = "4.2"},
		.runner = &runner,
		.ways = ways,
		.criu_program = FAKE_CRIU,
		.dir = w->dir};

	w->sys.files = &mixed;
	return wb_keep_rehearse(&with, "x.service", NULL, ret, err);
}

static int rehearse(struct world *w, struct wb_keep_rehearsal *ret, struct wb_error *err)
{
	return rehearse_by(wb_ways_all, w, ret, err);
}

static void tells_size_and_time(void **state)
{
	struct world *w = *state;
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};

	assert_int_equal(rehearse(w, &r, &err), 0);
	assert_int_equal(r.verdict.how, WB_KEEP_PROCESS);
	assert_true(r.tried);
	assert_int_equal(r.frozen_us, 250000);
	assert_int_equal(r.images, 2);
	assert_true(r.bytes > 20);
	assert_false(r.restarted);
	assert_int_equal(w->runs, 0);
}

static void refusal_of_criu_is_a_reason(void **state)
{
	struct world *w = *state;
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};

	set_mode(w, "refuse");
	assert_int_equal(rehearse(w, &r, &err), 0);
	assert_int_equal(r.verdict.how, WB_KEEP_RESTART);
	assert_true(r.tried);
	assert_int_equal(r.verdict.reasons.n, 1);
	assert_non_null(strstr(r.verdict.reasons.items[0], "Can't dump half of stream"));
	assert_int_equal(w->runs, 0);
}

static void what_cannot_be_kept_is_not_touched(void **state)
{
	struct world *w = *state;
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};

	w->bad = true;
	assert_int_equal(rehearse(w, &r, &err), 0);
	assert_int_equal(r.verdict.how, WB_KEEP_RESTART);
	assert_false(r.tried);
}

static void casualty_is_started_again(void **state)
{
	struct world *w = *state;
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};

	/* The list says that it runs; in truth it is dead already when it is looked at again. */
	kill(w->pid, SIGKILL);
	/* kill(2) only asks; the zombie is left for the teardown. */
	assert_int_equal(waitid(P_PID, w->pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(rehearse(w, &r, &err), 0);
	assert_int_equal(r.verdict.how, WB_KEEP_RESTART);
	assert_true(r.restarted);
	assert_string_equal(w->ran, "systemctl restart x.service");
}

static void stopped_one_is_continued(void **state)
{
	struct world *w = *state;
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};
	int status;

	kill(w->pid, SIGSTOP);
	assert_int_equal(waitpid(w->pid, &status, WUNTRACED), w->pid);
	assert_int_equal(rehearse(w, &r, &err), 0);
	assert_int_equal(waitpid(w->pid, &status, WCONTINUED), w->pid);
	assert_true(WIFCONTINUED(status));
}

/* As where memory ends after the unit was stopped. */
static int stop_without_memory(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	int status;

	kill((pid_t)u->main_pid, SIGSTOP);
	assert_int_equal(waitpid((pid_t)u->main_pid, &status, WUNTRACED), u->main_pid);
	return wb_oom(err);
}

static void lack_of_memory_leaves_no_unit_stopped(void **state)
{
	struct world *w = *state;
	struct wb_keep_means process = wb_way_process;
	const struct wb_keep_means *const ways[] = {&process, &wb_way_restart, NULL};
	WB_CLEAN_KEEP_REHEARSAL r = {};
	struct wb_error err = {};
	int status;

	process.rehearse = stop_without_memory;
	assert_int_equal(rehearse_by(ways, w, &r, &err), 0);
	assert_int_equal(r.verdict.how, WB_KEEP_RESTART);
	assert_string_equal(r.verdict.reasons.items[0], "out of memory");
	assert_int_equal(waitpid(w->pid, &status, WCONTINUED), w->pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			lack_of_memory_leaves_no_unit_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_size_and_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusal_of_criu_is_a_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_kept_is_not_touched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(casualty_is_started_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stopped_one_is_continued, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
