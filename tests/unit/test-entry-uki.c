// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unified kernel images: profiles, addons, type 1 entries that name one, images without a kernel. */
#include "entry-cases.h"

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
static const char secure_on[] = {6, 0, 0, 0, 1};

#define OSREL "ID=foo\nPRETTY_NAME=\"Foo Linux\"\nVERSION_ID=1\n"
static const char *const one_profile[][2] = {{".osrel", OSREL}, {".uname", "6.12.1"},
	{".linux", "kernel"}, {".initrd", "xx"}, {".cmdline", "quiet\n"}, {}};
static const char *const three_profiles[][2] = {{".osrel", OSREL}, {".uname", "6.12.1"},
	{".linux", "kernel"}, {".initrd", "xx"}, {".cmdline", "root=UUID=a ro quiet"},
	{".profile", "ID=main\nTITLE=\"Regular boot\"\n"},
	{".profile", "ID=debug\nTITLE=\"Debug\"\n"},
	{".cmdline", "root=UUID=a ro systemd.debug-shell=1"}, {".profile", "TITLE=\"Reset\"\n"},
	{".cmdline", "root=UUID=a ro systemd.factory_reset=yes"}, {}};

static void type1_names_a_uki(void **state)
{
	static const char *const keys[] = {"uki", "linux", "efi"};
	const struct efivar info = efivar_text("systemd-boot 259");
	struct pe uki;

	make_pe(&uki, one_profile);
	for (size_t i = 0; i < 3; i++) {
		char conf[96];
		const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
			{"/boot/loader/entries/entry.conf", conf},
			PE_FILE("/boot/EFI/Linux/bootc/uki.efi", uki), {}};
		const struct wb_entry *e;

		snprintf(conf, sizeof(conf),
			"title Fedora Linux\nversion 1\n%s /EFI/Linux/bootc/uki.efi\n", keys[i]);
		WB_CLEAN_ENTRIES all = entries_of(disk);
		assert_int_equal(all.n, 1);
		e = entry_by_id(&all, "entry");
		assert_string_equal(e->kernel, "/boot/EFI/Linux/bootc/uki.efi");
		assert_non_null(e->cmdline);
		assert_string_equal(e->cmdline, "quiet");
		assert_string_equal(e->release, "6.12.1");
		assert_string_equal(default_of(&all), "entry");
	}
}

/* Options of the entry replace the image's, except where Secure Boot holds and it has its own. */
static void type1_options(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 259");
	struct pe uki;

	make_pe(&uki, one_profile);
#define TREE                                                                                \
	VARIABLE("LoaderInfo", info),                                                       \
		{"/boot/loader/entries/e.conf", "uki /u.efi\noptions root=/dev/x debug\n"}, \
		PE_FILE("/boot/u.efi", uki)
	const struct fake_file off[] = {TREE, {}};
	const struct fake_file on[] = {TREE, {SECURE_BOOT, secure_on, sizeof(secure_on)}, {}};
	WB_CLEAN_ENTRIES a = entries_of(off);
	WB_CLEAN_ENTRIES b = entries_of(on);

	assert_string_equal(entry_by_id(&a, "e")->cmdline, "root=/dev/x debug");
	assert_string_equal(entry_by_id(&b, "e")->cmdline, "quiet");
#undef TREE
}

static void uki_with_initrd_lines(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 259");
	struct pe uki;

	make_pe(&uki, one_profile);
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/boot/loader/entries/e.conf", "linux /u.efi\ninitrd /i\noptions root=/dev/x\n"},
		PE_FILE("/boot/u.efi", uki), {"/boot/i"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "none");
	assert_true(warns(&all, "e.conf", "initrd"));
}

