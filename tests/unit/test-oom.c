// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Every allocation fails once: the function says -ENOMEM, leaves what it would have returned as it was, and
 * neither crashes nor makes something else of it. The linker leads the library's calls here (--wrap).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "unit.h"
#include "arch/arch.h"
#include "core/cmdline.h"
#include "core/fstab.h"
#include "arch/x86_64-memmap.h"
#include "core/mountinfo.h"
#include "core/mounts.h"
#include "core/strv.h"
#include "core/text.h"
#include "entry/entry.h"
#include "fake-files.h"
#include "heap-wraps.h"
#include "image/image.h"
#include "jump/record.h"
#include "plan/plan.h"
#include "samples.h"
#include "store/layout.h"
#include "store/state.h"
#include "tiny-vmlinux.h"

#define MIB (1ull << 20)

/* The allocation that fails, counted from 1; 0: none. */
static size_t failing, counted;

static bool fails(void)
{
	return ++counted == failing;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);
FILE *__real_open_memstream(char **ret, size_t *ret_size);
void *__real_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__real_mremap(void *at, size_t was, size_t n, int flags);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
FILE *__wrap_open_memstream(char **ret, size_t *ret_size);
void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mremap(void *at, size_t was, size_t n, int flags);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

/* asprintf(3) leaves *ret undefined: use a pointer that free() does not survive. */
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
	if (!fails())
		return __real_vasprintf(ret, fmt, ap);
	*ret = (char *)1;
	return -1;
}

FILE *__wrap_open_memstream(char **ret, size_t *ret_size)
{
	return fails() ? NULL : __real_open_memstream(ret, ret_size);
}

/* mmap(2) under its name for large files. */
void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	return fails() ? MAP_FAILED : __real_mmap64(at, n, prot, flags, fd, off);
}

void *__wrap_mremap(void *at, size_t was, size_t n, int flags)
{
	return n > was && fails() ? MAP_FAILED : __real_mremap(at, was, n, flags);
}

/* One call of what is tried. `ret` has room for whatever it returns. 0 or its error. */
typedef int call_fn(void *ret, struct wb_error *err);
typedef void free_fn(void *ret);

/* All that is tried returns less. */
#define ROOM 65536

/* `vague`: what cannot be read for want of memory may be unknown in the result, too. */
static void each_allocation_of(const char *what, call_fn *call, free_fn *release, bool vague)
{
	static uint8_t ret[ROOM], before[ROOM];
	size_t n;

	for (n = 1;; n++) {
		struct wb_error err = {};
		int r;

		memset(ret, 0xa5, sizeof(ret));
		memcpy(before, ret, sizeof(ret));
		failing = n;
		counted = 0;
		r = call(ret, &err);
		failing = 0;
		if (counted < n) {
			if (r != 0)
				fail_msg("%s: %d %s", what, r, err.text);
			release(ret);
			break;
		}
		if (r == 0 && vague) {
			release(ret);
			continue;
		}
		if (r != -ENOMEM)
			fail_msg("%s: with allocation %zu failing it says %d (%s)", what, n, r,
				err.text);
		if (memcmp(ret, before, sizeof(ret)))
			fail_msg("%s: with allocation %zu failing it has changed what it returns",
				what, n);
	}
	assert_true(n > 1);
}

static void each_allocation_fails(const char *what, call_fn *call, free_fn *release)
{
	each_allocation_of(what, call, release, false);
}

/* ---- core ---- */

static const char mountinfo[] = "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
				"23 22 0:5 / /srv/a\\040b rw - tmpfs t rw,subvol=/x\n";

static int call_mounts(void *ret, struct wb_error *err)
{
	return wb_mounts_parse(mountinfo, ret);
}

static void free_mounts(void *ret)
{
	wb_mounts_deinit(ret);
}

static bool any(const struct wb_mount *m)
{
	return true;
}

static int call_units(void *ret, struct wb_error *err)
{
	WB_CLEAN_MOUNTS m = {};
	int r = wb_mounts_parse(mountinfo, &m);

	return r < 0 ? r : wb_mount_units(&m, any, ret);
}

static void free_strv(void *ret)
{
	wb_strv_deinit(ret);
}

static int call_fstab(void *ret, struct wb_error *err)
{
	return wb_fstab_parse("a /b c d\ne /f g h\n", ret);
}

