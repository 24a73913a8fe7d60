// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CRIU's action script. When every image is written and every task still frozen, CRIU runs it and
 * does as it says: 0 the tasks end here, else they go on. It tells warmboot that it is so far, and
 * waits for the word; if warmboot dies, the end of the pipe is the word, and the tasks go on.
 *
 * A static program, because it runs in the unit's sandbox, where it may find no library and must
 * not execute a file. CRIU closes all descriptors for it, so it gets paths in /proc.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep/hook.h"

static int open_named(const char *variable, int flags)
{
	const char *path = getenv(variable);

	return path ? open(path, flags | O_CLOEXEC) : -1;
}

int main(void)
{
	const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
	int ready, go;
	char word = 0;

	if (!action || strcmp(action, "post-dump"))
		return 0;
	go = open_named(WB_HOOK_GO, O_RDONLY);
	ready = open_named(WB_HOOK_READY, O_WRONLY);
	if (go < 0 || ready < 0 || write(ready, "r", 1) != 1)
		return 1;
	if (read(go, &word, 1) != 1 || word != WB_HOOK_YES)
		return 1;
	return 0;
}