/* A kernel with its EFI entry point, started as a program: its options name the initrds. */
static void efi_names_a_kernel(void **state)
{
	static uint8_t kernel[0x400];
	const struct efivar info = efivar_text("systemd-boot 259");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/boot/loader/entries/e.conf",
			"efi \\vmlinuz\ninitrd /ignored\n"
			"options root=/dev/x initrd=\\ucode.img initrd=\\i.img\n"},
		{"/boot/vmlinuz", (const char *)kernel, sizeof(kernel)}, {"/boot/ucode.img"},
		{"/boot/i.img"}, {}};

	memcpy(kernel, "MZ", 2);
	memcpy(kernel + 0x202, "HdrS", 4);
	WB_CLEAN_ENTRIES all = entries_of(disk);
	const struct wb_entry *e = entry_by_id(&all, "e");

	assert_string_equal(e->kernel, "/boot/vmlinuz");
	assert_int_equal(e->initrds.n, 2);
	assert_string_equal(e->initrds.items[0], "/boot/ucode.img");
	assert_string_equal(e->initrds.items[1], "/boot/i.img");
	assert_string_equal(default_of(&all), "e");
}

static void profiles(void **state)
{
	static const struct {
		const char *wish, *want, *cmdline;
	} rows[] = {
		{"foo_6.12.1.efi@debug", "foo_6.12.1.efi@debug",
			"root=UUID=a ro systemd.debug-shell=1"},
		{"FOO_6.12.1.EFI@DEBUG", "foo_6.12.1.efi@debug",
			"root=UUID=a ro systemd.debug-shell=1"},
		{"foo_6.12.1.efi@2", "foo_6.12.1.efi@2",
			"root=UUID=a ro systemd.factory_reset=yes"},
		{"foo_6.12.1.efi@main", "foo_6.12.1.efi", "root=UUID=a ro quiet"},
		{"foo_6.12.1.efi", "foo_6.12.1.efi", "root=UUID=a ro quiet"},
		{"foo_6.12.1.efi@none", "foo_6.12.1.efi", "root=UUID=a ro quiet"},
	};
	static const char *const variables[] = {
		EFIVAR("LoaderEntryOneShot"), EFIVAR("LoaderEntryDefault")};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, three_profiles);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		const struct efivar wish = efivar_text(rows[i / 2].wish);
		const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
			{variables[i % 2], wish.bytes, wish.size},
			PE_FILE("/efi/EFI/Linux/foo_6.12.1.efi", uki), {}};
		WB_CLEAN_ENTRIES all = entries_of(disk);

		assert_int_equal(all.n, 3);
		assert_string_equal(default_of(&all), rows[i / 2].want);
		assert_string_equal(
			entry_by_id(&all, rows[i / 2].want)->cmdline, rows[i / 2].cmdline);
	}
}

/* A release means its first profile. */
static void the_usual_profile(void **state)
{
	static const char *const words[] = {"newest", "6.12.1", "/efi/EFI/Linux/foo.efi"};
	const struct efivar info = efivar_text("rEFInd");
	const struct wb_entry *e = NULL;
	struct wb_error err = {};
	struct pe uki;

	make_pe(&uki, three_profiles);
	const struct fake_file disk[] = {
		VARIABLE("LoaderInfo", info), PE_FILE("/efi/EFI/Linux/foo.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(wb_entries_choose(&all, words[i], &e, &err), 0);
		assert_string_equal(e->id, "foo.efi");
	}
	assert_int_equal(wb_entries_choose(&all, "foo.efi@debug", &e, &err), 0);
	assert_int_equal(e->profile, 1);
	/* The error says why there is no default. */
	assert_int_equal(wb_entries_choose(&all, "default", &e, &err), -ENOENT);
	assert_non_null(strstr(err.text, "rEFInd"));
}

/* An old boot loader knows no profiles, and shows the image once. */
static void profiles_before_257(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 256.4"),
			    wish = efivar_text("foo.efi@debug");
	struct pe uki;

	make_pe(&uki, three_profiles);
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryDefault", wish), PE_FILE("/efi/EFI/Linux/foo.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "foo.efi");
}

