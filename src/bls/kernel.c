// SPDX-License-Identifier: LGPL-2.1-or-later
/* The release of a kernel file, from its header or its name. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "bls/kernel.h"

/*
 * Documentation/arch/x86/boot.rst: kernel_version, at 0x20e, points 0x200 bytes before a string
 * "RELEASE (builder) #1 …" in the setup part of a bzImage.
 */
static char *release_of_bzimage(const struct wb_files *files, const char *kernel)
{
	WB_CLEAN_BLOB head = {}, text = {};
	struct wb_error err = {};
	struct wb_bytes in;
	uint16_t at;
	size_t n;

	if (files->read_at(files->ctx, kernel, 0, 0x210, &head, &err) < 0)
		return NULL;
	in = wb_blob_view(&head);
	if (!wb_bytes_equal(in, 0x202, "HdrS", 4) || !wb_get_le16(in, 0x20e, &at) || !at)
		return NULL;
	if (files->read_at(files->ctx, kernel, at + 0x200u, 128, &text, &err) < 0 || !text.size)
		return NULL;
	n = strnlen((char *)text.data, text.size);
	n = n < text.size ? strcspn((char *)text.data, " ") : 0;
	for (size_t i = 0; i < n; i++)
		if (!isgraph(text.data[i]))
			return NULL;
	return n ? strndup((char *)text.data, n) : NULL;
}

char *wb_entry_release(const struct wb_files *files, const char *kernel)
{
	static const char *const prefixes[] = {
		"vmlinuz-", "vmlinux-", "kernel-", "bzImage-", "linux-", "Image-"};
	char *release = release_of_bzimage(files, kernel);
	const char *name = strrchr(kernel, '/'), *dir = name;

	if (release || !name)
		return release;
	name++;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) == 0 && isdigit((unsigned char)name[n]))
			return strndup(name + n, strcspn(name + n, "/"));
	}
	/* kernel-install uses ENTRY-TOKEN/RELEASE/linux, and modules use RELEASE/vmlinuz. */
	while (dir > kernel && dir[-1] != '/')
		dir--;
	if ((strcmp(name, "linux") == 0 || strcmp(name, "vmlinuz") == 0) &&
		isdigit((unsigned char)*dir))
		return strndup(dir, (size_t)(name - 1 - dir));
	return NULL;
}
