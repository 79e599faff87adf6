/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvidia

#if !defined(NVIDIA_TEST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NVIDIA_TEST_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

#ifdef HAS_ASSIGN_STR_OF_TWO
#define assign_str(field, value) __assign_str(field, value)
#else
#define assign_str(field, value) __assign_str(field)
#endif

TRACE_EVENT(nvidia_dev_xid,
	TP_PROTO(const struct pci_dev *pdev, u32 error_code, const char *msg),
	TP_ARGS(pdev, error_code, msg),
	TP_STRUCT__entry(
		__string(dev, pci_name(pdev))
		__field(u32, error_code)
		__string(msg, msg)
	),
	TP_fast_assign(
		assign_str(dev, pci_name(pdev));
		__entry->error_code = error_code;
		assign_str(msg, msg);
	),
	TP_printk("Xid (%s): %u, %s", __get_str(dev), __entry->error_code, __get_str(msg))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
