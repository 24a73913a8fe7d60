/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work in another network namespace. Sockets are made there, and interfaces, sysctls and /proc/thread-self/net are those
 * of there. A thread of its own does it and ends with it, so nobody else is moved.
 */
#pragma once

/* In place of a descriptor: a namespace that is made for this work, and gone with it. */
#define WB_INSIDE_NEW (-2)

/*
 * Run work(arg) in the network namespace of this descriptor, and return what it returns; -1: in that of the caller. A
 * namespace that comes from a service must have been checked (sys/namespaces.h). Errors of setns(2) and pthread_create(3).
 */
int wb_inside(int net_ns, int (*work)(void *arg), void *arg);
