// SPDX-License-Identifier: LGPL-2.1-or-later
/* Questions to systemd about the machine as a whole. */
#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "systemd/health.h"
#include "systemd/systemctl.h"

#define ASK_MS 30000

void wb_systemd_state(const struct wb_runner *runner, char ret[32])
{
	static const char *const argv[] = {"systemctl", "is-system-running", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = ASK_MS};
	WB_CLEAN_BLOB said = {};

	ret[0] = '\0';
	/* The exit code only says whether it is "running". */
	if (runner->run(runner->ctx, &how, &said, NULL) >= 0 && said.size)
		strncat(ret, wb_last_line(&said), 31);
}

int wb_systemd_failed(const struct wb_runner *runner, struct wb_strv *ret, struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "list-units", "--state=failed", "--all",
		"--plain", "--no-legend", "--full", NULL};
	WB_CLEAN_BLOB said = {};
	struct wb_span line, name;
	const char *rest;
	int r = wb_run_data(runner, argv, &said, err);

	if (r < 0)
		return r;
	for (rest = (const char *)said.data; rest && wb_take_line(&rest, &line);) {
		WB_CLEAN_STR unit = NULL;

		if (!wb_take_word(&line, &name))
			continue;
		unit = wb_span_copy(name);
		if (!unit || wb_strv_add_once(ret, unit) < 0)
			return wb_oom(err);
	}
	wb_strv_sort(ret);
	return 0;
}

bool wb_systemd_is_used(const struct wb_runner *runner, const char *target)
{
	const char *const argv[] = {"systemctl", "show", "-P", "Requires", "-P", "Wants", "-P",
		"RequiredBy", target, NULL};
	WB_CLEAN_BLOB said = {};
	struct wb_span line, word;
	const char *rest;
	bool used = false;

	if (wb_run_data(runner, argv, &said, NULL) < 0)
		return false;
	for (rest = (const char *)said.data; rest && wb_take_line(&rest, &line);)
		while (wb_take_word(&line, &word))
			used |= !wb_span_is(word, "sysinit.target");
	return used;
}

uint64_t wb_systemd_span(const char *text, size_t n)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {{"us", 0}, {"ms", 0}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400},
		{"w", 604800}, {"month", 2629800}, {"y", 31557600}};
	struct wb_span line = {text, n}, word;
	uint64_t sum = 0, number;

	while (wb_take_word(&line, &word)) {
		size_t digits = 0, i;

		while (digits < word.n && word.s[digits] >= '0' && word.s[digits] <= '9')
			digits++;
		if (!wb_span_number((struct wb_span){word.s, digits}, 10, &number) ||
			number > 1u << 30)
			return UINT64_MAX;
		/* A fraction, as in "1.500s", is less than a second. */
		while (digits < word.n && strchr(".0123456789", word.s[digits]))
			digits++;
		for (i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (wb_span_is((struct wb_span){word.s + digits, word.n - digits},
				    units[i].name))
				break;
		if (i == sizeof(units) / sizeof(*units))
			return UINT64_MAX;
		sum += number * units[i].seconds;
	}
	return sum;
}

int wb_systemd_slow_stops(
	const struct wb_runner *runner, uint64_t seconds, struct wb_strv *ret, struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "show", "--type=service", "--state=running",
		"--property=Id", "--property=TimeoutStopUSec", "*", NULL};
	struct wb_span line, key, value, id = {"", 0}, slow = {"", 0};
	WB_CLEAN_BLOB said = {};
	const char *rest;
	int r = wb_run_data(runner, argv, &said, err);

	/* The properties come in an order of systemd's own, and an empty line ends a unit. */
	for (rest = r < 0 ? NULL : (const char *)said.data;
		r == 0 && rest && wb_take_line(&rest, &line);) {
		if (!line.n) {
			id.n = slow.n = 0;
			continue;
		}
		if (!wb_span_split(line, '=', &key, &value))
			continue;
		if (wb_span_is(key, "Id"))
			id = value;
		else if (wb_systemd_span(value.s, value.n) > seconds)
			slow = value;
		if (!id.n || !slow.n)
			continue;
		r = wb_strv_addf(ret, "%.*s may take up to %.*s to stop", (int)id.n, id.s,
			(int)slow.n, slow.s);
		slow.n = 0;
	}
	return r == -ENOMEM ? wb_oom(err) : r;
}

int wb_systemd_reboot(const struct wb_runner *runner, struct wb_error *err)
{
	/* systemctl(1): otherwise a kernel that is loaded, or a next root, would be taken instead. */
	static const char *const argv[] = {"env", "SYSTEMCTL_SKIP_AUTO_KEXEC=1",
		"SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT=1", "systemctl", "reboot", NULL};

	return wb_run_for(runner, argv, ASK_MS, NULL, err);
}
