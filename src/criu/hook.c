// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CRIU's action script. When all images are written and all tasks are still frozen, CRIU runs it
 * and follows its exit status: 0 ends the tasks, anything else lets them run on. The script tells
 * warmboot that this point is reached, and waits for an answer. If warmboot dies, the end of the
 * pipe is the answer, and the tasks run on.
 *
 * When all tasks are restored and none has run yet ("pre-resume"), the script does the same. CRIU
 * ignores its status there: the tasks run, unless warmboot has killed them before it answers.
 *
 * It is a static program, because it runs in the unit's sandbox, where it may find no library and
 * may not execute a file. CRIU closes all descriptors for it, so it gets paths in /proc.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/hook.h"

#define SECCOMP_MODE_STRICT 1 /* linux/seccomp.h, which this compiler may not find */

static int open_named(const char *variable, int flags)
{
	const char *path = getenv(variable);

	return path ? open(path, flags | O_CLOEXEC) : -1;
}

/*
 * For keep/bystander.c: a process of the unit's user may trace this one, and finds nothing in it; in this mode the
 * kernel lets it read, write and end.
 */
static void stand(void)
{
	char c;

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0 || write(1, "r", 1) != 1)
		syscall(SYS_exit, 1);
	while (read(0, &c, 1) > 0)
		;
	syscall(SYS_exit, 0);
}

int main(void)
{
	const char *action = getenv(WB_HOOK_ACTION);
	int ready, go;
	char word = 0;

	if (action && !strcmp(action, WB_HOOK_STAND))
		stand();
	if (!action || (strcmp(action, "post-dump") && strcmp(action, "pre-resume")))
		return 0;
	go = open_named(WB_HOOK_GO, O_RDONLY);
	ready = open_named(WB_HOOK_READY, O_WRONLY);
	if (go < 0 || ready < 0 || write(ready, "r", 1) != 1)
		return 1;
	if (read(go, &word, 1) != 1 || word != WB_HOOK_YES)
		return 1;
	return 0;
}
