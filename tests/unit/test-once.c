// SPDX-License-Identifier: LGPL-2.1-or-later
/* A jump clears the one-shot setting that chose its boot entry, as the boot loader would have. */
#include "entry-cases.h"
#include "session/once.h"
#include "jump/record.h"

#define ONE_SHOT EFIVAR("LoaderEntryOneShot")
#define GRUBENV "/boot/grub/grubenv"

struct fixture {
	struct wb_files files;
	struct wb_sys sys;
	struct fake_file disk[16];
	char removed[256], made[256], wrote[256];
	struct wb_blob contents;
	int result;
};

static int remove_efivar(void *ctx, const char *path)
{
	struct fixture *f = ctx;

	snprintf(f->removed, sizeof(f->removed), "%s", path);
	return f->result;
}

static int write_efivar(void *ctx, const char *path, struct wb_bytes contents)
{
	struct fixture *f = ctx;

	snprintf(f->made, sizeof(f->made), "%s", path);
	wb_blob_deinit(&f->contents);
	return wb_blob_append(&f->contents, contents.data, contents.size);
}

static int write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	struct fixture *f = ctx;

	assert_int_equal(off, 0);
	snprintf(f->wrote, sizeof(f->wrote), "%s", path);
	wb_blob_deinit(&f->contents);
	wb_blob_append(&f->contents, contents.data, contents.size);
	return f->result;
}

static void begin(struct fixture *f, const struct fake_file *disk)
{
	*f = (struct fixture){.files = fake_files(disk)};
	f->sys = (struct wb_sys){.size = sizeof(f->sys),
		.ctx = f,
		.files = &f->files,
		.remove_efivar = remove_efivar,
		.write_efivar = write_efivar,
		.write_at = write_at};
}

#define MACHINE(info)                                                               \
	VARIABLE("LoaderInfo", info), {"/efi/loader/entries/a.conf", "linux /k\n"}, \
		{"/efi/loader/entries/b.conf", "linux /k\n"},                       \
	{                                                                           \
		"/efi/k"                                                            \
	}
#define STAGED(entry)                                                       \
	{                                                                   \
		WB_RECORD_STAGED, "{\"entry\": \"" entry "\", \"time\": 1}" \
	}

#define HOST(f) ((const struct wb_session_host){.sys = &(f)->sys})

static void the_entry_that_it_chose(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257"), a = efivar_text("a.conf");
	const struct fake_file disk[] = {
		MACHINE(info), VARIABLE("LoaderEntryOneShot", a), STAGED("a"), {}};
	WB_CLEAN_ONCE once = {};
	struct fixture f;

	begin(&f, disk);
	wb_once_clear(&HOST(&f), &once);
	assert_string_equal(f.removed, ONE_SHOT);
	assert_string_equal(once.path, ONE_SHOT);
	/* The jump was refused. */
	wb_once_undo(&HOST(&f), &once);
	assert_string_equal(f.made, ONE_SHOT);
	assert_int_equal(f.contents.size, a.size);
	assert_memory_equal(f.contents.data, a.bytes, a.size);
	wb_blob_deinit(&f.contents);
}

static void another_entry_leaves_it(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257"), a = efivar_text("a.conf"),
			    setup = efivar_text("auto-reboot-to-firmware-setup");
	const struct fake_file other[] = {
		MACHINE(info), VARIABLE("LoaderEntryOneShot", a), STAGED("b"), {}};
	const struct fake_file firmware[] = {
		MACHINE(info), VARIABLE("LoaderEntryOneShot", setup), STAGED("b"), {}};
	const struct fake_file files[] = {MACHINE(info), VARIABLE("LoaderEntryOneShot", a),
		{WB_RECORD_STAGED, "{\"kernel\": \"/efi/k\", \"time\": 1}"}, {}};
	const struct fake_file no_record[] = {MACHINE(info), VARIABLE("LoaderEntryOneShot", a), {}};
	const struct fake_file none[] = {MACHINE(info), STAGED("b"), {}};
	const struct fake_file *const disks[] = {other, firmware, files, no_record, none};

	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		WB_CLEAN_ONCE once = {};
		struct fixture f;

		begin(&f, disks[i]);
		wb_once_clear(&HOST(&f), &once);
		wb_once_undo(&HOST(&f), &once);
		assert_string_equal(f.removed, "");
		assert_string_equal(f.made, "");
		assert_null(once.path);
	}
}

