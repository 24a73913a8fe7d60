// SPDX-License-Identifier: LGPL-2.1-or-later
/* Entries that GRUB makes of files: blscfg, uki, chainloader, and a GRUB without grub.cfg. */
#include <stdio.h>

#include "sample-entries.h"
#include "grub/grub.h"
#include "grub/order.h"

#define EFIVAR(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static void orders(void **state)
{
	/* Ascending, as each sorts. */
	static const char *const rpm[] = {"a-0-rescue", "a-6.9.12-200.fc43", "a-6.12.1-1~rc1",
		"a-6.12.1-1", "a-6.12.1-1+2", "a-6.17.4-300.fc43", "b-1-1"};
	static const char *const filever[] = {".a.efi", "arch.efi", "a-6.9.1.efi",
		"a-6.12.1~rc1.efi", "a-6.12.1.efi", "a-6.12.1-2.efi", "a-6.17.efi", "b.efi"};

	for (size_t i = 0; i < 7; i++)
		for (size_t k = 0; k < 7; k++)
			if (wb_grub_compare_rpm(rpm[i], rpm[k]) != (i > k) - (i < k))
				fail_msg("rpm: %s, %s", rpm[i], rpm[k]);
	for (size_t i = 0; i < 8; i++)
		for (size_t k = 0; k < 8; k++)
			if (wb_grub_compare_filever(filever[i], filever[k]) != (i > k) - (i < k))
				fail_msg("filevercmp: %s, %s", filever[i], filever[k]);
	/* rpm ignores differences in separators only. */
	assert_int_equal(wb_grub_compare_rpm("a_b-1-1", "a.b-1-1"), 0);
}

#define ENTRY(dir, name, text)                            \
	{                                                 \
		dir "/loader/entries/" name ".conf", text \
	}

