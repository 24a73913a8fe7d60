// SPDX-License-Identifier: LGPL-2.1-or-later
/* session/choice.c: which services are kept, chosen for all that are named or for none. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-store.h"
#include "session/choice.h"
#include "unit.h"

/* systemd knows a.service, also as alias.service, and b.service; masked.service is masked. */
static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	const char *id = !strcmp(name, "alias.service") ? "a.service" : name;

	if (strcmp(id, "a.service") && strcmp(id, "b.service") && strcmp(id, "masked.service"))
		return wb_fail(err, -ENOENT, "systemd does not know %s", name);
	ret->id = strdup(id);
	ret->load = strdup(!strcmp(id, "masked.service") ? "masked" : "loaded");
	return 0;
}

static const struct wb_services services = {.read = read_service};

/* One virtual machine runs, v1. */
static int find_vm(
	const struct wb_keep_finding *with, const char *bare, char **ret, struct wb_error *err)
{
	if (strcmp(bare, "v1"))
		return wb_fail(err, -ENOENT, "no virtual machine %s runs", bare);
	*ret = strdup("guest.service");
	return 0;
}

static const struct wb_keep_finder vms = {"vm", find_vm};
static const struct wb_keep_finder *const finders[] = {&vms, NULL};
static char told[256];

static void done(void *arg, const char *unit, const struct wb_keep_config *config)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s%s ", config ? "+" : "-", unit);
}

static int choose(struct fake_store *f, struct wb_keep_choice choice, const char *const *units,
	struct wb_error *err)
{
	size_t n = 0;

	while (units[n])
		n++;
	told[0] = '\0';
	choice.done = done;
	return wb_keep_choose(&services,
		&(struct wb_keep_finding){.sys = &f->sys, .finders = finders}, &choice, units, n,
		err);
}

static void unit_is_added_by_its_own_name(void **state)
{
	const char *const units[] = {"alias", "a", "alias.service", "b", NULL};
	const int64_t high = 5;
	WB_CLEAN_KEEP_CONFIG config = {};
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.priority = &high}, units, &err), 0);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.probe = "tcp:80"}, units, &err), 0);
	/* The alias that is repeated counts once; the same unit by another name is not harmed. */
	assert_string_equal(told, "+a.service +a.service +b.service ");
	assert_int_equal(wb_keep_config_read(&f.files, "a.service", &config, &err), 0);
	assert_int_equal(config.how, WB_KEEP_AUTO);
	assert_string_equal(config.probe, "tcp:80");
	assert_int_equal(config.priority, 5);
	fake_store_deinit(&f);
}

static void later_choice_keeps_the_rest_of_the_earlier(void **state)
{
	const char *const units[] = {"a", NULL};
	char *one[] = {"/run/one"}, *two[] = {"/run/one", "/run/two"};
	WB_CLEAN_KEEP_CONFIG config = {};
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	assert_int_equal(choose(&f,
				 (struct wb_keep_choice){.how = WB_KEEP_PROCESS,
					 .peers = "reset",
					 .probe = "tcp:80",
					 .files = {one, 1}},
				 units, &err),
		0);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.files = {two, 2}}, units, &err), 0);
	assert_int_equal(wb_keep_config_read(&f.files, "a.service", &config, &err), 0);
	assert_int_equal(config.how, WB_KEEP_PROCESS);
	assert_string_equal(config.probe, "tcp:80");
	assert_true(config.reset_peers);
	assert_int_equal(config.files.n, 2);
	fake_store_deinit(&f);
}

static void one_wrong_name_changes_nothing(void **state)
{
	const char *const unknown[] = {"a", "c", NULL}, *const masked[] = {"a", "masked", NULL},
			  *const socket[] = {"a", "x.socket", NULL};
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.peers = "x"}, masked, &err), -EINVAL);
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, unknown, &err), -ENOENT);
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, masked, &err), -EINVAL);
	assert_string_equal(err.text, "masked.service is masked");
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, socket, &err), -EINVAL);
	assert_string_equal(told, "");
	assert_int_equal(
		wb_keep_config_read(&f.files, "a.service", &(struct wb_keep_config){}, NULL),
		-ENOENT);
	fake_store_deinit(&f);
}

static void names_with_a_kind_have_a_file_of_their_own(void **state)
{
	const char *const vm[] = {"vm:v1", "a", NULL}, *const none[] = {"a", "vm:v2", NULL},
			  *const unknown[] = {"container:c", NULL}, *const wrong[] = {"vm:", NULL};
	WB_CLEAN_KEEP_CONFIG config = {};
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, none, &err), -ENOENT);
	assert_string_equal(err.text, "no virtual machine v2 runs");
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, unknown, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "does not keep a container yet"));
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, wrong, &err), -EINVAL);
	assert_string_equal(told, "");
	assert_int_equal(choose(&f, (struct wb_keep_choice){.probe = "tcp:80"}, vm, &err), 0);
	assert_string_equal(told, "+vm:v1 +a.service ");
	assert_int_equal(wb_keep_config_read(&f.files, "vm:v1", &config, &err), 0);
	assert_string_equal(config.name, "vm:v1");
	assert_null(config.unit);
	/* It is removed whether it runs or not. */
	assert_int_equal(choose(&f, (struct wb_keep_choice){.remove = true}, vm, &err), 0);
	assert_string_equal(told, "-vm:v1 -a.service ");
	fake_store_deinit(&f);
}

static void removal_takes_aliases_and_units_that_are_gone(void **state)
{
	const char *const add[] = {"a", "b", NULL}, *const alias[] = {"alias", "a", NULL},
			  *const never[] = {"b", "c", NULL}, *const gone[] = {"gone", NULL};
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	assert_int_equal(choose(&f, (struct wb_keep_choice){}, add, &err), 0);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.remove = true}, never, &err), -ENOENT);
	assert_string_equal(told, "");
	/* Both names are one unit: the second finds nothing any more, which is no failure. */
	assert_int_equal(choose(&f, (struct wb_keep_choice){.remove = true}, alias, &err), 0);
	assert_string_equal(told, "-a.service ");
	/* systemd does not know it any more, and a damaged file is there all the same. */
	fake_store_file(&f, WB_KEEP_DIR "/gone.service.conf", "?", 1);
	assert_int_equal(choose(&f, (struct wb_keep_choice){.remove = true}, gone, &err), 0);
	assert_string_equal(told, "-gone.service ");
	fake_store_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit_is_added_by_its_own_name),
		cmocka_unit_test(later_choice_keeps_the_rest_of_the_earlier),
		cmocka_unit_test(one_wrong_name_changes_nothing),
		cmocka_unit_test(names_with_a_kind_have_a_file_of_their_own),
		cmocka_unit_test(removal_takes_aliases_and_units_that_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
