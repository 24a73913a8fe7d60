// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding the configuration with which GRUB begins on this machine, and the variant of GRUB. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "grub/config.h"

#define EFIVARS "/sys/firmware/efi/efivars"
/* EFI_GLOBAL_VARIABLE, UEFI specification 3.3 */
#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* Has ID or ID_LIKE of os-release this word? "fedora", "\"rhel fedora\"". */
static bool has_word(const char *text, const char *word)
{
	static const char *const keys[] = {"ID=", "ID_LIKE="};
	size_t n = strlen(word);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		for (size_t i = 0; i < 2; i++) {
			const char *w = p + strlen(keys[i]), *end = p + strcspn(p, "\n");

			if (strncmp(p, keys[i], strlen(keys[i])) != 0)
				continue;
			for (; w < end; w += strcspn(w, " \"'\n"), w += w < end)
				if (strncmp(w, word, n) == 0 && strchr(" \"'\n", w[n]))
					return true;
		}
	return false;
}

static int read_os_release(const struct wb_files *files, struct wb_blob *ret)
{
	static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};
	struct wb_error ignored = {};

	for (size_t i = 0; i < 2 && !ret->data; i++)
		if (files->read(files->ctx, paths[i], 1u << 16, ret, &ignored) == -ENOMEM)
			return -ENOMEM;
	return 0;
}

enum wb_grub_flavour wb_grub_flavour(const struct wb_files *files, const char *config)
{
	static const char *const redhat[] = {"fedora", "rhel", "centos", "rocky", "almalinux"};
	static const char *const vendors[] = {
		"/fedora/", "/redhat/", "/centos/", "/rocky/", "/almalinux/", "/grub2/"};
	WB_CLEAN_BLOB text = {};
	const char *os;

	if (read_os_release(files, &text) < 0)
		return WB_GRUB_ANY;
	os = text.data ? (char *)text.data : "";
	for (size_t i = 0; i < sizeof(redhat) / sizeof(*redhat); i++)
		if (has_word(os, redhat[i]))
			return WB_GRUB_REDHAT;
	if (has_word(os, "suse") || has_word(os, "opensuse") || strstr(config, "/opensuse/"))
		return WB_GRUB_ANY;
	for (size_t i = 0; i < sizeof(vendors) / sizeof(*vendors); i++)
		if (strcasestr(config, vendors[i]))
			return *os ? WB_GRUB_ANY : WB_GRUB_REDHAT;
	return WB_GRUB_UPSTREAM;
}

/* The program that the firmware started, as BootCurrent names it. */
struct started {
	char *vendor;  /* the directory below EFI; NULL: not known */
	bool is_other; /* its name is that of neither GRUB nor shim */
};

/*
 * The path of the program that the firmware started. BootCurrent names Boot####, whose device path
 * ends in a file (type 4, subtype 4; UEFI specification 10.3.5.4). *ret: with slashes, of at most
 * `size`; "" if not known.
 */
static void started_file(const struct wb_files *files, char *ret, size_t size)
{
	WB_CLEAN_BLOB current = {}, option = {};
	struct wb_error ignored = {};
	uint16_t number, n, c;
	uint64_t at = 10;
	char path[160];
	size_t len = 0;

	*ret = 0;
	if (files->read(files->ctx, EFIVARS "/BootCurrent-" EFI_GLOBAL, 64, &current, &ignored) <
			0 ||
		!wb_get_le16(wb_blob_view(&current), 4, &number))
		return;
	snprintf(path, sizeof(path), EFIVARS "/Boot%04X-" EFI_GLOBAL, number);
	if (files->read(files->ctx, path, 1u << 16, &option, &ignored) < 0)
		return;
	/*
	 * Skip the attributes of efivarfs and of the option, the length of the paths, and a
	 * description.
	 */
	while (wb_get_le16(wb_blob_view(&option), at, &c) && c)
		at += 2;
	at += 2;
	while (wb_get_le16(wb_blob_view(&option), at, &c) &&
		wb_get_le16(wb_blob_view(&option), at + 2, &n) && n >= 4 && c != 0xff7f) {
		/* Little endian: the subtype is the upper byte. */
		for (uint64_t k = 4; c == 0x0404 && k + 1 < n && len + 1 < size; k += 2)
			if (wb_get_le16(wb_blob_view(&option), at + k, &number) && number &&
				number < 0x80)
				ret[len++] = number == '\\' ? '/' : (char)number;
		at += n;
	}
	ret[len] = 0;
}

static int read_started(const struct wb_files *files, struct started *ret)
{
	/* Names on removable media, and shim's fallback, which starts what it finds. */
	static const char *const names[] = {"grub", "shim", "boot", "fb", "core.efi"};
	WB_CLEAN_STR info = NULL;
	char file[128];
	const char *base;
	int r;

	*ret = (struct started){};
	started_file(files, file, sizeof(file));
	base = strrchr(file, '/');
	if (strncasecmp(file, "/EFI/", 5) != 0 || base < file + 5)
		return 0;
	r = wb_loader_variable(files, "LoaderInfo", &info);
	if (r == -ENOMEM)
		return r;
	ret->is_other = !info && base[1];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ret->is_other &= strncasecmp(base + 1, names[i], strlen(names[i])) != 0;
	ret->vendor = strndup(file + 5, strcspn(file + 5, "/"));
	return ret->vendor ? 0 : -ENOMEM;
}