static void free_fstab(void *ret)
{
	wb_fstab_deinit(ret);
}

static int call_cmdline_get(void *ret, struct wb_error *err)
{
	return wb_cmdline_get("a=1 b=2 a=3", "a", ret);
}

static int call_cmdline_remove(void *ret, struct wb_error *err)
{
	return wb_cmdline_remove("a=1 b=2 a=3", "a", ret);
}

static int call_cmdline_append(void *ret, struct wb_error *err)
{
	return wb_cmdline_append("a=1", "b", ret);
}

static void free_text(void *ret)
{
	free(*(char **)ret);
}

static int call_ranges_copy(void *ret, struct wb_error *err)
{
	WB_CLEAN_RANGES r = {};
	int e = wb_ranges_set(&r, 1, 2, 3);

	return e < 0 ? e : wb_ranges_copy(&r, ret);
}

static void free_ranges(void *ret)
{
	wb_ranges_deinit(ret);
}

static void core_has_no_memory(void **state)
{
	each_allocation_fails("mounts", call_mounts, free_mounts);
	each_allocation_fails("mount units", call_units, free_strv);
	each_allocation_fails("fstab", call_fstab, free_fstab);
	each_allocation_fails("cmdline get", call_cmdline_get, free_text);
	each_allocation_fails("cmdline remove", call_cmdline_remove, free_text);
	each_allocation_fails("cmdline append", call_cmdline_append, free_text);
	each_allocation_fails("ranges", call_ranges_copy, free_ranges);
}

/* ---- image and plan ---- */

static struct wb_blob vmlinux;

static int call_image(void *ret, struct wb_error *err)
{
	static uint8_t elf[SAMPLE_ELF_SIZE], packed[SAMPLE_ELF_SIZE + 200];
	size_t n;

	sample_elf(elf);
	n = sample_stored_gzip(packed, (struct wb_bytes){elf, sizeof(elf)});
	return wb_image_open((struct wb_bytes){packed, n}, ret, err);
}

static void free_image(void *ret)
{
	wb_image_deinit(ret);
}

static int call_plan(void *ret, struct wb_error *err)
{
	static const struct wb_handoff_range kept[] = {{0x4000000, 0x200000}};
	static uint8_t setup[0x70], body[0x2000];
	WB_CLEAN_MACHINE m = {.arch = &wb_arch_x86_64};
	WB_CLEAN_BLOB kernel = {};
	struct wb_image image;
	struct wb_plan_wish wish = {.method = WB_METHOD_FAST,
		.image = &image,
		.vmlinux = &kernel,
		.initrd = {body, 5000},
		.cmdline = "root=/dev/vda1 memmap=1M$40M",
		.verify = true,
		.store = kept,
		.n_store = 1,
		.handoff = {.magic = WB_HANDOFF_MAGIC, .size = sizeof(struct wb_handoff)}};

	memcpy(setup + 0x11, "HdrS", 4);
	image = tiny_bzimage(setup, (struct wb_bytes){body, sizeof(body)});
	if (wb_ranges_set(&m.memory, 0, 0x9fc00, WB_MEMORY_RAM) < 0 ||
		wb_ranges_set(&m.memory, MIB, 1023 * MIB, WB_MEMORY_RAM) < 0 ||
		wb_blob_append(&m.boot_data, NULL, 4096) < 0 ||
		wb_blob_append(&kernel, vmlinux.data, vmlinux.size) < 0)
		return -ENOMEM;
	return wb_plan_make(&m, &wish, ret, err);
}

static void free_plan(void *ret)
{
	wb_plan_deinit(ret);
}

static void image_and_plan_have_no_memory(void **state)
{
	vmlinux = tiny_vmlinux(true, true);
	each_allocation_fails("image", call_image, free_image);
	each_allocation_fails("plan", call_plan, free_plan);
	wb_blob_deinit(&vmlinux);
}

/* ---- store, jump ---- */

