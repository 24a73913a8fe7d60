// SPDX-License-Identifier: LGPL-2.1-or-later
/* bls/type1.c and bls/file.c: Boot Loader Specification type 1. */
#include <stdio.h>

#include "unit.h"
#include "fake-files.h"
#include "bls/file.h"
#include "entry/entry.h"

/* Attributes, then UTF-16LE. */
#define VAR(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
static const char info_sdboot[] =
	"\6\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \0002\0005\0007\0\0";
#define SDBOOT                                                      \
	{                                                           \
		VAR("LoaderInfo"), info_sdboot, sizeof(info_sdboot) \
	}

static const char arch_linux_lts[] = "\7\0\0\0a\0r\0c\0h\0-\0l\0t\0s\0.\0c\0o\0n\0f\0\0";
static const char auto_firmware[] = "\7\0\0\0a\0u\0t\0o\0-\0w\0i\0n\0d\0o\0w\0s\0\0";

static struct wb_entries find(const struct fake_file *disk)
{
	struct wb_files files = fake_files(disk);
	struct wb_entries all = {};
	struct wb_error err = {};

	assert_int_equal(wb_entries_find(&files, &all, &err), 0);
	return all;
}

static const struct wb_entry *by_id(const struct wb_entries *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].id, id) == 0)
			return &all->items[i];
	fail_msg("no entry %s among %zu", id, all->n);
	return NULL;
}

static const char *default_id(const struct wb_entries *all)
{
	const char *id = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (!all->items[i].is_default)
			continue;
		assert_null(id);
		id = all->items[i].id;
	}
	return id ? id : "none";
}

/* Arch: the ESP is /boot, hand-written entries, microcode as an initrd of its own. */
#define ARCH_FILES                                                                               \
	{"/boot/loader/entries/arch.conf", "# written by hand\n"                                 \
					   "title   Arch Linux\n"                                \
					   "linux   /vmlinuz-linux\n"                            \
					   "initrd  /intel-ucode.img\n"                          \
					   "initrd  /initramfs-linux.img\n"                      \
					   "options root=PARTUUID=11-22 rw\n"                    \
					   "options quiet\n"},                                   \
		{"/boot/loader/entries/arch-lts.conf",                                           \
			"title Arch Linux LTS\nlinux /vmlinuz-linux-lts\n"                       \
			"initrd /initramfs-linux-lts.img\noptions root=PARTUUID=11-22 rw\n"},    \
		{"/boot/vmlinuz-linux"}, {"/boot/vmlinuz-linux-lts"}, {"/boot/intel-ucode.img"}, \
		{"/boot/initramfs-linux.img"}, {"/boot/initramfs-linux-lts.img"},                \
	{                                                                                        \
		"/usr/lib/modules/7.1.4-arch1-1/vmlinuz"                                         \
	}

