// SPDX-License-Identifier: LGPL-2.1-or-later
/* The room grub: configurations as distributions write them, and their defaults. */
#include "unit.h"
#include "fake-files.h"
#include "bls/version.h"
#include "entry/entry.h"

static struct wb_entries find(const struct fake_file *disk)
{
	struct wb_files files = fake_files(disk);
	struct wb_entries all = {};
	struct wb_error err = {};

	assert_int_equal(wb_entries_find(&files, &all, &err), 0);
	return all;
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

#define ENV "# GRUB Environment Block\n"
#define ENV_END "####################\n"

/* The script that 00_header writes, shortened. */
#define HEADER(fallback)                                                                          \
	"### BEGIN /etc/grub.d/00_header ###\n"                                                   \
	"if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"              \
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n" \
	"   save_env next_entry\n   set boot_once=true\nelse\n   set default=\"" fallback         \
	"\"\nfi\n"                                                                                \
	"if [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n"  \
	"  menuentry_id_option=\"\"\nfi\nexport menuentry_id_option\n"                            \
	"function savedefault {\n  if [ -z \"${boot_once}\" ]; then\n"                            \
	"    saved_entry=\"${chosen}\"\n    save_env saved_entry\n  fi\n}\n"                      \
	"if [ x$feature_default_font_path = xy ] ; then\n   font=unicode\nelse\n"                 \
	"insmod part_gpt\n    font=\"/usr/share/grub/unicode.pf2\"\nfi\n"                         \
	"if loadfont $font ; then\n  set gfxmode=auto\n  insmod gfxterm\nfi\n"                    \
	"terminal_output gfxterm\n"

#define DEBIAN_LINUX(release, more)                                                             \
	"\tinsmod gzio\n\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n" \
	"\tset root='hd0,gpt1'\n\tsearch --no-floppy --fs-uuid --set=root 11-22\n"              \
	"\techo\t'Loading Linux " release " ...'\n"                                             \
	"\tlinux\t/boot/vmlinuz-" release " root=UUID=11-22 ro " more " \n"                     \
	"\tinitrd\t/boot/initrd.img-" release "\n}\n"

#define DEBIAN_CFG(fallback)                                                                       \
	HEADER(fallback)                                                                           \
	"### BEGIN /etc/grub.d/10_linux ###\n"                                                     \
	"function gfxmode {\n\tset gfxpayload=\"${1}\"\n}\nset linux_gfx_mode=\n"                  \
	"menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option "             \
	"'gnulinux-simple-11-22' {\n\tload_video\n" DEBIAN_LINUX("7.2.12+deb13-amd64",             \
		"quiet") "submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option "   \
			 "'gnulinux-advanced-11-22' {\n"                                           \
			 "\tmenuentry 'Debian GNU/Linux, with Linux 7.2.12+deb13-amd64' --class "  \
			 "os "                                                                     \
			 "$menuentry_id_option 'gnulinux-7.2.12+deb13-amd64-advanced-11-22' "      \
			 "{\n" DEBIAN_LINUX("7.2.12+deb13-amd64",                                  \
				 "quiet") "\tmenuentry 'Debian GNU/Linux, with Linux "             \
					  "7.2.12+deb13-amd64 (recovery mode)' "                   \
					  "$menuentry_id_option "                                  \
					  "'gnulinux-7.2.12+deb13-amd64-recovery-11-22' "          \
					  "{\n" DEBIAN_LINUX("7.2.12+deb13-amd64",                 \
						  "single") "\tmenuentry 'Debian GNU/Linux, with " \
							    "Linux 6.12.107+deb13-amd64' --class " \
							    "os "                                  \
							    "$menuentry_id_option "                \
							    "'gnulinux-6.12.107+deb13-amd64-"      \
							    "advanced-11-22' {\n" DEBIAN_LINUX(    \
								    "6.12.107+deb13-amd64",        \
								    "quiet") "}\n### END "         \
									     "###\nmenuentry "     \
									     "'UEFI Firmware "     \
									     "Settings' "          \
									     "$menuentry_id_"      \
									     "option "             \
									     "'uefi-firmware' "    \
									     "{\n\tfwsetup\n}\n"   \
									     "if [ -f  "           \
									     "${config_directory}" \
									     "/custom.cfg ]; "     \
									     "then\n  source "     \
									     "${config_directory}" \
									     "/custom.cfg\n"       \
									     "elif [ -z "          \
									     "\"${config_"         \
									     "directory}\" -a -f " \
									     " $prefix/"           \
									     "custom.cfg ]; "      \
									     "then\n"              \
									     "  source "           \
									     "$prefix/"            \
									     "custom.cfg\nfi\n"

#define DEBIAN_KERNELS                                                                             \
	{"/boot/vmlinuz-7.2.12+deb13-amd64"}, {"/boot/initrd.img-7.2.12+deb13-amd64"},             \
		{"/boot/vmlinuz-6.12.107+deb13-amd64"}, {"/boot/initrd.img-6.12.107+deb13-amd64"}, \
	{                                                                                          \
		"/vmlinuz", .link = "boot/vmlinuz-7.2.12+deb13-amd64"                              \
	}

static void debian_13(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg", DEBIAN_CFG("0")}, DEBIAN_KERNELS, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = NULL;
	struct wb_error err = {};

	assert_int_equal(all.n, 4);
	assert_int_equal(all.warnings.n, 0);
	e = &all.items[0];
	assert_string_equal(e->id, "grub:gnulinux-simple-11-22");
	assert_string_equal(e->title, "Debian GNU/Linux");
	assert_string_equal(e->source, "grub /boot/grub/grub.cfg");
	assert_string_equal(e->kernel, "/boot/vmlinuz-7.2.12+deb13-amd64");
	assert_string_equal(e->cmdline, "root=UUID=11-22 ro quiet");
	assert_int_equal(e->initrds.n, 1);
	assert_string_equal(e->initrds.items[0], "/boot/initrd.img-7.2.12+deb13-amd64");
	assert_string_equal(e->release, "7.2.12+deb13-amd64");
	assert_true(e->is_default);
	assert_string_equal(all.items[3].id,
		"grub:gnulinux-advanced-11-22>gnulinux-6.12.107+deb13-amd64-advanced-11-22");
	/* The release means neither the recovery entry nor a doubt between equals. */
	assert_int_equal(wb_entries_choose(&all, "7.2.12+deb13-amd64", &e, &err), 0);
	assert_ptr_equal(e, &all.items[0]);
	assert_int_equal(wb_entries_choose(&all, "6.12.107+deb13-amd64", &e, &err), 0);
	assert_ptr_equal(e, &all.items[3]);
	assert_int_equal(
		wb_entries_choose(&all, "/boot/vmlinuz-6.12.107+deb13-amd64", &e, &err), 0);
	assert_ptr_equal(e, &all.items[3]);
	assert_int_equal(wb_entries_choose(&all, "newest", &e, &err), 0);
	assert_ptr_equal(e, &all.items[0]);
	assert_int_equal(wb_entries_choose(&all, "default", &e, &err), 0);
	assert_ptr_equal(e, &all.items[0]);
	assert_int_equal(wb_entries_choose(&all, "9.9", &e, &err), -ENOENT);
	assert_non_null(strstr(err.text, "9.9"));
	assert_ptr_equal(e, &all.items[0]);
}

static void default_of(const char *env, const char *want)
{
	const struct fake_file disk[] = {{"/boot/grub/grub.cfg", DEBIAN_CFG("${saved_entry}")},
		{"/boot/grub/grubenv", env}, DEBIAN_KERNELS, {}};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 4);
	assert_string_equal(default_id(&all), want);
}

