/**
 * Recipes: what is built from znodes and watches. They use nothing but the client's public interface, so they run over every
 * transport and on a real ZooKeeper.
 *
 * @module
 */
export { Mutex, type MutexAcquireOptions, type MutexOptions } from './mutex.js';
export { ContentionError, LockLostError } from './errors.js';
export type { Acquirable, Held } from './support/lock.js';
export type { MetricListener, RecipeMetric } from './support/metrics.js';
export type { RecipeOptions } from './support/recipe.js';
export type { WaitOptions } from './support/waiting.js';
