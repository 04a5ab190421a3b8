import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.Participant;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

/**
 * Curator's recipes and ZeroKeeper's at one path, and what Curator's ask a server for. The other side is contender.mjs, and kazoo's locks in
 * contender.py. Arguments: HOSTS, the folder of the contenders, a Python that has kazoo.
 */
public final class CuratorInterop {
  private static final int SECONDS_MAX = 40;
  private static final int ROUNDS = 10;

  private final String hosts;
  private final String contenders;
  private final String python;
  private final CuratorFramework one;
  private final CuratorFramework two;
  private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
    Thread thread = new Thread(task);
    thread.setDaemon(true);
    return thread;
  });

  private CuratorInterop(String hosts, String contenders, String python) {
    this.hosts = hosts;
    this.contenders = contenders;
    this.python = python;
    one = CuratorRecipes.connect(hosts);
    two = CuratorRecipes.connect(hosts);
  }

  public static void main(String[] arguments) {
    CuratorInterop interop = new CuratorInterop(arguments[0], arguments[1], arguments[2]);
    Tests tests = new Tests();
    tests.add("mutex", interop::mutex);
    tests.add("mutex, with kazoo", interop::mutexWithKazoo);
    tests.add("read-write lock", interop::readWriteLock);
    tests.add("semaphore", interop::semaphore);
    tests.add("leader latch", interop::leaderLatch);
    tests.add("double barrier", interop::doubleBarrier);
    tests.add("requests", interop::requests);
    tests.runAll("Apache Curator beside ZeroKeeper's recipes", "5.9.0");
  }

  /** A path for a recipe, and a znode that only the recipe protects. */
  private final class Place {
    final String root = "/curator-interop-" + UUID.randomUUID();
    final String recipe = root + "/recipe";
    final String counted = root + "/counted";

    Place() throws Exception {
      one.create().creatingParentsIfNeeded().forPath(recipe);
      one.create().forPath(counted, CuratorRecipes.bytes("0"));
    }

    Contender contender(String kind, int rounds) throws IOException {
      return new Contender("node", contenders + "/contender.mjs", hosts, kind, recipe, counted, "" + rounds);
    }

    /** A version that has changed meanwhile is a lock that did not hold. */
    void increment(CuratorFramework client) throws Exception {
      client.sync().forPath(counted);
      Stat stat = new Stat();
      int count = Integer.parseInt(text(client.getData().storingStatIn(stat).forPath(counted)));
      client.setData().withVersion(stat.getVersion()).forPath(counted, CuratorRecipes.bytes("" + (count + 1)));
    }

    int count() throws Exception {
      one.sync().forPath(counted);
      return Integer.parseInt(text(one.getData().forPath(counted)));
    }
  }

  /** A process with another library's recipe. */
  private static final class Contender {
    private final Process process;
    private final BufferedReader output;

    Contender(String... command) throws IOException {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    }

    void says(String expected) throws IOException {
      Tests.same(expected, String.valueOf(output.readLine()));
    }

    void ends() throws InterruptedException {
      Tests.check(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS), "the contender does not end");
      Tests.same(0, process.exitValue());
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Two of Curator's and one of ours, each so many rounds, and others besides. */
  private void contend(Place place, String kind, List<InterProcessLock> locks, Contender... others) throws Exception {
    Contender ours = place.contender(kind, ROUNDS);
    List<Future<?>> running = new ArrayList<>();
    for (InterProcessLock lock : locks) {
      CuratorFramework client = running.isEmpty() ? one : two;
      running.add(threads.submit(() -> {
        for (int round = 0; round < ROUNDS; round++) {
          lock.acquire();
          place.increment(client);
          lock.release();
        }
        return null;
      }));
    }
    for (Future<?> each : running) each.get(SECONDS_MAX, TimeUnit.SECONDS);
    ours.ends();
    for (Contender other : others) other.ends();
    Tests.same((running.size() + 1 + others.length) * ROUNDS, place.count());
    Tests.same(List.of(), one.getChildren().forPath(place.recipe));
  }

  private void mutex() throws Exception {
    Place place = new Place();
    contend(place, "lock", List.of(new InterProcessMutex(one, place.recipe), new InterProcessMutex(two, place.recipe)));
  }

  private void mutexWithKazoo() throws Exception {
    Place place = new Place();
    Contender kazoo = new Contender(
        python, contenders + "/contender.py", hosts, place.recipe, place.counted, "" + ROUNDS);
    contend(place, "lock", List.of(new InterProcessMutex(one, place.recipe)), kazoo);
  }

  private void readWriteLock() throws Exception {
    Place place = new Place();
    InterProcessReadWriteLock first = new InterProcessReadWriteLock(one, place.recipe);
    InterProcessReadWriteLock second = new InterProcessReadWriteLock(two, place.recipe);
    contend(place, "write", List.of(first.writeLock(), second.writeLock()));
    // A reader of Curator's keeps our writer out, one of ours keeps Curator's out, and readers do not mind each other.
    int before = place.count();
    first.readLock().acquire();
    Contender reader = place.contender("read", 1);
    reader.says("reads");
    Contender writer = place.contender("write", 1);
    until(() -> one.getChildren().forPath(place.recipe).size() == 3);
    Tests.check(!second.writeLock().acquire(200, TimeUnit.MILLISECONDS), "a writer came in beside readers");
    Tests.same(before, place.count());
    first.readLock().release();
    Tests.same(before, place.count());
    one.delete().forPath(place.counted + "-reads");
    reader.ends();
    writer.ends();
    Tests.same(before + 1, place.count());
  }

  private void semaphore() throws Exception {
    Place place = new Place();
    String inside = place.counted + "-inside";
    one.create().forPath(inside);
    Contender ours = place.contender("semaphore", ROUNDS);
    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(one, place.recipe, 2);
    for (int round = 0; round < ROUNDS; round++) {
      List<Lease> leases = new ArrayList<>(semaphore.acquire(1 + round % 2));
      List<String> entries = new ArrayList<>();
      for (Lease lease : leases) {
        entries.add(one.create().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(inside + "/curator-"));
        Tests.check(lease.getNodeName().contains("lease-"), "a lease of another name");
      }
      one.sync().forPath(inside);
      int count = one.getChildren().forPath(inside).size();
      Tests.check(count <= 2, count + " are in");
      for (String entry : entries) one.delete().forPath(entry);
      semaphore.returnAll(leases);
    }
    ours.ends();
    Tests.same(List.of(), semaphore.getParticipantNodes().stream().toList());
  }

  private void leaderLatch() throws Exception {
    Place place = new Place();
    LeaderLatch first = new LeaderLatch(one, place.recipe, "curator-1");
    first.start();
    Tests.check(first.await(SECONDS_MAX, TimeUnit.SECONDS), "nobody leads");
    Contender ours = place.contender("latch", 1);
    ours.says("takes part");
    until(() -> first.getParticipants().size() == 2);
    Tests.same(
        List.of("curator-1 true", "zerokeeper false"),
        first.getParticipants().stream().map((Participant each) -> each.getId() + " " + each.isLeader()).toList());
    LeaderLatch second = new LeaderLatch(two, place.recipe, "curator-2");
    second.start();
    until(() -> first.getParticipants().size() == 3);
    first.close();
    ours.says("leads before curator-2");
    Tests.same("zerokeeper", second.getLeader().getId());
    Tests.check(!second.hasLeadership(), "two lead");
    one.delete().forPath(place.counted);
    ours.ends();
    Tests.check(second.await(SECONDS_MAX, TimeUnit.SECONDS), "nobody follows");
    second.close();
  }

  private void doubleBarrier() throws Exception {
    Place place = new Place();
    Contender ours = place.contender("barrier", 2);
    DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(one, place.recipe, 2);
    Tests.check(barrier.enter(SECONDS_MAX, TimeUnit.SECONDS), "it is not entered");
    ours.says("entered");
    Tests.check(barrier.leave(SECONDS_MAX, TimeUnit.SECONDS), "it is not left");
    ours.says("left");
    ours.ends();
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private void until(Condition condition) throws Exception {
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_MAX);
    while (!condition.holds()) {
      Tests.check(System.nanoTime() < endNanos, "it does not come to that");
      Thread.sleep(20);
    }
  }

  /** What docs/RECIPES.md says of the requests that Curator's recipes make when nobody else is there. */
  private void requests() throws Exception {
    try (Counter counter = new Counter(hosts)) {
      CuratorFramework client = CuratorRecipes.connect("127.0.0.1:" + counter.port());
      String root = "/curator-requests-" + UUID.randomUUID();
      client.create().creatingParentsIfNeeded().forPath(root);
      List<String> line = List.of("create2", "getChildren2");
      List<String> delete = List.of("delete");
      InterProcessMutex mutex = new InterProcessMutex(client, root + "/mutex");
      counts(counter, "InterProcessMutex", mutex::acquire, mutex::release, line, delete);
      InterProcessLock write = new InterProcessReadWriteLock(client, root + "/rw").writeLock();
      counts(counter, "InterProcessReadWriteLock", write::acquire, write::release, line, delete);
      InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, root + "/semaphore", 2);
      Lease[] lease = new Lease[1];
      counts(
          counter, "InterProcessSemaphoreV2", () -> lease[0] = semaphore.acquire(), () -> semaphore.returnLease(lease[0]),
          List.of("create2", "getChildren2", "create2", "getChildren2", "checkWatches", "delete"), delete);
      LeaderLatch[] latch = new LeaderLatch[1];
      Act lead = () -> {
        latch[0] = new LeaderLatch(client, root + "/latch");
        latch[0].start();
        latch[0].await();
      };
      counts(counter, "LeaderLatch", lead, () -> latch[0].close(), List.of("create2", "getChildren2", "getData"), delete);
      DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, root + "/barrier", 1);
      counts(
          counter, "DistributedDoubleBarrier", barrier::enter, barrier::leave,
          List.of("exists", "create2", "getChildren2", "create2"), List.of("getChildren2", "delete", "delete"));
      client.close();
    }
  }

  private interface Act {
    void run() throws Exception;
  }

  /** {@code release} may leave its requests to a thread of its own. */
  private static void counts(
      Counter counter, String recipe, Act acquire, Act release, List<String> acquires, List<String> releases) throws Exception {
    acquire.run();
    counter.take(1);
    release.run();
    counter.take(releases.size());
    acquire.run();
    List<String> acquired = counter.take(acquires.size());
    release.run();
    List<String> released = counter.take(releases.size());
    System.out.println("requests of " + recipe + ": acquire " + acquired + ", release " + released);
    Tests.same(acquires, acquired);
    Tests.same(releases, released);
  }

  /** A way to the server on which requests are noted by the protocol's names. */
  private static final class Counter implements AutoCloseable {
    private static final Map<Integer, String> NAMES = Map.ofEntries(
        Map.entry(1, "create"), Map.entry(2, "delete"), Map.entry(3, "exists"), Map.entry(4, "getData"),
        Map.entry(5, "setData"), Map.entry(8, "getChildren"), Map.entry(9, "sync"), Map.entry(12, "getChildren2"),
        Map.entry(15, "create2"), Map.entry(17, "checkWatches"), Map.entry(18, "removeWatches"), Map.entry(19, "createContainer"));
    private static final int PING = 11;
    private static final long WAIT_NANOS = 5_000_000_000L;
    private final ServerSocket server = new ServerSocket(0);
    private final List<String> requests = new ArrayList<>();

    Counter(String hosts) throws IOException {
      String[] host = hosts.split(",")[0].split(":");
      start(() -> {
        while (!server.isClosed()) {
          Socket client = server.accept();
          Socket upstream = new Socket(host[0], Integer.parseInt(host[1]));
          start(() -> pass(client.getInputStream(), upstream.getOutputStream()));
          start(() -> upstream.getInputStream().transferTo(client.getOutputStream()));
        }
      });
    }

    int port() {
      return server.getLocalPort();
    }

    /** What was asked for since the last call, once there are so many or none has come for a while. */
    synchronized List<String> take(int count) throws InterruptedException {
      long end = System.nanoTime() + WAIT_NANOS;
      while (requests.size() < count && System.nanoTime() < end) wait(100);
      List<String> taken = new ArrayList<>(requests);
      requests.clear();
      return taken;
    }

    private synchronized void note(String name) {
      requests.add(name);
      notifyAll();
    }

    /** The first frame is the handshake. */
    private void pass(InputStream from, OutputStream to) throws IOException {
      DataInputStream input = new DataInputStream(from);
      DataOutputStream output = new DataOutputStream(to);
      for (boolean isFirst = true; ; isFirst = false) {
        byte[] frame = new byte[input.readInt()];
        input.readFully(frame);
        int type = isFirst ? PING : java.nio.ByteBuffer.wrap(frame, 4, 4).getInt();
        if (type != PING) note(NAMES.getOrDefault(type, "opcode " + type));
        output.writeInt(frame.length);
        output.write(frame);
        output.flush();
      }
    }

    private interface Body {
      void run() throws IOException;
    }

    /** Ends when either side closes. */
    private static void start(Body body) {
      Thread thread = new Thread(() -> {
        try {
          body.run();
        } catch (IOException closed) {
          // Nobody is there any more.
        }
      });
      thread.setDaemon(true);
      thread.start();
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }
}
