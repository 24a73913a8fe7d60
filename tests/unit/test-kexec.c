// SPDX-License-Identifier: LGPL-2.1-or-later
/* session/kexec.c: the parts of kexec-tools' interface that a session does not have. */
#include <stdlib.h>

#include "fake-machine.h"
#include "session/kexec.h"
#include "unit.h"

static void put(struct fake_machine *m, const char *path, const char *text)
{
	fake_store_file(&m->store, path, text, strlen(text));
}

static char order[64];

static void note_sync(void *ctx)
{
	strcat(order, "sync ");
}

static int note_jump(void *ctx)
{
	strcat(order, "jump ");
	return -EINVAL;
}

static int note_net(void *ctx)
{
	strcat(order, "net ");
	return 0;
}

static void jump_at_once_needs_only_the_kernel(void **state)
{
	static struct fake_machine m;
	struct wb_quiesce quiesce = {.sync = note_sync, .net_down = note_net};
	struct wb_error err = {};

	fake_machine_init(&m);
	m.host.quiesce = &quiesce;
	m.store.sys.reboot_kexec = note_jump;
	put(&m, "/sys/kernel/kexec_loaded", "0\n");
	assert_int_equal(wb_kexec_now(&m.host, true, true, &err), -ENOENT);
	assert_string_equal(order, "");
	put(&m, "/sys/kernel/kexec_loaded", "1\n");
	assert_int_equal(wb_kexec_now(&m.host, true, true, &err), -EINVAL);
	assert_string_equal(order, "sync net jump ");
	/* Nothing of /sys is left, and no file can be written. */
	fake_store_file(&m.store, "/sys/kernel/kexec_loaded", NULL, 0);
	m.store.no_write = -EROFS;
	order[0] = '\0';
	assert_int_equal(wb_kexec_now(&m.host, false, false, &err), -EINVAL);
	assert_string_equal(order, "jump ");
	fake_machine_deinit(&m);
}

static void running_kernels_files_are_reused(void **state)
{
	const char *initrds[2] = {};
	struct wb_request req = {
		.options = {.legacy_fallback = true, .method = WB_METHOD_FILE}, .initrds = initrds};
	struct wb_error err = {};
	static struct fake_machine m;

	fake_machine_init(&m);
	assert_int_equal(wb_kexec_reuse_initrd(&m.store.sys, &req, &err), -ENOENT);
	assert_non_null(strstr(err.text, "retain_initrd"));
	wb_kexec_reuse_dtb(&m.store.sys, &req);
	assert_null(req.options.dtb);
	put(&m, "/sys/firmware/initrd", "x");
	put(&m, "/sys/firmware/fdt", "x");
	assert_int_equal(wb_kexec_reuse_initrd(&m.store.sys, &req, &err), 0);
	assert_int_equal(req.options.n_initrds, 1);
	assert_string_equal(initrds[0], "/sys/firmware/initrd");
	wb_kexec_reuse_dtb(&m.store.sys, &req);
	assert_string_equal(req.options.dtb, "/sys/firmware/fdt");
	assert_int_equal(req.options.method, WB_METHOD_SEGMENTS);
	assert_false(req.options.legacy_fallback);
	/* A tree that is named goes before it. */
	req.options.dtb = "/my.dtb";
	wb_kexec_reuse_dtb(&m.store.sys, &req);
	assert_string_equal(req.options.dtb, "/my.dtb");
	fake_machine_deinit(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jump_at_once_needs_only_the_kernel),
		cmocka_unit_test(running_kernels_files_are_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
