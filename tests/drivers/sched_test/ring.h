/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A scheduler, its only entity, and what the driver itself has counted. */
#ifndef SCHED_TEST_RING_H
#define SCHED_TEST_RING_H

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <drm/gpu_scheduler.h>

/*
 * "done" has those that "failed" too, of which the scheduler has "told" by the job's own
 * fence; older ones do not. Each job ends up in "done" or in "killed".
 */
struct counts {
	u64 queued;
	u64 run;
	u64 done;
	u64 failed;
	u64 told;
	u64 killed;
	u64 queue_ns;
	u64 run_ns;
};

struct ring {
	const char *name;
	struct drm_gpu_scheduler scheduler;
	struct drm_sched_entity entity;
	/* Of those who push jobs or replace the entity. */
	struct mutex users;
	u64 context;
	u64 sequence;
	spinlock_t lock;
	struct counts counts;
	/* Jobs that the scheduler has not given back. */
	u64 left;
	wait_queue_head_t emptied;
};

int ring_init(struct ring *ring, const char *name, struct device *dev);
void ring_fini(struct ring *ring);
int ring_push(struct ring *ring, u32 count, u64 ns, int error);
int ring_wait(struct ring *ring);
int ring_kill(struct ring *ring);
struct counts ring_counts(struct ring *ring);
void ring_count_done(struct ring *ring, ktime_t time, int error);

#endif
