// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Staging from end to end on a fake machine: methods, refusals, and that nothing is loaded after
 * those.
 */
#include "unit.h"
#include <stdio.h>

#include "core/codec.h"
#include "fake-sys.h"
#include "samples.h"
#include "stage/stage.h"
#include "warmboot.h"

#define KERNEL "/boot/vmlinuz"
#define INITRD "/boot/initrd"
#define MEMINFO "/proc/meminfo"
#define LOCKDOWN "/sys/kernel/security/lockdown"
#define DISABLED "/proc/sys/kernel/kexec_load_disabled"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define REGION "memmap=0x20000000!0x100000000"
#define RAM_END "/sys/firmware/memmap/0/end"

#define BZ_PAYLOAD (SAMPLE_BZ_SETUP + SAMPLE_BZ_SPARE)

struct fixture {
	struct fake_sys fake;
	struct fake_file disk[24];
	size_t n;
	uint8_t elf[SAMPLE_ELF_SIZE], packed[2048], kernel[4096], uki[8192], initrd[512];
	size_t packed_size, kernel_size, uki_size, initrd_size;
	char line[4096];
	const char *initrds[2];
	struct wb_load_options o;
	struct wb_stage *stage;
	struct wb_error err;
};

static void put(struct fixture *f, const char *path, const void *data, size_t size)
{
	size_t i = 0;

	while (i < f->n && strcmp(f->disk[i].path, path) != 0)
		i++;
	f->n += i == f->n;
	assert_true(f->n < sizeof(f->disk) / sizeof(*f->disk));
	f->disk[i] = (struct fake_file){path, data, size};
}

static void text(struct fixture *f, const char *path, const char *s)
{
	put(f, path, s, 0);
}

static void unreadable(struct fixture *f, const char *path, int error)
{
	put(f, path, NULL, 0);
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->disk[i].path, path) == 0)
			f->disk[i].error = error;
}

static void put_kernel(struct fixture *f)
{
	put(f, KERNEL, f->kernel, f->kernel_size);
}

