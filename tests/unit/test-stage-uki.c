// SPDX-License-Identifier: LGPL-2.1-or-later
/* Staging a unified kernel image with its profile and addons, and files that have to match a digest. */
#include "unit.h"
#include <stdio.h>

#include "core/sha256.h"
#include "core/text.h"
#include "fake-sys.h"
#include "samples.h"
#include "warmboot.h"

#define UKI "/efi/EFI/Linux/foo.efi"
#define KERNEL "/boot/kernel"
#define INITRD "/boot/initrd"

struct cpio {
	uint8_t bytes[512];
	size_t size;
};

struct fixture {
	uint8_t elf[SAMPLE_ELF_SIZE], packed[2048], kernel[4096], uki[16384], addons[2][4096];
	size_t kernel_size;
	struct cpio base, other, one, two, early;
	struct fake_file disk[9];
	struct fake_sys fake;
	struct wb_load_options o;
	struct wb_stage *stage;
	struct wb_error err;
};

static void make_cpio(struct cpio *c, const char *name)
{
	c->size = sample_cpio(c->bytes, 0, name, name, (uint32_t)strlen(name));
	c->size = sample_cpio(c->bytes, c->size, "TRAILER!!!", "", 0);
}

static struct sample_section section(const char *name, const struct cpio *c)
{
	return (struct sample_section){name, c->bytes, (uint32_t)c->size};
}

static int set_up(void **state)
{
	static const char *const addons[] = {"/a/one.addon.efi", "/a/two.addon.efi"};
	struct fixture *f = test_calloc(1, sizeof(*f));
	size_t n, uki_size, sizes[2];

	sample_elf(f->elf);
	n = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	f->kernel_size = sample_bzimage(f->kernel, (struct wb_bytes){f->packed, n}, sizeof(f->elf));
	make_cpio(&f->base, "base");
	make_cpio(&f->other, "other");
	make_cpio(&f->one, "one");
	make_cpio(&f->two, "two");
	make_cpio(&f->early, "kernel/x86/microcode/GenuineIntel.bin");
	uki_size = sample_pe(f->uki,
		(struct sample_section[]){{".linux", f->kernel, (uint32_t)f->kernel_size},
			section(".initrd", &f->base), {".profile", "ID=main", 7},
			{".profile", "ID=other", 8}, section(".initrd", &f->other)},
		5);
	sizes[0] =
		sample_pe(f->addons[0], (struct sample_section[]){section(".initrd", &f->one)}, 1);
	sizes[1] = sample_pe(f->addons[1],
		(struct sample_section[]){
			section(".initrd", &f->two), section(".ucode", &f->early)},
		2);
	f->disk[0] = (struct fake_file){UKI, (char *)f->uki, uki_size};
	f->disk[1] = (struct fake_file){addons[0], (char *)f->addons[0], sizes[0]};
	f->disk[2] = (struct fake_file){addons[1], (char *)f->addons[1], sizes[1]};
	f->disk[3] = (struct fake_file){KERNEL, (char *)f->kernel, f->kernel_size};
	f->disk[4] = (struct fake_file){INITRD, (char *)f->base.bytes, f->base.size};
	f->disk[5] = (struct fake_file){"/proc/meminfo", "MemAvailable: 8000000 kB\n"};
	f->disk[6] = (struct fake_file){"/proc/sys/kernel/kexec_load_disabled", "0\n"};
	fake_sys_init(&f->fake, f->disk);
	f->o = (struct wb_load_options){
		.size = sizeof(f->o),
		.kernel = UKI,
		.cmdline = "root=/dev/x",
		.method = WB_METHOD_FILE,
		.initramfs = WB_INITRAMFS_OWN,
		.addons = addons,
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

static int load(struct fixture *f)
{
	int r = wb_stage_prepare(&f->fake.sys, &f->o, &f->stage, &f->err);

	return r < 0 ? r : wb_stage_commit(&f->fake.sys, f->stage, &f->err);
}

static void holds(struct fixture *f, const struct cpio *const *want)
{
	struct wb_bytes got = wb_blob_view(&f->fake.contents[1]);
	size_t at = 0;

	for (; *want; want++) {
		assert_true(got.size >= at + (*want)->size);
		assert_memory_equal(got.data + at, (*want)->bytes, (*want)->size);
		at = wb_align_up(at + (*want)->size, 4);
	}
	assert_true(got.size <= at);
}

static void a_profile_has_its_own_initrd(void **state)
{
	struct fixture *f = *state;

	f->o.uki_profile = 1;
	assert_int_equal(load(f), 0);
	holds(f, (const struct cpio *const[]){&f->other, NULL});
	assert_memory_equal(f->fake.contents[0].data, f->kernel, f->kernel_size);
}

static void a_profile_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	f->o.uki_profile = 2;
	assert_int_equal(load(f), -ENOENT);
	assert_non_null(strstr(f->err.text, "no profile 2"));
	assert_int_equal(f->fake.file_loads, 0);
}

/* systemd-stub's order: microcode of addons, the image's initrd, initrds of addons. */
static void addons_bring_initrds(void **state)
{
	struct fixture *f = *state;

	f->o.n_addons = 2;
	assert_int_equal(load(f), 0);
	holds(f, (const struct cpio *const[]){&f->early, &f->base, &f->one, &f->two, NULL});
}

static void a_damaged_addon(void **state)
{
	struct fixture *f = *state;

	f->o.n_addons = 2;
	f->disk[2].size = 700;
	assert_int_equal(load(f), -EBADMSG);
	assert_non_null(strstr(f->err.text, "two.addon.efi"));
	assert_int_equal(f->fake.file_loads, 0);
}

/* The checked bytes are loaded: no file is opened a second time. */
static void digests_must_match(void **state)
{
	struct fixture *f = *state;
	static const char *const initrds[] = {INITRD};
	uint8_t digest[32];
	char kernel[65], initrd[65];

	wb_sha256(f->kernel, f->kernel_size, digest);
	wb_hex_write(digest, 32, kernel);
	wb_sha256(f->base.bytes, f->base.size, digest);
	wb_hex_write(digest, 32, initrd);
	f->o.kernel = KERNEL;
	f->o.initrds = initrds;
	f->o.n_initrds = 1;
	f->o.kernel_sha256 = kernel;
	f->o.initrd_sha256 = initrd;
	assert_int_equal(load(f), 0);
	assert_string_equal(f->fake.opened[0], "");
	assert_memory_equal(f->fake.contents[0].data, f->kernel, f->kernel_size);
	holds(f, (const struct cpio *const[]){&f->base, NULL});
	wb_stage_free(f->stage);
	f->stage = NULL;
	f->fake.file_loads = 0;

	initrd[0] = initrd[0] == '0' ? '1' : '0';
	assert_int_equal(load(f), -EBADMSG);
	assert_non_null(strstr(f->err.text, INITRD));
	kernel[63] = kernel[63] == '0' ? '1' : '0';
	assert_int_equal(load(f), -EBADMSG);
	assert_non_null(strstr(f->err.text, KERNEL));
	f->o.kernel_sha256 = "none";
	assert_int_equal(load(f), -EINVAL);
	assert_int_equal(f->fake.file_loads, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_profile_has_its_own_initrd),
		TEST(a_profile_that_is_not_there),
		TEST(addons_bring_initrds),
		TEST(a_damaged_addon),
		TEST(digests_must_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
