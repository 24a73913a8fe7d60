// SPDX-License-Identifier: LGPL-2.1-or-later
/* The row of the way of keeping that does not exist. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/thaw.h"
#include "toy.h"

struct toy_frozen {
	char word[32];
};

/* ---- before the jump ---- */

static int judge(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	if (!facts->systemd->type || strcmp(facts->systemd->type, "toy"))
		return wb_strv_add(&ret->reasons, "it is no toy") < 0 ? wb_oom(err) : 0;
	ret->bytes = TOY_BYTES;
	ret->processes = ret->threads = 1;
	ret->cgroup = strdup("/toys.slice");
	return ret->cgroup ? 1 : wb_oom(err);
}

static int record(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u)
{
	u->main_pid = TOY_PID;
	u->cgroup = strdup(verdict->cgroup);
	u->image = json_pack("{s:i}", "eyes", 2);
	return u->cgroup && u->image ? 0 : -ENOMEM;
}

/* The memory must say that the toy is in this state; *ret is the word. */
static int take_word(
	const struct wb_sys *sys, const char *state, char ret[32], struct wb_error *err)
{
	WB_CLEAN_BLOB memory = {};
	char is[16];
	int r = sys->files->read(sys->files->ctx, TOY_MEMORY, 64, &memory, err);

	if (r < 0)
		return r;
	if (sscanf((const char *)memory.data, "%15s %31s", is, ret) != 2 || strcmp(is, state))
		return wb_fail(err, -ESRCH, "the toy is not %s", state);
	return 0;
}

static int set_memory(
	const struct wb_sys *sys, const char *state, const char *word, struct wb_error *err)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %s", state, word);
	int r = sys->write_file(
		sys->ctx, TOY_MEMORY, (struct wb_bytes){(const uint8_t *)text, (size_t)n}, 0600);

	return r < 0 ? wb_fail(err, r, "the toy is broken") : 0;
}

static int put_object(struct wb_store *store, const struct wb_manifest_unit *u, const char *name,
	const char *word, struct wb_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s", u->images, name);
	return wb_store_put(
		store, path, (struct wb_bytes){(const uint8_t *)word, strlen(word)}, err);
}

static int ahead(const struct wb_way_host *host, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	char word[32];
	int r = take_word(host->sys, "awake", word, err);

	if (r == 0)
		r = put_object(store, u, "early-word", word, err);
	if (r == 0) {
		u->ahead_pid = u->main_pid;
		u->ahead_bytes = (int64_t)strlen(word);
	}
	return r;
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	struct toy_frozen *frozen;
	char word[32];
	int r = take_word(host->sys, "awake", word, err);

	if (r == 0)
		r = set_memory(host->sys, "asleep", word, err);
	if (r == 0)
		r = put_object(store, u, "word", word, err);
	frozen = r == 0 ? malloc(sizeof(*frozen)) : NULL;
	if (r == 0 && !frozen)
		r = wb_oom(err);
	if (r < 0)
		return r;
	strcpy(frozen->word, word);
	u->dump_bytes = (int64_t)strlen(word);
	*ret = (struct wb_frozen *)frozen;
	return 0;
}

/* A file of it travels, too. */
static int complete(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_strv *files, int64_t *highest, struct wb_store *store, struct wb_error *err)
{
	*highest = u->main_pid + 1;
	return put_object(store, u, "box", "red", err);
}

static int commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	free(frozen);
	return set_memory(host->sys, "gone", "", err);
}

static int cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	int r = set_memory(host->sys, "awake", ((struct toy_frozen *)frozen)->word, err);

	free(frozen);
	return r;
}

/* ---- in the next boot ---- */

static int thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_BLOB word = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%sword", t->unit->images);
	r = wb_store_read(store, path, 31, &word, err);
	return r < 0 ? r : set_memory(t->sys, "awake", (const char *)word.data, err);
}

static const char *const modules[] = {"toy_box", NULL};

const struct wb_keep_means toy_way = {
	.how = WB_KEEP_PROCESS,
	.modules = modules,
	.judge = judge,
	.record = record,
	.ahead = ahead,
	.freeze = freeze,
	.complete = complete,
	.commit = commit,
	.cancel = cancel,
	.thaw = thaw,
};
