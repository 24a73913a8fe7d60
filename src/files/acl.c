// SPDX-License-Identifier: LGPL-2.1-or-later
/* The permission bits behind an access control list. */
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>

#include "files/acl.h"

#define GROUP_BITS 070u

unsigned wb_acl_mode(struct wb_bytes list, unsigned mode)
{
	const uint64_t header = sizeof(struct posix_acl_xattr_header);
	const uint64_t entry = sizeof(struct posix_acl_xattr_entry);
	uint16_t tag, permissions;
	uint32_t version;

	if (!wb_get_le32(list, 0, &version) || version != POSIX_ACL_XATTR_VERSION)
		return mode & ~GROUP_BITS;
	for (uint64_t at = header; wb_get_le16(list, at, &tag); at += entry)
		if (tag == ACL_GROUP_OBJ && wb_get_le16(list, at + sizeof(tag), &permissions))
			return (mode & ~GROUP_BITS) | (mode & permissions << 3 & GROUP_BITS);
	return mode & ~GROUP_BITS;
}
