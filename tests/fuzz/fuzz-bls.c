// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The same bytes as a type 1 entry, loader.conf, an EFI variable, a table of mounts, a unified
 * kernel image, its addon and a bare kernel, on a machine with systemd-boot; then as a pattern, and
 * as a GRUB environment block.
 */
#include <stdlib.h>
#include <string.h>

#include "fake-files.h"
#include "fuzz.h"
#include "samples.h"
#include "bls/text.h"
#include "entry/entry.h"
#include "jump/once.h"

#define VAR(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/*
 * If there is a value to clear, the file keeps its size, and there is nothing to clear a second
 * time.
 */
static void clear_block(struct wb_bytes in)
{
	WB_CLEAN_BLOB once = {};
	WB_CLEAN_BLOB twice = {};

	if (wb_once_clear_block(in, &once) < 0 || !once.size)
		return;
	if (once.size != in.size)
		abort();
	if (wb_once_clear_block(wb_blob_view(&once), &twice) == 0 && twice.size &&
		memcmp(once.data, twice.data, once.size) == 0)
		abort();
}

static void match(const uint8_t *data, size_t size)
{
	char *pattern = strndup(size ? (const char *)data : "", size);

	if (pattern && strlen(pattern) < 64)
		wb_efi_match(pattern, "fedora-6.12.1+3-0.conf");
	free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char info[] =
		"\6\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \0002\0005\0007\0\0";
	const char *text = size ? (const char *)data : "";
	const struct fake_file disk[] = {
		{"/boot/loader/entries/a+1-2.conf", text, size},
		{"/boot/loader/entries/b.conf", "title B\nlinux /vmlinuz-b\n"},
		{"/boot/loader/entries/u.conf", "uki /EFI/Linux/c.efi\nprofile 1\noptions x\n"},
		{"/boot/loader/loader.conf", text, size},
		{"/boot/EFI/Linux/c.efi", text, size},
		{"/boot/EFI/Linux/c.efi.extra.d/a.addon.efi", text, size},
		{"/boot/vmlinuz-b", text, size},
		{VAR("LoaderInfo"), info, sizeof(info)},
		{VAR("LoaderEntryOneShot"), text, size},
		{VAR("LoaderEntries"), text, size},
		{VAR("LoaderDevicePartUUID"), "\6\0\0\0a\0\0", 8},
		{"/dev/disk/by-partuuid/a", .link = "../../sda1"},
		{"/dev/sda1"},
		{"/proc/self/mountinfo", text, size},
		{"/proc/cmdline", text, size},
		{"/sys/firmware/dmi/entries/11-0/raw", text, size},
		{"/etc/os-release", text, size},
		{"/usr/lib/modules/1/vmlinuz", text, size},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_ENTRIES all = {};
	const struct wb_entry *e;
	struct wb_error err = {};

	if (wb_entries_find(&files, &all, &err) == 0)
		wb_entries_choose(&all, "newest", &e, &err);
	match(data, size);
	clear_block((struct wb_bytes){data, size});
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char entry[] =
		"title \"A\"\nlinux /vmlinuz-b\noptions root=/dev/x initrd=\\i quiet\ninitrd /i\n"
		"architecture x64\nmachine-id 1\nsort-key a\nversion 1\n";
	static const char *const texts[] = {
		entry,
		"uki /EFI/Linux/c.efi\nprofile 1\nextra /x\ndevicetree /d\n",
		"default a*.conf\npreferred \"[a-c]*\"\ntimeout 3\n",
		"# GRUB Environment Block\nsaved_entry=a\nnext_entry=b\\\\c\n########",
		"20 1 8:3 / / rw - ext4 /dev/sda3 rw\n21 20 8:1 / /boot rw - vfat /dev/sda1 rw\n",
	};
	enum { N = sizeof(texts) / sizeof(*texts) };
	static struct wb_blob seeds[N + 2];
	static uint8_t pe[16384];
	size_t n;

	for (size_t i = 0; i < N; i++)
		wb_blob_append(&seeds[i], texts[i], strlen(texts[i]));
	n = sample_pe(pe,
		(struct sample_section[]){{".osrel", "ID=a\nNAME=\"A\"\n", 15}, {".linux", "k", 1},
			{".cmdline", "quiet\n", 6}, {".profile", "ID=m\n", 5},
			{".profile", "ID=d\nTITLE=D\n", 13}, {".cmdline", "debug", 5}},
		6);
	wb_blob_append(&seeds[N], pe, n);
	n = sample_pe(pe,
		(struct sample_section[]){{".osrel", "ID=a\n", 5}, {".linux", "\\k", 2},
			{".linuxh", "0123456789abcdef0123456789abcdef", 32}, {".initrd", "\\i", 2},
			{".initrdh", "0123456789abcdef0123456789abcdef", 32}},
		5);
	wb_blob_append(&seeds[N + 1], pe, n);
	*ret_n = N + 2;
	return seeds;
}
