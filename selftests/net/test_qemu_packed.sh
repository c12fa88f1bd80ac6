#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The same guest on the same stock QEMU, with packed rings: see test_qemu.sh.
PACKED=on exec "$(dirname "$0")/test_qemu.sh"
