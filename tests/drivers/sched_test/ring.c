// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "hardware.h"
#include "ring.h"

struct job {
	struct drm_sched_job base;
	struct ring *ring;
	/* Until it runs. */
	struct work *work;
	u64 ns;
	ktime_t pushed;
};

static struct job *to_job(struct drm_sched_job *base)
{
	return container_of(base, struct job, base);
}

#ifndef HAS_JOB_ARM
static struct dma_fence *dependency(struct drm_sched_job *base,
				    struct drm_sched_entity *entity)
{
	return NULL;
}
#endif

static struct dma_fence *run_job(struct drm_sched_job *base)
{
	struct job *job = to_job(base);
	struct ring *ring = job->ring;
	struct work *work = job->work;
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	ring->counts.run++;
	ring->counts.queue_ns += ktime_to_ns(ktime_sub(ktime_get(), job->pushed));
	spin_unlock_irqrestore(&ring->lock, flags);
	job->work = NULL;
	return work_start(work, job->ns);
}

static timedout_result timedout_job(struct drm_sched_job *base)
{
	return TIMEDOUT_RESULT;
}

static void free_job(struct drm_sched_job *base)
{
	struct job *job = to_job(base);
	struct ring *ring = job->ring;
	int error = base->s_fence->finished.error;
	unsigned long flags;

	drm_sched_job_cleanup(base);
	spin_lock_irqsave(&ring->lock, flags);
	ring->counts.killed += job->work != NULL;
	ring->counts.told += !job->work && error;
	ring->left--;
	wake_up_all(&ring->emptied);
	spin_unlock_irqrestore(&ring->lock, flags);
	kfree(job->work);
	kfree(job);
}

static const struct drm_sched_backend_ops ops = {
#ifndef HAS_JOB_ARM
	.dependency = dependency,
#endif
	.run_job = run_job,
	.timedout_job = timedout_job,
	.free_job = free_job,
};

static int entity_init(struct ring *ring)
{
	struct drm_gpu_scheduler *list[] = { &ring->scheduler };

	return drm_sched_entity_init(&ring->entity, DRM_SCHED_PRIORITY_NORMAL,
				     list, ARRAY_SIZE(list), NULL);
}

int ring_init(struct ring *ring, const char *name, struct device *dev)
{
	int error;

	ring->name = name;
	mutex_init(&ring->users);
	spin_lock_init(&ring->lock);
	init_waitqueue_head(&ring->emptied);
	ring->context = dma_fence_context_alloc(1);
	error = compat_init(&ring->scheduler, &ops, name, dev);
	if (error)
		return error;
	error = entity_init(ring);
	if (error)
		drm_sched_fini(&ring->scheduler);
	return error;
}

/* What is on the hardware has to end; what is not, does not begin. */
void ring_fini(struct ring *ring)
{
	drm_sched_entity_fini(&ring->entity);
	wait_event(ring->emptied, !READ_ONCE(ring->left));
	drm_sched_fini(&ring->scheduler);
}

static int push(struct ring *ring, u64 ns, int error)
{
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	int result = -ENOMEM;

	if (!job)
		return result;
	job->ring = ring;
	job->ns = ns;
	job->work = work_new(ring, error);
	if (!job->work)
		goto free;
	result = compat_job_init(&job->base, &ring->entity);
	if (result)
		goto free;
	spin_lock_irq(&ring->lock);
	ring->counts.queued++;
	ring->left++;
	spin_unlock_irq(&ring->lock);
	job->pushed = ktime_get();
	compat_push(&job->base, &ring->entity);
	return 0;
free:
	kfree(job->work);
	kfree(job);
	return result;
}

int ring_push(struct ring *ring, u32 count, u64 ns, int error)
{
	int result = 0;

	mutex_lock(&ring->users);
	while (count-- && !result)
		result = push(ring, ns, error);
	mutex_unlock(&ring->users);
	return result;
}

int ring_wait(struct ring *ring)
{
	return wait_event_killable(ring->emptied, !READ_ONCE(ring->left));
}

/* Without a flush the scheduler drops what waits: its jobs end with -ESRCH. */
int ring_kill(struct ring *ring)
{
	int result;

	mutex_lock(&ring->users);
	drm_sched_entity_fini(&ring->entity);
	wait_event(ring->emptied, !READ_ONCE(ring->left));
	result = entity_init(ring);
	mutex_unlock(&ring->users);
	return result;
}

struct counts ring_counts(struct ring *ring)
{
	struct counts counts;

	spin_lock_irq(&ring->lock);
	counts = ring->counts;
	spin_unlock_irq(&ring->lock);
	return counts;
}

void ring_count_done(struct ring *ring, ktime_t time, int error)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	ring->counts.done++;
	ring->counts.failed += error != 0;
	ring->counts.run_ns += ktime_to_ns(time);
	spin_unlock_irqrestore(&ring->lock, flags);
}
