// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which engine other than podman runs containers, by its programs. */
#include <string.h>

#include "survey/container.h"

/* Of containerd only the shims count: without one, it runs no container. */
const char *wb_engine_of(const struct wb_procs *procs)
{
	static const struct {
		const char *program, *engine;
	} all[] = {{"dockerd", "Docker"}, {"containerd-shim", "containerd"},
		{"containerd-shim-runc-v2", "containerd"}, {"kubelet", "Kubernetes"},
		{"crio", "CRI-O"}, {"k3s", "k3s"}};

	for (size_t i = 0; i < procs->n; i++) {
		const char *exe = procs->items[i].exe, *name = exe ? strrchr(exe, '/') : NULL;

		for (size_t k = 0; name && k < sizeof(all) / sizeof(*all); k++)
			if (!strcmp(name + 1, all[k].program))
				return all[k].engine;
	}
	return NULL;
}
