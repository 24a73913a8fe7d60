// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/bonds.h: what a shutdown does to a unit through others, on a small made-up machine. */
#include "unit.h"

#include <stdlib.h>

#include "fake-files.h"
#include "keep/bonds.h"

/* Lists are words with blanks between them. */
struct neighbour {
	const char *name, *required, *part_of, *conflicts, *after, *active, *cgroup, *triggered_by;
	uint32_t pid;
	bool stops;
	int error;
};

#define STOPPED .conflicts = "shutdown.target"
static const struct neighbour machine[] = {
	/* The kept ones. */
	{"one.service", "system.slice sysinit.target -.mount", "umbrella.service gone.service",
		STOPPED, .pid = 7},
	{"db.service", "srv-data.mount", STOPPED, .pid = 8},
	{"tied.service", "stopper.service runs.service child.service a.socket off.service",
		STOPPED},
	{"far.service", "srv-nfs.mount", STOPPED},
	{"deep.service", NULL, "all.target", STOPPED},
	{"round.service", "x.target", STOPPED},
	{"dark.service", "mute.service"},
	{"woken.service", "woken.socket a.socket", STOPPED,
		.triggered_by = "woken.socket also.socket busy.socket w.timer"},
	/* The others. */
	{"umbrella.service", "sysinit.target system.slice", STOPPED},
	{"sysinit.target", STOPPED, .after = "local-fs.target"},
	{"srv-data.mount", "-.mount systemd-fsck@dev-vdb.service", .conflicts = "umount.target",
		.after = "dev-vdb.device -.mount", .part_of = "dev-vdb.device"},
	{"dev-vdb.device", "systemd-cryptsetup@vdb.service"},
	{"systemd-cryptsetup@vdb.service", .conflicts = "umount.target", .stops = true},
	/* Processes of others run in its slice. */
	{"systemd-fsck@dev-vdb.service", "system-fsck.slice", STOPPED},
	{"system-fsck.slice", "system.slice", STOPPED, .cgroup = "/system.slice/child.service"},
	{"stopper.service", STOPPED, .stops = true},
	{"runs.service", "stopper.service lost.service", STOPPED, .pid = 9},
	/* Nothing but a process that it has left behind. */
	{"child.service", STOPPED, .cgroup = "/system.slice/child.service"},
	{"a.socket", STOPPED},
	{"woken.socket", "woken.slice", STOPPED},
	{"woken.slice", STOPPED},
	{"also.socket", STOPPED},
	{"busy.socket", STOPPED, .stops = true},
	{"w.timer", STOPPED},
	{"off.service", "runs.service", STOPPED, .active = "inactive"},
	{"srv-nfs.mount", .conflicts = "umount.target",
		.after = "remote-fs-pre.target network.target"},
	{"all.target", "basic.target"},
	{"basic.target", "sysinit.target", STOPPED},
	{"x.target", "y.target", STOPPED},
	{"y.target", "x.target late.service", STOPPED},
	{"late.service", STOPPED, .active = "activating"},
	{"mute.service", .error = -EIO},
	{"srv-data-nfs.mount", "srv-nfs.mount", .conflicts = "umount.target"},
	{},
};

static const struct fake_file disk[] = {
	{"/sys/fs/cgroup/system.slice/child.service/cgroup.procs", "12\n"},
	{"/proc/12/stat", "12 (sleep) S 1 12 12 0 -1 4194560"},
	{"/proc/12/status", "Name:\tsleep\n"},
	{"/proc/12/mountinfo", "22 1 254:2 / / rw - ext4 /dev/vda2 rw\n"},
	{"/proc/12/maps", ""},
	{"/proc/12/fd/0", .link = "/dev/null"},
	{"/proc/1/mountinfo", "25 1 254:2 / / rw - ext4 /dev/vda2 rw\n"
			      "26 25 254:3 / /boot rw - ext4 /dev/vda3 rw\n"
			      "27 25 254:4 / /srv/data rw - ext4 /dev/vdb rw\n"
			      "28 25 0:50 / /srv/nfs rw - nfs4 host:/x rw\n"
			      "29 27 254:5 / /srv/data/nfs rw - ext4 /dev/vdc rw\n"
			      "30 25 0:5 / /dev rw - devtmpfs udev rw\n"
			      "31 25 0:7 / /srv/new rw - fuseblk /dev/vdd rw\n"
			      "32 25 254:6 / /srv/hand rw - ext4 /dev/vde rw\n"},
	{},
};

