# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Distributions carry changes back to older versions, so that a version says little:
# $(call has,HEADER,PATTERN,NAME) defines HAS_NAME if the header has the pattern.
has = $(if $(shell grep -s -r -w '$(2)' $(srctree)/include/$(1)),-DHAS_$(3))
