// SPDX-License-Identifier: LGPL-2.1-or-later
/* The answers of virsh about a domain, in its own words (LC_ALL=C). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/valid.h"
#include "libvirt/libvirt.h"

void wb_domain_deinit(struct wb_domain *d)
{
	free(d->name);
	free(d->uuid);
	free(d->state);
	wb_strv_deinit(&d->hindrances);
	*d = (struct wb_domain){};
}

/* A name may have blanks in it, so it is all that follows; none that is kept has. */
static bool is_named(struct wb_span rest, const char *name)
{
	struct wb_span word;

	return wb_take_word(&rest, &word) && wb_span_is(word, name) && !wb_take_word(&rest, &word);
}

char *wb_domain_uuid_of(const char *list, const char *name)
{
	struct wb_span line, word;

	while (wb_take_line(&list, &line)) {
		WB_CLEAN_STR uuid = NULL;
		char *ret;

		if (!wb_take_word(&line, &word) || !is_named(line, name))
			continue;
		uuid = ret = wb_span_copy(word);
		if (uuid && !wb_valid_uuid(uuid))
			continue;
		uuid = NULL;
		return ret;
	}
	return NULL;
}

/* The value of "Max memory:     65536 KiB". Empty: there is none. */
static struct wb_span value_of(const char *info, const char *key)
{
	struct wb_span line, before, after;

	while (wb_take_line(&info, &line)) {
		if (!wb_span_split(line, ':', &before, &after) || !wb_span_is(before, key))
			continue;
		while (after.n && *after.s == ' ')
			after = (struct wb_span){after.s + 1, after.n - 1};
		while (after.n && after.s[after.n - 1] == ' ')
			after.n--;
		return after;
	}
	return (struct wb_span){"", 0};
}

static bool is_active(const char *state)
{
	static const char *const off[] = {"shut off", "crashed", "no state"};

	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++)
		if (!strcmp(state, off[i]))
			return false;
	return true;
}

int wb_domain_parse(const char *info, struct wb_domain *ret, struct wb_error *err)
{
	struct wb_span memory = value_of(info, "Max memory"), number, unit;
	WB_CLEAN_STR state = wb_span_copy(value_of(info, "State"));
	uint64_t kib;

	if (!state)
		return wb_oom(err);
	if (!*state || !wb_take_word(&memory, &number) || !wb_take_word(&memory, &unit) ||
		!wb_span_is(unit, "KiB") || !wb_span_number(number, 10, &kib) || !kib ||
		kib > (uint64_t)INT64_MAX >> 12)
		return wb_fail(err, -EBADMSG, "libvirt does not tell its state and its memory");
	*ret = (struct wb_domain){.state = state,
		.active = is_active(state),
		.persistent = wb_span_is(value_of(info, "Persistent"), "yes"),
		.saved = wb_span_is(value_of(info, "Managed save"), "yes"),
		.memory = (int64_t)kib << 10};
	state = NULL;
	return 0;
}

/*
 * Elements as libvirt writes them. A description that a user has put there may have the same words, and the domain
 * is refused then.
 */
static const struct {
	const char *element, *why;
} devices[] = {
	{"<hostdev", "it has a device of the host (hostdev), whose state libvirt cannot save"},
	{"<interface type='hostdev'",
		"its network is a device of the host, whose state libvirt cannot save"},
	{"<interface type='vdpa'",
		"its network lives in a device of the host (vDPA), whose state libvirt cannot "
		"save"},
	{"<filesystem",
		"it shares a directory with the host (filesystem), which libvirt cannot save"},
	{"<shmem", "it shares memory with other programs (shmem)"},
};

int wb_domain_add_devices(const char *xml, struct wb_domain *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(devices) / sizeof(*devices); i++)
		if (strstr(xml, devices[i].element))
			r = wb_strv_add(&ret->hindrances, devices[i].why);
	ret->agent = strstr(xml, "name='org.qemu.guest_agent.0'");
	return r;
}
