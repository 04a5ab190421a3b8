/* Tests a server with Apache ZooKeeper's C client (zookeeper_mt), by its synchronous calls. Usage: cclient HOSTS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define TIMEOUT_MS 10000
#define WAIT_MS 20000
#define STEP_MS 10

static volatile int last_type = 0;
static char last_path[256];
static char root[64];
static zhandle_t *zk, *other;

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context) {
  (void)handle, (void)state, (void)context;
  if (type == ZOO_SESSION_EVENT) return;
  snprintf(last_path, sizeof last_path, "%s", path);
  __sync_synchronize();
  last_type = type;
}

static int await_event(int type, const char *path) {
  for (int waited = 0; waited < WAIT_MS && last_type == 0; waited += STEP_MS) usleep(STEP_MS * 1000);
  int matches = last_type == type && strcmp(last_path, path) == 0;
  last_type = 0;
  return matches;
}

static zhandle_t *connect_to(const char *hosts) {
  zhandle_t *handle = zookeeper_init(hosts, on_event, TIMEOUT_MS, NULL, NULL, 0);
  for (int waited = 0; handle && waited < WAIT_MS && zoo_state(handle) != ZOO_CONNECTED_STATE; waited += STEP_MS)
    usleep(STEP_MS * 1000);
  return handle && zoo_state(handle) == ZOO_CONNECTED_STATE ? handle : NULL;
}

static const char *below(const char *name) {
  static char paths[16][128];
  static int next = 0;
  char *path = paths[next++ % 16];
  snprintf(path, 128, "%s%s", root, name);
  return path;
}

static int create_modes(void) {
  char made[128];
  struct Stat stat;
  return zoo_create2(zk, below("/p"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made, &stat) == ZOK && stat.dataLength == 1 &&
         zoo_create(zk, below("/e"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, made, sizeof made) == ZOK &&
         zoo_create(zk, below("/s-"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, made, sizeof made) == ZOK &&
         strcmp(made, below("/s-0000000002")) == 0 &&
         zoo_create(zk, below("/p"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made) == ZNODEEXISTS &&
         zoo_create(zk, below("/e/c"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made) == ZNOCHILDRENFOREPHEMERALS;
}

static int data_and_versions(void) {
  struct Stat stat;
  char data[16];
  int length = sizeof data;
  return zoo_set2(zk, root, "abc", 3, 0, &stat) == ZOK && stat.version == 1 && zoo_set(zk, root, "d", 1, 0) == ZBADVERSION &&
         zoo_get(zk, root, 0, data, &length, &stat) == ZOK && length == 3 && memcmp(data, "abc", 3) == 0;
}

static int children(void) {
  struct String_vector names;
  struct Stat stat;
  for (const char *const *name = (const char *const[]){"/b", "/a", NULL}; *name; name++)
    if (zoo_create(zk, below(*name), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) != ZOK) return 0;
  if (zoo_get_children2(zk, root, 0, &names, &stat) != ZOK) return 0;
  int found = names.count == 2 && stat.numChildren == 2;
  deallocate_String_vector(&names);
  return found && zoo_delete(zk, root, -1) == ZNOTEMPTY && zoo_delete(zk, below("/a"), 0) == ZOK;
}

static int watches(void) {
  struct Stat stat;
  if (zoo_wexists(zk, below("/w"), on_event, NULL, &stat) != ZNONODE) return 0;
  if (zoo_create(other, below("/w"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) != ZOK) return 0;
  if (!await_event(ZOO_CREATED_EVENT, below("/w"))) return 0;
  if (zoo_wexists(zk, below("/w"), on_event, NULL, &stat) != ZOK) return 0;
  return zoo_set(other, below("/w"), "x", 1, -1) == ZOK && await_event(ZOO_CHANGED_EVENT, below("/w"));
}

static int multi(void) {
  zoo_op_t operations[4];
  zoo_op_result_t results[4];
  char made[128];
  struct Stat stat;
  zoo_create_op_init(&operations[0], below("/m"), "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made);
  zoo_set_op_init(&operations[1], below("/m"), "2", 1, 0, &stat);
  zoo_check_op_init(&operations[2], below("/m"), 1);
  zoo_delete_op_init(&operations[3], below("/m"), 1);
  if (zoo_multi(zk, 4, operations, results) != ZOK) return 0;
  zoo_delete_op_init(&operations[1], below("/none"), -1);
  return zoo_multi(zk, 2, operations, results) == ZNONODE && zoo_exists(zk, below("/m"), 0, &stat) == ZNONODE;
}

static volatile int authenticated = 1;

static void on_auth(int code, const void *context) {
  (void)context;
  authenticated = code;
}

static int acls(void) {
  struct Stat stat;
  struct ACL_vector acl;
  char data[8];
  int length = sizeof data;
  if (zoo_add_auth(zk, "digest", "ann:secret", 10, on_auth, NULL) != ZOK) return 0;
  for (int waited = 0; waited < WAIT_MS && authenticated == 1; waited += STEP_MS) usleep(STEP_MS * 1000);
  if (zoo_create(zk, below("/acl"), "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) != ZOK) return 0;
  if (zoo_get(other, below("/acl"), 0, data, &length, &stat) != ZNOAUTH) return 0;
  if (zoo_get_acl(zk, below("/acl"), &acl, &stat) != ZOK) return 0;
  int found = acl.count == 1 && strcmp(acl.data[0].id.scheme, "digest") == 0;
  deallocate_ACL_vector(&acl);
  return found && zoo_set_acl(zk, below("/acl"), 0, &ZOO_OPEN_ACL_UNSAFE) == ZOK;
}

static int container_and_ttl(void) {
  char made[128];
  struct Stat stat;
  return zoo_create2(zk, below("/container"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, made, sizeof made, &stat) == ZOK &&
         zoo_create2_ttl(zk, below("/ttl"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 600000, made, sizeof made,
                         &stat) == ZOK &&
         zoo_create_ttl(zk, below("/ttl-"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 600000, made,
                        sizeof made) == ZOK &&
         strcmp(made, below("/ttl-0000000002")) == 0;
}

static int removing_watches(void) {
  char data[8];
  int length = sizeof data;
  struct Stat stat;
  struct String_vector names;
  if (zoo_remove_watches(zk, root, ZWATCHTYPE_DATA, on_event, NULL, 0) != ZNOWATCHER) return 0;
  if (zoo_wget(zk, root, on_event, NULL, data, &length, &stat) != ZOK) return 0;
  if (zoo_remove_watches(zk, root, ZWATCHTYPE_DATA, on_event, NULL, 0) != ZOK) return 0;
  if (zoo_wget_children(zk, root, on_event, NULL, &names) != ZOK) return 0;
  deallocate_String_vector(&names);
  if (zoo_remove_all_watches(zk, root, ZWATCHTYPE_ANY, 0) != ZOK) return 0;
  last_type = 0;
  /* A watch that is left would have told by the time that the reply to a later request is there. */
  return zoo_set(zk, root, "x", 1, -1) == ZOK && zoo_exists(zk, root, 0, &stat) == ZOK && last_type == 0;
}

