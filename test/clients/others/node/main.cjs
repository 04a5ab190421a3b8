// Tests a server with Node's ZooKeeper clients. Usage: main.cjs FOLDER HOSTS, where FOLDER holds their node_modules.
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { join } = require('node:path');
const { promisify } = require('node:util');

const [, , folder, hosts] = process.argv;
const load = (name) => require(join(folder, 'node_modules', name));
const versionOf = (name) => load(`${name}/package.json`).version;

/** Resolves with the first event of an emitter function `subscribe`, or rejects when none comes. */
function withTimeout(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), 20_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

async function connectPure() {
  const client = load('node-zookeeper-client').createClient(hosts, { sessionTimeout: 10_000 });
  const connected = new Promise((resolve) => client.once('connected', resolve));
  client.connect();
  await withTimeout(connected, 'connected');
  const call = (name) => promisify(client[name].bind(client));
  return { client, call };
}

const pureTests = {
  'create modes': async ({ client, call }, root) => {
    const { CreateMode } = load('node-zookeeper-client');
    const create = call('create');
    await create(`${root}/p`, Buffer.from('x'));
    await create(`${root}/e`, CreateMode.EPHEMERAL);
    assert.equal(await create(`${root}/s-`, CreateMode.PERSISTENT_SEQUENTIAL), `${root}/s-0000000002`);
    await assert.rejects(create(`${root}/p`), { name: 'NODE_EXISTS' });
    assert.equal((await call('getChildren')(root)).length, 3);
    await call('mkdirp')(`${root}/a/b/c`);
    assert.ok(await call('exists')(`${root}/a/b/c`));
    assert.equal(client.getSessionId().length, 8);
  },
  'data and versions': async ({ call }, root) => {
    const stat = await call('setData')(root, Buffer.from('a'), 0);
    assert.equal(stat.version, 1);
    await assert.rejects(call('setData')(root, Buffer.from('b'), 0), { name: 'BAD_VERSION' });
    assert.equal(String(await call('getData')(root)), 'a');
    await call('remove')(root, 1);
    assert.equal(await call('exists')(root), null);
  },
  watches: async ({ client, call }, root) => {
    const created = deferred();
    client.exists(`${root}/a`, created.resolve, () => undefined);
    await call('create')(`${root}/a`);
    assert.equal((await withTimeout(created.promise, 'created')).toString(), `NODE_CREATED[1]@${root}/a`);
    const changed = deferred();
    client.getData(`${root}/a`, changed.resolve, () => undefined);
    await call('setData')(`${root}/a`, Buffer.from('x'), -1);
    assert.equal((await withTimeout(changed.promise, 'changed')).path, `${root}/a`);
  },
  transaction: async ({ client, call }, root) => {
    const commit = (transaction) => promisify(transaction.commit.bind(transaction))();
    await commit(
      client.transaction().create(`${root}/a`, Buffer.from('1')).setData(`${root}/a`, Buffer.from('2'), 0),
    );
    assert.equal(String(await call('getData')(`${root}/a`)), '2');
    await assert.rejects(commit(client.transaction().create(`${root}/b`).remove(`${root}/none`)));
    assert.equal(await call('exists')(`${root}/b`), null);
  },
  'digest ACLs': async ({ client, call }, root) => {
    const { ACL } = load('node-zookeeper-client');
    client.addAuthInfo('digest', Buffer.from('ann:secret'));
    await call('create')(`${root}/a`, Buffer.from('x'), ACL.CREATOR_ALL_ACL);
    const stranger = await connectPure();
    await assert.rejects(stranger.call('getData')(`${root}/a`), { name: 'NO_AUTH' });
    stranger.client.close();
    assert.equal(String(await call('getData')(`${root}/a`)), 'x');
  },
  'changing ACLs': async ({ call }, root) => {
    const { ACL, Id, Permission } = load('node-zookeeper-client');
    const reader = new ACL(Permission.READ | Permission.ADMIN, Id.ANYONE_ID_UNSAFE);
    assert.equal((await call('setACL')(root, [reader], 0)).aversion, 1);
    const [acl] = await call('getACL')(root);
    assert.equal(acl.permission, Permission.READ | Permission.ADMIN);
    await assert.rejects(call('setData')(root, Buffer.from('x')), { name: 'NO_AUTH' });
    await assert.rejects(call('setACL')(root, ACL.OPEN_ACL_UNSAFE, 0), { name: 'BAD_VERSION' });
  },
  'watches of children': async ({ client, call }, root) => {
    const changed = deferred();
    client.getChildren(root, changed.resolve, () => undefined);
    await call('create')(`${root}/a`);
    assert.equal(
      (await withTimeout(changed.promise, 'children')).toString(),
      `NODE_CHILDREN_CHANGED[4]@${root}`,
    );
  },
};

