/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Hardware that does nothing for a time. */
#ifndef SCHED_TEST_HARDWARE_H
#define SCHED_TEST_HARDWARE_H

#include <linux/dma-fence.h>
#include <linux/hrtimer.h>

struct ring;

/* One piece of work. Its fence is the first member: the kernel frees it. */
struct work {
	struct dma_fence fence;
	spinlock_t lock;
	struct hrtimer timer;
	struct ring *ring;
	ktime_t begin;
	int error;
};

struct work *work_new(struct ring *ring, int error);
struct dma_fence *work_start(struct work *work, u64 ns);

#endif