static volatile int completed = 1;

static void on_string(int code, const char *value, const void *context) {
  (void)value, (void)context;
  completed = code;
}

static int await_completion(void) {
  for (int waited = 0; waited < WAIT_MS && completed == 1; waited += STEP_MS) usleep(STEP_MS * 1000);
  int code = completed;
  completed = 1;
  return code;
}

static int sync_and_config(void) {
  char data[4096];
  int length = sizeof data;
  struct Stat stat;
  if (zoo_async(zk, root, on_string, NULL) != ZOK || await_completion() != ZOK) return 0;
  if (zoo_getconfig(zk, 0, data, &length, &stat) != ZOK) return 0;
  return zoo_reconfig(zk, NULL, "5", NULL, -1, data, &length, &stat) == ZRECONFIGDISABLED;
}

static int asynchronous(void) {
  if (zoo_acreate(zk, below("/a"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, NULL) != ZOK || await_completion() != ZOK) return 0;
  return zoo_acreate(zk, below("/a"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, NULL) == ZOK &&
         await_completion() == ZNODEEXISTS;
}

static int session_over_two_connections(const char *hosts) {
  const clientid_t *id = zoo_client_id(zk);
  zhandle_t *again = zookeeper_init(hosts, on_event, TIMEOUT_MS, id, NULL, 0);
  for (int waited = 0; waited < WAIT_MS && zoo_state(again) != ZOO_CONNECTED_STATE; waited += STEP_MS) usleep(STEP_MS * 1000);
  int same = zoo_client_id(again)->client_id == id->client_id;
  zookeeper_close(again);
  return same;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  const char *hosts = arguments[1];
  zoo_set_debug_level(0);
  zk = connect_to(hosts);
  other = connect_to(hosts);
  if (!zk || !other) {
    puts("FAILED  C client: cannot connect");
    return 1;
  }
  static const struct {
    const char *name;
    int (*run)(void);
  } tests[] = {{"create modes", create_modes}, {"container and TTL", container_and_ttl}, {"data and versions", data_and_versions},
               {"children", children},         {"watches", watches},                     {"removing watches", removing_watches},
               {"multi", multi},               {"asynchronous calls", asynchronous},     {"sync and config", sync_and_config},
               {"digest ACLs", acls}};
  int total = sizeof tests / sizeof *tests, failed = 0;
  for (int index = 0; index < total; index++) {
    snprintf(root, sizeof root, "/c-%ld-%d-%d", (long)time(NULL), (int)getpid(), index);
    int passed = zoo_create(zk, root, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK && tests[index].run();
    printf("%s C client: %s\n", passed ? "ok     " : "FAILED ", tests[index].name);
    failed += !passed;
  }
  int moved = session_over_two_connections(hosts);
  printf("%s C client: session over two connections\n", moved ? "ok     " : "FAILED ");
  failed += !moved;
  total++;
  printf("RESULT|Apache ZooKeeper C client|%d.%d.%d|create modes, container and TTL, data and versions, children, watches, "
         "removing watches, multi, asynchronous calls, sync and config, digest ACLs, session over two connections|%d|%d\n",
         ZOO_MAJOR_VERSION, ZOO_MINOR_VERSION, ZOO_PATCH_VERSION, total - failed, failed);
  zookeeper_close(other);
  return failed > 0;
}