async function connectNative() {
  const ZooKeeper = load('zookeeper');
  const client = new ZooKeeper({
    connect: hosts,
    timeout: 10_000,
    debug_level: ZooKeeper.ZOO_LOG_LEVEL_ERROR,
    host_order_deterministic: false,
  });
  const connected = new Promise((resolve) => client.on('connect', resolve));
  client.init({});
  await withTimeout(connected, 'connected');
  return { client, call: (name) => client[name].bind(client) };
}

const nativeTests = {
  'create modes': async ({ client }, root) => {
    const ZooKeeper = load('zookeeper');
    await client.create(`${root}/p`, 'x', 0);
    await client.create(`${root}/e`, 'x', ZooKeeper.ZOO_EPHEMERAL);
    assert.equal(await client.create(`${root}/s-`, 'x', ZooKeeper.ZOO_SEQUENCE), `${root}/s-0000000002`);
    await assert.rejects(client.create(`${root}/p`, 'x', 0));
    assert.equal((await client.get_children(root, false)).length, 3);
  },
  'data and versions': async ({ client }, root) => {
    assert.equal((await client.set(root, 'abc', 0)).version, 1);
    await assert.rejects(client.set(root, 'd', 0));
    const [stat, data] = await client.get(root, false);
    assert.deepEqual([stat.version, String(data)], [1, 'abc']);
    await client.delete_(root, 1);
    assert.equal(await client.pathExists(root, false), false);
  },
  watches: async ({ client }, root) => {
    const told = deferred();
    const absent = client.aw_exists(
      `${root}/a`,
      (type, _state, path) => told.resolve([type, path]),
      () => undefined,
    );
    assert.equal(absent, 0);
    await client.create(`${root}/a`, 'x', 0);
    assert.deepEqual(await withTimeout(told.promise, 'created'), [1, `${root}/a`]);
  },
  'container and TTL': async ({ client }, root) => {
    const { constants } = load('zookeeper');
    await client.create(`${root}/container`, '', constants.ZOO_CONTAINER);
    await client.create(`${root}/ttl`, 'x', constants.ZOO_PERSISTENT_WITH_TTL, 600_000);
    assert.deepEqual((await client.get_children(root, false)).sort(), ['container', 'ttl']);
  },
  'changing ACLs': async ({ client }, root) => {
    const ZooKeeper = load('zookeeper');
    await client.set_acl(root, 0, [{ perms: ZooKeeper.ZOO_PERM_READ, scheme: 'world', auth: 'anyone' }]);
    const [[acl], stat] = await client.get_acl(root);
    assert.deepEqual([acl.perms, acl.scheme, acl.auth, stat.aversion], [1, 'world', 'anyone', 1]);
    await assert.rejects(client.set(root, 'x', -1));
  },
  'sync and config': async ({ client }, root) => {
    await client.sync(root);
    const [, data] = await client.getconfig(false);
    assert.match(String(data), /^(server\.\d+=|$)/);
    await assert.rejects(client.reconfig('', '5', '', -1));
  },
};

async function runAll({ name, tests, connect, create }) {
  let failed = 0;
  for (const [title, test] of Object.entries(tests)) {
    const root = `/node-${randomUUID()}`;
    let connection;
    try {
      connection = await connect();
      await create(connection, root);
      await withTimeout(test(connection, root), title);
      console.log(`ok      ${name}: ${title}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${title}`, error);
    } finally {
      connection?.client.close();
    }
  }
  const passed = Object.keys(tests).length - failed;
  console.log(`RESULT|${name} (npm)|${versionOf(name)}|${Object.keys(tests).join(', ')}|${passed}|${failed}`);
  return failed;
}

async function main() {
  const pure = {
    name: 'node-zookeeper-client',
    tests: pureTests,
    connect: connectPure,
    create: ({ call }, root) => call('create')(root),
  };
  const native = {
    name: 'zookeeper',
    tests: nativeTests,
    connect: connectNative,
    create: ({ client }, root) => client.create(root, '', 0),
  };
  const failed = (await runAll(pure)) + (await runAll(native));
  process.exit(failed === 0 ? 0 : 1);
}

void main();
