/**
 * Recipes: what is built from znodes and watches. They use nothing but the client's public interface, so they run over every
 * transport and on a real ZooKeeper.
 *
 * @module
 */
export { Mutex, type MutexAcquireOptions, type MutexOptions } from './mutex.js';
export { ReadWriteLock, WriteHold, type ReadWriteLockOptions } from './read-write-lock.js';
export { Semaphore, type SemaphoreOptions } from './semaphore.js';
export { MultiLock, MultiHold } from './multi-lock.js';
export { LeaderLatch, type LeaderLatchOptions, type Participant } from './leader-latch.js';
export { LeaderSelector, type LeaderSelectorOptions } from './leader-selector.js';
export { Barrier } from './barrier.js';
export { DoubleBarrier, type DoubleBarrierOptions } from './double-barrier.js';
export { Counter, type CounterChange, type CounterOptions } from './counter.js';
export { SharedValue, type SharedValueOptions } from './shared-value.js';
export {
  ChildrenWatch,
  DataWatch,
  type ChildrenState,
  type DataState,
  type WatchStatesOptions,
} from './data-watch.js';
export { Queue, PriorityQueue } from './queue.js';
export { LockingQueue, QueueItem } from './locking-queue.js';
export { PersistentNode, type PersistentNodeOptions } from './persistent-node.js';
export { Party, type Member, type PartyOptions } from './party.js';
export {
  ServiceDiscovery,
  ServiceProvider,
  type Registration,
  type ServiceDiscoveryOptions,
  type ServiceInstance,
} from './service-discovery.js';
export { PersistentTtlNode, type PersistentTtlNodeOptions } from './persistent-ttl-node.js';
export { SetPartitioner, type SetPartitionerOptions } from './set-partitioner.js';
export { WorkAssignment, type Assignment, type WorkAssignmentOptions } from './work-assignment.js';
export {
  TreeCache,
  type TreeCacheOptions,
  type TreeEvent,
  type TreeNode,
  type TreeState,
} from './tree-cache.js';
export { Configuration, type ConfigurationOptions } from './configuration.js';
export { JobLease, JobHold, type JobLeaseOptions } from './job-lease.js';
export type { Worker } from './support/assigned.js';
export { ContentionError, LockLostError } from './errors.js';
export type { PriorityOptions } from './support/entries.js';
export type { Acquirable, Held } from './support/lock.js';
export type { MetricListener, RecipeMetric } from './support/metrics.js';
export type { RecipeOptions } from './support/recipe.js';
export type { ChangeOptions, WaitOptions } from './support/waiting.js';
