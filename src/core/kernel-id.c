// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ids of kernels: from ELF notes, and from release and version. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel-id.h"
#include "core/strv.h"
#include "core/text.h"

/* A build id is made by a hash of at least 64 bits; ld(1) takes digits of any number. */
#define LEAST 8
#define MOST 64

int wb_kernel_id_parse(struct wb_bytes notes, char **ret)
{
	uint32_t name, size, type;
	uint64_t at = 0;

	/* Fewer bytes than a header are padding. */
	while (wb_get_le32(notes, at, &name) && wb_get_le32(notes, at + 4, &size) &&
		wb_get_le32(notes, at + 8, &type)) {
		uint64_t owner = at + 12, data = owner + wb_align_up(name, 4);
		struct wb_bytes id;
		char *hex;

		if (!wb_bytes_sub(notes, owner, name, &id) || !wb_bytes_sub(notes, data, size, &id))
			return -EBADMSG;
		at = data + wb_align_up(size, 4);
		if (type != NT_GNU_BUILD_ID || name != sizeof(ELF_NOTE_GNU) ||
			!wb_bytes_equal(notes, owner, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)))
			continue;
		if (size < LEAST || size > MOST)
			return -EBADMSG;
		hex = malloc(2 * size + 1);
		if (!hex)
			return -ENOMEM;
		wb_hex_write(id.data, size, hex);
		*ret = hex;
		return 0;
	}
	return -ENOENT;
}

int wb_kernel_id_name(const char *release, const char *version, char **ret)
{
	WB_CLEAN_STR name = wb_strf("%s %s", release, version);

	if (!name)
		return -ENOMEM;
	if (!wb_valid_kernel_name(name))
		return -EINVAL;
	*ret = name;
	name = NULL;
	return 0;
}

bool wb_valid_kernel_name(const char *s)
{
	const char *version = strstr(s, " #");

	/* The release is one word. */
	if (!version || version == s || memchr(s, ' ', (size_t)(version - s)) ||
		strlen(s) > WB_KERNEL_ID_MOST)
		return false;
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

bool wb_valid_kernel_id(const char *s)
{
	uint8_t id[MOST];
	size_t n = strlen(s);

	if (n >= 2 * LEAST && n <= 2 * MOST && n % 2 == 0 && wb_hex_read(s, n / 2, id))
		return true;
	return wb_valid_kernel_name(s);
}
