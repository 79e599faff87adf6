/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The scheduler's interface, which changes from kernel to kernel, in one shape. */
#ifndef SCHED_TEST_COMPAT_H
#define SCHED_TEST_COMPAT_H

#include <drm/gpu_scheduler.h>

#ifdef HAS_STAT
typedef enum drm_gpu_sched_stat timedout_result;
#ifdef HAS_STAT_RESET
#define TIMEDOUT_RESULT DRM_GPU_SCHED_STAT_RESET
#else
#define TIMEDOUT_RESULT DRM_GPU_SCHED_STAT_NOMINAL
#endif
#else
typedef void timedout_result;
#define TIMEDOUT_RESULT
#endif

/* A scheduler with one job on the hardware at a time, and no end to that time. */
static inline int compat_init(struct drm_gpu_scheduler *scheduler,
			      const struct drm_sched_backend_ops *ops,
			      const char *name, struct device *dev)
{
#if defined(HAS_INIT_ARGS)
	const struct drm_sched_init_args args = {
		.ops = ops,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = 1,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = dev,
	};

	return drm_sched_init(scheduler, &args);
#elif defined(HAS_STAT)
	return drm_sched_init(scheduler, ops, 1, 0, MAX_SCHEDULE_TIMEOUT, NULL,
			      NULL, name, dev);
#else
	return drm_sched_init(scheduler, ops, 1, 0, MAX_SCHEDULE_TIMEOUT, name);
#endif
}

static inline int compat_job_init(struct drm_sched_job *job,
				  struct drm_sched_entity *entity)
{
#ifdef HAS_CLIENT_ID
	return drm_sched_job_init(job, entity, 1, NULL, 1);
#else
	return drm_sched_job_init(job, entity, NULL);
#endif
}

static inline void compat_push(struct drm_sched_job *job,
			       struct drm_sched_entity *entity)
{
#ifdef HAS_JOB_ARM
	drm_sched_job_arm(job);
	drm_sched_entity_push_job(job);
#else
	drm_sched_entity_push_job(job, entity);
#endif
}

#endif