/* A bzImage around `payload`, which claims to unpack to `unpacked` bytes. */
static void build(struct fixture *f, const void *payload, size_t size, uint32_t unpacked)
{
	f->kernel_size = sample_bzimage(f->kernel, (struct wb_bytes){payload, size}, unpacked);
	put_kernel(f);
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_sys_init(&f->fake, f->disk);
	text(f, "/sys/firmware/memmap/0/start", "0x100000\n");
	text(f, RAM_END, "0x3fffffff\n");
	text(f, "/sys/firmware/memmap/0/type", "System RAM\n");
	text(f, MEMINFO, "MemTotal: 1000000 kB\nMemAvailable:   800000 kB\n");
	text(f, DISABLED, "0\n");
	text(f, LOCKDOWN, "[none] integrity confidentiality\n");
	text(f, "/proc/sys/kernel/osrelease", "6.1.0-test\n");
	sample_elf(f->elf);
	f->packed_size = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	build(f, f->packed, f->packed_size, sizeof(f->elf));
	f->initrd_size = sample_cpio(f->initrd, 0, "init", "#!/bin/sh\n", 10);
	f->initrd_size = sample_cpio(f->initrd, f->initrd_size, "TRAILER!!!", "", 0);
	put(f, INITRD, f->initrd, f->initrd_size);
	f->initrds[0] = INITRD;
	f->o = (struct wb_load_options){
		.size = sizeof(f->o),
		.kernel = KERNEL,
		.initrds = f->initrds,
		.n_initrds = 1,
		.cmdline = "root=/dev/vda1",
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

static void again(struct fixture *f)
{
	wb_stage_free(f->stage);
	f->stage = NULL;
	f->err = (struct wb_error){};
}

static int prepare(struct fixture *f)
{
	again(f);
	return wb_stage_prepare(&f->fake.sys, &f->o, &f->stage, &f->err);
}

static int load(struct fixture *f)
{
	int r = prepare(f);

	return r < 0 ? r : wb_stage_commit(&f->fake.sys, f->stage, &f->err);
}

static void nothing_changed(const struct fixture *f)
{
	assert_int_equal(f->fake.loads, 0);
	assert_int_equal(f->fake.file_loads, 0);
	assert_int_equal(f->fake.unloads, 0);
	assert_int_equal(f->fake.fds, 0);
}

static void says(const struct fixture *f, const char *words)
{
	if (!strstr(f->err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, words);
}

static void refused(struct fixture *f, int code, const char *words)
{
	int r = load(f);

	if (r != code)
		fail_msg("%d instead of %d for \"%s\": %s", r, code, words, f->err.text);
	assert_int_equal(f->err.code, code);
	says(f, words);
	nothing_changed(f);
}

static void loads(struct fixture *f, enum wb_method method)
{
	int r = load(f);

	if (r)
		fail_msg("%s", f->err.text);
	assert_int_equal(wb_stage_info(f->stage).method, method);
	assert_int_equal(f->fake.loads, method != WB_METHOD_FILE);
	assert_int_equal(f->fake.fds, 0);
}

/* ---- loads that work ---- */

static void auto_links_beforehand(void **state)
{
	struct fixture *f = *state;
	struct wb_stage_info info;

	loads(f, WB_METHOD_FAST);
	info = wb_stage_info(f->stage);
	assert_string_equal(info.release, "1.2.3-sample");
	assert_string_equal(info.cmdline, "root=/dev/vda1");
	assert_int_equal(info.initrd_bytes, f->initrd_size);
	assert_int_equal(f->fake.file_loads, 0);
	assert_int_equal(f->fake.entry, wb_stage_entry(f->stage));
	assert_true(f->fake.n_segments >= 4);
}

static void segments_when_asked_for(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_SEGMENTS;
	loads(f, WB_METHOD_SEGMENTS);
	assert_string_equal(wb_stage_info(f->stage).method_why, "asked for");
}

static void file_passes_the_file_itself(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	loads(f, WB_METHOD_FILE);
	assert_int_equal(f->fake.memfds, 0);
	assert_string_equal(f->fake.opened[0], KERNEL);
	assert_string_equal(f->fake.opened[1], INITRD);
	assert_int_equal(f->fake.kernel_fd, FAKE_FILE);
	assert_int_equal(f->fake.initrd_fd, FAKE_FILE + 1);
	assert_string_equal(f->fake.cmdline, "root=/dev/vda1");
}

static void file_without_initrd(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	f->o.n_initrds = 0;
	loads(f, WB_METHOD_FILE);
	assert_int_equal(f->fake.initrd_fd, -1);
}

/* No advice names an initramfs that is in use already, or does not exist. */
static void the_initramfs_is_told(void **state)
{
	struct fixture *f = *state;
	const char *why;

	text(f, "/proc/self/mountinfo", "\n");
	f->o.initramfs = WB_INITRAMFS_AUTO;
	loads(f, WB_METHOD_FAST);
	why = wb_stage_info(f->stage).initramfs_why;
	assert_string_equal(why, "/proc/self/mountinfo shows no root file system");
	f->o.n_initrds = 0;
	f->fake.loads = 0;
	loads(f, WB_METHOD_FAST);
	why = wb_stage_info(f->stage).initramfs_why;
	assert_string_equal(why, "no initrd was named, and no warm one was built: "
				 "/proc/self/mountinfo shows no root file system");
	f->o.initramfs = WB_INITRAMFS_OWN;
	f->fake.loads = 0;
	loads(f, WB_METHOD_FAST);
	assert_string_equal(wb_stage_info(f->stage).initramfs_why, "no initrd was named");
}

static void file_passes_what_was_wrapped_as_memfd(void **state)
{
	struct fixture *f = *state;

	f->uki_size = sample_stored_gzip(f->uki, (struct wb_bytes){f->kernel, f->kernel_size});
	put(f, KERNEL, f->uki, f->uki_size);
	f->o.method = WB_METHOD_FILE;
	loads(f, WB_METHOD_FILE);
	assert_int_equal(f->fake.memfds, 1);
	assert_int_equal(f->fake.kernel_fd, FAKE_MEMFD);
	assert_int_equal(f->fake.contents[0].size, f->kernel_size);
	assert_memory_equal(f->fake.contents[0].data, f->kernel, f->kernel_size);
	assert_string_equal(f->fake.opened[0], INITRD);
	assert_int_equal(f->fake.initrd_fd, FAKE_FILE);
}

static void several_initrds_are_joined_in_order(void **state)
{
	struct fixture *f = *state;
	static const uint8_t second[] = "070701 is only looked at by its magic";
	uint8_t more[512];
	size_t n = sample_cpio(more, 0, "second", second, sizeof(second));

	n = sample_cpio(more, n, "TRAILER!!!", "", 0);
	put(f, "/boot/more", more, n);
	f->initrds[1] = "/boot/more";
	f->o.n_initrds = 2;
	f->o.method = WB_METHOD_FILE;
	loads(f, WB_METHOD_FILE);
	assert_int_equal(f->fake.initrd_fd, FAKE_MEMFD);
	assert_int_equal(f->fake.contents[0].size, f->initrd_size + n);
	assert_memory_equal(f->fake.contents[0].data, f->initrd, f->initrd_size);
	assert_memory_equal(f->fake.contents[0].data + f->initrd_size, more, n);
}

static void make_uki(struct fixture *f)
{
	const struct sample_section s[] = {
		{".linux", f->kernel, (uint32_t)f->kernel_size},
		{".initrd", f->initrd, (uint32_t)f->initrd_size},
		{".cmdline", "root=UUID=from-the-uki quiet\n", 29},
		{".uname", "4.5.6-uki", 9},
	};

	f->uki_size = sample_pe(f->uki, s, 4);
	put(f, KERNEL, f->uki, f->uki_size);
	f->o.cmdline = NULL;
	f->o.n_initrds = 0;
}

static void uki_brings_its_own(void **state)
{
	struct fixture *f = *state;
	struct wb_stage_info info;

	make_uki(f);
	loads(f, WB_METHOD_FAST);
	info = wb_stage_info(f->stage);
	assert_string_equal(info.cmdline, "root=UUID=from-the-uki quiet");
	assert_string_equal(info.release, "1.2.3-sample");
	assert_int_equal(info.initrd_bytes, f->initrd_size);
}

static void uki_command_line_yields_to_one_given(void **state)
{
	struct fixture *f = *state;

	make_uki(f);
	f->o.cmdline = "root=/dev/vdb";
	f->o.append = "quiet";
	loads(f, WB_METHOD_FAST);
	assert_string_equal(wb_stage_info(f->stage).cmdline, "root=/dev/vdb quiet");
}

static void uki_through_file(void **state)
{
	struct fixture *f = *state;

	make_uki(f);
	f->o.method = WB_METHOD_FILE;
	loads(f, WB_METHOD_FILE);
	assert_int_equal(f->fake.memfds, 2);
	assert_memory_equal(f->fake.contents[0].data, f->kernel, f->kernel_size);
	assert_memory_equal(f->fake.contents[1].data, f->initrd, f->initrd_size);
	assert_string_equal(f->fake.cmdline, "root=UUID=from-the-uki quiet");
}

/* drivers/firmware/efi/efi.c: a kernel that knows of an initrd leaves the EFI stub's table alone. */
static void under_efi_the_stale_initrd_table_is_left_alone(void **state)
{
	static const enum wb_method methods[] = {
		WB_METHOD_FAST, WB_METHOD_SEGMENTS, WB_METHOD_FILE};
	struct fixture *f = *state;

	text(f, "/sys/firmware/efi/fw_platform_size", "64\n");
	for (size_t i = 0; i < 3; i++) {
		f->o.method = methods[i];
		assert_int_equal(prepare(f), 0);
		assert_string_equal(
			wb_stage_info(f->stage).cmdline, "root=/dev/vda1 initrdmem=0,1");
	}
	f->o.cmdline = "initrdmem=0x1000,4096 root=/dev/vda1";
	assert_int_equal(prepare(f), 0);
	assert_string_equal(wb_stage_info(f->stage).cmdline, f->o.cmdline);
}

/* Not by its letters: another region may begin with the same ones, and the same one may have others. */
static void the_region_is_set_aside_once(void **state)
{
	static const char *const cases[][2] = {
		{"root=/dev/vda1", "root=/dev/vda1 " REGION},
		{"memmap=512M!4G ro", "memmap=512M!4G ro"},
		{"memmap=64K$1M,512M!4G", "memmap=64K$1M,512M!4G"},
		{REGION "0", REGION "0 " REGION},
		{"x=" REGION, "x=" REGION " " REGION},
	};
	struct fixture *f = *state;

	f->o.region_word = REGION;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		f->o.cmdline = cases[i][0];
		assert_int_equal(prepare(f), 0);
		assert_string_equal(wb_stage_info(f->stage).cmdline, cases[i][1]);
	}
	f->o.region_word = REGION " memmap=0x8000000!0x180000000";
	f->o.cmdline = "ro memmap=128M!6G";
	assert_int_equal(prepare(f), 0);
	assert_string_equal(wb_stage_info(f->stage).cmdline, "ro memmap=128M!6G " REGION);
}

/* ---- auto takes another method only if a kernel is not understood ---- */

static void unknown_compression_falls_to_segments(void **state)
{
	struct fixture *f = *state;

	build(f, "not compressed in any way known", 32, 0);
	loads(f, WB_METHOD_SEGMENTS);
	assert_non_null(
		strstr(wb_stage_info(f->stage).method_why, "payload is of no known compression"));
}

static void missing_relocations_fall_to_segments(void **state)
{
	struct fixture *f = *state;

	sample_le64(f->elf + 40, 0);
	f->packed_size = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	build(f, f->packed, f->packed_size, sizeof(f->elf));
	loads(f, WB_METHOD_SEGMENTS);
	assert_non_null(strstr(wb_stage_info(f->stage).method_why, "no relocation table"));
}

static void fast_by_name_does_not_fall(void **state)
{
	struct fixture *f = *state;

	build(f, "not compressed in any way known", 32, 0);
	f->o.method = WB_METHOD_FAST;
	refused(f, -EOPNOTSUPP, "payload is of no known compression");
}

/* ---- images that are damaged ---- */

static const enum wb_method methods[] = {
	WB_METHOD_AUTO, WB_METHOD_FAST, WB_METHOD_SEGMENTS, WB_METHOD_FILE};
#define EACH_METHOD(f)     \
	for (size_t m = 0; \
		m < sizeof(methods) / sizeof(*methods) && ((f)->o.method = methods[m], true); m++)

static void missing_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	f->o.kernel = "/boot/vmlinuz-none";
	EACH_METHOD(f)
	refused(f, -ENOENT, "/boot/vmlinuz-none: No such file");
}

static void unreadable_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	unreadable(f, KERNEL, -EIO);
	EACH_METHOD(f)
	refused(f, -EIO, KERNEL ": Input/output error");
}

