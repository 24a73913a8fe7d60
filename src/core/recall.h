/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that are read once: a struct wb_files that gives the same answer again without asking a second time. It is for
 * facts about the machine as a whole that are needed for each of many units, and for one decision only, since what it
 * has read becomes old. Several threads may use it at a time.
 */
#pragma once

#include "core/files.h"

struct wb_recall;

/* `under` answers what has not been asked yet, and must outlive the result. NULL: out of memory. */
struct wb_recall *wb_recall_new(const struct wb_files *under);
void wb_recall_free(struct wb_recall *recall);

/*
 * Its files, as long as it lives. read(), list() and readlink() are remembered by path, without the limit; read_at() and
 * exists() are passed on. So are failures, and answers when 64 MiB are remembered.
 */
const struct wb_files *wb_recall_files(const struct wb_recall *recall);
