// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which entry systemd-boot would start: machines met in the field, and variations of them. */
#include "entry-cases.h"

#define ARCH                                                                               \
	{"/boot/loader/entries/arch.conf",                                                 \
		"title Arch Linux\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\n"    \
		"options root=UUID=a rw\n"},                                               \
		{"/boot/loader/entries/arch-lts.conf",                                     \
			"title Arch Linux-lts\nlinux /vmlinuz-linux-lts\n"                 \
			"initrd /initramfs-linux-lts.img\noptions root=UUID=a rw\n"},      \
		{"/boot/loader/entries/arch-fallback.conf",                                \
			"title Arch Linux-fallback\nlinux /vmlinuz-linux\n"                \
			"initrd /initramfs-linux-fallback.img\noptions root=UUID=a rw\n"}, \
		{"/boot/vmlinuz-linux"}, {"/boot/vmlinuz-linux-lts"},                      \
		{"/boot/initramfs-linux.img"}, {"/boot/initramfs-linux-lts.img"},          \
	{                                                                                  \
		"/boot/initramfs-linux-fallback.img"                                       \
	}

/* Ids have their ".conf" when they are put in order: '.' is newer than '-'. */
static void arch_no_sort_key(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.7-1-arch");
	const struct fake_file plain[] = {VARIABLE("LoaderInfo", info), ARCH,
		{"/boot/loader/loader.conf", "timeout 3\n"}, {}};
	const struct fake_file glob[] = {VARIABLE("LoaderInfo", info), ARCH,
		{"/boot/loader/loader.conf", "default arch*\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(plain);
	WB_CLEAN_ENTRIES b = entries_of(glob);

	assert_string_equal(default_of(&a), "arch");
	assert_string_equal(a.items[1].id, "arch-lts");
	assert_string_equal(default_of(&b), "arch");
}

static void stale_efi_default(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.7-1-arch"),
			    gone = efivar_text("arch-zen.conf");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryDefault", gone), ARCH,
		{"/boot/loader/loader.conf", "timeout 3\ndefault arch-fallback.conf\n"}, {}};
	const struct fake_file once[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryOneShot", gone), VARIABLE("LoaderEntryDefault", gone), ARCH,
		{"/boot/loader/loader.conf", "default \"arch-fallback.conf\"\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(once);

	assert_string_equal(default_of(&a), "arch-fallback");
	assert_string_equal(default_of(&b), "arch-fallback");
}

static void default_without_conf(void **state)
{
	const struct efivar new = efivar_text("systemd-boot 257.9"),
			    old = efivar_text("systemd-boot 241-7"),
			    none = efivar_text("systemd-boot");
#define TREE                                                                                \
	{"/boot/loader/entries/arch.conf", "linux /vmlinuz-linux\noptions root=UUID=A3\n"}, \
		{"/boot/loader/entries/arch-sd.conf",                                       \
			"linux /vmlinuz-linux\noptions root=UUID=A1\n"},                    \
		{"/boot/vmlinuz-linux"},                                                    \
	{                                                                                   \
		"/boot/loader/loader.conf", "timeout 0\ndefault arch-sd\n"                  \
	}
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", new), TREE, {}};
	const struct fake_file before_245[] = {VARIABLE("LoaderInfo", old), TREE, {}};
	const struct fake_file unknown[] = {VARIABLE("LoaderInfo", none), TREE, {}};
	const struct fake_file pop[] = {VARIABLE("LoaderInfo", new), TREE,
		{"/etc/os-release", "NAME=\"Pop!_OS\"\nID=pop\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(before_245);
	WB_CLEAN_ENTRIES c = entries_of(unknown);
	WB_CLEAN_ENTRIES d = entries_of(pop);

	assert_string_equal(default_of(&a), "arch");
	assert_string_equal(default_of(&b), "arch-sd");
	assert_string_equal(default_of(&c), "none");
	assert_true(warns(&c, "version", "systemd-boot"));
	assert_string_equal(default_of(&d), "arch-sd");
#undef TREE
}

static void popos(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 255.4-1ubuntu8");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/boot/efi/loader/entries/Pop_OS-current.conf",
			"title Pop!_OS\nlinux /EFI/Pop_OS-1234/vmlinuz.efi\noptions "
			"root=UUID=1234\n"},
		{"/boot/efi/loader/entries/Recovery-F00D.conf",
			"title Recovery\nlinux /EFI/Recovery-F00D/vmlinuz.efi\noptions "
			"boot=casper\n"},
		{"/boot/efi/loader/loader.conf", "default Pop_OS-current\ntimeout 0\n"},
		{"/boot/efi/EFI/Pop_OS-1234/vmlinuz.efi"},
		{"/boot/efi/EFI/Recovery-F00D/vmlinuz.efi"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "Pop_OS-current");
}

static void default_is_efi(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 256.1"),
			    once = efivar_text("debian.conf"), bsd = efivar_text("openbsd.conf");
#define TREE                                                                                    \
	{"/boot/loader/entries/openbsd.conf", "title OpenBSD\nefi /EFI/OpenBSD/BOOTX64.EFI\n"}, \
		{"/boot/loader/entries/debian.conf", "title Debian\nlinux /vmlinuz-6.9\n"       \
						     "initrd /initrd-6.9\noptions "             \
						     "root=UUID=d ro\n"},                       \
		{"/boot/vmlinuz-6.9"}, {"/boot/initrd-6.9"},                                    \
	{                                                                                       \
		"/boot/EFI/OpenBSD/BOOTX64.EFI"                                                 \
	}
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info), TREE,
		{"/boot/loader/loader.conf", "default openbsd.conf\ntimeout 3\n"}, {}};
	const struct fake_file one_shot[] = {VARIABLE("LoaderInfo", info), TREE,
		VARIABLE("LoaderEntryOneShot", once),
		{"/boot/loader/loader.conf", "default openbsd.conf\n"}, {}};
	const struct fake_file back[] = {VARIABLE("LoaderInfo", info), TREE,
		VARIABLE("LoaderEntryOneShot", bsd),
		{"/boot/loader/loader.conf", "default debian.conf\n"}, {}};
	/* Nothing is wished for: the first of the menu, which is OpenBSD. */
	const struct fake_file first[] = {VARIABLE("LoaderInfo", info), TREE, {}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(one_shot);
	WB_CLEAN_ENTRIES c = entries_of(back);
	WB_CLEAN_ENTRIES d = entries_of(first);

	assert_string_equal(default_of(&a), "none");
	assert_true(warns(&a, "openbsd.conf", "no entry is the default"));
	assert_string_equal(default_of(&b), "debian");
	assert_string_equal(default_of(&c), "none");
	assert_string_equal(default_of(&d), "none");
	assert_int_equal(a.n, 1);
#undef TREE
}

static void auto_windows(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 250.3-4-arch"),
			    setup = efivar_text("auto-reboot-to-firmware-setup");
	/* The ids in the boot loader's menu, each with its NUL. */
	static const char listed[] = "\6\0\0\0a\0r\0c\0h\0001\0.\0c\0o\0n\0f\0\0\0a\0u\0t\0o\0-\0"
				     "e\0f\0i\0-\0s\0h\0e\0l\0l\0\0";
#define TREE                                                                                       \
	{"/boot/loader/entries/arch1.conf",                                                        \
		"title Arch\nlinux /vmlinuz-linux\noptions root=UUID=a rw\n"},                     \
		{"/boot/vmlinuz-linux"},                                                           \
	{                                                                                          \
		"/boot/loader/loader.conf", "timeout 1\nconsole-mode keep\ndefault auto-windows\n" \
	}
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info), TREE, {}};
	const struct fake_file none[] = {VARIABLE("LoaderInfo", info), TREE,
		{EFIVAR("LoaderEntries"), listed, sizeof(listed)}, {}};
	const struct fake_file firmware[] = {
		VARIABLE("LoaderInfo", info), TREE, VARIABLE("LoaderEntryOneShot", setup), {}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(none);
	WB_CLEAN_ENTRIES c = entries_of(firmware);

	assert_string_equal(default_of(&a), "none");
	assert_true(warns(&a, "auto-windows", "no entry is the default"));
	/* The boot loader found no Windows, so its wish names nothing. */
	assert_string_equal(default_of(&b), "arch1");
	assert_string_equal(default_of(&c), "none");
#undef TREE
}

static void foreign_architecture(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/efi/loader/entries/arm.conf",
			"title ARM\narchitecture aa64\nsort-key a\nversion 9\nlinux /Image\n"
			"options root=UUID=a\n"},
		{"/efi/loader/entries/x86.conf",
			"title x86\narchitecture X64\nsort-key a\nversion 1\nlinux /vmlinuz\n"
			"options root=UUID=a\n"},
		{"/efi/vmlinuz"}, {"/efi/Image"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(default_of(&all), "x86");
	assert_true(warns(&all, "arm.conf", "aa64"));
}

/* Counters are part of the id up to systemd 258, and are not from 259 on. */
static void counters_in_ids(void **state)
{
	const struct efivar old = efivar_text("systemd-boot 256"),
			    new = efivar_text("systemd-boot 259.1"),
			    between = efivar_text("systemd-boot 257.9"),
			    wish = efivar_text("b.conf");
#define TREE                                                                           \
	{"/efi/loader/entries/a.conf", "sort-key x\nversion 2\nlinux /k\n"},           \
		{"/efi/loader/entries/b+3.conf", "sort-key x\nversion 1\nlinux /k\n"}, \
	{                                                                              \
		"/efi/k"                                                               \
	}
	const struct fake_file before[] = {
		VARIABLE("LoaderInfo", old), VARIABLE("LoaderEntryDefault", wish), TREE, {}};
	const struct fake_file after[] = {
		VARIABLE("LoaderInfo", new), VARIABLE("LoaderEntryDefault", wish), TREE, {}};
	const struct fake_file doubt[] = {
		VARIABLE("LoaderInfo", between), VARIABLE("LoaderEntryDefault", wish), TREE, {}};
	const struct fake_file glob[] = {VARIABLE("LoaderInfo", between), TREE,
		{"/efi/loader/loader.conf", "default b*\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(before);
	WB_CLEAN_ENTRIES b = entries_of(after);
	WB_CLEAN_ENTRIES c = entries_of(doubt);
	WB_CLEAN_ENTRIES d = entries_of(glob);

	assert_string_equal(default_of(&a), "a");
	assert_string_equal(default_of(&b), "b");
	assert_string_equal(default_of(&c), "none");
	assert_string_equal(default_of(&d), "b");
#undef TREE
}

/* "preferred" comes before "default" and passes over what is bad; systemd 260 brought it. */
static void preferred(void **state)
{
	const struct efivar new = efivar_text("systemd-boot 260"),
			    old = efivar_text("systemd-boot 259"), def = efivar_text("c.conf"),
			    bad = efivar_text("b*");
#define TREE                                                      \
	{"/efi/loader/entries/a.conf", "linux /k\n"},             \
		{"/efi/loader/entries/b+0-3.conf", "linux /k\n"}, \
		{"/efi/loader/entries/c.conf", "linux /k\n"},     \
	{                                                         \
		"/efi/k"                                          \
	}
	const struct fake_file first[] = {VARIABLE("LoaderInfo", new),
		VARIABLE("LoaderEntryDefault", def), TREE,
		{"/efi/loader/loader.conf", "preferred a.conf\n"}, {}};
	const struct fake_file not_known[] = {VARIABLE("LoaderInfo", old),
		VARIABLE("LoaderEntryDefault", def), TREE,
		{"/efi/loader/loader.conf", "preferred a.conf\n"}, {}};
	const struct fake_file passed_over[] = {VARIABLE("LoaderInfo", new),
		VARIABLE("LoaderEntryPreferred", bad), VARIABLE("LoaderEntryDefault", def), TREE,
		{}};
	const struct fake_file bad_default[] = {
		VARIABLE("LoaderInfo", new), VARIABLE("LoaderEntryDefault", bad), TREE, {}};
	WB_CLEAN_ENTRIES a = entries_of(first);
	WB_CLEAN_ENTRIES b = entries_of(not_known);
	WB_CLEAN_ENTRIES c = entries_of(passed_over);
	WB_CLEAN_ENTRIES d = entries_of(bad_default);

	assert_string_equal(default_of(&a), "a");
	assert_string_equal(default_of(&b), "c");
	assert_string_equal(default_of(&c), "c");
	/* "default" does not pass over it. */
	assert_string_equal(default_of(&d), "b");
#undef TREE
}

/* Patterns as efi_fnmatch() has them: no "[!…]", and matching ignores case. */
static void patterns(void **state)
{
	static const struct {
		const char *pattern, *want;
	} rows[] = {
		{"b.conf", "b"},
		{"B.CONF", "b"},
		{"[a-b].conf", "b"},
		{"[!b].conf", "b"},
		{"\\b.conf", "b"},
		{"?.con[f]", "c"},
		{"*", "c"},
		{"a .conf", "c"},
		{"'a.conf'", "a"},
		{"@saved", "c"},
		{"b", "c"},
		{"[a", "c"},
	};
	const struct efivar info = efivar_text("systemd-boot 257.9");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char conf[64];
		const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
			{"/efi/loader/entries/a.conf", "linux /k\n"},
			{"/efi/loader/entries/b.conf", "linux /k\n"},
			{"/efi/loader/entries/C.conf", "linux /k\n"},
			{"/efi/loader/loader.conf", conf}, {"/efi/k"}, {}};

		snprintf(conf, sizeof(conf), "default %s\n", rows[i].pattern);
		WB_CLEAN_ENTRIES all = entries_of(disk);
		if (strcasecmp(default_of(&all), rows[i].want) != 0)
			fail_msg("%s chose %s, not %s", rows[i].pattern, default_of(&all),
				rows[i].want);
	}
}

static void at_saved(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.9"), last = efivar_text("a.conf"),
			    saved = efivar_text("@saved"), b = efivar_text("b.conf");
#define TREE                                                  \
	{"/efi/loader/entries/a.conf", "linux /k\n"},         \
		{"/efi/loader/entries/b.conf", "linux /k\n"}, \
		{"/efi/loader/entries/c.conf", "linux /k\n"}, \
	{                                                     \
		"/efi/k"                                      \
	}
	const struct fake_file variable[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryDefault", saved), VARIABLE("LoaderEntryLastBooted", last),
		TREE, {"/efi/loader/loader.conf", "default b.conf\n"}, {}};
	const struct fake_file file[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryDefault", b), VARIABLE("LoaderEntryLastBooted", last), TREE,
		{"/efi/loader/loader.conf", "default @SAVED\n"}, {}};
	/* In a one-shot setting it is a pattern like any other. */
	const struct fake_file once[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderEntryOneShot", saved), VARIABLE("LoaderEntryLastBooted", last),
		TREE, {"/efi/loader/loader.conf", "default b.conf\n"}, {}};
	/* Other words that begin with '@' leave what was set before. */
	const struct fake_file odd[] = {VARIABLE("LoaderInfo", info), TREE,
		{"/efi/loader/loader.conf", "default b.conf\ndefault @first\n"}, {}};
	WB_CLEAN_ENTRIES x = entries_of(variable);
	WB_CLEAN_ENTRIES y = entries_of(file);
	WB_CLEAN_ENTRIES z = entries_of(odd);
	WB_CLEAN_ENTRIES o = entries_of(once);

	assert_string_equal(default_of(&x), "a");
	assert_string_equal(default_of(&y), "b");
	assert_string_equal(default_of(&z), "b");
	assert_string_equal(default_of(&o), "b");
#undef TREE
}

static void quoting(void **state)
{
	const struct fake_file disk[] = {
		{"/efi/loader/entries/a.conf",
			"title \"A 'b'\"\nlinux '/k'\noptions \"root=UUID=a quiet\"\n"
			"options\troot2=\"x y\"\noptions 'ro\"\ninitrd \"/i\"\n"},
		{"/efi/k"}, {"/efi/i"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);
	const struct wb_entry *e = entry_by_id(&all, "a");

	assert_string_equal(e->title, "A 'b'");
	assert_string_equal(e->kernel, "/efi/k");
	assert_string_equal(e->cmdline, "root=UUID=a quiet root2=\"x y\" 'ro\"");
	assert_string_equal(e->initrds.items[0], "/efi/i");
}

/*
 * A file that is no menu entry cannot be the default, and a file that names two kernels is no
 * entry.
 */
static void no_entries(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 258.1");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		{"/efi/loader/entries/auto-x.conf", "linux /k\n"},
		{"/efi/loader/entries/two.conf", "linux /k\nefi /k\n"},
		{"/efi/loader/entries/gone.conf", "linux /gone\n"},
		{"/efi/loader/entries/good.conf", "linux /k\n"},
		{"/efi/loader/entries/up.conf", "linux /../etc/shadow\n"},
		{"/efi/loader/loader.conf", "default gone.conf\n"}, {"/efi/k"}, {"/etc/shadow"},
		{}};
	const struct fake_file url[] = {VARIABLE("LoaderInfo", info),
		{"/efi/loader/entries/net.conf", "uki-url http://a.example/x.efi\n"},
		{"/efi/loader/entries/good.conf", "linux /k\n"},
		{"/efi/loader/loader.conf", "default net.conf\n"}, {"/efi/k"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);
	WB_CLEAN_ENTRIES net = entries_of(url);

	assert_int_equal(all.n, 1);
	assert_string_equal(default_of(&all), "good");
	assert_true(warns(&all, "two.conf", "efi"));
	assert_int_equal(net.n, 1);
	assert_string_equal(default_of(&net), "none");
	assert_true(warns(&net, "net.conf", "network"));
}

/* An entry that starts the boot loader itself is not in its menu. */
static void the_boot_loader_itself(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257"),
			    self = efivar_text("\\EFI\\SYSTEMD\\systemd-bootx64.efi");
	const struct fake_file disk[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderImageIdentifier", self),
		{"/efi/loader/entries/z.conf", "efi /EFI/systemd/systemd-bootx64.efi\n"},
		{"/efi/loader/entries/a.conf", "linux /k\n"}, {"/efi/k"},
		{"/efi/EFI/systemd/systemd-bootx64.efi"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "a");
	assert_true(warns(&all, "z.conf", "itself"));
}

/* With any other boot loader in charge, its default is unknown. */
static void other_boot_loaders(void **state)
{
	const struct efivar info = efivar_text("rEFInd 0.14.2"),
			    stub = efivar_text("systemd-stub 257");
#define TREE                                          \
	{"/efi/loader/entries/a.conf", "linux /k\n"}, \
	{                                             \
		"/efi/k"                              \
	}
	const struct fake_file refind[] = {VARIABLE("LoaderInfo", info), TREE, {}};
	const struct fake_file none[] = {VARIABLE("StubInfo", stub), TREE, {}};
	WB_CLEAN_ENTRIES a = entries_of(refind);
	WB_CLEAN_ENTRIES b = entries_of(none);

	assert_string_equal(default_of(&a), "none");
	assert_true(warns(&a, "rEFInd", "no entry is the default"));
	assert_string_equal(default_of(&b), "none");
	assert_true(warns(&b, "firmware", "no entry is the default"));
	assert_int_equal(b.n, 1);
#undef TREE
}

/* A configuration of GRUB's that another boot loader does not read tells nothing of what it starts. */
static void grub_is_not_in_charge(void **state)
{
	const struct efivar refind = efivar_text("rEFInd 0.14.2"), grub = efivar_text("GRUB 2.12"),
			    stub = efivar_text("systemd-stub 257");
	static const char *const sections[][2] = {
		{".osrel", "ID=arch\nNAME=Arch\n"}, {".cmdline", "c"}, {".linux", "k"}, {}};
	struct pe image;

	make_pe(&image, sections);
	{
#define TREE(menu) \
	{"/boot/grub/grub.cfg", menu}, {"/boot/k"}, PE_FILE("/boot/efi/EFI/Linux/u.efi", image)
#define PLAIN "menuentry a --id a { linux /boot/k x }\n"
		const struct fake_file other[] = {TREE(PLAIN), VARIABLE("LoaderInfo", refind), {}};
		const struct fake_file firmware[] = {TREE(PLAIN), VARIABLE("StubInfo", stub), {}};
		const struct fake_file chained[] = {
			TREE("menuentry u --id u { chainloader /EFI/Linux/u.efi }\n"),
			VARIABLE("StubInfo", stub), {}};
		const struct fake_file chosen[] = {
			TREE(PLAIN), VARIABLE("StubInfo", stub), VARIABLE("LoaderInfo", grub), {}};
		WB_CLEAN_ENTRIES a = entries_of(other);
		WB_CLEAN_ENTRIES b = entries_of(firmware);
		WB_CLEAN_ENTRIES c = entries_of(chained);
		WB_CLEAN_ENTRIES d = entries_of(chosen);

		assert_string_equal(default_of(&a), "none");
		assert_true(warns(&a, "rEFInd", "no entry is the default"));
		assert_string_equal(default_of(&b), "none");
		assert_true(warns(&b, "unified kernel image", "no entry is the default"));
		assert_string_equal(default_of(&c), "grub:u");
		assert_string_equal(default_of(&d), "grub:a");
	}
#undef TREE
}

/* Whether GRUB with a configuration obeys the interface's variables depends on its version. */
static void variables_beside_grub_cfg(void **state)
{
	const struct efivar old = efivar_text("GRUB 2.12"), new = efivar_text("GRUB 2.14"),
			    a = efivar_text("a.conf"), b = efivar_text("b");
#define MENU                                                                 \
	{"/boot/grub/grub.cfg", "menuentry a --id a { linux /boot/k a }\n"   \
				"menuentry b --id b { linux /boot/k b }\n"}, \
	{                                                                    \
		"/boot/k"                                                    \
	}
	const struct fake_file same[] = {
		MENU, VARIABLE("LoaderInfo", new), VARIABLE("LoaderEntryDefault", a), {}};
	const struct fake_file other[] = {
		MENU, VARIABLE("LoaderInfo", new), VARIABLE("LoaderEntryOneShot", b), {}};
	const struct fake_file unread[] = {
		MENU, VARIABLE("LoaderInfo", old), VARIABLE("LoaderEntryOneShot", b), {}};
	WB_CLEAN_ENTRIES x = entries_of(same);
	WB_CLEAN_ENTRIES y = entries_of(other);
	WB_CLEAN_ENTRIES z = entries_of(unread);

	assert_string_equal(default_of(&x), "grub:a");
	assert_string_equal(default_of(&y), "none");
	assert_true(warns(&y, "LoaderEntryOneShot", "no entry is the default"));
	assert_string_equal(default_of(&z), "grub:a");
#undef MENU
}

/* A failure of the firmware may occur again. */
static void failure_of_the_firmware(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 258"), a = efivar_text("a.conf"),
			    b = efivar_text("b.conf"), reason = efivar_text("firmware-update");
#define TREE                                                             \
	VARIABLE("LoaderInfo", info), VARIABLE("LoaderEntryDefault", b), \
		{"/efi/loader/entries/a.conf", "linux /k\n"},            \
		{"/efi/loader/entries/b.conf", "linux /k\n"},            \
	{                                                                \
		"/efi/k"                                                 \
	}
	const struct fake_file failed[] = {TREE, VARIABLE("LoaderEntrySysFail", a),
		VARIABLE("LoaderSysFailReason", reason), {}};
	const struct fake_file well[] = {TREE, VARIABLE("LoaderEntrySysFail", a), {}};
	const struct fake_file same[] = {TREE, VARIABLE("LoaderEntrySysFail", b),
		VARIABLE("LoaderSysFailReason", reason), {}};
	WB_CLEAN_ENTRIES x = entries_of(failed);
	WB_CLEAN_ENTRIES y = entries_of(well);
	WB_CLEAN_ENTRIES z = entries_of(same);

	assert_string_equal(default_of(&x), "none");
	assert_string_equal(default_of(&y), "b");
	assert_string_equal(default_of(&z), "b");
#undef TREE
}

static void qubes_placeholder(void **state)
{
	const struct fake_file disk[] = {
		{"/boot/loader/entries/b4-5.10.90-1.fc32.qubes.x86_64.conf",
			"title Qubes 4.0 (R4.0)\nversion 5.10.90-1.fc32.qubes.x86_64\n"
			"machine-id b4\noptions placeholder root=/dev/mapper/qubes_dom0-root ro\n"
			"linux /b4/5.10.90-1.fc32.qubes.x86_64/linux\n"
			"initrd /b4/5.10.90-1.fc32.qubes.x86_64/initrd\n"},
		{"/boot/b4/5.10.90-1.fc32.qubes.x86_64/linux"},
		{"/boot/b4/5.10.90-1.fc32.qubes.x86_64/initrd"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 0);
	assert_true(warns(&all, "qubes", "Xen"));
}

static void run_boot_loader_entries(void **state)
{
	const struct fake_file disk[] = {
		{"/run/boot-loader-entries/loader/entries/nixos.conf",
			"title NixOS from /run\nlinux /nix/k/bzImage\ninitrd /nix/k/initrd\n"
			"options init=/nix/x/init\n"},
		{"/nix/k/bzImage"}, {"/nix/k/initrd"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);
	const struct wb_entry *e = entry_by_id(&all, "nixos");

	assert_string_equal(e->kernel, "/nix/k/bzImage");
	assert_string_equal(e->cmdline, "init=/nix/x/init");
	assert_string_equal(e->initrds.items[0], "/nix/k/initrd");
}

static void other_esp_mounts(void **state)
{
	static const char *const mounts[] = {
		"/efi", "/boot", "/boot/efi", "/esp", "/boot/esp", "/boot/EFI"};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		char conf[64], kernel[64], uki[64];
		const struct fake_file disk[] = {
			{conf, "title X\nlinux /k\noptions root=UUID=a\n"}, {kernel}, {}};

		snprintf(conf, sizeof(conf), "%s/loader/entries/x.conf", mounts[i]);
		snprintf(kernel, sizeof(kernel), "%s/k", mounts[i]);
		snprintf(uki, sizeof(uki), "%s/EFI/Linux/u.efi", mounts[i]);
		WB_CLEAN_ENTRIES all = entries_of(disk);
		assert_string_equal(entry_by_id(&all, "x")->kernel, kernel);
	}
}

#define ESP_UUID "0a1b2c3d-0000-4000-8000-00000000e5e5"
#define XBOOTLDR_UUID "0a1b2c3d-0000-4000-8000-00000000b0b0"
#define OTHER_UUID "0a1b2c3d-0000-4000-8000-00000000fefe"
#define PARTITIONS                                                                           \
	{"/dev/disk/by-partuuid/" ESP_UUID, .link = "../../sda1"},                           \
		{"/dev/disk/by-partuuid/" XBOOTLDR_UUID, .link = "../../sda2"},              \
		{"/dev/disk/by-partuuid/" OTHER_UUID, .link = "../../sdb1"},                 \
		{"/run/udev/data/b8:1",                                                      \
			"S:x\nE:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"}, \
		{"/run/udev/data/b8:2",                                                      \
			"E:ID_PART_ENTRY_TYPE=bc13c2ff-59e6-4262-a352-b275fd6f7172\n"},      \
		{"/run/udev/data/b8:17",                                                     \
			"E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"},      \
	{                                                                                    \
		"/dev/sda1"                                                                  \
	}
#define ROOT_MOUNT "20 1 8:3 / / rw - ext4 /dev/sda3 rw\n"

/* The partition that LoaderDevicePartUUID names is the boot loader's, wherever it is mounted. */
static void esp_by_partuuid(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257.9"), upper = efivar_text(ESP_UUID);
	const struct fake_file odd_place[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderDevicePartUUID", upper), PARTITIONS,
		{"/proc/self/mountinfo",
			ROOT_MOUNT "21 20 8:1 / /mnt/my\\040esp rw - vfat /dev/sda1 rw\n"},
		{"/mnt/my esp/loader/entries/x.conf", "linux /k\n"}, {"/mnt/my esp/k"}, {}};
	/* A second disk has an ESP with a boot loader of its own. */
	const struct fake_file two[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderDevicePartUUID", upper), PARTITIONS,
		{"/proc/self/mountinfo",
			ROOT_MOUNT "21 20 8:17 / /efi rw - vfat /dev/sdb1 rw\n"
				   "22 20 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n"},
		{"/efi/loader/entries/z.conf", "linux /k\n"},
		{"/efi/loader/loader.conf", "default z.conf\n"}, {"/efi/k"},
		{"/boot/efi/loader/entries/a.conf", "linux /k\n"}, {"/boot/efi/k"}, {}};
	const struct fake_file xbootldr[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderDevicePartUUID", upper), PARTITIONS,
		{"/proc/self/mountinfo", ROOT_MOUNT "21 20 8:1 / /efi rw - vfat /dev/sda1 rw\n"
						    "22 20 8:2 / /boot rw - vfat /dev/sda2 rw\n"},
		{"/efi/loader/entries/a.conf", "linux /k\n"}, {"/efi/k"},
		{"/efi/loader/loader.conf", "default b.conf\n"},
		{"/boot/loader/loader.conf", "default a.conf\n"},
		{"/boot/loader/entries/b.conf", "linux /k\n"}, {"/boot/k"}, {}};
	const struct fake_file not_mounted[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderDevicePartUUID", upper), PARTITIONS,
		{"/proc/self/mountinfo", ROOT_MOUNT},
		{"/boot/loader/entries/old.conf", "linux /k\n"}, {"/boot/k"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(odd_place);
	WB_CLEAN_ENTRIES b = entries_of(two);
	WB_CLEAN_ENTRIES c = entries_of(xbootldr);
	/*
	 * A file that is missing on the partition is not replaced by the file of that name on the
	 * root.
	 */
	const struct fake_file other_file[] = {VARIABLE("LoaderInfo", info),
		VARIABLE("LoaderDevicePartUUID", upper), PARTITIONS,
		{"/proc/self/mountinfo", ROOT_MOUNT "21 20 8:1 / /efi rw - vfat /dev/sda1 rw\n"},
		{"/efi/loader/entries/x.conf", "linux /vmlinuz\n"},
		{"/efi/loader/entries/y.conf", "linux /k\ninitrd /../initrd.img\n"}, {"/efi/k"},
		{"/vmlinuz"}, {"/initrd.img"}, {}};
	WB_CLEAN_ENTRIES d = entries_of(not_mounted);
	WB_CLEAN_ENTRIES e = entries_of(other_file);

	assert_int_equal(e.n, 0);
	assert_true(warns(&e, "x.conf", "does not exist"));
	assert_string_equal(entry_by_id(&a, "x")->kernel, "/mnt/my esp/k");
	assert_string_equal(default_of(&a), "x");
	assert_int_equal(b.n, 1);
	assert_string_equal(default_of(&b), "a");
	assert_true(warns(&b, "/efi", "another"));
	assert_int_equal(c.n, 2);
	assert_string_equal(default_of(&c), "b");
	assert_string_equal(default_of(&d), "none");
	assert_true(warns(&d, ESP_UUID, "not mounted"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arch_no_sort_key),
		cmocka_unit_test(stale_efi_default),
		cmocka_unit_test(default_without_conf),
		cmocka_unit_test(popos),
		cmocka_unit_test(default_is_efi),
		cmocka_unit_test(auto_windows),
		cmocka_unit_test(foreign_architecture),
		cmocka_unit_test(counters_in_ids),
		cmocka_unit_test(preferred),
		cmocka_unit_test(patterns),
		cmocka_unit_test(at_saved),
		cmocka_unit_test(quoting),
		cmocka_unit_test(no_entries),
		cmocka_unit_test(the_boot_loader_itself),
		cmocka_unit_test(other_boot_loaders),
		cmocka_unit_test(grub_is_not_in_charge),
		cmocka_unit_test(variables_beside_grub_cfg),
		cmocka_unit_test(failure_of_the_firmware),
		cmocka_unit_test(qubes_placeholder),
		cmocka_unit_test(run_boot_loader_entries),
		cmocka_unit_test(other_esp_mounts),
		cmocka_unit_test(esp_by_partuuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
