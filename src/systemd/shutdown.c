// SPDX-License-Identifier: LGPL-2.1-or-later
/* Shutdown requests to logind, or to PID 1 where there is no logind. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "systemd/bus.h"
#include "systemd/shutdown.h"

/* org.freedesktop.login1(5), flags of RebootWithFlags(). */
#define ROOT_CHECK_INHIBITORS (1 << 0)
#define REBOOT_VIA_KEXEC (1 << 1)
#define SKIP_INHIBITORS (1 << 4) /* since systemd 257 */

bool wb_inhibitor_blocks(const char *what, const char *mode)
{
	/* "block-weak" (257) does not bind privileged users, and "delay" only delays. */
	if (strcmp(mode, "block"))
		return false;
	for (size_t n; *what; what += n + !!what[n]) {
		n = strcspn(what, ":");
		if (n == strlen("shutdown") && !strncmp(what, "shutdown", n))
			return true;
	}
	return false;
}

static bool no_logind(const sd_bus_error *e)
{
	/*
	 * There is no such service or method (before 247), or it cannot be started. Use PID 1
	 * instead.
	 */
	return sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	       sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
	       sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_METHOD) ||
	       sd_bus_error_has_name(e, "org.freedesktop.systemd1.NoSuchUnit") ||
	       sd_bus_error_has_name(e, "org.freedesktop.systemd1.UnitMasked") ||
	       sd_bus_error_has_name(e, "org.freedesktop.DBus.Error.Spawn.ChildExited");
}

static int call_logind(
	sd_bus *bus, const char *method, sd_bus_error *e, sd_bus_message **ret, uint64_t flags)
{
	static const char name[] = "org.freedesktop.login1";
	static const char path[] = "/org/freedesktop/login1";
	static const char interface[] = "org.freedesktop.login1.Manager";

	if (flags)
		return sd_bus_call_method(bus, name, path, interface, method, e, ret, "t", flags);
	return sd_bus_call_method(bus, name, path, interface, method, e, ret, NULL);
}

static int add_lock(struct wb_strv *ret, const char *who, const char *why, uint32_t pid)
{
	WB_CLEAN_STR text = NULL;

	if (asprintf(&text, "%s (process %u) asks for no shutdown now: %s", who, pid, why) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(ret, text);
}

static int read_locks(sd_bus_message *m, struct wb_strv *ret)
{
	const char *what, *who, *why, *mode;
	uint32_t uid, pid;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "(ssssuu)");
	while (r >= 0) {
		r = sd_bus_message_read(m, "(ssssuu)", &what, &who, &why, &mode, &uid, &pid);
		if (r <= 0)
			break;
		if (wb_inhibitor_blocks(what, mode))
			r = add_lock(ret, who, why, pid);
	}
	return r;
}

int wb_systemd_inhibitors(struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	WB_CLEAN_BUS bus = NULL;
	int r;

	/* Without a bus there is no logind, so no locks. */
	if (sd_bus_open_system(&bus) < 0)
		return 0;
	r = call_logind(bus, "ListInhibitors", &e, &m, 0);
	if (r >= 0)
		r = read_locks(m, ret);
	else if (no_logind(&e))
		r = 0;
	if (r < 0)
		wb_bus_fail(err, r, &e, "cannot ask systemd-logind who inhibits a shutdown");
	sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int start_kexec_target(struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_BUS bus = NULL;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
			"StartUnit", &e, NULL, "ss", "kexec.target", "replace-irreversibly");
	if (r < 0)
		wb_bus_fail(err, r, &e, "systemd does not start kexec.target");
	return r < 0 ? r : 0;
}

/*
 * Ask logind first, as systemctl does, because it waits for delay locks and warns logged-in users.
 * logind reads /sys/kernel/kexec_loaded and uses the loaded kernel. Neither logind nor PID 1 loads
 * another kernel (only the systemctl client does).
 */
int wb_systemd_kexec(bool ignore_inhibitors, struct wb_error *err)
{
	uint64_t flags =
		REBOOT_VIA_KEXEC | (ignore_inhibitors ? SKIP_INHIBITORS : ROOT_CHECK_INHIBITORS);
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_BUS bus = NULL;
	int r;

	if (sd_bus_open_system(&bus) < 0)
		return start_kexec_target(err);
	r = call_logind(bus, "RebootWithFlags", &e, NULL, flags);
	if (r < 0 && sd_bus_error_has_name(&e, SD_BUS_ERROR_INVALID_ARGS)) {
		/*
		 * logind before 257 does not know this flag, and skips inhibitors for root by
		 * default.
		 */
		sd_bus_error_free(&e);
		r = call_logind(bus, "RebootWithFlags", &e, NULL, REBOOT_VIA_KEXEC);
	}
	/*
	 * logind 257 and later asks polkit even for root whether inhibitors may be skipped, and
	 * refuses without polkit. Root may ask PID 1 directly, and the administrator has chosen to
	 * ignore inhibitors.
	 */
	if (r < 0 && (no_logind(&e) || (ignore_inhibitors && (r == -EACCES || r == -EPERM))))
		r = start_kexec_target(err);
	else if (r < 0)
		wb_bus_fail(err, r, &e, "systemd-logind refuses to reboot");
	return r < 0 ? r : 0;
}

/* PID 1 answers at once, unless it is reloading its units. */
#define ASK_USEC (20u * 1000000)

/* Is logind preparing a shutdown? It waits for delay locks before it asks PID 1. */
static bool logind_prepares(void)
{
	WB_CLEAN_BUS bus = NULL;
	int preparing = 0;

	if (sd_bus_open_system(&bus) < 0)
		return false;
	sd_bus_set_method_call_timeout(bus, ASK_USEC);
	if (sd_bus_get_property_trivial(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
		    "org.freedesktop.login1.Manager", "PreparingForShutdown", NULL, 'b',
		    &preparing) < 0)
		preparing = 0;
	return preparing;
}

/*
 * The state is "stopping" as soon as shutdown.target has a job (manager_state() in
 * src/core/manager.c).
 */
int wb_systemd_stopping(struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_STR state = NULL;
	WB_CLEAN_BUS bus = NULL;
	int r;

	if (logind_prepares())
		return 1;
	r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus, ASK_USEC);
	if (r >= 0)
		r = sd_bus_get_property_string(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH,
			WB_BUS_MANAGER, "SystemState", &e, &state);
	if (r < 0)
		wb_bus_fail(err, r, &e, "cannot ask systemd whether it shuts down");
	return r < 0 ? r : !strcmp(state, "stopping");
}
