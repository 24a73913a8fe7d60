// SPDX-License-Identifier: LGPL-2.1-or-later
/* restore/early.c, restore/early-weight.c: units that can be restored before systemd runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "restore/early-weight.h"
#include "restore/early.h"
#include "sample-manifest.h"
#include "sys/sys.h"
#include "unit.h"

static const char fstab[] = "UUID=1 / ext4 errors=remount-ro 0 1\ntmpfs /tmp tmpfs defaults 0 0\n";

static struct wb_manifest_unit *plain_unit(struct wb_manifest *m)
{
	struct wb_error err = {};

	if (wb_manifest_parse(
		    (struct wb_bytes){(const uint8_t *)sample_manifest, strlen(sample_manifest)},
		    NULL, m, &err) < 0)
		fail_msg("%s", err.text);
	m->units.items[0].plain = true;
	free(m->units.items[0].cgroup);
	m->units.items[0].cgroup = strdup("/system.slice/memcached.service");
	for (size_t i = 0; i < m->units.items[0].definition.n; i++) {
		free(m->units.items[0].definition.items[i].text);
		m->units.items[0].definition.items[i].text =
			strdup("[Service]\nExecStart=/usr/bin/memcached\n");
	}
	for (size_t i = 0; i < m->units.items[0].files.n; i++) {
		free(m->units.items[0].files.items[i].path);
		m->units.items[0].files.items[i].path = strdup("/run/memcached/pid");
	}
	return &m->units.items[0];
}

static void refused(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	const char *table, const char *why)
{
	struct wb_error err = {};

	assert_int_equal(wb_early_allows(m, u, table, &err), -EOPNOTSUPP);
	if (!strstr(err.text, why))
		fail_msg("no \"%s\" in \"%s\"", why, err.text);
}

static void set_definition(struct wb_manifest_unit *u, const char *text)
{
	free(u->definition.items[0].text);
	u->definition.items[0].text = strdup(text);
}

/* By priority; then the unit that was frozen last; those frozen at the same time in the manifest's order. */
static void test_turns(void **state)
{
	struct wb_manifest_unit units[] = {{.unit = "a", .how = WB_KEEP_PROCESS, .frozen_tsc = 10},
		{.unit = "b", .how = WB_KEEP_RESTART, .frozen_tsc = 90},
		{.unit = "c", .how = WB_KEEP_PROCESS, .frozen_tsc = 30},
		{.unit = "d", .how = WB_KEEP_PROCESS, .frozen_tsc = 20},
		{.unit = "e", .how = WB_KEEP_PROCESS, .frozen_tsc = 30},
		{.unit = "f", .how = WB_KEEP_PROCESS, .frozen_tsc = 5, .priority = 1},
		{.unit = "g", .how = WB_KEEP_PROCESS, .frozen_tsc = 99, .priority = -1}};
	const struct wb_manifest m = {.units = {units, 7}};
	static const char *const order[] = {"f", "c", "e", "d", "a", "g"};
	WB_CLEAN_UNIT_LIST turns = {};

	(void)state;
	assert_int_equal(wb_early_turns(&m, &turns), 0);
	assert_int_equal(turns.n, 6);
	for (size_t i = 0; i < turns.n; i++)
		assert_string_equal(turns.items[i]->unit, order[i]);
}

static void test_allows(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = plain_unit(&m);
	struct wb_error err = {};

	(void)state;
	if (wb_early_allows(&m, u, fstab, &err) < 0)
		fail_msg("%s", err.text);
	refused(&m, u, "UUID=2 /var ext4 defaults 0 2\n", "besides the root");
	set_definition(u, "[Service]\nRuntimeDirectory=memcached\n");
	refused(&m, u, fstab, "RuntimeDirectory=");
	set_definition(u, "[Service]\nRuntimeDirectory=memcached\nRuntimeDirectory=\n");
	assert_int_equal(wb_early_allows(&m, u, fstab, &err), 0);
	set_definition(u, "[Unit]\nRequiresMountsFor=/srv\n");
	refused(&m, u, fstab, "RequiresMountsFor=");
	set_definition(u, "[Service]\nRootDirectory=/srv\n");
	refused(&m, u, fstab, "RootDirectory=");
	set_definition(u, "");
	u->plain = false;
	refused(&m, u, fstab, "sandbox");
	u->plain = true;
	u->stored.n = 1;
	refused(&m, u, fstab, "store its file descriptors");
	u->stored.n = 0;
	assert_int_equal(wb_strv_add(&u->sockets, "a.socket"), 0);
	refused(&m, u, fstab, "sockets of a.socket");
	wb_strv_deinit(&u->sockets);
	u->speaks_to = strdup("/run/systemd/journal/dev-log");
	refused(&m, u, fstab, "/run/systemd/journal/dev-log");
	free(u->speaks_to);
	u->speaks_to = NULL;
	free(m.net.links.items[0].kind);
	m.net.links.items[0].kind = strdup("bridge");
	refused(&m, u, fstab, "network setup");
}

