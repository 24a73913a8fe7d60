// SPDX-License-Identifier: LGPL-2.1-or-later
/* The request of a staged kernel, from its record, for a session that stages it once more. */
#include "cmd/load.h"

int cmd_reread(struct cmd_staged *staged, const char *text, struct wb_session_options *ret)
{
	int e = cmd_words_parse(&cmd_load, text, &staged->words, NULL);

	if (e == 0)
		e = cmd_request_read(&staged->words.args, &staged->request, NULL);
	if (e == 0)
		cmd_request_give(&staged->request, ret);
	return e;
}

void cmd_staged_deinit(struct cmd_staged *staged)
{
	wb_request_deinit(&staged->request);
	cmd_words_deinit(&staged->words);
}