static void empty_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	put(f, KERNEL, NULL, 0);
	EACH_METHOD(f)
	refused(f, -ENOEXEC, KERNEL ": the kernel is an empty file");
}

static void zero_filled_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	memset(f->kernel, 0, f->kernel_size);
	EACH_METHOD(f)
	refused(f, -ENOEXEC, "zero bytes; get the file again");
}

static void foreign_file_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, KERNEL, "#!/bin/sh\necho not a kernel\n");
	EACH_METHOD(f)
	refused(f, -ENOEXEC, KERNEL ": not a kernel that is known");
}

/* Cut anywhere; only a few bytes of padding at the very end are allowed to be missing. */
static void truncated_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	EACH_METHOD(f)
	for (size_t n = 1; n < f->kernel_size; n += n < 0x300 ? 1 : 7) {
		put(f, KERNEL, f->kernel, n);
		assert_true(load(f) < 0);
		says(f, KERNEL ": ");
		nothing_changed(f);
	}
	put(f, KERNEL, f->kernel, f->kernel_size - 100);
	refused(f, -EBADMSG, "bzImage is cut short");
	put(f, KERNEL, f->kernel, 0x240);
	refused(f, -EBADMSG, "its setup header is cut short");
}

static void zero_filled_payload_is_refused(void **state)
{
	struct fixture *f = *state;

	memset(f->kernel + BZ_PAYLOAD + 10, 0, f->packed_size - 10);
	EACH_METHOD(f)
	refused(f, -EBADMSG, KERNEL ": payload: gzip data is damaged at byte");
}

