// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own. CRIU drops the packets of a connection by rules for nft(8)
 * (criu/netfilter.c), from the dump until the restore has removed them. Where warmboot's packet hold is in force, these
 * drop nothing more, and the rules of a dump are gone with its kernel.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "criu/hook.h"
#include "shim/shim.h"

/* libnftables(3). CRIU finds out in a child, and in a namespace of its own, what the kernel's rules can do. */
int nft_run_cmd_from_buffer(void *context, const char *commands)
{
	int (*real)(void *, const char *);

	if (wb_shim_is_criu() && getenv(WB_HOOK_HELD))
		return 0;
	real = (int (*)(void *, const char *))dlsym(RTLD_NEXT, "nft_run_cmd_from_buffer");
	return real ? real(context, commands) : -1;
}
