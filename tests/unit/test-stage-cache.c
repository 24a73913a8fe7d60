// SPDX-License-Identifier: LGPL-2.1-or-later
/* Staging with a cache of unpacked kernels, which lies in a real directory. */
#define _GNU_SOURCE
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/sha256.h"
#include "core/text.h"
#include "fake-sys.h"
#include "samples.h"
#include "stage/stage.h"
#include "warmboot.h"

#define KERNEL "/boot/vmlinuz"
#define BZ_PAYLOAD (SAMPLE_BZ_SETUP + SAMPLE_BZ_SPARE)

struct fixture {
	struct fake_sys fake;
	struct fake_file disk[8];
	uint8_t elf[SAMPLE_ELF_SIZE], packed[2048], kernel[4096];
	size_t packed_size, kernel_size;
	struct wb_load_options o;
	struct wb_stage *stage;
	struct wb_error err;
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_sys_init(&f->fake, f->disk);
	sample_elf(f->elf);
	f->packed_size = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	f->kernel_size = sample_bzimage(
		f->kernel, (struct wb_bytes){f->packed, f->packed_size}, sizeof(f->elf));
	f->disk[0] = (struct fake_file){"/sys/firmware/memmap/0/start", "0x100000\n", 0};
	f->disk[1] = (struct fake_file){"/sys/firmware/memmap/0/end", "0x3fffffff\n", 0};
	f->disk[2] = (struct fake_file){"/sys/firmware/memmap/0/type", "System RAM\n", 0};
	f->disk[3] = (struct fake_file){
		"/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable:   800000 kB\n", 0};
	f->disk[4] = (struct fake_file){"/proc/sys/kernel/kexec_load_disabled", "0\n", 0};
	f->disk[5] = (struct fake_file){"/proc/sys/kernel/osrelease", "6.1.0-test\n", 0};
	f->disk[6] = (struct fake_file){KERNEL, (const char *)f->kernel, f->kernel_size};
	f->o = (struct wb_load_options){
		.size = sizeof(f->o),
		.kernel = KERNEL,
		.initramfs = WB_INITRAMFS_OWN,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_stage_free(f->stage);
	fake_sys_deinit(&f->fake);
	test_free(f);
	return 0;
}

static int prepare(struct fixture *f)
{
	wb_stage_free(f->stage);
	f->stage = NULL;
	return wb_stage_prepare(&f->fake.sys, &f->o, &f->stage, &f->err);
}

/* A directory in which a cache may be made; not below /tmp, which may lie in memory. */
static void make_cache(struct fixture *f, char top[64], char path[96])
{
	strcpy(top, "/var/tmp/wb-stage-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(path, 96, "%s/cache", top);
	f->o.cache = path;
	f->o.method = WB_METHOD_FAST;
	f->o.cmdline =
		"root=/dev/vda1 nokaslr"; /* else the kernel is linked for another place each time */
}

static void remove_cache(const char *top)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	assert_int_equal(system(command), 0);
}

/* Each load gets the same kernel, and only the first one decompresses it. */
static void a_kernel_is_unpacked_once(void **state)
{
	struct fixture *f = *state;
	char top[64], path[96], command[160];
	WB_CLEAN_BLOB first = {};

	make_cache(f, top, path);
	assert_int_equal(prepare(f), 0);
	assert_int_equal(wb_stage_info(f->stage).method, WB_METHOD_FAST);
	assert_false(wb_stage_info(f->stage).cached);
	assert_int_equal(wb_blob_append(&first, f->stage->vmlinux.data, f->stage->vmlinux.size), 0);
	assert_int_equal(prepare(f), 0);
	if (!wb_stage_info(f->stage).cached) {
		remove_cache(top);
		skip();
	}
	assert_int_equal(f->stage->vmlinux.size, first.size);
	assert_memory_equal(f->stage->vmlinux.data, first.data, first.size);
	/* Another kernel is not mistaken for it, and a damaged one is refused as ever. */
	f->kernel[BZ_PAYLOAD + f->packed_size / 2] ^= 1;
	assert_int_equal(prepare(f), -EBADMSG);
	f->kernel[BZ_PAYLOAD + f->packed_size / 2] ^= 1;
	/* A damaged cache costs a decompression. */
	snprintf(command, sizeof(command), "truncate -s -1 %s/*", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(prepare(f), 0);
	assert_false(wb_stage_info(f->stage).cached);
	assert_memory_equal(f->stage->vmlinux.data, first.data, first.size);
	assert_int_equal(prepare(f), 0);
	assert_true(wb_stage_info(f->stage).cached);
	remove_cache(top);
}

/* Neither a kernel that is only checked, nor one whose digest a boot entry gives. */
static void the_cache_is_for_the_fast_method_alone(void **state)
{
	struct fixture *f = *state;
	char top[64], path[96], hex[65];
	uint8_t digest[32];

	make_cache(f, top, path);
	wb_sha256(f->kernel, f->kernel_size, digest);
	wb_hex_write(digest, sizeof(digest), hex);
	f->o.kernel_sha256 = hex;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(prepare(f), 0);
		assert_false(wb_stage_info(f->stage).cached);
	}
	f->o.kernel_sha256 = NULL;
	for (enum wb_method m = WB_METHOD_SEGMENTS; m <= WB_METHOD_FILE; m++) {
		f->o.method = m;
		assert_int_equal(prepare(f), 0);
		assert_false(wb_stage_info(f->stage).cached);
	}
	assert_int_equal(access(path, F_OK), -1);
	remove_cache(top);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kernel_is_unpacked_once),
		TEST(the_cache_is_for_the_fast_method_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
