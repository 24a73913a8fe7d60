// SPDX-License-Identifier: LGPL-2.1-or-later
/* This machine has no ports. */
#include <errno.h>

#include "arch/ports.h"

int wb_arch_port_read(uint16_t port, uint8_t width, uint32_t *ret)
{
	(void)port;
	(void)width;
	(void)ret;
	return -EOPNOTSUPP;
}

int wb_arch_port_write(uint16_t port, uint8_t width, uint32_t value)
{
	(void)port;
	(void)width;
	(void)value;
	return -EOPNOTSUPP;
}
