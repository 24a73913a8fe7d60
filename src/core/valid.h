/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a text from outside a path, or the name of a service? Pure. */
#pragma once

#include <stdbool.h>

/* "NAME.service" as systemd.unit(5) allows it, so that it can be a file's name. */
bool wb_valid_service_name(const char *s);
/* "NAME.socket", likewise. */
bool wb_valid_socket_name(const char *s);
/* The name of a virtual machine or container: letters, digits, "_.+-", the first no sign. */
bool wb_valid_guest_name(const char *s);
/* The name of something that is kept: that of a service, or KIND:NAME in small letters, a colon and the above. */
bool wb_valid_kept_name(const char *s);
/* As wb_uuid_write() writes it. */
bool wb_valid_uuid(const char *s);
/* Absolute, without "." and "..", not longer than the kernel takes. */
bool wb_valid_path(const char *s);
/* Is `path` this directory, or below it? By the names alone; `dir` has no "/" at its end. Pure. */
bool wb_path_is_in(const char *path, const char *dir);
