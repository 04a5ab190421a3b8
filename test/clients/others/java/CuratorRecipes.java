import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;

/** Every recipe of Apache Curator. */
public final class CuratorRecipes {
  private static final int SECONDS_MAX = 20;

  private final CuratorFramework one;
  private final CuratorFramework two;

  private CuratorRecipes(String hosts) {
    one = connect(hosts);
    two = connect(hosts);
  }

  static CuratorFramework connect(String hosts) {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 20_000, 20_000, new ExponentialBackoffRetry(100, 3));
    client.start();
    return client;
  }

  public static void main(String[] arguments) {
    CuratorRecipes recipes = new CuratorRecipes(arguments[0]);
    Tests tests = new Tests();
    tests.add("LeaderLatch", recipes::leaderLatch);
    tests.add("LeaderSelector", recipes::leaderSelector);
    tests.add("InterProcessMutex", recipes::mutex);
    tests.add("InterProcessSemaphoreMutex", recipes::semaphoreMutex);
    tests.add("InterProcessReadWriteLock", recipes::readWriteLock);
    tests.add("InterProcessSemaphoreV2", recipes::semaphore);
    tests.add("InterProcessMultiLock", recipes::multiLock);
    tests.add("DistributedBarrier", recipes::barrier);
    tests.add("DistributedDoubleBarrier", recipes::doubleBarrier);
    tests.add("SharedCount", recipes::sharedCount);
    tests.add("SharedValue", recipes::sharedValue);
    tests.add("DistributedAtomicInteger", recipes::atomicInteger);
    tests.add("DistributedAtomicLong", recipes::atomicLong);
    tests.add("DistributedAtomicValue", recipes::atomicValue);
    tests.add("CachedAtomicLong", recipes::cachedAtomicLong);
    tests.add("CuratorCache", recipes::curatorCache);
    tests.add("PathChildrenCache", recipes::pathChildrenCache);
    tests.add("NodeCache", recipes::nodeCache);
    tests.add("TreeCache", recipes::treeCache);
    tests.add("PersistentNode", recipes::persistentNode);
    tests.add("PersistentTtlNode", recipes::persistentTtlNode);
    tests.add("GroupMember", recipes::groupMember);
    tests.add("PersistentWatcher", recipes::persistentWatcher);
    tests.add("DistributedQueue", recipes::queue);
    tests.add("DistributedIdQueue", recipes::idQueue);
    tests.add("DistributedPriorityQueue", recipes::priorityQueue);
    tests.add("DistributedDelayQueue", recipes::delayQueue);
    tests.add("SimpleDistributedQueue", recipes::simpleQueue);
    tests.add("transaction", recipes::transaction);
    tests.add("protected create in background", recipes::protectedCreate);
    tests.runAll("Apache Curator", "5.9.0");
  }

  private static String path() {
    return "/curator-" + UUID.randomUUID();
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void within(CountDownLatch latch, String what) throws InterruptedException {
    Tests.check(latch.await(SECONDS_MAX, TimeUnit.SECONDS), "not within " + SECONDS_MAX + " s: " + what);
  }

  private static <T> T within(BlockingQueue<T> queue, String what) throws InterruptedException {
    T element = queue.poll(SECONDS_MAX, TimeUnit.SECONDS);
    Tests.check(element != null, "not within " + SECONDS_MAX + " s: " + what);
    return element;
  }

  private void leaderLatch() throws Exception {
    String path = path();
    LeaderLatch first = new LeaderLatch(one, path, "first");
    first.start();
    Tests.check(first.await(SECONDS_MAX, TimeUnit.SECONDS), "nobody leads");
    LeaderLatch second = new LeaderLatch(two, path, "second");
    second.start();
    Tests.same("first", second.getLeader().getId());
    first.close();
    Tests.check(second.await(SECONDS_MAX, TimeUnit.SECONDS), "nobody follows the leader");
    second.close();
  }

  private void leaderSelector() throws Exception {
    String path = path();
    BlockingQueue<String> leaders = new LinkedBlockingQueue<>();
    List<LeaderSelector> selectors = new ArrayList<>();
    for (CuratorFramework client : List.of(one, two)) {
      LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
        @Override
        public void takeLeadership(CuratorFramework leading) {
          leaders.add(leading == one ? "one" : "two");
        }
      });
      selectors.add(selector);
      selector.start();
    }
    List<String> seen = new ArrayList<>(List.of(within(leaders, "first leader"), within(leaders, "second leader")));
    Collections.sort(seen);
    Tests.same(List.of("one", "two"), seen);
    selectors.forEach(LeaderSelector::close);
  }

  private void mutex() throws Exception {
    String path = path();
    InterProcessMutex mine = new InterProcessMutex(one, path);
    InterProcessMutex others = new InterProcessMutex(two, path);
    mine.acquire();
    mine.acquire();
    Tests.check(!others.acquire(200, TimeUnit.MILLISECONDS), "two hold the lock");
    mine.release();
    mine.release();
    Tests.check(others.acquire(SECONDS_MAX, TimeUnit.SECONDS), "the lock stays taken");
    others.release();
  }

  private void semaphoreMutex() throws Exception {
    String path = path();
    InterProcessSemaphoreMutex mine = new InterProcessSemaphoreMutex(one, path);
    InterProcessSemaphoreMutex others = new InterProcessSemaphoreMutex(two, path);
    mine.acquire();
    Tests.check(!others.acquire(200, TimeUnit.MILLISECONDS), "two hold the lock");
    mine.release();
    Tests.check(others.acquire(SECONDS_MAX, TimeUnit.SECONDS), "the lock stays taken");
    others.release();
  }

  private void readWriteLock() throws Exception {
    String path = path();
    InterProcessReadWriteLock mine = new InterProcessReadWriteLock(one, path);
    InterProcessReadWriteLock others = new InterProcessReadWriteLock(two, path);
    mine.readLock().acquire();
    Tests.check(others.readLock().acquire(SECONDS_MAX, TimeUnit.SECONDS), "readers shut each other out");
    others.readLock().release();
    Tests.check(!others.writeLock().acquire(200, TimeUnit.MILLISECONDS), "a writer beside a reader");
    mine.readLock().release();
    Tests.check(others.writeLock().acquire(SECONDS_MAX, TimeUnit.SECONDS), "the lock stays taken");
    others.writeLock().release();
  }

  private void semaphore() throws Exception {
    String path = path();
    InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(one, path, 2);
    InterProcessSemaphoreV2 others = new InterProcessSemaphoreV2(two, path, 2);
    Lease first = mine.acquire();
    Lease second = others.acquire();
    Tests.check(mine.acquire(200, TimeUnit.MILLISECONDS) == null, "three leases of two");
    others.returnLease(second);
    Lease third = mine.acquire(SECONDS_MAX, TimeUnit.SECONDS);
    Tests.check(third != null, "a lease that was returned is not to be had");
    mine.returnAll(Arrays.asList(first, third));
  }

  private void multiLock() throws Exception {
    List<String> paths = List.of(path(), path());
    InterProcessMultiLock both = new InterProcessMultiLock(one, paths);
    InterProcessMutex second = new InterProcessMutex(two, paths.get(1));
    both.acquire();
    Tests.check(!second.acquire(200, TimeUnit.MILLISECONDS), "two hold the lock");
    both.release();
    Tests.check(second.acquire(SECONDS_MAX, TimeUnit.SECONDS), "the lock stays taken");
    second.release();
  }

  private void barrier() throws Exception {
    String path = path();
    DistributedBarrier barrier = new DistributedBarrier(one, path);
    barrier.setBarrier();
    CountDownLatch passed = new CountDownLatch(1);
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
      try {
        new DistributedBarrier(two, path).waitOnBarrier();
        passed.countDown();
      } catch (Exception error) {
        throw new IllegalStateException(error);
      }
    });
    Tests.check(!passed.await(200, TimeUnit.MILLISECONDS), "the barrier lets pass");
    barrier.removeBarrier();
    within(passed, "the barrier is gone");
    waiting.get();
  }

  private void doubleBarrier() throws Exception {
    String path = path();
    CountDownLatch entered = new CountDownLatch(2);
    CountDownLatch left = new CountDownLatch(2);
    for (CuratorFramework client : List.of(one, two)) {
      Thread thread = new Thread(() -> {
        try {
          DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, path, 2);
          barrier.enter();
          entered.countDown();
          barrier.leave();
          left.countDown();
        } catch (Exception error) {
          throw new IllegalStateException(error);
        }
      });
      thread.setDaemon(true);
      thread.start();
    }
    within(entered, "both entered");
    within(left, "both left");
  }

  private void sharedCount() throws Exception {
    String path = path();
    try (SharedCount mine = new SharedCount(one, path, 1); SharedCount others = new SharedCount(two, path, 1)) {
      BlockingQueue<Integer> counts = new LinkedBlockingQueue<>();
      others.addListener(new SharedCountListener() {
        @Override
        public void countHasChanged(SharedCountReader reader, int count) {
          counts.add(count);
        }

        @Override
        public void stateChanged(CuratorFramework client, ConnectionState state) {}
      });
      mine.start();
      others.start();
      mine.setCount(7);
      Tests.same(7, within(counts, "the count is told"));
      Tests.check(mine.trySetCount(mine.getVersionedValue(), 8), "the count has another version");
    }
  }

  private void sharedValue() throws Exception {
    String path = path();
    try (SharedValue mine = new SharedValue(one, path, bytes("0")); SharedValue others = new SharedValue(two, path, bytes("0"))) {
      mine.start();
      others.start();
      VersionedValue<byte[]> stale = mine.getVersionedValue();
      Tests.check(mine.trySetValue(stale, bytes("1")), "the value has another version");
      Tests.check(!others.trySetValue(stale, bytes("2")), "set on a stale version");
    }
  }

  private void atomicInteger() throws Exception {
    DistributedAtomicInteger number = new DistributedAtomicInteger(one, path(), new RetryNTimes(20, 20));
    Tests.check(number.initialize(5), "not initialized");
    Tests.same(6, number.increment().postValue());
    Tests.same(4, number.subtract(2).postValue());
  }

  private void atomicLong() throws Exception {
    String path = path();
    int each = 20;
    List<CompletableFuture<Void>> running = new ArrayList<>();
    for (CuratorFramework client : List.of(one, two)) {
      running.add(CompletableFuture.runAsync(() -> {
        DistributedAtomicLong number = new DistributedAtomicLong(client, path, new RetryNTimes(200, 5));
        try {
          for (int index = 0; index < each; index++) {
            AtomicValue<Long> value = number.increment();
            Tests.check(value.succeeded(), "an increment was given up");
          }
        } catch (Exception error) {
          throw new IllegalStateException(error);
        }
      }));
    }
    for (CompletableFuture<Void> one : running) one.get();
    Tests.same(2L * each, new DistributedAtomicLong(two, path, new RetryNTimes(1, 1)).get().postValue());
  }

  private void atomicValue() throws Exception {
    DistributedAtomicValue value = new DistributedAtomicValue(one, path(), new RetryNTimes(20, 20));
    value.initialize(bytes("a"));
    Tests.check(value.compareAndSet(bytes("a"), bytes("b")).succeeded(), "the value is another");
    Tests.check(!value.compareAndSet(bytes("a"), bytes("c")).succeeded(), "set on a stale value");
  }

  private void cachedAtomicLong() throws Exception {
    CachedAtomicLong ids = new CachedAtomicLong(new DistributedAtomicLong(one, path(), new RetryNTimes(20, 20)), 10);
    for (long expected = 0; expected < 25; expected++) Tests.same(expected, ids.next().preValue());
  }

  private void curatorCache() throws Exception {
    String path = path();
    one.create().forPath(path, bytes("0"));
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    CountDownLatch initialized = new CountDownLatch(1);
    try (CuratorCache cache = CuratorCache.build(two, path)) {
      cache.listenable().addListener(CuratorCacheListener.builder()
          .forInitialized(initialized::countDown)
          .forCreates(node -> events.add("created " + node.getPath()))
          .forChanges((old, node) -> events.add("changed " + node.getPath()))
          .forDeletes(node -> events.add("deleted " + node.getPath()))
          .build());
      cache.start();
      within(initialized, "the cache is complete");
      Tests.same("created " + path, within(events, "created"));
      one.create().forPath(path + "/a");
      Tests.same("created " + path + "/a", within(events, "created"));
      one.setData().forPath(path + "/a", bytes("x"));
      Tests.same("changed " + path + "/a", within(events, "changed"));
      one.delete().forPath(path + "/a");
      Tests.same("deleted " + path + "/a", within(events, "deleted"));
      Tests.check(cache.get(path).isPresent() && cache.get(path + "/a").isEmpty(), "the cache holds something else");
    }
  }

  private void pathChildrenCache() throws Exception {
    String path = path();
    one.create().forPath(path);
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    try (PathChildrenCache cache = new PathChildrenCache(two, path, true)) {
      cache.getListenable().addListener((client, event) -> events.add(event.getType().toString()));
      cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
      one.create().forPath(path + "/a", bytes("1"));
      Tests.same("CHILD_ADDED", within(events, "added"));
      one.setData().forPath(path + "/a", bytes("2"));
      Tests.same("CHILD_UPDATED", within(events, "updated"));
      one.delete().forPath(path + "/a");
      Tests.same("CHILD_REMOVED", within(events, "removed"));
    }
  }

  private void nodeCache() throws Exception {
    String path = path();
    BlockingQueue<String> data = new LinkedBlockingQueue<>();
    try (NodeCache cache = new NodeCache(two, path)) {
      cache.getListenable().addListener(() -> data.add(cache.getCurrentData() == null ? "none" : new String(cache.getCurrentData().getData(), StandardCharsets.UTF_8)));
      cache.start(true);
      one.create().forPath(path, bytes("1"));
      Tests.same("1", within(data, "created"));
      one.setData().forPath(path, bytes("2"));
      Tests.same("2", within(data, "changed"));
      one.delete().forPath(path);
      Tests.same("none", within(data, "deleted"));
    }
  }

  private void treeCache() throws Exception {
    String path = path();
    one.create().forPath(path);
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    try (TreeCache cache = new TreeCache(two, path)) {
      cache.getListenable().addListener((client, event) -> events.add(event.getType().toString()));
      cache.start();
      Tests.same("NODE_ADDED", within(events, "the root"));
      Tests.same("INITIALIZED", within(events, "complete"));
      one.create().creatingParentsIfNeeded().forPath(path + "/a/b");
      Tests.same("NODE_ADDED", within(events, "added"));
      Tests.same("NODE_ADDED", within(events, "added below"));
      one.delete().deletingChildrenIfNeeded().forPath(path + "/a");
      Tests.same("NODE_REMOVED", within(events, "removed"));
    }
  }

  private void persistentNode() throws Exception {
    String path = path();
    try (PersistentNode node = new PersistentNode(one, CreateMode.EPHEMERAL, false, path, bytes("x"))) {
      node.start();
      Tests.check(node.waitForInitialCreate(SECONDS_MAX, TimeUnit.SECONDS), "not created");
      CountDownLatch again = new CountDownLatch(1);
      node.getListenable().addListener(created -> again.countDown());
      two.delete().forPath(path);
      within(again, "created again");
    }
  }

  private void persistentTtlNode() throws Exception {
    String path = path();
    try (PersistentTtlNode node = new PersistentTtlNode(one, path, 600_000, bytes("x"))) {
      node.start();
      Tests.check(node.waitForInitialCreate(SECONDS_MAX, TimeUnit.SECONDS), "not created");
      Tests.check(two.checkExists().forPath(path) != null, "not there");
    }
  }

  private void groupMember() throws Exception {
    String path = path();
    CountDownLatch both = new CountDownLatch(1);
    try (GroupMember mine = new GroupMember(one, path, "mine"); GroupMember others = new GroupMember(two, path, "others")) {
      mine.start();
      others.start();
      for (int attempt = 0; attempt < 200 && mine.getCurrentMembers().size() < 2; attempt++) Thread.sleep(50);
      Tests.same(2, mine.getCurrentMembers().size());
      both.countDown();
    }
  }

  private void persistentWatcher() throws Exception {
    String path = path();
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    CountDownLatch set = new CountDownLatch(1);
    try (PersistentWatcher watcher = new PersistentWatcher(two, path, true)) {
      watcher.getListenable().addListener(event -> events.add(event.getType() + " " + event.getPath()));
      watcher.getResetListenable().addListener(set::countDown);
      watcher.start();
      within(set, "the watch is set");
      one.create().creatingParentsIfNeeded().forPath(path + "/a");
      Tests.same("NodeCreated " + path, within(events, "the parent"));
      Tests.same("NodeCreated " + path + "/a", within(events, "the child"));
    }
  }

  /** Hands what a queue gives to a test. */
  private static final class Collector implements QueueConsumer<String> {
    private final BlockingQueue<String> taken = new LinkedBlockingQueue<>();

    @Override
    public void consumeMessage(String message) {
      taken.add(message);
    }

    @Override
    public void stateChanged(CuratorFramework client, ConnectionState state) {}
  }

  private static final class Text implements QueueSerializer<String> {
    @Override
    public byte[] serialize(String item) {
      return bytes(item);
    }

    @Override
    public String deserialize(byte[] item) {
      return new String(item, StandardCharsets.UTF_8);
    }
  }

  private void queue() throws Exception {
    Collector collector = new Collector();
    try (DistributedQueue<String> queue = QueueBuilder.builder(one, collector, new Text(), path()).lockPath(path()).buildQueue()) {
      queue.start();
      for (String item : List.of("a", "b", "c")) queue.put(item);
      for (String item : List.of("a", "b", "c")) Tests.same(item, within(collector.taken, item));
    }
  }

  private void idQueue() throws Exception {
    Collector collector = new Collector();
    try (DistributedIdQueue<String> queue = QueueBuilder.builder(one, collector, new Text(), path()).buildIdQueue()) {
      queue.start();
      queue.put("a", "id");
      Tests.same("a", within(collector.taken, "a"));
    }
  }

  private void priorityQueue() throws Exception {
    String path = path();
    try (DistributedPriorityQueue<String> producer = QueueBuilder.builder(one, null, new Text(), path).buildPriorityQueue(0)) {
      producer.start();
      producer.put("late", 9);
      producer.put("early", 1);
      producer.flushPuts(SECONDS_MAX, TimeUnit.SECONDS);
      Collector collector = new Collector();
      try (DistributedPriorityQueue<String> queue = QueueBuilder.builder(two, collector, new Text(), path).buildPriorityQueue(0)) {
        queue.start();
        Tests.same("early", within(collector.taken, "early"));
        Tests.same("late", within(collector.taken, "late"));
      }
    }
  }

  private void delayQueue() throws Exception {
    Collector collector = new Collector();
    try (DistributedDelayQueue<String> queue = QueueBuilder.builder(one, collector, new Text(), path()).buildDelayQueue()) {
      queue.start();
      long started = System.currentTimeMillis();
      queue.put("a", started + 300);
      Tests.same("a", within(collector.taken, "a"));
      Tests.check(System.currentTimeMillis() >= started + 300, "too early");
    }
  }

  private void simpleQueue() throws Exception {
    String path = path();
    SimpleDistributedQueue queue = new SimpleDistributedQueue(one, path);
    Tests.check(queue.offer(bytes("a")), "not taken");
    Tests.same("a", new String(new SimpleDistributedQueue(two, path).take(), StandardCharsets.UTF_8));
    Tests.check(queue.poll() == null, "taken twice");
  }

  private void transaction() throws Exception {
    String path = path();
    List<CuratorTransactionResult> results = one.transaction().forOperations(
        one.transactionOp().create().forPath(path, bytes("1")),
        one.transactionOp().setData().withVersion(0).forPath(path, bytes("2")),
        one.transactionOp().check().withVersion(1).forPath(path));
    Tests.same(3, results.size());
    Tests.same("2", new String(two.getData().forPath(path), StandardCharsets.UTF_8));
  }

  private void protectedCreate() throws Exception {
    String path = path();
    BlockingQueue<String> made = new LinkedBlockingQueue<>();
    one.create().creatingParentContainersIfNeeded().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
        .inBackground((client, event) -> made.add(event.getName())).forPath(path + "/n-");
    Tests.check(within(made, "created").contains("_c_"), "not protected");
  }
}