/*
 * Checksums of the payload find every flipped bit, for every program that unpacks it after the
 * jump.
 */
static void bit_flipped_payload_is_refused(void **state)
{
	struct fixture *f = *state;

	EACH_METHOD(f)
	for (size_t i = BZ_PAYLOAD + 10; i < BZ_PAYLOAD + f->packed_size; i++) {
		f->kernel[i] ^= (uint8_t)(1 << i % 8);
		refused(f, -EBADMSG, "payload: gzip data is damaged at byte");
		f->kernel[i] ^= (uint8_t)(1 << i % 8);
	}
}

/* Any flipped bit of the header is refused with a sentence on the file, or is without meaning. */
static void bit_flipped_header_is_refused_or_harmless(void **state)
{
	struct fixture *f = *state;
	int refusals = 0;

	EACH_METHOD(f)
	for (size_t bit = 0x1f1 * 8; bit < (0x202 + 0x6a) * 8; bit++) {
		f->kernel[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (prepare(f) < 0) {
			assert_true(f->err.code < 0 && f->err.text[0]);
			refusals++;
		}
		nothing_changed(f);
		f->kernel[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(refusals > 400);
}

static void damaged_relocations_are_refused(void **state)
{
	struct fixture *f = *state;

	sample_le32(f->elf + SAMPLE_ELF_TABLE + 4, 0x91000008);
	f->packed_size = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	build(f, f->packed, f->packed_size, sizeof(f->elf));
	refused(f, -EBADMSG, "relocation table is damaged");
}

/* ---- images with wrong numbers ---- */

/* One field of the bzImage, little-endian, changed for one refusal. */
static void lie32(struct fixture *f, size_t at, uint32_t v, int code, const char *words)
{
	uint8_t was[4];

	memcpy(was, f->kernel + at, 4);
	sample_le32(f->kernel + at, v);
	EACH_METHOD(f)
	refused(f, code, words);
	memcpy(f->kernel + at, was, 4);
}

static void sizes_past_the_end_are_refused(void **state)
{
	struct fixture *f = *state;

	lie32(f, 0x248, 1 << 20, -EBADMSG, "goes past the end");
	lie32(f, 0x24c, 1 << 20, -EBADMSG, "goes past the end");
	lie32(f, 0x1f4, 1 << 20, -EBADMSG, "bzImage is cut short");
	f->kernel[0x1f1] = 60;
	refused(f, -EBADMSG, "its setup code goes past the end");
}

static void sizes_that_overflow_are_refused(void **state)
{
	struct fixture *f = *state;

	lie32(f, 0x248, 0xffffffff, -EBADMSG, "goes past the end");
	lie32(f, 0x24c, 0xffffffff, -EBADMSG, "goes past the end");
	lie32(f, 0x1f4, 0xffffffff, -EBADMSG, "bzImage is cut short");
	lie32(f, 0x260, 0xffffffff, -EBADMSG, "memory it asks for cannot be right");
	memset(f->kernel + 0x258, 0xff, 8);
	refused(f, -EBADMSG, "preferred address overflows");
}

static void impossible_fields_are_refused(void **state)
{
	struct fixture *f = *state;

	lie32(f, 0x230, 0x300000, -EBADMSG, "alignment is not a power of two");
	lie32(f, 0x230, 0, -EBADMSG, "alignment is not a power of two");
	lie32(f, 0x260, 0, -EBADMSG, "memory it asks for cannot be right");
	lie32(f, 0x24c, 3, -EBADMSG, "no room for its size");
}

static void old_and_32_bit_kernels_are_refused(void **state)
{
	struct fixture *f = *state;

	f->kernel[0x236] = 0;
	refused(f, -EOPNOTSUPP, "no 64-bit entry");
	sample_le16(f->kernel + 0x206, 0x020a);
	refused(f, -EOPNOTSUPP, "boot protocol 2.10, older than 2.12");
}

/* The same for a plain vmlinux: the first 64 bits of a header field. */
static void lie64(struct fixture *f, size_t at, uint64_t v, const char *words)
{
	uint8_t was[8];

	memcpy(was, f->elf + at, 8);
	sample_le64(f->elf + at, v);
	put(f, KERNEL, f->elf, sizeof(f->elf));
	refused(f, -EBADMSG, words);
	memcpy(f->elf + at, was, 8);
}

static void lying_vmlinux_is_refused(void **state)
{
	struct fixture *f = *state;

	lie64(f, 32, 1 << 20, "program headers at offset");
	lie64(f, 32, UINT64_MAX - 8, "program headers at offset");
	lie64(f, 40, 1 << 20, "section headers at offset");
	lie64(f, 64 + 8, UINT64_MAX - 8, "past the end");
	lie64(f, 64 + 32, UINT64_MAX, "more bytes in the file than in memory");
	lie64(f, 64 + 40, UINT64_MAX, "ends beyond all addresses");
	lie64(f, 64 + 56 + 24, SAMPLE_ELF_PADDR + 0x800, "overlaps another one");
	lie64(f, 24, 0x77, "is in no loadable part");
}

/* Row `i` of a UKI's section table, field at `off`. */
static void lie_uki(struct fixture *f, unsigned int i, size_t off, uint32_t v, const char *words)
{
	make_uki(f);
	sample_le32(f->uki + SAMPLE_PE_TABLE + 40 * i + off, v);
	EACH_METHOD(f)
	refused(f, -EBADMSG, words);
}

static void lying_uki_is_refused(void **state)
{
	struct fixture *f = *state;

	lie_uki(f, 1, 20, 1 << 20, "section .initrd of");
	lie_uki(f, 1, 20, 0xffffffff, "goes past the end");
	lie_uki(f, 2, 20, 512, "sections .linux and .cmdline overlap");
	lie_uki(f, 0, 8, 0, "section .linux is empty");
	make_uki(f);
	sample_le16(f->uki + 0x86, 97);
	refused(f, -EBADMSG, "97 sections, more than 96");
}

static void uki_with_nul_in_its_command_line_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t *line;

	make_uki(f);
	for (line = f->uki + 512; memcmp(line, "root=", 5); line++)
		;
	line[4] = 0;
	refused(f, -EBADMSG, "the .cmdline section holds a NUL byte");
}

/* ---- decompression bombs ---- */

/* Zstandard (RFC 8878, 3.1.1): a frame of blocks that repeat one byte 128 KiB times each. */
static size_t zeroes(uint8_t *out, unsigned int blocks)
{
	size_t n = 6;

	memcpy(out, "\x28\xb5\x2f\xfd\x00\x58", 6);
	for (unsigned int i = 0; i < blocks; i++, n += 4)
		sample_le32(out + n, (128 << 10) << 3 | 1 << 1 | (i == blocks - 1));
	return n;
}

static void kernel_that_unpacks_to_more_than_it_says_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t n = zeroes(f->packed, 200); /* 25 MiB */

	build(f, f->packed, n, 1 << 20);
	EACH_METHOD(f)
	refused(f, -E2BIG, "unpacks to more than the 1048576 bytes that are allowed here");
}

static void kernel_that_says_it_is_huge_is_refused(void **state)
{
	struct fixture *f = *state;

	build(f, f->packed, f->packed_size, 0xfffffff0);
	sample_le32(f->kernel + f->kernel_size - 4, 0xfffffff0);
	EACH_METHOD(f)
	refused(f, -E2BIG, "more than any kernel; not unpacked");
}

static void compressed_kernel_that_needs_all_memory_is_refused(void **state)
{
	struct fixture *f = *state;

	put(f, KERNEL, f->packed, zeroes(f->packed, 200));
	text(f, MEMINFO, "MemAvailable: 40960 kB\n");
	EACH_METHOD(f)
	refused(f, -E2BIG, KERNEL ": inside zstd: zstd data unpacks to more than the 20971520");
}

static void initrd_that_needs_all_memory_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t n = zeroes(f->packed, 200);

	put(f, INITRD, f->packed, n);
	text(f, MEMINFO, "MemAvailable: 40960 kB\n");
	refused(f, -ENOMEM,
		"too little memory to unpack the initrd: it takes more than 20 MiB, which is half "
		"of the 40 MiB that are available");
	text(f, MEMINFO, "MemAvailable: 409600 kB\n");
	loads(f, WB_METHOD_FAST);
}

