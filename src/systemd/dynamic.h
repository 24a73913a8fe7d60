/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users that exist while a unit runs: DynamicUser= (src/core/dynamic-user.c of systemd). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers of these users, and of their groups (docs/UIDS-GIDS.md of systemd). */
#define WB_DYNAMIC_FIRST 61184u
#define WB_DYNAMIC_LAST 65519u

static inline bool wb_is_dynamic(uint32_t uid)
{
	return uid >= WB_DYNAMIC_FIRST && uid <= WB_DYNAMIC_LAST;
}

/*
 * The number that a user with this name gets if nobody has it, which systemd makes of the name. Only a directory of the
 * unit that belongs to another number of this range comes before it.
 */
uint32_t wb_dynamic_uid(const char *name);