static void saved_and_next_entries(void **state)
{
	static const char simple[] = "grub:gnulinux-simple-11-22";
	static const char old[] =
		"grub:gnulinux-advanced-11-22>gnulinux-6.12.107+deb13-amd64-advanced-11-22";
	static const char recovery[] =
		"grub:gnulinux-advanced-11-22>gnulinux-7.2.12+deb13-amd64-recovery-11-22";

	default_of(ENV ENV_END, simple);
	default_of(ENV "saved_entry=1>2\n" ENV_END, old);
	default_of(ENV "saved_entry=1>1\n" ENV_END, recovery);
	default_of(ENV "saved_entry=1\n" ENV_END,
		"grub:gnulinux-advanced-11-22>gnulinux-7.2.12+deb13-amd64-advanced-11-22");
	default_of(ENV "saved_entry=gnulinux-advanced-11-22>"
		       "gnulinux-6.12.107+deb13-amd64-advanced-11-22\n" ENV_END,
		old);
	default_of(ENV "saved_entry=Advanced options for Debian GNU/Linux>"
		       "Debian GNU/Linux, with Linux 6.12.107+deb13-amd64\n" ENV_END,
		old);
	default_of(ENV "saved_entry=gnulinux-simple-11-22\nnext_entry=1>2\n" ENV_END, old);
	default_of(ENV "next_entry=\nsaved_entry=1>2\n" ENV_END, old);
	/* A value that names no entry means the first one, and so does an invalid block. */
	default_of(ENV "saved_entry=no such\n" ENV_END, simple);
	default_of(ENV "saved_entry=99>99999999999999999999\n" ENV_END, simple);
	default_of("saved_entry=1>2\n", simple);
	/* Firmware settings boot no kernel. */
	default_of(ENV "saved_entry=uefi-firmware\n" ENV_END, "none");
}