/* ---- initrds ---- */

static void missing_initrd_is_refused(void **state)
{
	struct fixture *f = *state;

	f->initrds[0] = "/boot/no-initrd";
	EACH_METHOD(f)
	refused(f, -ENOENT, "/boot/no-initrd: No such file");
}

static void unreadable_initrd_is_refused(void **state)
{
	struct fixture *f = *state;

	unreadable(f, INITRD, -EACCES);
	EACH_METHOD(f)
	refused(f, -EACCES, INITRD ": Permission denied");
}

static void empty_initrd_is_refused(void **state)
{
	struct fixture *f = *state;

	put(f, INITRD, NULL, 0);
	EACH_METHOD(f)
	refused(f, -EBADMSG, "initrd " INITRD " is empty");
}

static void what_is_no_initrd_is_refused(void **state)
{
	static const uint8_t zeroes[4096] = {0};
	struct fixture *f = *state;

	put(f, INITRD, zeroes, sizeof(zeroes));
	EACH_METHOD(f)
	refused(f, -EBADMSG, INITRD ": not an initrd: it holds nothing but 4096 zero bytes");
	text(f, "/boot/more", "root:x:0:0:root:/root:/bin/bash\n");
	put(f, INITRD, f->initrd, f->initrd_size);
	f->initrds[1] = "/boot/more";
	f->o.n_initrds = 2;
	EACH_METHOD(f)
	refused(f, -EBADMSG, "/boot/more: not an initrd: at byte 0 there is \"root:x:0\"");
}

static void truncated_initrd_is_refused(void **state)
{
	struct fixture *f = *state;

	put(f, INITRD, f->initrd, 120);
	EACH_METHOD(f)
	refused(f, -EBADMSG, INITRD ": initrd is cut short");
}

static void damaged_compressed_initrd_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t n = sample_stored_gzip(f->packed, (struct wb_bytes){f->initrd, f->initrd_size});

	f->packed[20] ^= 1;
	put(f, INITRD, f->packed, n);
	refused(f, -EBADMSG, INITRD ": initrd, byte 0: gzip data is damaged");
	put(f, INITRD, f->packed, 60);
	refused(f, -EBADMSG, "it ends before its end mark");
	put(f, "/boot/more", f->initrd, 120);
	put(f, INITRD, f->initrd, f->initrd_size);
	f->initrds[1] = "/boot/more";
	f->o.n_initrds = 2;
	refused(f, -EBADMSG, "/boot/more: initrd is cut short");
}