/* The boot loader deletes it when it has read it, whether or not there is such an entry. */
static void one_that_names_nothing(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257"), gone = efivar_text("z.conf");
	const struct fake_file disk[] = {
		MACHINE(info), VARIABLE("LoaderEntryOneShot", gone), STAGED("b"), {}};
	WB_CLEAN_ONCE once = {};
	struct fixture f;

	begin(&f, disk);
	wb_once_clear(&HOST(&f), &once);
	assert_string_equal(f.removed, ONE_SHOT);
}

static void what_cannot_be_removed_is_told(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257"), a = efivar_text("a.conf");
	const struct fake_file disk[] = {MACHINE(info), VARIABLE("LoaderEntryOneShot", a), {}};
	WB_CLEAN_ONCE once = {};
	struct wb_error err = {};
	struct fixture f;

	begin(&f, disk);
	f.result = -EPERM;
	assert_int_equal(wb_once_consume(&f.sys, ONE_SHOT, &once, &err), -EPERM);
	assert_non_null(strstr(err.text, ONE_SHOT));
	assert_null(once.path);
	f.sys.remove_efivar = NULL;
	assert_int_equal(wb_once_consume(&f.sys, ONE_SHOT, &once, &err), -EOPNOTSUPP);
}

#define SIGNATURE "# GRUB Environment Block\n"

static void fill_block(char block[1024], const char *text)
{
	memset(block, '#', 1024);
	memcpy(block, SIGNATURE, sizeof(SIGNATURE) - 1);
	memcpy(block + sizeof(SIGNATURE) - 1, text, strlen(text));
}

static void grub_environment_block(void **state)
{
	static const char *const rows[][2] = {
		{"saved_entry=a\nnext_entry=b>c\nx=1\n", "saved_entry=a\nnext_entry=\nx=1\n"},
		{"next_entry=a\\\nb\\\\\nx=1\n", "next_entry=\nx=1\n"},
		{"x=a\\\nnext_entry=q\nnext_entry=b\n", "x=a\\\nnext_entry=q\nnext_entry=\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char before[1024], after[1024];
		const struct fake_file disk[] = {{GRUBENV, before, sizeof(before)}, {}};
		WB_CLEAN_ONCE once = {};
		struct wb_error err = {};
		struct fixture f;

		fill_block(before, rows[i][0]);
		fill_block(after, rows[i][1]);
		begin(&f, disk);
		assert_int_equal(wb_once_consume(&f.sys, GRUBENV, &once, &err), 0);
		assert_string_equal(f.wrote, GRUBENV);
		assert_int_equal(f.contents.size, sizeof(after));
		assert_memory_equal(f.contents.data, after, sizeof(after));
		assert_int_equal(wb_once_restore(&f.sys, &once), 0);
		assert_memory_equal(f.contents.data, before, sizeof(before));
		wb_blob_deinit(&f.contents);
	}
}

static void other_blocks_are_left_alone(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{SIGNATURE "saved_entry=a\n#####", 0},
		{SIGNATURE "next_entry=\n####", 0},
		{SIGNATURE "next_entry=cut off", -EBADMSG},
		{SIGNATURE "next_entry=x\\", -EBADMSG},
		{SIGNATURE, 0},
		{"next_entry=a\n", -EBADMSG},
		{"", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct fake_file disk[] = {{GRUBENV, rows[i].text}, {}};
		WB_CLEAN_ONCE once = {};
		struct wb_error err = {};
		struct fixture f;

		begin(&f, disk);
		assert_int_equal(wb_once_consume(&f.sys, GRUBENV, &once, &err), rows[i].result);
		assert_string_equal(f.wrote, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_entry_that_it_chose),
		cmocka_unit_test(another_entry_leaves_it),
		cmocka_unit_test(one_that_names_nothing),
		cmocka_unit_test(what_cannot_be_removed_is_told),
		cmocka_unit_test(grub_environment_block),
		cmocka_unit_test(other_blocks_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