/* The one-shot choice of grub-reboot is noted, so that a jump can clear it. */
static void next_entry_is_used_up(void **state)
{
	static const struct {
		const char *env;
		bool once;
	} rows[] = {
		{ENV "saved_entry=gnulinux-simple-11-22\nnext_entry=1>2\n" ENV_END, true},
		{ENV "next_entry=no such\n" ENV_END, true},
		{ENV "next_entry=\nsaved_entry=1>2\n" ENV_END, false},
		{ENV "saved_entry=1>2\n" ENV_END, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct fake_file disk[] = {
			{"/boot/grub/grub.cfg", DEBIAN_CFG("${saved_entry}")},
			{"/boot/grub/grubenv", rows[i].env}, DEBIAN_KERNELS, {}};
		WB_CLEAN_ENTRIES all = find(disk);

		for (size_t k = 0; k < all.n; k++) {
			const struct wb_entry *e = &all.items[k];

			if (e->is_default && rows[i].once)
				assert_string_equal(e->once, "/boot/grub/grubenv");
			else
				assert_null(e->once);
		}
		assert_string_not_equal(default_id(&all), "none");
	}
}

/* Ubuntu 24.04 with /boot of its own: paths lack /boot; gfxmode decides on a parameter. */
static void ubuntu_2404(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg",
			HEADER("0") "function gfxmode {\n\tset gfxpayload=\"${1}\"\n"
				    "\tif [ \"${1}\" = \"keep\" ]; then\n\t\tset "
				    "vt_handoff=vt.handoff=7\n"
				    "\telse\n\t\tset vt_handoff=\n\tfi\n}\n"
				    "if [ \"${recordfail}\" != 1 ]; then\n"
				    "  if [ -e ${prefix}/gfxblacklist.txt ]; then\n"
				    "    if [ ${grub_platform} != pc ]; then\n      set "
				    "linux_gfx_mode=keep\n"
				    "    elif hwmatch ${prefix}/gfxblacklist.txt 3; then\n"
				    "      set linux_gfx_mode=text\n    fi\n  else\n    set "
				    "linux_gfx_mode=keep\n"
				    "  fi\nelse\n  set linux_gfx_mode=text\nfi\nexport "
				    "linux_gfx_mode\n"
				    "menuentry 'Ubuntu' --class ubuntu $menuentry_id_option "
				    "'gnulinux-simple-u' {\n"
				    "\trecordfail\n\tload_video\n\tgfxmode $linux_gfx_mode\n"
				    "\tif [ x$feature_platform_search_hint = xy ]; then\n"
				    "\t  search --no-floppy --fs-uuid --set=root "
				    "--hint-bios=hd0,gpt2 b\n\telse\n"
				    "\t  search --no-floppy --fs-uuid --set=root b\n\tfi\n"
				    "\tlinux\t/vmlinuz-6.8.0-41-generic root=/dev/mapper/vg-lv ro  "
				    "quiet splash "
				    "$vt_handoff\n\tinitrd\t/initrd.img-6.8.0-41-generic\n}\n"
				    "menuentry 'Windows Boot Manager (on /dev/sda1)' "
				    "$menuentry_id_option "
				    "'osprober-efi-AA' {\n\tchainloader "
				    "/EFI/Microsoft/Boot/bootmgfw.efi\n}\n"
				    "menuentry 'Other Linux (on /dev/sdb2)' $menuentry_id_option "
				    "'osprober-gnulinux-simple-x' {\n"
				    "\tlinux /boot/vmlinuz-6.8.0-41-generic root=/dev/sdb2\n}\n"
				    "menuentry \"Memory test (memtest86+x64.efi)\" {\n\tlinux "
				    "/memtest86+x64.efi\n}\n"},
		{"/boot/vmlinuz-6.8.0-41-generic"}, {"/boot/initrd.img-6.8.0-41-generic"},
		{"/boot/memtest86+x64.efi"}, {"/boot/vmlinuz", .link = "vmlinuz-6.8.0-41-generic"},
		{}};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].kernel, "/boot/vmlinuz-6.8.0-41-generic");
	assert_string_equal(all.items[0].initrds.items[0], "/boot/initrd.img-6.8.0-41-generic");
	assert_string_equal(
		all.items[0].cmdline, "root=/dev/mapper/vg-lv ro quiet splash vt.handoff=7");
	assert_int_equal(all.warnings.n, 1);
	assert_non_null(strstr(all.warnings.items[0], "another system"));
}