/* ---- wishes that cannot be met ---- */

static void long_command_line_is_refused(void **state)
{
	struct fixture *f = *state;

	memset(f->line, 'a', 2048);
	f->o.cmdline = f->line;
	EACH_METHOD(f)
	refused(f, -E2BIG, "2048 bytes long, the kernel takes 2047; shorten it");
	f->line[2047] = 0;
	f->o.method = WB_METHOD_FILE;
	loads(f, WB_METHOD_FILE);
}

static void placement_is_not_for_file(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	f->o.mem_min = 1 << 30;
	refused(f, -EOPNOTSUPP, "give no addresses and no device tree, or use kexec_load(2)");
}

static void a_carved_store_is_not_for_file(void **state)
{
	static const struct wb_handoff_range range = {64 << 20, 32 << 20};
	struct wb_load_store store = {&range, 1, 64 << 20, 32 << 20, {1, 2, 3}};
	struct fixture *f = *state;

	f->o.store = &store;
	f->o.method = WB_METHOD_FILE;
	refused(f, -EOPNOTSUPP, "use kexec_load(2) (the method \"fast\" or \"segments\")");
	/* A region that was set aside is no RAM of the running kernel's. */
	store.n_ranges = 0;
	loads(f, WB_METHOD_FILE);
}

static void the_handoff_tells_of_the_store(void **state)
{
	static const struct wb_handoff_range range = {64 << 20, 32 << 20};
	struct wb_load_store store = {&range, 1, 64 << 20, 32 << 20, {1, 2, 3}};
	struct fixture *f = *state;

	f->o.store = &store;
	loads(f, WB_METHOD_FAST);
	assert_memory_equal(f->stage->handoff.nonce, store.nonce, 16);
	assert_int_equal(f->stage->handoff.store_header, 64 << 20);
	assert_int_equal(f->stage->handoff.store_size, 32 << 20);
}

static void something_else_than_a_device_tree_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, "/boot/dtb", "not one");
	f->o.dtb = "/boot/dtb";
	refused(f, -EBADMSG, "/boot/dtb is not a flattened device tree");
}

static void no_kernel_named(void **state)
{
	struct fixture *f = *state;

	f->o.kernel = NULL;
	refused(f, -EINVAL, "no kernel was named");
}

/* ---- too little memory ---- */

static void too_little_memory_to_read_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, MEMINFO, "MemAvailable: 3 kB\n");
	EACH_METHOD(f)
	refused(f, -ENOMEM,
		"too little memory to read " KERNEL ": it takes more than 1 KiB, which is half of "
		"the 3 KiB that are available");
}

static void too_little_memory_to_unpack_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t n = zeroes(f->packed, 200);

	build(f, f->packed, n, 200 * (128 << 10));
	text(f, MEMINFO, "MemAvailable: 10240 kB\n");
	EACH_METHOD(f)
	refused(f, -ENOMEM,
		"too little memory to unpack the kernel: it takes 25 MiB and 10 MiB are "
		"available");
}

static void too_little_memory_to_hand_over_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(prepare(f), 0);
	text(f, MEMINFO, "MemAvailable: 8 kB\n");
	assert_int_equal(wb_stage_commit(&f->fake.sys, f->stage, &f->err), -ENOMEM);
	says(f, "too little memory to hand the kernel over: it takes ");
	says(f, " and 8 KiB are available");
	nothing_changed(f);
}

static void no_room_in_the_memory_map_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, RAM_END, "0x11fffff\n");
	refused(f, -ENOSPC, "too little memory: no free range of 4096 KiB for the kernel");
	f->o.method = WB_METHOD_SEGMENTS;
	refused(f, -ENOSPC, "too little memory: no free range of 4096 KiB for the kernel");
}

static void memory_that_runs_out_in_the_kernel_is_told(void **state)
{
	struct fixture *f = *state;

	f->fake.load_result = -ENOMEM;
	assert_int_equal(load(f), -ENOMEM);
	says(f, "the kernel has too little free memory to take the new one");
	assert_int_equal(f->fake.fds, 0);
}

static void missing_memory_map_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, RAM_END, "0x0\n");
	refused(f, -EBADMSG, "/sys/firmware/memmap/0 makes no sense");
}

/* ---- gates ---- */

static void no_privilege_is_refused(void **state)
{
	struct fixture *f = *state;

	f->fake.no_privilege = 1;
	EACH_METHOD(f)
	refused(f, -EPERM, "CAP_SYS_BOOT; run this as root or with sudo");
	assert_int_equal(wb_unload(&f->fake.sys, &f->err), -EPERM);
	nothing_changed(f);
}

static void kexec_load_disabled_is_refused(void **state)
{
	struct fixture *f = *state;

	text(f, DISABLED, "1\n");
	EACH_METHOD(f)
	refused(f, -EPERM, "kernel.kexec_load_disabled is 1, which holds until the next boot");
	assert_int_equal(wb_unload(&f->fake.sys, &f->err), -EPERM);
	nothing_changed(f);
}

static void kernel_without_kexec_is_refused(void **state)
{
	struct fixture *f = *state;

	unreadable(f, DISABLED, -ENOENT);
	EACH_METHOD(f)
	refused(f, -ENOSYS, "built without kexec (CONFIG_KEXEC)");
}