static void add_words(struct wb_strv *v, const char *words)
{
	while (words && *words) {
		size_t n = strcspn(words, " ");

		wb_strv_addf(v, "%.*s", (int)n, words);
		words += n + (words[n] == ' ');
	}
}

static int read_unit(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	for (const struct neighbour *n = machine; n->name; n++) {
		if (strcmp(n->name, name))
			continue;
		if (n->error)
			return n->error;
		*ret = (struct wb_service){.id = strdup(name),
			.active = strdup(n->active ? n->active : "active"),
			.cgroup = strdup(n->cgroup ? n->cgroup : ""),
			.main_pid = n->pid,
			.stops = n->stops};
		add_words(&ret->required, n->required);
		add_words(&ret->part_of, n->part_of);
		add_words(&ret->conflicts, n->conflicts);
		add_words(&ret->after, n->after);
		add_words(&ret->triggered_by, n->triggered_by);
		return 0;
	}
	return -ENOENT;
}

static const struct wb_services services = {NULL, read_unit};

static void assert_words(const struct wb_strv *got, const char *want)
{
	WB_CLEAN_STRV words = {};

	add_words(&words, want);
	assert_int_equal(got->n, words.n);
	for (size_t i = 0; i < got->n; i++)
		assert_string_equal(got->items[i], words.items[i]);
}

static void only_what_the_shutdown_stops_binds(void **state)
{
	static const struct {
		const char *unit, *bound, *beside;
	} cases[] = {
		/* An umbrella in which nothing runs; the other one is not installed. */
		{"one.service", "", "umbrella.service"},
		/* The mount takes along what it stands on; the device itself is never stopped. */
		{"db.service", "",
			"srv-data.mount systemd-fsck@dev-vdb.service "
			"system-fsck.slice "
			"systemd-cryptsetup@vdb.service"},
		{"tied.service", "stopper.service runs.service child.service a.socket", ""},
		{"far.service", "srv-nfs.mount", ""},
		/* A target that no shutdown stops leads on; only targets require sysinit.target by themselves. */
		{"deep.service", "", "basic.target sysinit.target"},
		{"round.service", "late.service", "x.target y.target"},
		{"dark.service", "mute.service", ""},
		/* Its own socket units; one of another service, which would start that, is to be stopped. */
		{"woken.service", "a.socket busy.socket", "woken.socket also.socket woken.slice"},
	};
	const struct wb_files files = fake_files(disk);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_SERVICE of = {};
		WB_CLEAN_BONDS b = {};

		assert_int_equal(read_unit(NULL, cases[i].unit, &of, NULL), 0);
		assert_int_equal(wb_bonds_find(&files, &services, &of, &b), 0);
		assert_words(&b.bound, cases[i].bound);
		assert_words(&b.beside, cases[i].beside);
		assert_int_equal(b.why.n, b.bound.n);
	}
}

static void the_reason_is_told(void **state)
{
	static const char *const want[] = {"a shutdown stops stopper.service (its ExecStop= or ",
		"(processes run in it)", "(processes run in it)",
		"(it is of a kind that has to be stopped)"};
	const struct wb_files files = fake_files(disk);
	WB_CLEAN_SERVICE of = {};
	WB_CLEAN_BONDS b = {};

	assert_int_equal(read_unit(NULL, "tied.service", &of, NULL), 0);
	assert_int_equal(wb_bonds_find(&files, &services, &of, &b), 0);
	assert_int_equal(b.why.n, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < b.why.n; i++)
		assert_non_null(strstr(b.why.items[i], want[i]));
}

static void disks_stay_mounted(void **state)
{
	const struct wb_files files = fake_files(disk);
	const struct wb_files none = fake_files((const struct fake_file[]){{}});
	WB_CLEAN_STRV units = {};

	assert_int_equal(wb_strv_add(&units, "db.service"), 0);
	assert_int_equal(wb_bonds_add_disks(&none, &services, &units), 0);
	assert_int_equal(units.n, 1);
	/* A disk that lies in a network file system goes when that goes; and one that systemd does not know. */
	assert_int_equal(wb_bonds_add_disks(&files, &services, &units), 0);
	assert_words(&units, "db.service srv-data.mount systemd-fsck@dev-vdb.service "
			     "system-fsck.slice systemd-cryptsetup@vdb.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_shutdown_stops_binds),
		cmocka_unit_test(the_reason_is_told),
		cmocka_unit_test(disks_stay_mounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