static const struct fake_file store_disk[] = {
	{WB_STORE_STATE, "{\"backend\":\"carve\",\"bytes\":2097152,\"nonce\":"
			 "\"000102030405060708090a0b0c0d0e0f\",\"wanted\":false,\"pid\":1,"
			 "\"path\":\"/dev/mem\",\"pieces\":[[0,4096,2097152]]}"},
	{WB_RECORD_JUMP, "{\"entry\":\"a\",\"kernel\":\"/k\",\"boot_id\":\"b\",\"nonce\":\"n\"}"},
	{"/proc/cmdline", "root=/dev/vda1 warmboot.jump=000102030405060708090a0b0c0d0e0f\n"},
	{"/proc/sys/kernel/random/boot_id", "b\n"},
	{"/proc/sys/kernel/osrelease", "6.12\n"},
	{"/proc/stat", "btime 5\n"},
	{},
};

static int call_state(void *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(store_disk);

	return wb_store_state_read(&files, ret, err);
}

static void free_state(void *ret)
{
	wb_store_state_deinit(ret);
}

static int call_record(void *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(store_disk);

	return wb_record_read(&files, WB_RECORD_JUMP, ret, err);
}

static void free_record(void *ret)
{
	wb_record_deinit(ret);
}

static int call_traces(void *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(store_disk);

	return wb_traces_read(&files, ret);
}

static void free_traces(void *ret)
{
	wb_traces_deinit(ret);
}

static int call_table(void *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_TABLE t = {};
	WB_CLEAN_BLOB bytes = {};
	struct wb_store_header h = {};
	struct wb_store_entry e = {.name = strdup("a")};
	int r;

	if (!e.name)
		return -ENOMEM;
	r = wb_store_table_add(&t, &e);
	if (r < 0) {
		free(e.name);
		return r;
	}
	r = wb_store_table_encode(&t, &bytes, &h);
	return r < 0 ? r : wb_store_table_parse(wb_blob_view(&bytes), &h, ret, err);
}

static void free_table(void *ret)
{
	wb_store_table_deinit(ret);
}

static void store_and_jump_have_no_memory(void **state)
{
	each_allocation_fails("state of a store", call_state, free_state);
	each_allocation_fails("traces", call_traces, free_traces);
	each_allocation_fails("table of a store", call_table, free_table);
	each_allocation_fails("record", call_record, free_record);
}

/* ---- entry ---- */

static int find_in(const struct fake_file *disk, struct wb_entries *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);

	return wb_entries_find(&files, ret, err);
}

static int call_bls(void *ret, struct wb_error *err)
{
	static const struct fake_file disk[] = {
		{"/boot/loader/entries/a.conf", "title A\nversion 1\nlinux /k\ninitrd /i\n"
						"options root=/dev/a\noptions quiet\n"},
		{"/boot/loader/entries/b.conf", "linux /k\noptions b\nmachine-id 7\n"},
		{"/boot/loader/loader.conf", "default a*\n"},
		{"/boot/k", "MZ"},
		{"/boot/i"},
		{"/usr/lib/modules/7.1/vmlinuz"},
		{},
	};

	return find_in(disk, ret, err);
}

static int call_grub(void *ret, struct wb_error *err)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg",
			"set default=\"${saved_entry}\"\nif [ x = x ]; then load_env; fi\n"
			"submenu s { menuentry 'A b' --id a {\n"
			"linux /boot/k root=/dev/a \"q u\"\ninitrd /boot/i /boot/j\n} }\n"
			"menuentry c { linux /boot/k c }\n"},
		{"/boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=s>a\n####"},
		{"/boot/k"},
		{"/boot/i"},
		{"/boot/j"},
		{},
	};

	return find_in(disk, ret, err);
}

static int call_bare(void *ret, struct wb_error *err)
{
	static const struct fake_file disk[] = {
		{"/boot/vmlinuz-6.1"},
		{"/boot/initrd.img-6.1"},
		{"/usr/lib/modules/7.1/vmlinuz"},
		{},
	};

	return find_in(disk, ret, err);
}

static void free_entries(void *ret)
{
	wb_entries_deinit(ret);
}

static void entry_has_no_memory(void **state)
{
	each_allocation_of("entries", call_bls, free_entries, true);
	each_allocation_of("entries of GRUB", call_grub, free_entries, true);
	each_allocation_of("bare kernels", call_bare, free_entries, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_has_no_memory),
		cmocka_unit_test(image_and_plan_have_no_memory),
		cmocka_unit_test(store_and_jump_have_no_memory),
		cmocka_unit_test(entry_has_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