/* Find GRUB's configurations in the vendors' directories of the ESP. */
static int find_vendors(const struct wb_files *files, struct wb_strv *ret)
{
	static const char *const mounts[] = {"/boot/efi/EFI", "/efi/EFI", "/boot/EFI"};

	for (size_t m = 0; m < sizeof(mounts) / sizeof(*mounts); m++) {
		WB_CLEAN_STRV names = {};
		struct wb_error ignored = {};
		int r = files->list(files->ctx, mounts[m], &names, &ignored);

		if (r == -ENOMEM)
			return r;
		for (size_t i = 0; i < names.n; i++) {
			WB_CLEAN_STR path = NULL;

			if (asprintf(&path, "%s/%s/grub.cfg", mounts[m], names.items[i]) < 0) {
				path = NULL;
				return -ENOMEM;
			}
			if (files->exists(files->ctx, path) && wb_strv_add(ret, path) < 0)
				return -ENOMEM;
		}
		if (ret->n)
			break;
	}
	return 0;
}

static const char *in_vendor(const struct wb_strv *all, const char *vendor)
{
	size_t n = strlen(vendor);

	for (size_t i = 0; i < all->n; i++) {
		const char *p = strcasestr(all->items[i], "/EFI/");

		/* Use the last "/EFI/": the ESP may be mounted at /efi. */
		while (p && strcasestr(p + 1, "/EFI/"))
			p = strcasestr(p + 1, "/EFI/");
		if (p && strncasecmp(p + 5, vendor, n) == 0 && p[5 + n] == '/')
			return all->items[i];
	}
	return NULL;
}

/* The vendor's configuration that GRUB reads on this system; NULL: none of them. */
static const char *choose_vendor(const struct wb_files *files, const struct wb_strv *all,
	const char *started, const char **ret_unsure)
{
	WB_CLEAN_BLOB os = {};
	const char *found = NULL;
	size_t n = 0;

	/* A copy in EFI/BOOT reads its vendor's configuration, unless it has one of its own. */
	if (started && (strcasecmp(started, "BOOT") != 0 || in_vendor(all, started)))
		return in_vendor(all, started);
	for (size_t i = 0; i < all->n; i++) {
		/* EFI/BOOT is a copy for removable media. */
		if (all->n > 1 && strcasestr(all->items[i], "/EFI/BOOT/"))
			continue;
		found = all->items[i];
		n++;
	}
	if (n <= 1)
		return found;
	found = NULL;
	if (read_os_release(files, &os) == 0 && os.data)
		for (size_t i = 0; i < all->n && !found; i++) {
			WB_CLEAN_STR dir =
				strndup(all->items[i], strlen(all->items[i]) - strlen("/grub.cfg"));
			const char *vendor = dir ? strrchr(dir, '/') + 1 : "";

			if (has_word((char *)os.data, vendor))
				found = all->items[i];
		}
	if (!found)
		*ret_unsure = "it is not known which of the configurations on the ESP is in charge";
	return found;
}

/*
 * Does Proxmox VE keep kernels and GRUB's configuration on EFI system partitions that nothing
 * mounts? This file names them then (proxmox-boot-tool), and /boot/grub/grub.cfg is out of use.
 */
static bool is_elsewhere(const struct wb_files *files)
{
	WB_CLEAN_BLOB text = {};
	struct wb_error ignored = {};

	return files->read(files->ctx, "/etc/kernel/proxmox-boot-uuids", 1u << 16, &text,
		       &ignored) >= 0 &&
	       text.data[strspn((char *)text.data, " \t\r\n")];
}

int wb_grub_start(const struct wb_files *files, struct wb_grub_start *ret)
{
	/* Debian and Ubuntu, Arch, NixOS; Fedora, RHEL, openSUSE; SONiC. */
	static const char *const usual[] = {
		"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/host/grub/grub.cfg"};
	WB_CLEAN_STRV vendors = {};
	WB_CLEAN_STR started = NULL;
	struct started program = {};
	const char *found = NULL, *vendor = NULL, *unsure = NULL;
	bool efi = files->exists(files->ctx, "/sys/firmware/efi");
	/* If /sys says nothing, a configuration on an ESP shows that the machine uses EFI. */
	bool silent = !efi && !files->exists(files->ctx, "/sys/firmware");
	int r = find_vendors(files, &vendors);

	if (r == 0)
		r = read_started(files, &program);
	if (r < 0)
		return r;
	started = program.vendor;
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual) && !found; i++)
		if (files->exists(files->ctx, usual[i]))
			found = usual[i];
	if (vendors.n && (efi || silent || !found))
		vendor = choose_vendor(files, &vendors, started, &unsure);
	if (!vendor && !found && vendors.n)
		vendor = vendors.items[0];
	if (program.is_other)
		unsure = "the firmware has started another program than GRUB";
	if (is_elsewhere(files))
		unsure = "proxmox-boot-tool keeps the configuration in charge on a partition that "
			 "is not "
			 "mounted";
	*ret = (struct wb_grub_start){.is_efi = efi || (silent && vendor), .unsure = unsure};
	if (vendor || found) {
		ret->path = strdup(vendor ? vendor : found);
		if (!ret->path)
			return -ENOMEM;
	}
	if (vendor && found) {
		ret->fallback = strdup(found);
		if (!ret->fallback) {
			free(ret->path);
			ret->path = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

char *wb_grub_config(const struct wb_files *files)
{
	struct wb_grub_start start = {};

	if (wb_grub_start(files, &start) < 0)
		return NULL;
	free(start.fallback);
	return start.path;
}
