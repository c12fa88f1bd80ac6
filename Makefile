# SPDX-License-Identifier: GPL-2.0-only
#
# The top of ringhost's build. Everything made goes below build/. The modules' own
# makefile is Kbuild; userspace/ and selftests/ have theirs.

KERNELS := 6.12 6.1
BUILD := $(CURDIR)/build

# The newest installed headers of VERSION, "6.12" or the full name of a kernel.
headers = $(lastword $(shell cd /lib/modules && ls -d $(1) $(1).*  $(1)-* 2>/dev/null | \
	while read -r v; do [ -e "$$v/build/Makefile" ] && echo "$$v"; done | sort -uV))
default = $(firstword $(foreach version,$(KERNELS),$(call headers,$(version))))

KERNEL ?= $(default)
# These are kernels of scripts/build-kernel, all others are installed.
FLAVOURS := debug kcsan newest
ifneq ($(filter $(FLAVOURS),$(KERNEL)),)
module_root := $(or $(shell scripts/build-kernel --path $(KERNEL)),$(error no such kernel yet: make kernel FLAVOUR=$(KERNEL)))
kernel := $(shell cat $(module_root)/release)
else
kernel = $(or $(call headers,$(KERNEL)),$(error no headers of kernel "$(KERNEL)" are installed; scripts/setup installs them for $(KERNELS)))
endif
FLAVOUR ?= debug

# W=1 asks the kernel's build for extra warnings, C=2 runs sparse on every file.
W ?= 1
C ?= 0

.PHONY: all help setup modules modules-all sparse userspace selftests run fuzz check check-long \
	check-debug kernel debug-kernel bench-ring bench-net bench-tap clean

all: modules userspace ## modules for one kernel, and the VMM (the default)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what is missing on this machine (Debian 12, as root)
	@scripts/setup

# Headers come without vmlinux, so BTF could not be made; asked for, each module would say so.
modules: ## the four modules, KERNEL=<version or flavour> (default: the newest of 6.12 and 6.1)
	@scripts/mirror "$(BUILD)/modules/$(kernel)"
	$(MAKE) -C $(module_root)/lib/modules/$(kernel)/build M="$(BUILD)/modules/$(kernel)" W=$(W) C=$(C) \
		CF="-include $(CURDIR)/scripts/sparse.h" CONFIG_DEBUG_INFO_BTF_MODULES= modules
	@cd "$(BUILD)/modules/$(kernel)" && find . -mindepth 2 -name '*.ko' -exec ln -sf {} . \;

modules-all: $(KERNELS:%=modules-%) ## the modules for every supported kernel that is installed

modules-%:
	$(MAKE) modules KERNEL=$*

sparse: ## check the modules with sparse, KERNEL=<version or flavour>
	@rm -rf "$(BUILD)/modules/$(kernel)"
	$(MAKE) modules KERNEL=$(KERNEL) C=2

userspace: ## the ringhost command, libringhost and the benchmarks' programs
	$(MAKE) -C userspace
	$(MAKE) -C userspace/bench OUT="$(BUILD)/bench"

selftests: ## the test programs
	$(MAKE) -C selftests

run: ## boot Debian on both backends in a test host, INTERACTIVE=1 for a login prompt
	@scripts/setup
	@scripts/run

fuzz: ## fuzz the ring code in userspace, SECONDS=<n> (default: 60)
	@selftests/fuzz $(or $(SECONDS),60)

check: ## build everything and run all tests
	@scripts/setup
	@scripts/check

check-long: ## the tests of endurance in full: 300,000 starts, 24 hours of wraps; takes hours
	@scripts/setup
	$(MAKE) -s modules KERNEL=6.12
	$(MAKE) -s selftests
	scripts/testhost --kernel 6.12 --cpus 1 --timeout 86400 -- env HARNESS_TIMES=100 \
		selftests/run ring/test_long ring/test_wakeup

bench-ring: ## what a chain costs in instructions, ours and vhost-net's
	@scripts/setup
	@scripts/bench-ring

bench-net: ## what a packet through the network backend costs in instructions, ours and vhost-net's
	@scripts/setup
	@scripts/bench-net

bench-tap: ## what a packet through the tap costs in instructions, ours and tun's
	@scripts/setup
	@scripts/bench-tap

kernel: ## compile a kernel for test hosts, FLAVOUR=debug, kcsan or newest (default: debug); cached
	@scripts/build-kernel $(FLAVOUR) > /dev/null

debug-kernel: kernel ## the one that forgives nothing

check-debug: ## of check, only what runs on the debug kernel
	@scripts/setup
	@scripts/check --debug

clean: ## remove all that was built (the root image and kernels are cached elsewhere)
	rm -rf "$(BUILD)"
