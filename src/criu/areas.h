/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU 4.1 does not restore two things as they were.
 *
 * One is memory that a child of fork(2) finds empty: MADV_WIPEONFORK, and MAP_DROPPABLE, in which libc has the state of
 * getrandom(3). Programs rely on these marks, so that parent and child do not share secrets or random numbers. CRIU 4.2
 * and earlier do not know them (criu/proc_parse.c).
 *
 * The other one is the signal at the death of the parent (PR_SET_PDEATHSIG). CRIU makes it again for the main process while CRIU itself
 * is the parent, and then ends (criu/cr-restore.c, restore_root_task()). The parent of a unit's main process is systemd,
 * whose end nobody sees.
 */
#pragma once

#include "core/files.h"
#include "criu/criu.h"

/*
 * Append the marked areas of a process that stands still to image->areas. A process that is gone has none. -E2BIG,
 * -EBADMSG, -ENOMEM and errors of reading; no sentence.
 */
int wb_areas_note(const struct wb_files *files, int64_t pid, struct wb_criu_image *image);
/*
 * Change an image on its way to CRIU. 1: *ret is the image to take; 0: this one needs no change, by its name.
 * `droppable`: the kernel has MAP_DROPPABLE (Linux 6.11); otherwise such memory gets the other mark. -EBADMSG: CRIU
 * does not write such an image, or an area is not in it; -ENOMEM.
 */
int wb_areas_change(const char *name, struct wb_bytes image, const struct wb_criu_image *of,
	bool droppable, struct wb_blob *ret);
/* Is wb_areas_change() to be called for an image of that name? */
bool wb_areas_changes(const char *name, const struct wb_criu_image *of);
/* Does the running kernel have MAP_DROPPABLE? */
bool wb_areas_droppable(void);
