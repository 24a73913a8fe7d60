/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of a script: reading one, and expanding it. */
#pragma once

#include "grubscript/state.h"

enum wb_grub_kind {
	WB_GRUB_END,
	WB_GRUB_NEWLINE, /* or ';' */
	WB_GRUB_OPEN,
	WB_GRUB_CLOSE,
	WB_GRUB_WORD,
	WB_GRUB_BAD, /* GRUB does not parse it */
};

struct wb_grub_token {
	enum wb_grub_kind kind;
	const char *p; /* of a word: with its quotes */
	size_t n;
};

struct wb_grub_token wb_grub_next(struct wb_grub_text *t);
/*
 * Append the expansion of a word: quotes removed, variables and wildcards expanded. It gives none,
 * one or several words. *ret_many, if not NULL, is set when a wildcard gave several words, whose
 * order is not known; otherwise such words become one unknown word.
 */
int wb_grub_expand(struct wb_grub *g, struct wb_grub_token k, struct wb_strv *ret, bool *ret_many);
