import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Apache ZooKeeper's own Java client, method by method. */
public final class JavaClient {
  private static final int TIMEOUT_MS = 10_000;

  private final String hosts;

  private JavaClient(String hosts) {
    this.hosts = hosts;
  }

  public static void main(String[] arguments) throws Exception {
    JavaClient client = new JavaClient(arguments[0]);
    Tests tests = new Tests();
    tests.add("create modes", client::createModes);
    tests.add("container and TTL", client::containerAndTtl);
    tests.add("versions", client::versions);
    tests.add("multi and transaction", client::multi);
    tests.add("multi of reads", client::multiRead);
    tests.add("asynchronous calls", client::asynchronous);
    tests.add("one-shot watches", client::oneShotWatches);
    tests.add("persistent and recursive watches", client::persistentWatches);
    tests.add("removing watches", client::removeWatches);
    tests.add("digest ACLs and whoAmI", client::acls);
    tests.add("getEphemerals and getAllChildrenNumber", client::listings);
    tests.add("sync and config", client::syncAndConfig);
    tests.add("session over two connections", client::session);
    tests.add("chroot", client::chroot);
    tests.runAll("Apache ZooKeeper Java client", "3.9.5");
  }

  /** Where a watcher's events wait to be looked at. */
  private static final class Events implements Watcher {
    private final BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
      events.add(event);
    }

    void expect(EventType type, String path) throws InterruptedException {
      WatchedEvent event = events.poll(20, TimeUnit.SECONDS);
      Tests.check(event != null, "no event " + type + " " + path);
      Tests.same(type + " " + path, event.getType() + " " + event.getPath());
    }

