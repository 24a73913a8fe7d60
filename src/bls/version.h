/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of versions. */
#pragma once

/* Version order of kernel releases as rpm and dpkg sort them (UAPI version format spec). */
int wb_version_compare(const char *a, const char *b);