static void as_red_hat_reads_it(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub2/grub.cfg", "load_env\nset default=${saved_entry}\nblscfg\n"},
		{"/boot/grub2/grubenv",
			GRUB_ENV "kernelopts=root=UUID=1 ro \"dyndbg=file a.c +p\"\n"
				 "saved_entry=1\ndefault_kernelopts=root=UUID=2 ro\n"
				 "early_initrd=ucode.img\n" GRUB_ENV_END},
		ENTRY("/boot", "m-6.9-1",
			"title A\nlinux /d/k\noptions $kernelopts $tuned_params quiet\n"
			"options second\ninitrd /d/i $tuned_initrd\n"),
		/* The first of a key counts; an empty line ends the file. */
		ENTRY("/boot", "m-6.10-1", "title B\ntitle C\nlinux /d/k\n\noptions lost\n"),
		ENTRY("/boot", "m-6.8-1", "title T\nlinux /d/k\noptions\troot=x ro\n"),
		ENTRY("/boot", "no-kernel", "title N\noptions x\n"),
		ENTRY("/boot", "m-6.7-1", "title U\nlinux /d/k\noptions $kernelopts 1\n"),
		{"/boot/d/k"}, {"/boot/d/i"}, {"/boot/d/ucode.img"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(all.items[0].id, "m-6.10-1");
	assert_string_equal(all.items[0].title, "B");
	assert_string_equal(all.items[0].cmdline, "root=UUID=2 ro");
	assert_string_equal(all.items[0].initrds.items[0], "/boot/d/ucode.img");
	assert_string_equal(default_of(&all), "m-6.9-1");
	assert_string_equal(all.items[1].cmdline, "root=UUID=1 ro \"dyndbg=file a.c +p\" quiet");
	assert_int_equal(all.items[1].initrds.n, 2);
	assert_string_equal(all.items[1].initrds.items[1], "/boot/d/i");
	/* A blank is looked for before a tab: the key is another word then. */
	assert_string_equal(all.items[2].id, "m-6.8-1");
	assert_string_equal(all.items[2].cmdline, "root=UUID=2 ro");
	/* expand_val() loses a last field of one character. */
	assert_string_equal(all.items[3].cmdline, "root=UUID=1 ro \"dyndbg=file a.c +p\"");
}

/* Options of 2.14, arguments of Red Hat's, and a directory named by a variable. */
static void which_entries(void **state)
{
	static const struct {
		const char *script, *ids;
	} cases[] = {
		{"blscfg", "b-2-1 a-1-1 "},
		{"blscfg --path /boot/loader/entries --enable-fallback", "b-2-1 a-1-1 "},
		{"blscfg --path /none --enable-fallback", "b-2-1 a-1-1 "},
		{"blscfg --path /none", ""},
		{"blscfg --path=/other", "c-3-1 "},
		{"set blsdir=/other; blscfg", "c-3-1 "},
		{"blscfg /boot/loader/entries", ""},
		{"blscfg (hd0)/other", "c-3-1 "},
		{"set default=a-1-1; blscfg default", "a-1-1 "},
		{"set default=a-1-1; blscfg non-default", "b-2-1 "},
		{"set default=a-1-1; blscfg non-default; blscfg default", "b-2-1 a-1-1 "},
		{"set default=1; blscfg --show-non-default", "b-2-1 "},
		{"blscfg a-1-1", "a-1-1 "},
		{"blscfg --entry a-1-1", "a-1-1 "},
		{"blscfg -p /other/c-3-1.conf", "c-3-1 "},
		{"something default; blscfg default", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {{"/boot/grub2/grub.cfg", cases[i].script},
			ENTRY("/boot", "a-1-1", "linux /k\noptions a\n"),
			ENTRY("/boot", "b-2-1", "linux /k\noptions b\n"),
			{"/boot/other/c-3-1.conf", "linux /k\noptions c\n"}, {"/boot/k"}, {}};
		struct wb_files files = fake_files(disk);
		WB_CLEAN_ENTRIES all = {};
		struct wb_error err = {};
		char ids[128] = "";

		assert_int_equal(wb_source_grub.find(&files, &all, &err), 0);
		for (size_t k = 0; k < all.n; k++) {
			strcat(ids, all.items[k].id);
			strcat(ids, " ");
		}
		if (strcmp(ids, cases[i].ids) != 0)
			fail_msg("%s: %s, not %s", cases[i].script, ids, cases[i].ids);
	}
}

/*
 * An entry that is skipped because it is unknown is not found again with "$x" in its command line.
 */
static void nobody_else_expands_variables(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub2/grub.cfg", "smbios --set x\nblscfg\n"},
		ENTRY("/boot", "a-1-1", "linux /k\noptions root=1 $x quiet\n"), {"/boot/k"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 0);
	assert_true(has_warning(&all, "only GRUB can expand"));
	assert_true(has_warning(&all, "no entry is the default"));
}

/* Fedora CoreOS: a link to the entries, a script of Ignition's, a prefix that nobody can name. */
static void coreos(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub2/grub.cfg",
			"set pager=1\nif [ -e (md/md-boot) ]; then\n  set prefix=md/md-boot\nelse\n"
			"  search --label boot --set prefix --no-floppy\nfi\nset boot=$prefix\n"
			"if [ -f \"/ignition.firstboot\" ]; then\n    set "
			"ignition_network_kcmdline=''\n"
			"    source \"/ignition.firstboot\"\n    set "
			"ignition_firstboot=\"ignition.firstboot "
			"$ignition_network_kcmdline\"\nfi\nblscfg\n"},
		{"/boot/ignition.firstboot", "set ignition_network_kcmdline='ip=dhcp'\n"},
		{"/boot/loader", .link = "loader.1"},
		{"/boot/loader.1/entries/ostree-1.conf",
			"title 1\nlinux /ostree/b/k\noptions $ignition_firstboot ostree=b\n"},
		{"/boot/loader.1/entries/ostree-2.conf",
			"title 2\nlinux /ostree/a/k\noptions $ignition_firstboot ostree=a\n"},
		{"/boot/ostree/a/k"}, {"/boot/ostree/b/k"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 2);
	assert_string_equal(default_of(&all), "ostree-2");
	assert_string_equal(all.items[0].cmdline, "ignition.firstboot ip=dhcp ostree=a");
}

/* openSUSE's grub2-bls. */
static void without_configuration(void **state)
{
#define BARE                                                                                     \
	ENTRY("/boot/efi", "suse-6.11.7-1-default-11",                                           \
		"title T\nversion 11@6.11.7\n"                                                   \
		"options root=UUID=s x=11\nlinux /s/7/l\n"),                                     \
		ENTRY("/boot/efi", "suse-6.11.8-1-default-12",                                   \
			"title T\nversion 12@6.11.8\noptions root=UUID=s x=12\nlinux /s/8/l\n"), \
		{"/boot/efi/s/7/l"},                                                             \
	{                                                                                        \
		"/boot/efi/s/8/l"                                                                \
	}
#define WISH(id) "\7\0\0\0" id
/* UTF-16 with the terminator. */
#define GRUB214                                                                       \
	{                                                                             \
		EFIVAR("LoaderInfo"), WISH("G\0R\0U\0B\0 \0002\0.\0001\0004\0\0"), 24 \
	}
#define GRUB212                                                                       \
	{                                                                             \
		EFIVAR("LoaderInfo"), WISH("G\0R\0U\0B\0 \0002\0.\0001\0002\0\0"), 24 \
	}
#define SUSE_11                                                                                   \
	"s\0u\0s\0e\0-\0006\0.\0001\0001\0.\0007\0-\0001\0-\0d\0e\0f\0a\0u\0l\0t\0-\0001\0001\0." \
	"\0c\0o"                                                                                  \
	"\0n\0f\0\0"
	static const struct fake_file plain[] = {BARE, GRUB214, {}};
	static const struct fake_file variable[] = {
		BARE, GRUB214, {EFIVAR("LoaderEntryDefault"), WISH(SUSE_11), 64}, {}};
	static const struct fake_file once[] = {BARE, GRUB214,
		{EFIVAR("LoaderEntryOneShot"), WISH(SUSE_11), 64},
		{EFIVAR("LoaderEntryDefault"), WISH("n\0o\0n\0e\0\0"), 14}, {}};
	static const struct fake_file old[] = {
		BARE, GRUB212, {EFIVAR("LoaderEntryDefault"), WISH(SUSE_11), 64}, {}};
	static const struct fake_file grubenv[] = {BARE, GRUB212,
		{"/boot/efi/EFI/opensuse/grubenv",
			GRUB_ENV "default=suse-6.11.7-1-default-11.conf\n" GRUB_ENV_END},
		{}};
	static const struct fake_file pattern[] = {
		BARE, GRUB214, {EFIVAR("LoaderEntryDefault"), WISH("s\0*\0\0"), 10}, {}};
	static const struct {
		const struct fake_file *disk;
		const char *want;
	} cases[] = {{plain, "suse-6.11.8-1-default-12"}, {variable, "suse-6.11.7-1-default-11"},
		{once, "suse-6.11.7-1-default-11"}, {old, "suse-6.11.8-1-default-12"},
		{grubenv, "suse-6.11.7-1-default-11"}, {pattern, "none"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_ENTRIES all = entries_of(cases[i].disk);

		assert_int_equal(all.n, 2);
		if (strcmp(default_of(&all), cases[i].want) != 0)
			fail_msg("case %zu: %s, not %s", i, default_of(&all), cases[i].want);
		assert_string_equal(all.items[0].kernel, "/boot/efi/s/8/l");
		assert_string_equal(all.items[0].cmdline, "root=UUID=s x=12");
	}
}

static void put32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> (8 * i));
}