    void expectNoMore() {
      Tests.check(events.isEmpty(), "one event too many: " + events);
    }
  }

  private ZooKeeper connect(String chroot) throws Exception {
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper zk = new ZooKeeper(hosts + chroot, TIMEOUT_MS, event -> connected.countDown());
    Tests.check(connected.await(20, TimeUnit.SECONDS), "not connected");
    return zk;
  }

  private static String root(ZooKeeper zk) throws Exception {
    String name = "/java-" + UUID.randomUUID();
    return zk.create(name, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void refused(Code code, Tests.Body body) throws Exception {
    try {
      body.run();
    } catch (KeeperException error) {
      Tests.same(code, error.code());
      return;
    }
    throw new AssertionError("not refused with " + code);
  }

  private void createModes() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      Stat stat = new Stat();
      String path = zk.create(root + "/p", bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, stat);
      Tests.same(root + "/p", path);
      Tests.same(1, stat.getDataLength());
      zk.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
      Tests.same(zk.getSessionId(), zk.exists(root + "/e", false).getEphemeralOwner());
      Tests.same(root + "/s-0000000002", zk.create(root + "/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
      Tests.same(root + "/s-0000000003", zk.create(root + "/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
      refused(Code.NODEEXISTS, () -> zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
      refused(Code.NOCHILDRENFOREPHEMERALS, () -> zk.create(root + "/e/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
      refused(Code.NOTEMPTY, () -> zk.delete(root, -1));
    }
  }

  private void containerAndTtl() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      zk.create(root + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
      Stat stat = new Stat();
      zk.create(root + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 3_600_000);
      zk.create(root + "/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 3_600_000);
      Tests.same(3, zk.getChildren(root, false).size());
    }
  }

  private void versions() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      Tests.same(1, zk.setData(root, bytes("a"), 0).getVersion());
      refused(Code.BADVERSION, () -> zk.setData(root, bytes("b"), 0));
      Stat stat = new Stat();
      Tests.same("a", new String(zk.getData(root, false, stat), StandardCharsets.UTF_8));
      Tests.same(1, stat.getVersion());
      refused(Code.BADVERSION, () -> zk.delete(root, 0));
      zk.delete(root, 1);
      Tests.check(zk.exists(root, false) == null, "deleted and still there");
    }
  }

  private void multi() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      List<OpResult> results = zk.multi(Arrays.asList(
          Op.create(root + "/a", bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
          Op.setData(root + "/a", bytes("2"), 0),
          Op.check(root + "/a", 1),
          Op.create(root + "/b", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
          Op.delete(root + "/a", 1)));
      Tests.same(5, results.size());
      Tests.same(root + "/b0000000001", ((OpResult.CreateResult) results.get(3)).getPath());
      try {
        zk.transaction().create(root + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT).delete(root + "/none", -1).commit();
        throw new AssertionError("a transaction on a znode that is not there");
      } catch (KeeperException.NoNodeException error) {
        Tests.same(Code.NONODE.intValue(), ((OpResult.ErrorResult) error.getResults().get(1)).getErr());
      }
      Tests.check(zk.exists(root + "/c", false) == null, "half of a transaction");
    }
  }

  private void multiRead() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      zk.create(root + "/a", bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
      List<OpResult> results = zk.multi(Arrays.asList(Op.getChildren(root), Op.getData(root + "/a"), Op.getData(root + "/b")));
      Tests.same(List.of("a"), ((OpResult.GetChildrenResult) results.get(0)).getChildren());
      Tests.same("1", new String(((OpResult.GetDataResult) results.get(1)).getData(), StandardCharsets.UTF_8));
      Tests.same(Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(2)).getErr());
    }
  }

  private void asynchronous() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      int count = 200;
      CountDownLatch done = new CountDownLatch(count);
      List<String> made = new ArrayList<>();
      for (int index = 0; index < count; index++) {
        zk.create(root + "/n-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL, (code, path, context, name) -> {
          made.add(name);
          done.countDown();
        }, null);
      }
      Tests.check(done.await(30, TimeUnit.SECONDS), "not all were answered");
      for (int index = 0; index < count; index++) Tests.same(String.format("%s/n-%010d", root, index), made.get(index));
    }
  }

  private void oneShotWatches() throws Exception {
    try (ZooKeeper zk = connect(""); ZooKeeper other = connect("")) {
      String root = root(zk);
      Events events = new Events();
      zk.exists(root + "/a", events);
      zk.getChildren(root, events);
      other.create(root + "/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
      events.expect(EventType.NodeCreated, root + "/a");
      events.expect(EventType.NodeChildrenChanged, root);
      zk.getData(root + "/a", events, null);
      other.setData(root + "/a", bytes("x"), -1);
      other.setData(root + "/a", bytes("y"), -1);
      events.expect(EventType.NodeDataChanged, root + "/a");
      zk.sync(root);
      zk.getData(root + "/a", events, null);
      other.delete(root + "/a", -1);
      events.expect(EventType.NodeDeleted, root + "/a");
      events.expectNoMore();
    }
  }

  private void persistentWatches() throws Exception {
    try (ZooKeeper zk = connect(""); ZooKeeper other = connect("")) {
      String root = root(zk);
      Events recursive = new Events();
      Events persistent = new Events();
      zk.addWatch(root, recursive, AddWatchMode.PERSISTENT_RECURSIVE);
      zk.addWatch(root, persistent, AddWatchMode.PERSISTENT);
      other.create(root + "/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
      other.create(root + "/a/b", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
      other.setData(root + "/a/b", bytes("x"), -1);
      other.delete(root + "/a/b", -1);
      recursive.expect(EventType.NodeCreated, root + "/a");
      recursive.expect(EventType.NodeCreated, root + "/a/b");
      recursive.expect(EventType.NodeDataChanged, root + "/a/b");
      recursive.expect(EventType.NodeDeleted, root + "/a/b");
      persistent.expect(EventType.NodeChildrenChanged, root);
      other.setData(root, bytes("x"), -1);
      persistent.expect(EventType.NodeDataChanged, root);
      recursive.expect(EventType.NodeDataChanged, root);
      recursive.expectNoMore();
      persistent.expectNoMore();
    }
  }

  private void removeWatches() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      Events events = new Events();
      zk.getData(root, events, null);
      zk.removeWatches(root, events, WatcherType.Data, false);
      events.expect(EventType.DataWatchRemoved, root);
      refused(Code.NOWATCHER, () -> zk.removeWatches(root, events, WatcherType.Data, false));
      zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
      zk.removeAllWatches(root, WatcherType.PersistentRecursive, false);
      events.expect(EventType.PersistentWatchRemoved, root);
    }
  }

  private void acls() throws Exception {
    try (ZooKeeper owner = connect(""); ZooKeeper stranger = connect("")) {
      owner.addAuthInfo("digest", bytes("ann:secret"));
      String root = owner.create("/java-" + UUID.randomUUID(), bytes("x"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
      refused(Code.NOAUTH, () -> stranger.getData(root, false, null));
      Tests.same(1, owner.getACL(root, new Stat()).size());
      Tests.same(1, owner.setACL(root, Ids.OPEN_ACL_UNSAFE, 0).getAversion());
      Tests.same("x", new String(stranger.getData(root, false, null), StandardCharsets.UTF_8));
      Tests.check(owner.whoAmI().toString().contains("ann"), "ann is nobody: " + owner.whoAmI());
    }
  }

  private void listings() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      for (String name : List.of("/a", "/b", "/c")) zk.create(root + name, null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
      Tests.same(3, zk.getEphemerals(root).size());
      Tests.same(3, zk.getAllChildrenNumber(root));
    }
  }

  private void syncAndConfig() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      CountDownLatch synced = new CountDownLatch(1);
      zk.sync(root, (code, path, context) -> synced.countDown(), null);
      Tests.check(synced.await(20, TimeUnit.SECONDS), "no answer to sync");
      Tests.check(zk.getConfig(false, new Stat()) != null, "no configuration");
    }
  }

  private void session() throws Exception {
    ZooKeeper first = connect("");
    String root = root(first);
    first.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
    CountDownLatch connected = new CountDownLatch(1);
    try (ZooKeeper second = new ZooKeeper(hosts, TIMEOUT_MS, event -> connected.countDown(), first.getSessionId(), first.getSessionPasswd())) {
      Tests.check(connected.await(20, TimeUnit.SECONDS), "not connected");
      Tests.same(first.getSessionId(), second.getSessionId());
      Tests.check(second.exists(root + "/e", false) != null, "the ephemeral is gone");
    }
    try (ZooKeeper third = connect("")) {
      third.sync(root);
      Tests.check(third.exists(root + "/e", false) == null, "the ephemeral outlived its session");
    }
  }

  private void chroot() throws Exception {
    try (ZooKeeper zk = connect("")) {
      String root = root(zk);
      try (ZooKeeper below = connect(root)) {
        Tests.same("/a", below.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Tests.check(zk.exists(root + "/a", false) != null, "not below the chroot");
      }
    }
  }
}