static void type1_profile(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 258");
	struct pe uki;

	make_pe(&uki, three_profiles);
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/efi/loader/entries/foo-debug.conf",
			"title Foo Debug\nuki /uki/foo.efi\nprofile 1\n"},
		{"/efi/loader/entries/gone.conf", "uki /uki/foo.efi\nprofile 7\n"},
		{"/efi/loader/entries/odd.conf", "uki /uki/foo.efi\nprofile debug\n"},
		PE_FILE("/efi/uki/foo.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(
		entry_by_id(&all, "foo-debug")->cmdline, "root=UUID=a ro systemd.debug-shell=1");
	assert_true(warns(&all, "gone.conf", "profile"));
	assert_true(warns(&all, "odd.conf", "profile"));
	assert_int_equal(all.n, 1);
	/* In the menu "odd" and "gone" come before it; the boot loader would fail there. */
	assert_string_equal(default_of(&all), "none");
}

static void addons(void **state)
{
	static const char *const root[][2] = {
		{".cmdline", "root=UUID=a rootflags=subvol=@"}, {".sbat", "sbat,1"}, {}};
	static const char *const console[][2] = {{".cmdline", "console=ttyS0\n"}, {}};
	static const char *const other[][2] = {{".cmdline", "no"}, {".uname", "6.1"}, {}};
	static const char *const kernel[][2] = {{".cmdline", "no"}, {".linux", "k"}, {}};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki, a, b, c, d;

	make_pe(&uki, one_profile);
	make_pe(&a, root);
	make_pe(&b, console);
	make_pe(&c, other);
	make_pe(&d, kernel);
#define TREE                                                                    \
	VARIABLE("LoaderInfo", info), PE_FILE("/efi/EFI/Linux/foo.efi", uki),   \
		PE_FILE("/efi/EFI/Linux/foo.efi.extra.d/root.addon.efi", a),    \
		PE_FILE("/efi/EFI/Linux/foo.efi.extra.d/uname.addon.efi", c),   \
		PE_FILE("/efi/EFI/Linux/foo.efi.extra.d/uki.addon.efi", d),     \
		PE_FILE("/efi/EFI/Linux/foo.efi.extra.d/.hidden.addon.efi", a), \
		PE_FILE("/efi/EFI/Linux/foo.efi.extra.d/x.efi", a),             \
		PE_FILE("/efi/EFI/Linux/bar.efi.extra.d/root.addon.efi", a),    \
		PE_FILE("/efi/loader/addons/console.addon.efi", b)
	const struct fake_file disk[] = {TREE, {}};
	const struct fake_file secure[] = {TREE, {SECURE_BOOT, secure_on, sizeof(secure_on)}, {}};
	/* Parameters of the running kernel have passed the firmware's check. */
	const struct fake_file proven[] = {TREE, {SECURE_BOOT, secure_on, sizeof(secure_on)},
		{"/proc/cmdline", "quiet console=ttyS0 root=UUID=a rootflags=subvol=@\n"}, {}};
	const struct fake_file type1[] = {TREE,
		{"/efi/loader/entries/t.conf", "uki /EFI/Linux/foo.efi\noptions debug\n"}, {}};
	WB_CLEAN_ENTRIES x = entries_of(disk);
	WB_CLEAN_ENTRIES y = entries_of(secure);
	WB_CLEAN_ENTRIES z = entries_of(proven);
	WB_CLEAN_ENTRIES t = entries_of(type1);

	assert_string_equal(entry_by_id(&x, "foo.efi")->cmdline,
		"quiet console=ttyS0 root=UUID=a rootflags=subvol=@");
	assert_string_equal(default_of(&x), "foo.efi");
	assert_string_equal(default_of(&y), "none");
	assert_true(warns(&y, "addon", "Secure Boot"));
	assert_string_equal(entry_by_id(&z, "foo.efi")->cmdline,
		"quiet console=ttyS0 root=UUID=a rootflags=subvol=@");
	assert_string_equal(default_of(&z), "foo.efi");
	assert_string_equal(entry_by_id(&t, "t")->cmdline,
		"debug console=ttyS0 root=UUID=a rootflags=subvol=@");
#undef TREE
}

