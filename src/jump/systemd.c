// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "jump/jump.h"
#include "sys/connect.h"

/* org.freedesktop.login1(5), flags of RebootWithFlags(). */
#define ROOT_CHECK_INHIBITORS (1 << 0)
#define REBOOT_VIA_KEXEC (1 << 1)
#define SKIP_INHIBITORS (1 << 4) /* since systemd 257 */

static bool systemd_here(const struct wb_files *files)
{
	/* sd_booted(3) */
	return files->exists(files->ctx, "/run/systemd/system");
}

bool wb_inhibitor_blocks(const char *what, const char *mode)
{
	/* "block-weak" (257) binds no one who is privileged, "delay" only delays. */
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
	/* No such service, no such method (before 247), or it cannot be started: PID 1 will do. */
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

static int systemd_inhibitors(struct wb_strv *ret, struct wb_error *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	sd_bus *bus = NULL;
	int r;

	/* No bus: no logind, so nobody can hold a lock. */
	if (sd_bus_open_system(&bus) < 0)
		return 0;
	r = call_logind(bus, "ListInhibitors", &e, &m, 0);
	if (r >= 0)
		r = read_locks(m, ret);
	else if (no_logind(&e))
		r = 0;
	if (r < 0)
		wb_fail(err, r, "cannot ask systemd-logind who inhibits a shutdown: %s",
			e.message ? e.message : strerror(-r));
	sd_bus_message_unref(m);
	sd_bus_error_free(&e);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? r : 0;
}

static int start_kexec_target(struct wb_error *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int r = wb_manager_connect(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
			"org.freedesktop.systemd1.Manager", "StartUnit", &e, NULL, "ss",
			"kexec.target", "replace-irreversibly");
	if (r < 0)
		wb_fail(err, r, "systemd does not start kexec.target: %s",
			e.message ? e.message : strerror(-r));
	sd_bus_error_free(&e);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? r : 0;
}

/*
 * logind first, as systemctl does: it waits for delay locks and tells those who are logged in. It
 * looks at /sys/kernel/kexec_loaded itself, and takes what is loaded; nothing here or in PID 1
 * loads a kernel of its own (only the systemctl client ever does).
 */
static int systemd_kexec(bool ignore_inhibitors, struct wb_error *err)
{
	uint64_t flags =
		REBOOT_VIA_KEXEC | (ignore_inhibitors ? SKIP_INHIBITORS : ROOT_CHECK_INHIBITORS);
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int r;

	if (sd_bus_open_system(&bus) < 0)
		return start_kexec_target(err);
	r = call_logind(bus, "RebootWithFlags", &e, NULL, flags);
	if (r < 0 && sd_bus_error_has_name(&e, SD_BUS_ERROR_INVALID_ARGS)) {
		/* Before 257 the bit to skip was not known, and root skipped unless told otherwise. */
		sd_bus_error_free(&e);
		r = call_logind(bus, "RebootWithFlags", &e, NULL, REBOOT_VIA_KEXEC);
	}
	/*
	 * 257 and later ask polkit even for root whether a lock may be skipped, and without polkit
	 * the answer is no. Who may call PID 1 need not ask, and has been told of the lock.
	 */
	if (r < 0 && (no_logind(&e) || (ignore_inhibitors && (r == -EACCES || r == -EPERM))))
		r = start_kexec_target(err);
	else if (r < 0)
		wb_fail(err, r, "systemd-logind refuses to reboot: %s",
			e.message ? e.message : strerror(-r));
	sd_bus_error_free(&e);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? r : 0;
}

const struct wb_init wb_init_systemd = {
	.name = "systemd",
	.here = systemd_here,
	.inhibitors = systemd_inhibitors,
	.kexec = systemd_kexec,
};