static void arch_with_loader_conf(void **state)
{
	static const struct fake_file disk[] = {SDBOOT, ARCH_FILES,
		{"/boot/loader/loader.conf", "timeout 3\n#default x\ndefault  arch.conf\n"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = by_id(&all, "arch");

	assert_string_equal(e->title, "Arch Linux");
	assert_string_equal(e->kernel, "/boot/vmlinuz-linux");
	assert_string_equal(e->cmdline, "root=PARTUUID=11-22 rw quiet");
	assert_string_equal(e->source, "bls /boot/loader/entries/arch.conf");
	assert_int_equal(e->initrds.n, 2);
	assert_string_equal(e->initrds.items[0], "/boot/intel-ucode.img");
	assert_string_equal(e->initrds.items[1], "/boot/initramfs-linux.img");
	assert_string_equal(default_id(&all), "arch");
	/* The kernels in /boot are known already; the modules directory's release is not. */
	assert_int_equal(all.n, 3);
	assert_string_equal(all.items[2].id, "modules:7.1.4-arch1-1");
}

static void one_shot_beats_default(void **state)
{
	static const struct fake_file disk[] = {SDBOOT, ARCH_FILES,
		{"/boot/loader/loader.conf", "default arch.conf\n"},
		{VAR("LoaderEntryOneShot"), arch_linux_lts, sizeof(arch_linux_lts)}, {}};
	static const struct fake_file lasting[] = {SDBOOT, ARCH_FILES,
		{"/boot/loader/loader.conf", "default arch.conf\n"},
		{VAR("LoaderEntryDefault"), arch_linux_lts, sizeof(arch_linux_lts)}, {}};
	static const struct fake_file saved[] = {SDBOOT, ARCH_FILES,
		{"/boot/loader/loader.conf", "default @saved\n"},
		{VAR("LoaderEntryLastBooted"), arch_linux_lts, sizeof(arch_linux_lts)}, {}};
	static const struct fake_file windows[] = {SDBOOT, ARCH_FILES,
		{VAR("LoaderEntryOneShot"), auto_firmware, sizeof(auto_firmware)}, {}};
	static const struct fake_file glob[] = {
		SDBOOT, ARCH_FILES, {"/boot/loader/loader.conf", "default ARCH-*\n"}, {}};
	WB_CLEAN_ENTRIES a = find(disk);
	WB_CLEAN_ENTRIES b = find(lasting);
	WB_CLEAN_ENTRIES c = find(saved);
	WB_CLEAN_ENTRIES d = find(windows);
	WB_CLEAN_ENTRIES e = find(glob);

	assert_string_equal(default_id(&a), "arch-lts");
	assert_string_equal(default_id(&b), "arch-lts");
	assert_string_equal(default_id(&c), "arch-lts");
	assert_string_equal(default_id(&d), "none");
	assert_int_equal(d.warnings.n, 1);
	assert_string_equal(default_id(&e), "arch-lts");
}

/* NixOS: generations in order, kernels under EFI/nixos, the default by file name. */
static void nixos_generations(void **state)
{
	static const struct fake_file disk[] = {SDBOOT,
		{"/boot/loader/loader.conf",
			"timeout 5\ndefault nixos-generation-9.conf\neditor 0\n"},
		{"/boot/loader/entries/nixos-generation-9.conf",
			"title NixOS\nsort-key nixos\nversion Generation 9 NixOS 25.11 (Linux "
			"6.12.60)\n"
			"linux /EFI/nixos/aaa-linux-6.12.60-bzImage.efi\n"
			"initrd /EFI/nixos/bbb-initrd-linux-6.12.60-initrd.efi\n"
			"options init=/nix/store/zzz-nixos-system/init loglevel=4\nmachine-id "
			"0123\n"},
		{"/boot/loader/entries/nixos-generation-10.conf",
			"title NixOS\nsort-key nixos\nversion Generation 10 NixOS 25.11 (Linux "
			"6.12.61)\n"
			"linux /EFI/nixos/ccc-linux-6.12.61-bzImage.efi\n"
			"initrd /EFI/nixos/ddd-initrd-linux-6.12.61-initrd.efi\n"
			"options init=/nix/store/yyy-nixos-system/init loglevel=4\nmachine-id "
			"0123\n"},
		{"/boot/EFI/nixos/aaa-linux-6.12.60-bzImage.efi"},
		{"/boot/EFI/nixos/bbb-initrd-linux-6.12.60-initrd.efi"},
		{"/boot/EFI/nixos/ccc-linux-6.12.61-bzImage.efi"},
		{"/boot/EFI/nixos/ddd-initrd-linux-6.12.61-initrd.efi"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = NULL;
	struct wb_error err = {};

	assert_int_equal(all.n, 2);
	assert_string_equal(all.items[0].id, "nixos-generation-10");
	assert_string_equal(all.items[1].kernel, "/boot/EFI/nixos/aaa-linux-6.12.60-bzImage.efi");
	assert_string_equal(default_id(&all), "nixos-generation-9");
	/* Both have the title; the default settles it. */
	assert_int_equal(wb_entries_choose(&all, "NixOS", &e, &err), 0);
	assert_ptr_equal(e, &all.items[1]);
	assert_int_equal(wb_entries_choose(&all, "nixos-generation-10.conf", &e, &err), 0);
	assert_ptr_equal(e, &all.items[0]);
}

/* Debian with systemd-boot: ESP on /boot/efi, kernel-install layout, boot counting. */
static void debian_boot_counting(void **state)
{
	static const struct fake_file disk[] = {SDBOOT,
		{"/boot/efi/loader/entries/m1-7.2.12+deb13-cloud-amd64+0-3.conf",
			"title Debian GNU/Linux 13 (trixie)\nversion 7.2.12+deb13-cloud-amd64\n"
			"machine-id m1\nsort-key debian\noptions root=UUID=1 ro\n"
			"linux /m1/7.2.12+deb13-cloud-amd64/linux\n"
			"initrd /m1/7.2.12+deb13-cloud-amd64/initrd.img\n"},
		{"/boot/efi/loader/entries/m1-6.12.107+deb13-cloud-amd64+2-1.conf",
			"title Debian GNU/Linux 13 (trixie)\nversion 6.12.107+deb13-cloud-amd64\n"
			"machine-id m1\nsort-key debian\noptions root=UUID=1 ro\n"
			"linux /m1/6.12.107+deb13-cloud-amd64/linux\n"
			"initrd /m1/6.12.107+deb13-cloud-amd64/initrd.img\n"},
		{"/boot/efi/m1/7.2.12+deb13-cloud-amd64/linux"},
		{"/boot/efi/m1/6.12.107+deb13-cloud-amd64/linux"},
		{"/boot/vmlinuz-6.12.107+deb13-cloud-amd64"}, {"/boot/vmlinuz-5.10.0"},
		{"/boot/initrd.img-5.10.0"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = NULL;
	struct wb_error err = {};

	/* The bare 6.12 is the same release as an entry; 5.10 is offered without a command line. */
	assert_int_equal(all.n, 3);
	assert_string_equal(all.items[0].id, "m1-6.12.107+deb13-cloud-amd64");
	assert_int_equal(all.items[0].tries_left, 2);
	assert_int_equal(all.items[0].tries_done, 1);
	assert_string_equal(all.items[1].id, "m1-7.2.12+deb13-cloud-amd64");
	assert_true(all.items[1].counted);
	assert_int_equal(all.items[1].tries_left, 0);
	assert_string_equal(all.items[1].release, "7.2.12+deb13-cloud-amd64");
	assert_string_equal(default_id(&all), "m1-6.12.107+deb13-cloud-amd64");
	assert_string_equal(all.items[2].id, "boot:5.10.0");
	assert_null(all.items[2].cmdline);
	assert_string_equal(all.items[2].initrds.items[0], "/boot/initrd.img-5.10.0");
	/* A bad entry is not "newest". */
	assert_int_equal(wb_entries_choose(&all, "newest", &e, &err), 0);
	assert_string_equal(e->id, "m1-6.12.107+deb13-cloud-amd64");
}

static void sorts_as_the_spec(void **state)
{
#define E(id, more)                                                  \
	{                                                            \
		"/efi/loader/entries/" id ".conf", "linux /k\n" more \
	}
	static const struct fake_file disk[] = {{"/efi/k"}, E("z", ""), E("y-9", ""), E("y-10", ""),
		E("m", "sort-key b\nversion 1\nmachine-id 2\n"),
		E("n", "sort-key b\nversion 2\nmachine-id 1\n"),
		E("o", "sort-key b\nversion 10\nmachine-id 1\n"),
		E("p", "sort-key a\nversion 1~rc1\n"), E("q", "sort-key a\nversion 1\n"), {}};
	static const char *const want[] = {"q", "p", "o", "n", "m", "z", "y-10", "y-9"};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(all.items[i].id, want[i]);
	assert_string_equal(default_id(&all), "q");
}

static void names_and_counters(void **state)
{
	static const struct {
		const char *file, *id;
		bool counted;
		unsigned int left, done;
	} rows[] = {
		{"a.conf", "a", false, 0, 0},
		{"a+3.conf", "a", true, 3, 0},
		{"a+3-2.conf", "a", true, 3, 2},
		{"a+b.conf", "a+b", false, 0, 0},
		{"6.12+deb13.conf", "6.12+deb13", false, 0, 0},
		{"6.12+deb13+0-9.conf", "6.12+deb13", true, 0, 9},
		{"a+3-.conf", "a+3-", false, 0, 0},
		{"a+9999999.conf", "a+9999999", false, 0, 0},
		{"+3.conf", "+3", false, 0, 0},
		{".conf", NULL, false, 0, 0},
		{".x.conf", NULL, false, 0, 0},
		{"a.conf~", NULL, false, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		WB_CLEAN_STR id = NULL;
		struct wb_entry e = {};

		assert_int_equal(wb_bls_name(rows[i].file, ".conf", false, &id, &e), !!rows[i].id);
		if (!rows[i].id)
			continue;
		assert_string_equal(id, rows[i].id);
		assert_int_equal(e.counted, rows[i].counted);
		assert_int_equal(e.tries_left, rows[i].left);
		assert_int_equal(e.tries_done, rows[i].done);
	}
}

/* A Debian UKI: headers, .osrel, .uname and .linux; sizes as given, whatever the file holds. */
static size_t make_uki(uint8_t *b, size_t size, uint32_t osrel_size)
{
	static const char osrel[] = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 13 "
				    "(trixie)\"\nID=debian\nVERSION_ID='13'\n";
	static const char uname[] = "7.2.12+deb13-amd64";
	const struct {
		const char *name;
		uint32_t size, at;
	} sections[] = {{".osrel", osrel_size ? osrel_size : sizeof(osrel) - 1, 0x400},
		{".uname", sizeof(uname) - 1, 0x600}, {".linux", 0x100, 0x700}};

	memset(b, 0, size);
	memcpy(b, "MZ", 2);
	b[0x3c] = 0x80;
	memcpy(b + 0x80, "PE\0\0", 4);
	memcpy(b + 0x84, (uint16_t[]){WB_PE_MACHINE}, 2);
	b[0x86] = 3;
	b[0x94] = 0xf0;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *h = b + 0x80 + 24 + 0xf0 + i * 40;

		memcpy(h, sections[i].name, strlen(sections[i].name));
		memcpy(h + 8, &sections[i].size, 4);
		memcpy(h + 16, &sections[i].size, 4);
		memcpy(h + 20, &sections[i].at, 4);
	}
	memcpy(b + 0x400, osrel, sizeof(osrel) - 1);
	memcpy(b + 0x600, uname, sizeof(uname) - 1);
	return 0x800;
}

static void debian_uki(void **state)
{
	static uint8_t uki[0x800], lying[0x800];
	size_t n = make_uki(uki, sizeof(uki), 0), m = make_uki(lying, sizeof(lying), 0xffffffff);
	const struct fake_file disk[] = {SDBOOT,
		{"/efi/EFI/Linux/debian-7.2.12+2-1.efi", (const char *)uki, n},
		{"/efi/EFI/Linux/zz-cut.efi", (const char *)lying, 0x410},
		{"/efi/EFI/Linux/lying.efi", (const char *)lying, m},
		{"/efi/EFI/Linux/none.efi", "MZ"}, {"/efi/EFI/Linux/readme.txt", "x"},
		{"/efi/loader/entries/old.conf", "title Old\nlinux /vmlinuz-6.1\nsort-key debian\n"
						 "version 1\n"},
		{"/efi/vmlinuz-6.1"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = by_id(&all, "debian-7.2.12.efi");

	assert_string_equal(e->title, "Debian GNU/Linux 13 (trixie)");
	assert_string_equal(e->kernel, "/efi/EFI/Linux/debian-7.2.12+2-1.efi");
	assert_string_equal(e->release, "7.2.12+deb13-amd64");
	assert_string_equal(e->sort_key, "debian");
	assert_string_equal(e->version, "13");
	/* It carries none, and systemd-stub makes none up. */
	assert_string_equal(e->cmdline, "");
	assert_int_equal(e->tries_left, 2);
	/* Ordered together with the type 1 entries; what lost its sort key to damage is last. */
	assert_int_equal(all.n, 4);
	assert_string_equal(all.items[2].id, "old");
	assert_string_equal(all.items[3].id, "zz-cut.efi");
	assert_int_equal(all.warnings.n, 1);
	assert_non_null(strstr(all.warnings.items[0], "none.efi"));
}

/* The boot header knows the release of a kernel whose name does not. */
static void release_from_the_boot_header(void **state)
{
	static uint8_t kernel[0x400];
	const struct fake_file disk[] = {
		{"/boot/vmlinuz-linux", (const char *)kernel, sizeof(kernel)},
		{"/boot/initramfs-linux.img"}, {"/usr/lib/modules/7.1.4-arch1-1/vmlinuz"}, {}};
	memcpy(kernel + 0x202, "HdrS", 4);
	kernel[0x20f] = 0x01; /* 0x100 + 0x200 */
	memcpy(kernel + 0x300, "7.1.4-arch1-1 (builder) #1", 26);
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].release, "7.1.4-arch1-1");
	assert_string_equal(all.items[0].initrds.items[0], "/boot/initramfs-linux.img");
	assert_string_equal(default_id(&all), "none");
}

static void bad_files_are_skipped_with_a_sentence(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/loader/entries/unreadable.conf", "x", .error = -EACCES},
		{"/boot/loader/entries/empty.conf"},
		{"/boot/loader/entries/nul.conf", "linux\0/k\n", 9},
		{"/boot/loader/entries/binary.conf", "\377\376\1\2\n\n\r\r   \n\t"},
		{"/boot/loader/entries/gone.conf", "title Gone\nlinux /no/such\n"},
		{"/boot/loader/entries/efi.conf", "title Shell\nefi /shellx64.efi\n"},
		{"/boot/loader/entries/bare.conf", "linux\ntitle\n"},
		{"/boot/loader/entries/good.conf", "linux /k"},
		{"/boot/loader/loader.conf", "default\n \ndefault nothing-*\n"},
		{VAR("LoaderEntryOneShot"), "\7\0", 2},
		{VAR("LoaderEntryDefault"), "\7\0\0\0x", 5},
		{"/boot/k"},
		{},
	};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].id, "good");
	assert_string_equal(all.items[0].title, "good");
	assert_string_equal(all.items[0].cmdline, "");
	assert_int_equal(all.warnings.n, 7);
	assert_string_equal(default_id(&all), "good");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arch_with_loader_conf),
		cmocka_unit_test(one_shot_beats_default),
		cmocka_unit_test(nixos_generations),
		cmocka_unit_test(debian_boot_counting),
		cmocka_unit_test(sorts_as_the_spec),
		cmocka_unit_test(names_and_counters),
		cmocka_unit_test(debian_uki),
		cmocka_unit_test(release_from_the_boot_header),
		cmocka_unit_test(bad_files_are_skipped_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
