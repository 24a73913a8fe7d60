// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a user's manager runs, asked in a process with that user's rights. */
#include <stdio.h>
#include <string.h>

#include "replay/manager.h"

/* Looking takes no time, but a user's process could. */
#define SECONDS_TO_LOOK 10

struct user {
	const struct wb_replay_host *host;
	uint32_t uid;
	bool states_only;
};

int wb_give_answer(struct wb_blob *out, const char *text, struct wb_error *err)
{
	return wb_blob_append(out, text, strlen(text)) < 0 ? wb_oom(err) : 0;
}

/* In the user's process. */
static int look(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_STR text = NULL;
	int r = user->host->open(user->host->ctx, user->uid, &m, err);

	if (r == 0)
		r = user->states_only ? wb_world_glance(&m, user->uid, &world, err)
				      : wb_world_observe(user->host, &m, user->uid, &world, err);
	if (r < 0)
		return r;
	if (wb_world_print(&world, &text) < 0)
		return wb_oom(err);
	return wb_give_answer(out, text, err);
}

static int ask_user(const struct wb_replay_host *host, uint32_t uid, bool states_only,
	struct wb_world *ret, struct wb_error *err)
{
	struct user user = {host, uid, states_only};
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_WORLD world = {};
	char name[64];
	int r = host->as_user(host->ctx, uid, SECONDS_TO_LOOK, look, &user, &answer, err);

	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "the answer of user %u's manager", uid);
	r = wb_world_parse(wb_blob_view(&answer), name, &world, err);
	if (r < 0)
		return r;
	/* It is the user's word. */
	world.uid = uid;
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

int wb_user_observe(
	const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret, struct wb_error *err)
{
	return ask_user(host, uid, false, ret, err);
}

int wb_user_glance(
	const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret, struct wb_error *err)
{
	return ask_user(host, uid, true, ret, err);
}