#define FEDORA_HEADER                                                                             \
	"set pager=1\n"                                                                           \
	"if [ -f ${config_directory}/grubenv ]; then\n"                                           \
	"  load_env -f ${config_directory}/grubenv\n"                                             \
	"elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\n"                                     \
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n" \
	"   save_env next_entry\n   set boot_once=true\nelse\n   set "                            \
	"default=\"${saved_entry}\"\nfi\n"

/* Fedora: /boot of its own, everything in BLS files, saved by id. */
#define FEDORA_FILES                                                                               \
	{"/boot/grub2/grub.cfg", FEDORA_HEADER                                                     \
		"insmod increment\nif [ -n \"${boot_counter}\" -a \"${boot_success}\" = \"0\" ]; " \
		"then\n"                                                                           \
		"  if  [ \"${boot_counter}\" = \"0\" -o \"${boot_counter}\" = \"-1\" ]; then\n"    \
		"    set default=1\n    set boot_counter=-1\n  else\n    decrement boot_counter\n" \
		"  fi\n  save_env boot_counter\nfi\n"                                              \
		"insmod part_gpt\nset root='hd0,gpt2'\n"                                           \
		"if [ -z \"${default_kernelopts}\" ]; then\n  set "                                \
		"default_kernelopts=\"root=UUID=f ro rhgb quiet "                                  \
		"\"\n"                                                                             \
		"fi\ninsmod blscfg\nblscfg\n"                                                      \
		"if [ \"$grub_platform\" = \"efi\" ]; then\n"                                      \
		"\tmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n"    \
		"\t\tfwsetup\n\t}\nfi\n"},                                                         \
		{"/boot/loader/entries/6f2a-6.17.4-300.fc43.x86_64.conf",                          \
			"title Fedora Linux (6.17.4-300.fc43.x86_64) 43 (Server)\n"                \
			"version 6.17.4-300.fc43.x86_64\nlinux /vmlinuz-6.17.4-300.fc43.x86_64\n"  \
			"initrd /initramfs-6.17.4-300.fc43.x86_64.img $tuned_initrd\n"             \
			"options root=UUID=f ro rhgb quiet $tuned_params\n"                        \
			"grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n"},   \
		{"/boot/loader/entries/6f2a-6.9.12-200.fc43.x86_64.conf",                          \
			"title Fedora Linux (6.9.12-200.fc43.x86_64) 43 (Server)\n"                \
			"version 6.9.12-200.fc43.x86_64\nlinux /vmlinuz-6.9.12-200.fc43.x86_64\n"  \
			"initrd /initramfs-6.9.12-200.fc43.x86_64.img\n"                           \
			"options root=UUID=f ro dyndbg=\"file a.c +p\"\n"},                        \
		{"/boot/loader/entries/6f2a-0-rescue.conf",                                        \
			"title Fedora Linux (0-rescue-6f2a) 43\nversion 0-rescue-6f2a\n"           \
			"linux /vmlinuz-0-rescue-6f2a\ninitrd /initramfs-0-rescue-6f2a.img\n"},    \
		{"/boot/vmlinuz-6.17.4-300.fc43.x86_64"},                                          \
		{"/boot/vmlinuz-6.9.12-200.fc43.x86_64"}, {"/boot/vmlinuz-0-rescue-6f2a"},         \
		{"/boot/initramfs-6.17.4-300.fc43.x86_64.img"}, {"/boot/tuned.img"},               \
	{                                                                                          \
		"/usr/lib/modules/6.17.4-300.fc43.x86_64/vmlinuz"                                  \
	}

