/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A remedy: a change by which a person makes a service one that can be kept. */
#pragma once

/* Each remedy was tried: with it, a rehearsal of the service says that it can be kept. */
struct wb_remedy {
	const char *reason; /* a part of the reason for which it is restarted */
	const char *unit;   /* the units for which it was tried, as fnmatch(3) */
	const char *text;   /* a sentence without its full stop */
};

/* The last one has no reason. */
extern const struct wb_remedy wb_remedies[];

/* The remedy for one reason of a unit; NULL: none is known. It may not be enough if there are more reasons. */
const char *wb_remedy_find(const char *unit, const char *reason);
