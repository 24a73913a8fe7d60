// SPDX-License-Identifier: LGPL-2.1-or-later
/* A kernel's log: user space may write into it, and so may a broken machine. */
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "arch/arch.h"
#include "timeline/klog.h"

static const char seed[] =
	"5,0,0,-;Linux version 7.2\n6,1,0,-;tsc: Detected 2596.111 MHz processor\n"
	"6,2,5,-;Initmem setup node 0\n6,3,6,-;smp: Bringing up secondary CPUs ...\n"
	"6,4,7,-;smp: Brought up 1 node, 2 CPUs\n6,5,8,-;node 0 deferred pages initialised in 4ms\n"
	"7,6,9,-;initcall f+0x0/0x1 [m] returned 0 after 5 usecs\n6,7,9,-;ACPI: a\n6,8,10,-;ACPI: "
	"b\n"
	"6,9,11,-;Trying to unpack rootfs image\n6,10,12,-;Freeing initrd memory: 172K\n"
	"6,11,13,-;Run /init as init process\n15,12,14,-;warmboot: tsc 99\n";

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob blob;

	if (!blob.data)
		wb_blob_append(&blob, seed, sizeof(seed) - 1);
	*ret_n = 1;
	return &blob;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_klog k;

	wb_klog_parse(&wb_arch_x86_64, (const char *)data, size, &k);
	return 0;
}
