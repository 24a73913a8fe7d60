/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd tells of a service: as much of it as decides how it can be kept. */
#pragma once

#include "core/error.h"
#include "core/strv.h"

#include <stdbool.h>
#include <stdint.h>

/* Properties of org.freedesktop.systemd1(5); one that this systemd does not have stays empty. */
struct wb_service {
	char *id;         /* the unit's own name, where it was asked for by an alias */
	char *load;       /* "loaded", "not-found", "masked" */
	char *active;     /* "active", "inactive", … */
	char *sub;        /* "running", "exited", … */
	char *result;     /* of its last run: "success", "exit-code", … */
	char *file_state; /* "enabled", "disabled", "static", "transient", … */
	char *type;       /* "simple", "notify", "forking", … */
	char *cgroup;
	char *pid_file;
	char *root_directory, *root_image;
	char *fragment;              /* path of the unit file */
	struct wb_strv dropins;      /* and of its drop-ins, in order */
	char *proc_subset;           /* "all", "pid" */
	char *private_users;         /* "no", "self", "identity", … */
	char *private_pids;          /* "no", "yes" */
	char *network_namespace;     /* a path */
	char *tty;                   /* path of a terminal that the unit was given */
	char *standard_input;        /* "null", "tty", "socket", … */
	struct wb_strv triggered_by; /* sockets, timers, paths */
	struct wb_strv after;        /* whoever asked for it: the unit, another, or systemd */
	struct wb_strv required, requisite, bound, part_of; /* these stop it when they stop */
	struct wb_strv runtime_directories;
	bool dynamic_user;
	bool memory_deny_write_execute;
	bool protect_hostname;
	bool private_ipc;
	bool private_network;
	bool private_tmp;
	bool private_mounts;
	uint32_t main_pid;
	uint32_t stored_fds; /* in the fd store */
	uint64_t watchdog_us;
};

void wb_service_deinit(struct wb_service *unit);
#define WB_CLEAN_SERVICE __attribute__((cleanup(wb_service_deinit))) struct wb_service

/* Asking the service manager; tests put a fake here. */
struct wb_services {
	void *ctx;
	/* -ENOENT there is no such unit, -EIO systemd does not answer; with a sentence. */
	int (*read)(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err);
};

/*
 * Did it end by itself, or by its administrator's word? Not when it failed, nor when each boot starts it.
 * A transient one leaves nothing behind, unless it failed.
 */
bool wb_service_has_ended(const struct wb_services *services, const char *unit);

/* systemd itself, over its own socket: there with or without a bus, until the end of a shutdown. */
extern const struct wb_services wb_services_systemd;
