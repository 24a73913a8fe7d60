/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Orders of file names. */
#pragma once

/* That of Red Hat's blscfg, and that of GRUB's filevercmp(). */
int wb_grub_compare_rpm(const char *a, const char *b);
int wb_grub_compare_filever(const char *a, const char *b);