static void lockdown_sends_auto_to_file(void **state)
{
	struct fixture *f = *state;

	text(f, LOCKDOWN, "none [integrity] confidentiality\n");
	loads(f, WB_METHOD_FILE);
	assert_string_equal(
		wb_stage_info(f->stage).method_why, "kernel lockdown is in integrity mode");
}

static void lockdown_refuses_the_other_methods(void **state)
{
	struct fixture *f = *state;

	text(f, LOCKDOWN, "none integrity [confidentiality]\n");
	f->o.method = WB_METHOD_FAST;
	refused(f, -EPERM,
		"kernel lockdown is in confidentiality mode, so kexec_load(2) is refused; load a "
		"signed kernel with kexec_file_load(2) (the method \"file\")");
	f->o.method = WB_METHOD_SEGMENTS;
	refused(f, -EPERM, "load a signed kernel with kexec_file_load(2)");
}

static void enforced_signatures_send_auto_to_file(void **state)
{
	struct fixture *f = *state;

	text(f, "/boot/config-6.1.0-test", "CONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\n");
	f->o.method = WB_METHOD_FAST;
	refused(f, -EPERM, "the kernel enforces signatures (CONFIG_KEXEC_SIG_FORCE)");
	f->o.method = WB_METHOD_AUTO;
	loads(f, WB_METHOD_FILE);
}

static void kexec_handover_sends_auto_to_file(void **state)
{
	struct fixture *f = *state;

	text(f, "/proc/cmdline", "root=/dev/vda1 kho=on\n");
	loads(f, WB_METHOD_FILE);
	assert_non_null(strstr(wb_stage_info(f->stage).method_why, "kho=on"));
}

/* kexec_file_load was asked and said no: nothing else may be tried. */
static void file_alone_refused(struct fixture *f, int code, const char *words)
{
	f->fake.file_load_result = code;
	f->fake.file_loads = 0;
	assert_int_equal(load(f), code);
	says(f, words);
	assert_int_equal(f->fake.file_loads, 1);
	assert_int_equal(f->fake.loads, 0);
	assert_int_equal(f->fake.fds, 0);
}

static void rejected_signature_never_falls_back(void **state)
{
	struct fixture *f = *state;
	static const int codes[] = {-EKEYREJECTED, -ENOKEY, -ELIBBAD, -EBADMSG};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		f->o.legacy_fallback = false;
		f->o.method = WB_METHOD_FILE;
		file_alone_refused(f, codes[i],
			"the signature is missing, damaged or by a key that the running kernel "
			"does not trust");
		f->o.legacy_fallback = true;
		file_alone_refused(f, codes[i], KERNEL ": the signature is missing");
	}
}

static void lockdown_never_falls_back(void **state)
{
	struct fixture *f = *state;

	text(f, LOCKDOWN, "none [integrity] confidentiality\n");
	f->o.legacy_fallback = true;
	file_alone_refused(f, -EPERM, "integrity mode, and this file is not signed by a key");
	file_alone_refused(f, -EKEYREJECTED, "the signature is missing");
	file_alone_refused(f, -ENOEXEC, "integrity mode, so there is no other way");
	file_alone_refused(f, -EINVAL, "kexec_file_load(2) refused the plan");
}

/* The verified call is the only one that is tried, unless another is asked for. */
static void secure_boot_sends_auto_to_file(void **state)
{
	struct fixture *f = *state;

	put(f, SECURE_BOOT, "\6\0\0\0\1", 5);
	file_alone_refused(f, -EKEYREJECTED, "the signature is missing");
	f->o.method = WB_METHOD_FAST;
	loads(f, WB_METHOD_FAST);
}

/* Advice must be possible for this image on this machine. */
static void advice_fits(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	file_alone_refused(f, -ENOEXEC,
		"does not know this image format; use kexec_load(2) (the method \"fast\" or");
	put(f, KERNEL, f->elf, sizeof(f->elf));
	file_alone_refused(f, -ENOEXEC,
		"does not know this image format; use kexec_load(2) (the method \"fast\")");
	assert_null(strstr(f->err.text, "segments"));
	f->o.mem_min = 1;
	f->fake.file_loads = 0;
	refused(f, -EOPNOTSUPP, "or use kexec_load(2)");
	f->o.mem_min = 0;
	text(f, LOCKDOWN, "none [integrity] confidentiality\n");
	f->o.method = WB_METHOD_AUTO;
	file_alone_refused(f, -ENOEXEC,
		"kernel lockdown is in integrity mode, so there is no other way; name a signed");
	assert_null(strstr(f->err.text, "--method"));
	file_alone_refused(f, -ENOSYS, "no kexec_file_load(2), and kernel lockdown is in");
	file_alone_refused(f, -EPERM, "kernel trusts; name a kernel that the distribution signed");
	file_alone_refused(f, -ENOKEY, "; name a kernel that the distribution signed, or sign");
	f->o.mem_min = 1;
	f->fake.file_loads = 0;
	refused(f, -EOPNOTSUPP, "give no addresses and no device tree");
	assert_null(strstr(f->err.text, "kexec_load(2)"));
}

static void legacy_fallback_takes_segments(void **state)
{
	struct fixture *f = *state;

	f->o.legacy_fallback = true;
	f->fake.file_load_result = -ENOEXEC;
	loads(f, WB_METHOD_SEGMENTS);
	assert_int_equal(f->fake.file_loads, 1);
	assert_non_null(strstr(wb_stage_info(f->stage).method_why, "does not know this image"));
}

