/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The id that tells one build of a kernel from another. It is the GNU build id, in hexadecimal digits, or, where that
 * is not known, the release and the version as uname(2) gives them: "6.12.1-amd64 #1 SMP Debian 6.12.1-1". Pure.
 */
#pragma once

#include <stdbool.h>

#include "core/bytes.h"

/* The longest id: utsname has 64 bytes for a release and for a version. */
#define WB_KERNEL_ID_MOST 160

/*
 * The build id in ELF notes of little endian (elf(5), "Notes"; the kernel's include/linux/buildid.h). *ret to be freed.
 * -ENOENT: the notes have none; -EBADMSG: they are damaged; -ENOMEM.
 */
int wb_kernel_id_parse(struct wb_bytes notes, char **ret);
/* The name of a kernel, "RELEASE VERSION", which is its id where there is no build id. -EINVAL: it is none; -ENOMEM. */
int wb_kernel_id_name(const char *release, const char *version, char **ret);
/* Is it an id of either kind? */
bool wb_valid_kernel_id(const char *s);
/* Is it a name? Two builds of a kernel may have the same. */
bool wb_valid_kernel_name(const char *s);
