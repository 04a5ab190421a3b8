/* Tests a server with Apache ZooKeeper's C client without threads (zookeeper_st), in an event loop of our own. Usage: single HOSTS */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define TIMEOUT_MS 10000
#define WAIT_SECONDS 20

static zhandle_t *zk;
static char root[64], created_path[256];
static int answer, event_type;

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context) {
  (void)handle, (void)state, (void)context;
  if (type == ZOO_SESSION_EVENT) return;
  event_type = type;
  snprintf(created_path, sizeof created_path, "%s", path);
}

static void on_void(int code, const void *context) {
  (void)context;
  answer = code;
}

static void on_string(int code, const char *value, const void *context) {
  (void)value, (void)context;
  answer = code;
}

static void on_stat(int code, const struct Stat *stat, const void *context) {
  (void)stat, (void)context;
  answer = code;
}

static void on_data(int code, const char *value, int length, const struct Stat *stat, const void *context) {
  (void)stat, (void)context;
  answer = code == ZOK && (length != 1 || value[0] != 'x') ? ZSYSTEMERROR : code;
}

/* Lets the client work until `*what` is no longer `unset`. */
static int turn_until(const int *what, int unset) {
  time_t end = time(NULL) + WAIT_SECONDS;
  while (*what == unset && time(NULL) < end) {
    struct timeval wait = {0, 0};
    struct pollfd descriptor = {0};
    int interest = 0, events = 0, fd = -1;
    if (zookeeper_interest(zk, &fd, &interest, &wait) != ZOK || fd < 0) {
      usleep(10000);
      continue;
    }
    descriptor.fd = fd;
    descriptor.events = (interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0);
    poll(&descriptor, 1, (int)(wait.tv_sec * 1000 + wait.tv_usec / 1000));
    if (descriptor.revents & (POLLIN | POLLHUP | POLLERR)) events |= ZOOKEEPER_READ;
    if (descriptor.revents & POLLOUT) events |= ZOOKEEPER_WRITE;
    zookeeper_process(zk, events);
  }
  return *what;
}

/* The code of a request that was just sent with `sent`. */
static int answered(int sent) {
  if (sent != ZOK) return sent;
  return turn_until(&answer, 1);
}

static int data_and_versions(void) {
  answer = 1;
  if (answered(zoo_acreate(zk, root, "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, NULL)) != ZOK) return 0;
  answer = 1;
  if (answered(zoo_aget(zk, root, 0, on_data, NULL)) != ZOK) return 0;
  answer = 1;
  if (answered(zoo_aset(zk, root, "y", 1, 5, on_stat, NULL)) != ZBADVERSION) return 0;
  answer = 1;
  return answered(zoo_adelete(zk, root, 0, on_void, NULL)) == ZOK;
}

static int watches(void) {
  answer = 1;
  if (answered(zoo_awexists(zk, root, on_event, NULL, on_stat, NULL)) != ZNONODE) return 0;
  answer = 1, event_type = 0;
  if (answered(zoo_acreate(zk, root, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string, NULL)) != ZOK) return 0;
  return turn_until(&event_type, 0) == ZOO_CREATED_EVENT && strcmp(created_path, root) == 0;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  zoo_set_debug_level(0);
  zk = zookeeper_init(arguments[1], on_event, TIMEOUT_MS, NULL, NULL, 0);
  static const struct {
    const char *name;
    int (*run)(void);
  } tests[] = {{"data and versions", data_and_versions}, {"watches", watches}};
  int total = sizeof tests / sizeof *tests, failed = 0;
  for (int index = 0; index < total; index++) {
    snprintf(root, sizeof root, "/single-%ld-%d-%d", (long)time(NULL), (int)getpid(), index);
    int passed = tests[index].run();
    printf("%s C client without threads: %s\n", passed ? "ok     " : "FAILED ", tests[index].name);
    failed += !passed;
  }
  printf("RESULT|Apache ZooKeeper C client, without threads|%d.%d.%d|data and versions, watches|%d|%d\n", ZOO_MAJOR_VERSION,
         ZOO_MINOR_VERSION, ZOO_PATCH_VERSION, total - failed, failed);
  zookeeper_close(zk);
  return failed > 0;
}