static void fedora_blscfg(void **state)
{
	static const struct fake_file disk[] = {FEDORA_FILES, {}};
	static const struct fake_file saved[] = {FEDORA_FILES,
		{"/boot/grub2/grubenv",
			ENV "saved_entry=6f2a-6.9.12-200.fc43.x86_64\n"
			    "tuned_params=isolcpus=2 nohz=on\ntuned_initrd=/tuned.img\n"
			    "boot_success=1\n" ENV_END},
		{}};
	static const struct fake_file failed[] = {FEDORA_FILES,
		{"/boot/grub2/grubenv", ENV "boot_counter=0\nboot_success=0\n" ENV_END}, {}};
	WB_CLEAN_ENTRIES a = find(disk);
	WB_CLEAN_ENTRIES b = find(saved);
	WB_CLEAN_ENTRIES c = find(failed);

	assert_int_equal(a.n, 3);
	assert_string_equal(a.items[0].id, "6f2a-6.17.4-300.fc43.x86_64");
	assert_string_equal(a.items[0].kernel, "/boot/vmlinuz-6.17.4-300.fc43.x86_64");
	assert_string_equal(
		a.items[0].source, "grub /boot/loader/entries/6f2a-6.17.4-300.fc43.x86_64.conf");
	assert_string_equal(a.items[0].cmdline, "root=UUID=f ro rhgb quiet");
	assert_int_equal(a.items[0].initrds.n, 1);
	assert_string_equal(a.items[1].cmdline, "root=UUID=f ro \"dyndbg=file a.c +p\"");
	/* No options line: default_kernelopts (create_entry() of Red Hat's blscfg.c). */
	assert_string_equal(a.items[2].id, "6f2a-0-rescue");
	assert_string_equal(a.items[2].cmdline, "root=UUID=f ro rhgb quiet");
	assert_string_equal(default_id(&a), "6f2a-6.17.4-300.fc43.x86_64");
	assert_string_equal(default_id(&b), "6f2a-6.9.12-200.fc43.x86_64");
	assert_string_equal(b.items[0].cmdline, "root=UUID=f ro rhgb quiet isolcpus=2 nohz=on");
	assert_string_equal(b.items[0].initrds.items[1], "/boot/tuned.img");
	assert_string_equal(default_id(&c), "6f2a-6.9.12-200.fc43.x86_64");
}

