// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include <linux/slab.h>

#include "hardware.h"
#include "ring.h"

static const char *driver_name(struct dma_fence *fence)
{
	return "sched_test";
}

static const char *timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct work, fence)->ring->name;
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = driver_name,
	.get_timeline_name = timeline_name,
};

static enum hrtimer_restart finish(struct hrtimer *timer)
{
	struct work *work = container_of(timer, struct work, timer);

	/* Counted first: who waits for the fence may look at once. */
	ring_count_done(work->ring, ktime_sub(ktime_get(), work->begin),
			work->error);
	if (work->error)
		dma_fence_set_error(&work->fence, work->error);
	dma_fence_signal(&work->fence);
	dma_fence_put(&work->fence);
	return HRTIMER_NORESTART;
}

struct work *work_new(struct ring *ring, int error)
{
	struct work *work = kzalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return NULL;
	work->ring = ring;
	work->error = error;
	spin_lock_init(&work->lock);
#ifdef HAS_HRTIMER_SETUP
	hrtimer_setup(&work->timer, finish, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&work->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	work->timer.function = finish;
#endif
	return work;
}

/* Gives the fence with a reference of the caller's. */
struct dma_fence *work_start(struct work *work, u64 ns)
{
	struct ring *ring = work->ring;

	dma_fence_init(&work->fence, &fence_ops, &work->lock, ring->context,
		       ++ring->sequence);
	dma_fence_get(&work->fence);
	work->begin = ktime_get();
	hrtimer_start(&work->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
	return &work->fence;
}