/* Parts that only systemd-stub passes on are reported, and such an entry is no default. */
static void sidecars(void **state)
{
	static const char *const paths[] = {"/efi/EFI/Linux/foo.efi.extra.d/disk.cred",
		"/efi/EFI/Linux/foo.efi.extra.d/a.sysext.raw", "/efi/loader/credentials/x.cred",
		"/efi/loader/extensions/y.raw"};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, one_profile);
	for (size_t i = 0; i < 4; i++) {
		const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
			PE_FILE("/efi/EFI/Linux/foo.efi", uki), {paths[i], "x"}, {}};
		WB_CLEAN_ENTRIES all = entries_of(disk);

		assert_int_equal(all.n, 1);
		assert_string_equal(default_of(&all), "none");
		assert_true(warns(&all, paths[i], "systemd-stub"));
	}
}

/* The maker of a virtual machine adds words; whether they are heard, the running kernel tells. */
static void smbios_words(void **state)
{
	static const char stub[] = "\13\5\1\0\1other=x\0io.systemd.stub.kernel-cmdline-extra="
				   "console=hvc0 debug\0";
	static const char boot[] = "\13\5\1\0\1io.systemd.boot.kernel-cmdline-extra=from-boot\0";
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, one_profile);
#define TREE                                                                                   \
	VARIABLE("LoaderInfo", info), PE_FILE("/efi/EFI/Linux/foo.efi", uki),                  \
		{"/efi/loader/entries/t.conf", "linux /k\noptions root=/dev/x\n"}, {"/efi/k"}, \
		{"/sys/firmware/dmi/entries/11-0/raw", stub, sizeof(stub)},                    \
	{                                                                                      \
		"/sys/firmware/dmi/entries/11-1/raw", boot, sizeof(boot)                       \
	}
	const struct fake_file heard[] = {
		TREE, {"/proc/cmdline", "quiet console=hvc0 debug from-boot\n"}, {}};
	const struct fake_file not_known[] = {TREE, {"/proc/cmdline", "quiet\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(heard);
	WB_CLEAN_ENTRIES b = entries_of(not_known);

	assert_string_equal(entry_by_id(&a, "foo.efi")->cmdline, "quiet console=hvc0 debug");
	assert_string_equal(entry_by_id(&a, "t")->cmdline, "root=/dev/x from-boot");
	assert_string_equal(default_of(&a), "foo.efi");
	assert_string_equal(default_of(&b), "none");
	assert_true(warns(&b, "foo.efi", "SMBIOS"));
#undef TREE
}

static void no_osrel(void **state)
{
	static const char *const broken[][2] = {{".uname", "6.13.0"}, {".linux", "k"},
		{".initrd", "xx"}, {".cmdline", "root=UUID=b"}, {}};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe good, bad;

	make_pe(&good, one_profile);
	make_pe(&bad, broken);
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		PE_FILE("/efi/EFI/Linux/good.efi", good),
		PE_FILE("/efi/EFI/Linux/zz-broken.efi", bad), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(default_of(&all), "good.efi");
	assert_true(warns(&all, "zz-broken.efi", ".osrel"));
}

static void no_cmdline(void **state)
{
	static const char *const bare[][2] = {{".osrel", OSREL}, {".linux", "k"}, {}};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, bare);
	const struct fake_file disk[] = {
		VARIABLE("LoaderInfo", info), PE_FILE("/efi/EFI/Linux/a.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	/* As systemd-stub starts it: not with the running kernel's. */
	assert_string_equal(entry_by_id(&all, "a.efi")->cmdline, "");
}

/* A program with an .osrel section is in the menu, and may be what it starts. */
static void program_in_the_menu(void **state)
{
	static const char *const loader[][2] = {
		{".osrel", "ID=systemd-boot\nNAME=\"systemd-boot 257\"\n"}, {".text", "x"}, {}};
	const struct efivar info = efivar_text("systemd-boot 257.7"), wish = efivar_text("sd.efi");
	struct pe sd, uki;

	make_pe(&sd, loader);
	make_pe(&uki, one_profile);
	const struct fake_file wished[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryOneShot", wish), PE_FILE("/efi/EFI/Linux/sd.efi", sd),
		PE_FILE("/efi/EFI/Linux/a.efi", uki), {}};
	const struct fake_file last[] = {VARIABLE("LoaderInfo", info),
		PE_FILE("/efi/EFI/Linux/sd.efi", sd), PE_FILE("/efi/EFI/Linux/a.efi", uki), {}};
	WB_CLEAN_ENTRIES a = entries_of(wished);
	WB_CLEAN_ENTRIES b = entries_of(last);

	assert_int_equal(a.n, 1);
	assert_string_equal(default_of(&a), "none");
	assert_true(warns(&a, "sd.efi", ".linux"));
	assert_string_equal(default_of(&b), "a.efi");
}

static void foreign_machine(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, one_profile);
	sample_le16(uki.bytes + 0x84, 0x1234);
	const struct fake_file disk[] = {
		VARIABLE("LoaderInfo", info), PE_FILE("/efi/EFI/Linux/a.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 0);
	assert_true(warns(&all, "a.efi", "machine"));
}

static void uki_counted(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, one_profile);
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		PE_FILE("/efi/EFI/Linux/arch_20230821.1859+0-3.efi", uki),
		PE_FILE("/efi/EFI/Linux/arch_20230815.1356.efi", uki), {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "arch_20230815.1356.efi");
}

static void lanzaboote_thin(void **state)
{
	static const char *const sections[][2] = {{".osrel", "ID=lanza\nPRETTY_NAME=NixOS 25.05\n"},
		{".cmdline", "init=/nix/store/a/init loglevel=4"},
		{".initrd", "\\EFI\\nixos\\initrd-x.efi"}, {".linux", "\\EFI\\nixos\\kernel-y.efi"},
		{".initrdh", "0123456789abcdef0123456789abcdef"},
		{".linuxh", "fedcba9876543210fedcba9876543210"}, {}};
	const struct efivar info = efivar_text("systemd-boot 257.7");
	struct pe uki;

	make_pe(&uki, sections);
#define STUB                                                                  \
	VARIABLE("LoaderInfo", info),                                         \
		PE_FILE("/boot/EFI/Linux/nixos-generation-42-abcd.efi", uki), \
	{                                                                     \
		"/boot/EFI/nixos/initrd-x.efi"                                \
	}
	const struct fake_file disk[] = {STUB, {"/boot/EFI/nixos/kernel-y.efi"}, {}};
	const struct fake_file gone[] = {STUB, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);
	WB_CLEAN_ENTRIES without = entries_of(gone);
	const struct wb_entry *e = entry_by_id(&all, "nixos-generation-42-abcd.efi");

	assert_string_equal(e->kernel, "/boot/EFI/nixos/kernel-y.efi");
	assert_int_equal(e->initrds.n, 1);
	assert_string_equal(e->initrds.items[0], "/boot/EFI/nixos/initrd-x.efi");
	assert_string_equal(e->cmdline, "init=/nix/store/a/init loglevel=4");
	assert_string_equal(default_of(&all), "nixos-generation-42-abcd.efi");
	assert_string_equal(default_of(&without), "none");
	assert_true(warns(&without, "abcd.efi", "kernel-y.efi"));
#undef STUB
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type1_names_a_uki),
		cmocka_unit_test(type1_options),
		cmocka_unit_test(uki_with_initrd_lines),
		cmocka_unit_test(efi_names_a_kernel),
		cmocka_unit_test(profiles),
		cmocka_unit_test(the_usual_profile),
		cmocka_unit_test(profiles_before_257),
		cmocka_unit_test(type1_profile),
		cmocka_unit_test(addons),
		cmocka_unit_test(sidecars),
		cmocka_unit_test(smbios_words),
		cmocka_unit_test(no_osrel),
		cmocka_unit_test(no_cmdline),
		cmocka_unit_test(program_in_the_menu),
		cmocka_unit_test(foreign_machine),
		cmocka_unit_test(uki_counted),
		cmocka_unit_test(lanzaboote_thin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