/* Rocky 8 on EFI: grub.cfg and grubenv on the ESP, kernelopts in grubenv. */
static void rocky_8(void **state)
{
	static const struct fake_file disk[] = {{"/boot/efi/EFI/BOOT/BOOTX64.EFI"},
		{"/boot/efi/EFI/rocky/grub.cfg", FEDORA_HEADER "insmod blscfg\nblscfg\n"},
		{"/boot/efi/EFI/rocky/grubenv",
			ENV "saved_entry=ab12-4.18.0-553.el8_10.x86_64\n"
			    "kernelopts=root=/dev/mapper/rl-root ro crashkernel=auto "
			    "rd.lvm.lv=rl/root\nboot_success=0\n" ENV_END},
		{"/boot/grub2/grubenv", .link = "../efi/EFI/rocky/grubenv"},
		{"/boot/loader/entries/ab12-4.18.0-553.el8_10.x86_64.conf",
			"title Rocky Linux (4.18.0-553.el8_10.x86_64) 8.10\n"
			"version 4.18.0-553.el8_10.x86_64\nlinux "
			"/vmlinuz-4.18.0-553.el8_10.x86_64\n"
			"initrd /initramfs-4.18.0-553.el8_10.x86_64.img $tuned_initrd\n"
			"options $kernelopts $tuned_params\nid rocky-1\n"},
		{"/boot/loader/entries/ab12-5.0.0.conf", "title Newer\nlinux /vmlinuz-5.0.0\n"},
		{"/boot/vmlinuz-4.18.0-553.el8_10.x86_64"}, {"/boot/vmlinuz-5.0.0"},
		{"/boot/initramfs-4.18.0-553.el8_10.x86_64.img"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 2);
	assert_string_equal(default_id(&all), "ab12-4.18.0-553.el8_10.x86_64");
	assert_string_equal(all.items[1].cmdline,
		"root=/dev/mapper/rl-root ro crashkernel=auto rd.lvm.lv=rl/root");
	assert_string_equal(
		all.items[1].initrds.items[0], "/boot/initramfs-4.18.0-553.el8_10.x86_64.img");
}

/* openSUSE: btrfs with /boot in the root, env_block, linuxefi, a snapshot menu. */
static void opensuse(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub2/grub.cfg",
			"set btrfs_relative_path=\"yes\"\nexport btrfs_relative_path\n"
			"if [ -f ${config_directory}/grubenv ]; then\n"
			"  load_env -f ${config_directory}/grubenv\nelif [ -s $prefix/grubenv ]; "
			"then\n"
			"  load_env\nfi\n"
			"if [ \"${env_block}\" ]; then\n  set env_block=\"(${root})${env_block}\"\n"
			"  load_env -f \"${env_block}\"\nfi\n"
			"if [ \"${next_entry}\" ]; then\n   set default=\"${next_entry}\"\nelse\n"
			"   set default=\"${saved_entry}\"\nfi\n"
			"if [ x\"${feature_menuentry_id}\" = xy ]; then "
			"menuentry_id_option=\"--id\"; fi\n"
			"for x in a b ; do set last=$x ; done\n"
			"menuentry 'openSUSE Leap 15.6'  --class opensuse ${menuentry_id_option} "
			"'gnulinux-simple-s' {\n\tset gfxpayload=keep\n"
			"\tlinuxefi /boot/vmlinuz-6.4.0-150600.23.7-default root=UUID=s  "
			"${extra_cmdline} splash=silent\\ x 'a b' last=$last\n"
			"\tinitrdefi /boot/initrd-6.4.0-150600.23.7-default\n}\n"
			"submenu 'Advanced options for openSUSE Leap 15.6' --hotkey=1 "
			"${menuentry_id_option} 'gnulinux-advanced-s' {\n"
			"\tmenuentry 'openSUSE Leap 15.6, with Linux 6.4.0-old' --hotkey=2 "
			"--id=old {\n"
			"\t\tlinuxefi /@/.snapshots/1/snapshot/boot/vmlinuz-6.4.0-old root=UUID=s\n"
			"\t}\n}\n"
			"if [ -f \"/boot/grub2/snapshot_submenu.cfg\" ]; then\n"
			"  source \"/boot/grub2/snapshot_submenu.cfg\"\nfi\n"},
		{"/boot/grub2/grubenv", ENV "extra_cmdline=security=apparmor\\\\x\n"
					    "saved_entry=Advanced options for openSUSE Leap 15.6>"
					    "openSUSE Leap 15.6, with Linux 6.4.0-old\n" ENV_END},
		{"/boot/grub2/snapshot_submenu.cfg",
			"submenu \"Start bootloader from a read-only snapshot\" {\n"
			"menuentry \"snapshot 1\" { configfile \"/grub-snapshot.cfg\" }\n}\n"},
		{"/boot/vmlinuz-6.4.0-150600.23.7-default"}, {"/boot/vmlinuz-6.4.0-old"},
		{"/boot/initrd-6.4.0-150600.23.7-default"},
		{"/boot/vmlinuz", .link = "vmlinuz-6.4.0-150600.23.7-default"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 2);
	assert_string_equal(all.items[0].cmdline,
		"root=UUID=s security=apparmor\\\\x \"splash=silent x\" \"a b\" last=b");
	assert_string_equal(all.items[1].kernel, "/boot/vmlinuz-6.4.0-old");
	assert_string_equal(default_id(&all), "grub:gnulinux-advanced-s>old");
}