static void legacy_fallback_links_a_vmlinux(void **state)
{
	struct fixture *f = *state;

	f->o.legacy_fallback = true;
	put(f, KERNEL, f->elf, sizeof(f->elf));
	loads(f, WB_METHOD_FAST);
	assert_int_equal(f->fake.file_loads, 0);
}

static void a_vmlinux_is_only_linked_beforehand(void **state)
{
	struct fixture *f = *state;

	put(f, KERNEL, f->elf, sizeof(f->elf));
	f->o.method = WB_METHOD_SEGMENTS;
	refused(f, -EOPNOTSUPP, "no entry of its own; only the method \"fast\"");
}

static void programs_are_no_kernels(void **state)
{
	struct fixture *f = *state;

	sample_le64(f->elf + 64 + 16, 0x400000);    /* p_vaddr */
	sample_le64(f->elf + 24, SAMPLE_ELF_PADDR); /* e_entry */
	put(f, KERNEL, f->elf, sizeof(f->elf));
	f->o.method = WB_METHOD_FAST;
	assert_int_equal(load(f), -EOPNOTSUPP);
	says(f, "not linked as an x86-64 Linux kernel");
}

static void other_refusals_of_the_kernel_are_told(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	file_alone_refused(
		f, -ENOSYS, "the running kernel has no kexec_file_load(2); use another method");
	file_alone_refused(f, -EBUSY, "another kexec operation is going on; try again");
	file_alone_refused(f, -EPERM, "kexec_file_load(2) was refused: no CAP_SYS_BOOT");
	file_alone_refused(f, -ENODEV, "kexec_file_load(2) failed: No such device");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(auto_links_beforehand),
		TEST(segments_when_asked_for),
		TEST(file_passes_the_file_itself),
		TEST(file_without_initrd),
		TEST(the_initramfs_is_told),
		TEST(file_passes_what_was_wrapped_as_memfd),
		TEST(several_initrds_are_joined_in_order),
		TEST(uki_brings_its_own),
		TEST(uki_command_line_yields_to_one_given),
		TEST(under_efi_the_stale_initrd_table_is_left_alone),
		TEST(the_region_is_set_aside_once),
		TEST(uki_through_file),
		TEST(unknown_compression_falls_to_segments),
		TEST(missing_relocations_fall_to_segments),
		TEST(fast_by_name_does_not_fall),
		TEST(missing_kernel_is_refused),
		TEST(unreadable_kernel_is_refused),
		TEST(empty_kernel_is_refused),
		TEST(zero_filled_kernel_is_refused),
		TEST(foreign_file_is_refused),
		TEST(truncated_kernel_is_refused),
		TEST(zero_filled_payload_is_refused),
		TEST(bit_flipped_payload_is_refused),
		TEST(bit_flipped_header_is_refused_or_harmless),
		TEST(damaged_relocations_are_refused),
		TEST(sizes_past_the_end_are_refused),
		TEST(sizes_that_overflow_are_refused),
		TEST(impossible_fields_are_refused),
		TEST(old_and_32_bit_kernels_are_refused),
		TEST(lying_vmlinux_is_refused),
		TEST(lying_uki_is_refused),
		TEST(uki_with_nul_in_its_command_line_is_refused),
		TEST(kernel_that_unpacks_to_more_than_it_says_is_refused),
		TEST(kernel_that_says_it_is_huge_is_refused),
		TEST(compressed_kernel_that_needs_all_memory_is_refused),
		TEST(initrd_that_needs_all_memory_is_refused),
		TEST(missing_initrd_is_refused),
		TEST(unreadable_initrd_is_refused),
		TEST(empty_initrd_is_refused),
		TEST(what_is_no_initrd_is_refused),
		TEST(truncated_initrd_is_refused),
		TEST(damaged_compressed_initrd_is_refused),
		TEST(long_command_line_is_refused),
		TEST(placement_is_not_for_file),
		TEST(a_carved_store_is_not_for_file),
		TEST(the_handoff_tells_of_the_store),
		TEST(something_else_than_a_device_tree_is_refused),
		TEST(no_kernel_named),
		TEST(too_little_memory_to_read_is_refused),
		TEST(too_little_memory_to_unpack_is_refused),
		TEST(too_little_memory_to_hand_over_is_refused),
		TEST(no_room_in_the_memory_map_is_refused),
		TEST(memory_that_runs_out_in_the_kernel_is_told),
		TEST(missing_memory_map_is_refused),
		TEST(no_privilege_is_refused),
		TEST(kexec_load_disabled_is_refused),
		TEST(kernel_without_kexec_is_refused),
		TEST(lockdown_sends_auto_to_file),
		TEST(lockdown_refuses_the_other_methods),
		TEST(enforced_signatures_send_auto_to_file),
		TEST(kexec_handover_sends_auto_to_file),
		TEST(rejected_signature_never_falls_back),
		TEST(lockdown_never_falls_back),
		TEST(secure_boot_sends_auto_to_file),
		TEST(advice_fits),
		TEST(legacy_fallback_takes_segments),
		TEST(legacy_fallback_links_a_vmlinux),
		TEST(a_vmlinux_is_only_linked_beforehand),
		TEST(programs_are_no_kernels),
		TEST(other_refusals_of_the_kernel_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
