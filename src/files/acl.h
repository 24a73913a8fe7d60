/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access control lists of files. */
#pragma once

#include "core/bytes.h"

/*
 * The permission bits that a file has without its access control list. They follow from the list,
 * as in the extended attribute "system.posix_acl_access" (linux/posix_acl_xattr.h), and from the
 * mode, whose group bits are the list's mask. If the list is not understood, the group gets no
 * permission. Pure.
 */
unsigned wb_acl_mode(struct wb_bytes list, unsigned mode);