/* An entry written by hand beside GRUB's menu is one of its own, though its kernel is known. */
static void hand_written_entries_are_listed(void **state)
{
#define DEBUG_CONF(title, more)                                     \
	"title " title "\nlinux /boot/vmlinuz-7.2.12+deb13-amd64\n" \
	"initrd /boot/initrd.img-7.2.12+deb13-amd64\noptions root=UUID=11-22 ro " more "\n"
	static const struct fake_file disk[] = {{"/boot/grub/grub.cfg", DEBIAN_CFG("0")},
		DEBIAN_KERNELS,
		{"/boot/loader/entries/debug.conf", DEBUG_CONF("Debug boot", "debug=1")},
		{"/boot/loader/entries/same.conf", DEBUG_CONF("Same", "quiet")},
		{"/boot/loader/entries/reserve.conf",
			DEBUG_CONF("Reserve", "memmap=64M$0x10000000")},
		{"/boot/loader/entries/other-initrd.conf",
			"linux /boot/vmlinuz-7.2.12+deb13-amd64\ninitrd /boot/other.img\n"
			"options root=UUID=11-22 ro quiet\n"},
		{"/boot/loader/entries/for-grub.conf", DEBUG_CONF("For GRUB", "$tuned_params")},
		{}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = NULL;
	struct wb_error err = {};

	/* GRUB's four first; no bare kernels, no second "same", nothing that GRUB alone expands. */
	assert_int_equal(all.n, 7);
	assert_string_equal(default_id(&all), "grub:gnulinux-simple-11-22");
	assert_int_equal(wb_entries_choose(&all, "Debug boot", &e, &err), 0);
	assert_string_equal(e->id, "debug");
	assert_string_equal(e->cmdline, "root=UUID=11-22 ro debug=1");
	assert_string_equal(e->source, "bls /boot/loader/entries/debug.conf");
	assert_int_equal(wb_entries_choose(&all, "reserve", &e, &err), 0);
	assert_int_equal(wb_entries_choose(&all, "other-initrd", &e, &err), 0);
	assert_int_equal(wb_entries_choose(&all, "same", &e, &err), -ENOENT);
	assert_int_equal(wb_entries_choose(&all, "for-grub", &e, &err), -ENOENT);
	/* The default still settles what its release means. */
	assert_int_equal(wb_entries_choose(&all, "newest", &e, &err), 0);
	assert_true(e->is_default);
}

static void malformed_scripts(void **state)
{
	static const char *const scripts[] = {
		"menuentry",
		"menuentry {",
		"menuentry 'a",
		"menuentry a { linux",
		"if",
		"if [",
		"fi",
		"}}}}",
		"{{{{",
		"while true; do true; done",
		"until false; do",
		"for",
		"for x in",
		"for x in a b; do",
		"function",
		"function f { f; } f",
		"submenu {",
		"set",
		"set =",
		"=",
		"$",
		"${",
		"\"$",
		"'",
		"\\",
		"menuentry a { linux /k ${",
		"linux /k",
		"source /boot/grub/grub.cfg",
		"load_env -f",
		"[ ! ! ! ! ! (",
		"test",
		"[ ]",
		"[ ( ( ( ]",
		"if true; then if true; then",
		"elif else then do done",
		"menuentry x { linux }",
		"a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done",
		"initrd a b c",
		"submenu a { submenu b { submenu c { } } }",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", scripts[i]}, {"/k"}, {}};
		WB_CLEAN_ENTRIES all = find(disk);

		assert_true(all.n <= 1);
	}
}

/* Entries before the damage are still offered, with a warning. */
static void keeps_what_was_whole(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg", "menuentry a { linux /boot/k x }\n"
					"menuentry b { linux /boot/missing }\nif true; then\n"
					"menuentry c { linux /boot/k"},
		{"/boot/k"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].id, "grub:a");
	assert_int_equal(all.warnings.n, 3);
	assert_non_null(strstr(all.warnings.items[0], "no '}'"));
	/* The unread rest may set another default. */
	assert_string_equal(default_id(&all), "none");
	assert_non_null(strstr(all.warnings.items[1], "no entry is the default"));
	assert_non_null(strstr(all.warnings.items[2], "/boot/missing"));
}