/* A PE file with the sections that make it a unified kernel image. */
static size_t make_uki(char image[512])
{
	static const struct {
		const char *name, *text;
	} sections[] = {
		{".osrel", "PRETTY_NAME=One\n"}, {".linux", "kernel"}, {".cmdline", "r=/x"}};
	size_t at = 0x100;

	memset(image, 0, 512);
	memcpy(image, "MZ", 2);
	put32(image + 0x3c, 0x40);
	memcpy(image + 0x40, "PE\0\0\x64\x86\3", 7);
	for (size_t i = 0; i < 3; i++) {
		char *header = image + 0x58 + 40 * i;
		size_t n = strlen(sections[i].text);

		memcpy(header, sections[i].name, strlen(sections[i].name));
		put32(header + 8, (uint32_t)n);
		put32(header + 16, (uint32_t)n);
		put32(header + 20, (uint32_t)at);
		memcpy(image + at, sections[i].text, n);
		at += n;
	}
	return at;
}

static void unified_images(void **state)
{
	static const struct {
		const char *script, *want;
		size_t n;
	} cases[] = {
		{"uki\nmenuentry plain --id p { linux /boot/k }\n", "b-2.efi", 3},
		{"insmod blsuki\nblsuki\n", "b-2.efi", 2},
		{"set default=a-1.efi\nuki\n", "a-1.efi", 2},
		{"set default=1\nuki --path /EFI/Linux\n", "a-1.efi", 2},
		{"uki --path /EFI/none\n", "none", 0},
		{"uki --path /EFI/none --enable-fallback\n", "b-2.efi", 2},
		{"uki --show-default\n", "none", 0},
		{"menuentry a { insmod chain\nchainloader /EFI/Linux/a-1.efi\n}\n", "grub:a", 1},
		{"menuentry a { chainloader /EFI/Linux/a-1.efi root=/other\n}\n", "none", 0},
		{"menuentry a { chainloader /EFI/debian/grubx64.efi\n}\n", "none", 0},
		{"menuentry a { chainloader +1\n}\n", "none", 0},
		{"menuentry a { linux /EFI/Linux/a-1.efi\n}\n", "grub:a", 1},
		{"menuentry a { linux /EFI/Linux/a-1.efi quiet\n}\n", "none", 0},
		{"menuentry a { linux /boot/k x\nchainloader /EFI/debian/grubx64.efi\n}\n", "none",
			0},
	};

	char uki[512];
	size_t size = make_uki(uki);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", cases[i].script},
			{"/boot/efi/EFI/Linux/a-1.efi", uki, size},
			{"/boot/efi/EFI/Linux/b-2.efi", uki, size},
			{"/boot/efi/EFI/debian/grubx64.efi", "MZ"}, {"/boot/k"}, {}};
		struct wb_files files = fake_files(disk);
		WB_CLEAN_ENTRIES all = {};
		struct wb_error err = {};

		assert_int_equal(wb_source_grub.find(&files, &all, &err), 0);
		if (all.n != cases[i].n || strcmp(default_of(&all), cases[i].want) != 0)
			fail_msg("%s: %zu entries, %s", cases[i].script, all.n, default_of(&all));
		for (size_t k = 0; k < all.n && strstr(all.items[k].kernel, ".efi"); k++)
			assert_string_equal(all.items[k].cmdline, "r=/x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(as_red_hat_reads_it),
		cmocka_unit_test(which_entries),
		cmocka_unit_test(nobody_else_expands_variables),
		cmocka_unit_test(coreos),
		cmocka_unit_test(without_configuration),
		cmocka_unit_test(unified_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
