/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface between CRIU's action script (hook.c) and the code that runs CRIU. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Environment variables with the paths of two pipes. */
#define WB_HOOK_READY "WARMBOOT_HOOK_READY" /* gets a byte when all is dumped */
#define WB_HOOK_GO "WARMBOOT_HOOK_GO"       /* gives the answer */
#define WB_HOOK_YES 'y' /* the tasks may end; any other answer lets them run on */

/* CRIU's variable with what it has come to, and a word of our own: let nobody misuse this process, and wait. */
#define WB_HOOK_ACTION "CRTOOLS_SCRIPT_ACTION"
#define WB_HOOK_STAND "stand"

/* For the library that is loaded into CRIU: the descriptor of a whole procfs. */
#define WB_HOOK_PROC "WARMBOOT_PROC"
/* For the same: the capabilities with which restored tasks open netlink sockets, as a mask in hex. */
#define WB_HOOK_NETLINK "WARMBOOT_NETLINK"

/* For that library, too: three lines for each socket: its file's user, the name that is bound, and the second name. */
#define WB_HOOK_NAMES "WARMBOOT_NAMES"
/* The process that started CRIU, and its descriptors of sockets that systemd has bound: "PID:FD,FD". */
#define WB_HOOK_SOCKETS "WARMBOOT_SOCKETS"
/* A descriptor of a socket for sock_diag(7) in the machine's network namespace, if the unit lives in another one. */
#define WB_HOOK_OUTER "WARMBOOT_OUTER"
/* Inodes of sockets in which CRIU finds nothing to read: "INODE,INODE". */
#define WB_HOOK_UNREAD "WARMBOOT_UNREAD"

/* Set: CRIU is not to load the modules that only a dump needs. */
#define WB_HOOK_BRIEF "WARMBOOT_BRIEF"
/* Set: packets of all connections are held, so CRIU makes and removes no rules for nft(8). */
#define WB_HOOK_HELD "WARMBOOT_HELD"
/* Set: this kernel has no UDP-Lite. */
#define WB_HOOK_NO_UDP_LITE "WARMBOOT_NO_UDP_LITE"

/* The static program, built from hook.c and embedded. */
extern const uint8_t wb_criu_hook[];
extern const size_t wb_criu_hook_size;

/* A library that is loaded into CRIU (src/shim). */
extern const uint8_t wb_criu_shim[];
extern const size_t wb_criu_shim_size;
