#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The same guest on the same stock QEMU, whose tap is the kernel's own: see test_qemu.sh.
STOCK_TUN=yes exec "$(dirname "$0")/test_qemu.sh"
