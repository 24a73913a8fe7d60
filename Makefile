# Thin front for Meson; `make help` lists the commands.
BUILD ?= build

.PHONY: all check
all:
	@test -d $(BUILD) || meson setup $(BUILD)
	@ninja -C $(BUILD)

check: all
	meson test -C $(BUILD) --print-errorlogs
