// SPDX-License-Identifier: LGPL-2.1-or-later
/* Shares: room that is set aside for one unit's objects, so that another unit that grows cannot take it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

struct wb_store_share *wb_store_share_of(struct wb_store *s, const char *name)
{
	for (size_t i = 0; i < s->n_shares; i++)
		if (!strncmp(name, s->shares[i].prefix, strlen(s->shares[i].prefix)))
			return &s->shares[i];
	return NULL;
}

static uint64_t owed(const struct wb_store_share *share)
{
	return share->bytes > share->used ? share->bytes - share->used : 0;
}

uint64_t wb_store_free_for(const struct wb_store *s, const struct wb_store_share *own)
{
	uint64_t left = s->state.bytes - s->next, others = 0;

	for (size_t i = 0; i < s->n_gap; i++)
		left += s->gap[i].size;
	for (size_t i = 0; i < s->n_shares; i++)
		if (&s->shares[i] != own)
			others += owed(&s->shares[i]);
	return left > others ? left - others : 0;
}

void wb_store_share_use(struct wb_store *s, const char *name, uint64_t taken, uint64_t returned)
{
	struct wb_store_share *share = wb_store_share_of(s, name);

	if (!share)
		return;
	share->used += taken;
	share->used -= returned < share->used ? returned : share->used;
}

static int set(struct wb_store *s, const char *prefix, uint64_t bytes)
{
	struct wb_store_share *share = wb_store_share_of(s, prefix), *more;
	uint64_t most;

	if (!share) {
		more = realloc(s->shares, (s->n_shares + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->shares = more;
		share = &more[s->n_shares];
		*share = (struct wb_store_share){};
		share->prefix = strdup(prefix);
		if (!share->prefix)
			return -ENOMEM;
		s->n_shares++;
	}
	most = wb_store_free_for(s, share) / WB_STORE_BLOCK * WB_STORE_BLOCK;
	bytes = bytes > most ? most : wb_align_up(bytes, WB_STORE_BLOCK);
	share->bytes = share->used + bytes;
	return 0;
}

int wb_store_share(struct wb_store *s, const char *prefix, uint64_t bytes)
{
	int r;

	pthread_mutex_lock(&s->lock);
	r = set(s, prefix, bytes);
	pthread_mutex_unlock(&s->lock);
	return r;
}

void wb_store_share_end(struct wb_store *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		free(s->shares[i].prefix);
	free(s->shares);
	s->shares = NULL;
	s->n_shares = 0;
}
