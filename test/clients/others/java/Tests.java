import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs named tests, each with a time limit, and says how they ended on one line that others.py reads. */
final class Tests {
  interface Body {
    void run() throws Exception;
  }

  private static final int SECONDS_MAX = 60;
  private final Map<String, Body> tests = new LinkedHashMap<>();

  void add(String name, Body body) {
    tests.put(name, body);
  }

  void runAll(String client, String version) {
    ExecutorService executor = Executors.newCachedThreadPool(task -> {
      Thread thread = new Thread(task);
      thread.setDaemon(true);
      return thread;
    });
    int failed = 0;
    for (Map.Entry<String, Body> test : tests.entrySet()) {
      Future<?> running = executor.submit((Callable<Void>) () -> {
        test.getValue().run();
        return null;
      });
      try {
        running.get(SECONDS_MAX, TimeUnit.SECONDS);
        System.out.println("ok      " + client + ": " + test.getKey());
      } catch (ExecutionException | TimeoutException | InterruptedException error) {
        failed++;
        System.out.println("FAILED  " + client + ": " + test.getKey());
        error.printStackTrace(System.out);
        threads();
      }
    }
    System.out.printf(
        "RESULT|%s|%s|%s|%d|%d%n", client, version, String.join(", ", tests.keySet()), tests.size() - failed, failed);
    System.out.flush();
    System.exit(failed == 0 ? 0 : 1);
  }

  /** What every thread waits for: a test that hangs is seldom to be had a second time. */
  private static void threads() {
    for (Map.Entry<Thread, StackTraceElement[]> thread : Thread.getAllStackTraces().entrySet()) {
      System.out.println("thread " + thread.getKey().getName() + ", " + thread.getKey().getState());
      for (StackTraceElement frame : thread.getValue()) System.out.println("    at " + frame);
    }
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void same(Object expected, Object found) {
    check(expected.equals(found), "expected " + expected + ", found " + found);
  }
}
