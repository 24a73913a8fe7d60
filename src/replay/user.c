// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asking a user's manager for its units: a program with the user's rights asks, and its answer is
 * not trusted.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "replay/manager.h"

/* Looking is quick, but a user's process can delay it. */
#define SECONDS_TO_LOOK 10

/* ---- with the user's rights ---- */

static int look(const struct wb_replay_host *host, uint32_t uid, bool states_only,
	struct wb_blob *out, struct wb_error *err)
{
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_STR text = NULL;
	int r = host->open(host->ctx, uid, &m, err);

	if (r == 0)
		r = states_only ? wb_world_glance(&m, uid, &world, err)
				: wb_world_observe(host, &m, uid, &world, err);
	if (r < 0)
		return r;
	if (wb_world_fit(&world, WB_USER_LARGEST) < 0 || wb_world_print(&world, &text) < 0)
		return wb_oom(err);
	return wb_give_answer(out, text, err);
}

int wb_user_task_run(const struct wb_replay_host *host, uint32_t uid,
	const struct wb_user_task *task, struct wb_blob *out, struct wb_error *err)
{
	WB_CLEAN_WORLD before = {};
	int r;

	if (!strcmp(task->name, "observe") || !strcmp(task->name, "glance"))
		return look(host, uid, !strcmp(task->name, "glance"), out, err);
	if (strcmp(task->name, "replay"))
		return wb_fail(err, -EINVAL, "there is no task \"%s\"", task->name);
	r = wb_world_parse(task->input, "the task", &before, err);
	if (r == 0 && before.uid != uid)
		r = wb_fail(err, -EINVAL, "the task is another user's");
	return r < 0 ? r : wb_user_replay(host, &before, task->end, out, err);
}

/* ---- with root's ---- */

int wb_user_ask(const struct wb_replay_host *host, uint32_t uid, bool states_only,
	struct wb_child *ret, struct wb_error *err)
{
	const struct wb_user_task task = {.name = states_only ? "glance" : "observe"};

	return host->ask(host->ctx, uid, SECONDS_TO_LOOK, &task, ret, err);
}

int wb_user_answer(const struct wb_replay_host *host, struct wb_child *child, size_t share,
	struct wb_world *ret, struct wb_error *err)
{
	uint32_t uid = (uint32_t)child->uid;
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_WORLD world = {};
	struct wb_error why = {};
	char name[64];
	int r = host->finish(host->ctx, child, &answer, err);

	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "the answer of user %u's manager", uid);
	r = wb_world_parse(wb_blob_view(&answer), name, &world, err);
	if (r < 0)
		return r;
	/* The answer may claim another uid. */
	world.uid = uid;
	if (wb_world_check(&world, &why) < 0)
		return wb_fail(err, -EBADMSG, "the answer of user %u's manager makes no sense: %s",
			uid, why.text);
	if (wb_world_fit(&world, share) < 0)
		return wb_oom(err);
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

size_t wb_user_share(size_t n)
{
	size_t share = n ? WB_USERS_LARGEST / n : WB_USERS_LARGEST;

	return share < WB_USER_LARGEST ? share : WB_USER_LARGEST;
}

int wb_user_glance(
	const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret, struct wb_error *err)
{
	struct wb_child child;
	int r = wb_user_ask(host, uid, true, &child, err);

	return r < 0 ? r : wb_user_answer(host, &child, WB_USER_LARGEST, ret, err);
}