static void doubtful_choice_lists_candidates(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg", "menuentry z { linux /boot/k0 }\n"
					"menuentry same --id one { linux /boot/vmlinuz-1 a }\n"
					"menuentry same --id two { linux /boot/vmlinuz-1 b }\n"
					"menuentry x --id two { linux /boot/vmlinuz-1 a }\n"},
		{"/boot/vmlinuz-1"}, {"/boot/k0"}, {}};
	WB_CLEAN_ENTRIES all = find(disk);
	const struct wb_entry *e = NULL;
	struct wb_error err = {};

	assert_int_equal(all.n, 4);
	assert_int_equal(wb_entries_choose(&all, "same", &e, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.text, "grub:one, grub:two"));
	assert_null(e);
	assert_int_equal(wb_entries_choose(&all, "two", &e, &err), 0);
	assert_string_equal(e->cmdline, "b");
	assert_int_equal(wb_entries_choose(&all, "grub:two#2", &e, &err), 0);
	assert_string_equal(e->title, "x");
}

static void versions_in_order(void **state)
{
	/* Ascending. */
	static const char *const v[] = {"~", "", "1~rc1", "1", "1-2", "1^x", "1.1", "1a", "2",
		"6.9.12", "6.12.107+deb13-cloud-amd64", "6.12.108+deb13-cloud-amd64",
		"6.17.4-300.fc43.x86_64", "6.17.10-200.fc43.x86_64", "7.2.0-rc1",
		"7.2.12+deb13-amd64", "7.10.0-1-generic"};
	size_t n = sizeof(v) / sizeof(*v);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int c = wb_version_compare(v[i], v[k]);

			if ((c > 0) - (c < 0) != (i > k) - (i < k))
				fail_msg("'%s' against '%s' gave %d", v[i], v[k], c);
		}
	assert_int_equal(wb_version_compare("1.02", "1.2"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debian_13),
		cmocka_unit_test(saved_and_next_entries),
		cmocka_unit_test(next_entry_is_used_up),
		cmocka_unit_test(ubuntu_2404),
		cmocka_unit_test(fedora_blscfg),
		cmocka_unit_test(rocky_8),
		cmocka_unit_test(opensuse),
		cmocka_unit_test(hand_written_entries_are_listed),
		cmocka_unit_test(malformed_scripts),
		cmocka_unit_test(keeps_what_was_whole),
		cmocka_unit_test(doubtful_choice_lists_candidates),
		cmocka_unit_test(versions_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
