/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replay/manager.h"

/* As struct wb_replay_host's open(); for a user's manager with that user's rights. */
int wb_manager_open_bus(int64_t uid, struct wb_manager *ret, struct wb_error *err);