static void test_files(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = plain_unit(&m);
	struct wb_manifest_file *f = wb_list_add(&u->files, sizeof(*f));

	(void)state;
	f->path = strdup("/dev/shm/memcached");
	refused(&m, u, fstab, "/dev/shm/memcached");
}

static void test_state(void **state)
{
	static const char text[] =
		"{\"pid\": 120, \"held\": true, \"units\": [{\"unit\": \"memcached.service\", "
		"\"output_fd\": 5, \"error_fd\": 6, \"output_inode\": 900, \"error_inode\": 901}]}";
	WB_CLEAN_EARLY e = {}, again = {}, bad = {};
	WB_CLEAN_UNIT_LIST rest = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	char *written;

	(void)state;
	plain_unit(&m);
	if (wb_early_parse((struct wb_bytes){(const uint8_t *)text, strlen(text)}, &e, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(wb_early_find(&e, "memcached.service"));
	assert_null(wb_early_find(&e, "nginx.service"));
	assert_int_equal(wb_early_rest(&e, &m, &rest), 0);
	assert_int_equal(rest.n, m.units.n - 1);
	assert_ptr_equal(rest.items[0], &m.units.items[1]);
	written = wb_early_text(&e);
	assert_non_null(written);
	assert_int_equal(
		wb_early_parse(
			(struct wb_bytes){(const uint8_t *)written, strlen(written)}, &again, &err),
		0);
	assert_int_equal(again.units.items[0].inodes[1], 901);
	assert_true(again.held);
	free(written);
	assert_int_equal(
		wb_early_parse((struct wb_bytes){(const uint8_t *)"{\"pid\": 1}", 10}, &bad, &err),
		-EBADMSG);
}

static void set_weight(const char *root, const char *group, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s/cpu.weight", root, group);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_weight(const char *root, const char *group, const char *want)
{
	char path[256], now[16];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s/cpu.weight", root, group);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(now, sizeof(now), f));
	fclose(f);
	now[strcspn(now, "\n")] = 0;
	assert_string_equal(now, want);
}

/* A control group's file holds one word, however it was written before. */
static int poke(void *ctx, const char *path, const char *text)
{
	return truncate(path, 0) < 0 ? -errno : wb_poke_at(AT_FDCWD, path, text);
}

static void weights_are_raised_and_set_back(void **state)
{
	static const struct wb_runner runner = {.poke = poke};
	char root[] = "/tmp/warmboot-weight.XXXXXX", path[256];
	static const char *const groups[] = {
		"/a.slice", "/a.slice/b.slice", "/a.slice/b.slice/u.service"};
	wb_early_weights w = {};

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, groups[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	/* The controller is off: there are no weights. */
	assert_int_equal(wb_early_weights_raise(&wb_files_host, &runner, &w, root, groups[2]), 0);
	assert_int_equal(w.n, 0);
	set_weight(root, groups[0], "100\n");
	set_weight(root, groups[1], "250\n");
	set_weight(root, groups[2], "10000\n");
	assert_int_equal(wb_early_weights_raise(&wb_files_host, &runner, &w, root, groups[2]), 0);
	assert_weight(root, groups[0], "1000");
	assert_weight(root, groups[1], "1000");
	assert_weight(root, groups[2], "10000");
	/* systemd sets one anew, and another one at the end. */
	set_weight(root, groups[0], "300\n");
	assert_int_equal(wb_early_weights_raise(&wb_files_host, &runner, &w, root, groups[2]), 0);
	assert_weight(root, groups[0], "1000");
	set_weight(root, groups[1], "50\n");
	wb_early_weights_back(&wb_files_host, &runner, &w);
	assert_weight(root, groups[0], "300");
	assert_weight(root, groups[1], "50");
	assert_weight(root, groups[2], "10000");
	assert_int_equal(w.n, 0);
	for (size_t i = 3; i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s/cpu.weight", root, groups[i]);
		unlink(path);
		snprintf(path, sizeof(path), "%s%s", root, groups[i]);
		rmdir(path);
	}
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_state),
		cmocka_unit_test(weights_are_raised_and_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
