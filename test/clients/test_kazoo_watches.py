"""One-shot watches and the watching recipes, as kazoo sees them."""

import threading

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import EventType
from kazoo.recipe.watchers import ChildrenWatch, DataWatch

from harness import ClientTestCase, Watch


class WatchTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.other = self.client()
        self.make_root(self.zk)
        self.path = self.root + "/a"

    def expect(self, watch, kind, path):
        self.wait_for(watch, "%s %s" % (kind, path))
        self.assertEqual([(event.type, event.path) for event in watch.events], [(kind, path)])

    def test_a_data_watch_fires_once_for_a_set(self):
        self.zk.create(self.path, b"")
        watch, later = Watch(), Watch()
        self.zk.get(self.path, watch=watch)
        self.other.set(self.path, b"1")
        self.expect(watch, EventType.CHANGED, self.path)
        self.zk.get(self.path, watch=later)
        self.other.set(self.path, b"2")
        self.expect(later, EventType.CHANGED, self.path)
        self.assertEqual(len(watch.events), 1)

    def test_a_data_watch_fires_for_a_delete(self):
        self.zk.create(self.path)
        watch = Watch()
        self.zk.get(self.path, watch=watch)
        self.other.delete(self.path)
        self.expect(watch, EventType.DELETED, self.path)

    def test_an_exists_watch_fires_for_a_create(self):
        watch = Watch()
        self.assertIsNone(self.zk.exists(self.path, watch=watch))
        self.other.create(self.path)
        self.expect(watch, EventType.CREATED, self.path)

    def test_an_exists_watch_on_what_is_there_fires_for_a_set(self):
        self.zk.create(self.path)
        watch = Watch()
        self.assertIsNotNone(self.zk.exists(self.path, watch=watch))
        self.other.set(self.path, b"1")
        self.expect(watch, EventType.CHANGED, self.path)

    def test_a_child_watch_fires_for_a_create_and_for_a_delete(self):
        created, deleted = Watch(), Watch()
        self.zk.get_children(self.root, watch=created)
        self.other.create(self.path)
        self.expect(created, EventType.CHILD, self.root)
        self.zk.get_children(self.root, watch=deleted)
        self.other.delete(self.path)
        self.expect(deleted, EventType.CHILD, self.root)

    def test_a_child_watch_fires_for_the_delete_of_its_znode(self):
        self.zk.create(self.path)
        watch = Watch()
        self.zk.get_children(self.path, watch=watch)
        self.other.delete(self.path)
        self.expect(watch, EventType.DELETED, self.path)

    def test_a_child_watch_is_silent_when_the_data_of_a_child_changes(self):
        self.zk.create(self.path)
        watch = Watch()
        self.zk.get_children(self.root, watch=watch)
        self.other.set(self.path, b"1")
        self.other.create(self.root + "/b")
        self.expect(watch, EventType.CHILD, self.root)
        self.assertEqual(len(watch.events), 1)

    def test_a_failed_get_leaves_no_watch(self):
        watch, exists = Watch(), Watch()
        with self.assertRaises(NoNodeError):
            self.zk.get(self.path, watch=watch)
        self.zk.exists(self.path, watch=exists)
        self.other.create(self.path)
        self.wait_for(exists, "the exists watch")
        self.assertEqual(watch.events, [])

    def test_a_client_is_told_of_its_own_write(self):
        self.zk.create(self.path)
        watch = Watch()
        self.zk.get(self.path, watch=watch)
        self.zk.set(self.path, b"1")
        self.expect(watch, EventType.CHANGED, self.path)

    def test_watches_fire_when_a_session_ends_and_takes_its_ephemerals(self):
        holder = self.client()
        holder.create(self.path, ephemeral=True)
        node, children = Watch(), Watch()
        self.zk.sync(self.path)
        self.zk.exists(self.path, watch=node)
        self.zk.get_children(self.root, watch=children)
        holder.stop()
        self.expect(node, EventType.DELETED, self.path)
        self.expect(children, EventType.CHILD, self.root)

    def test_a_transaction_fires_the_watches_of_all_it_changes(self):
        self.zk.create(self.path)
        data, child = Watch(), Watch()
        self.zk.get(self.path, watch=data)
        self.zk.get_children(self.root, watch=child)
        transaction = self.other.transaction()
        transaction.set_data(self.path, b"1")
        transaction.create(self.root + "/b")
        transaction.commit()
        self.expect(data, EventType.CHANGED, self.path)
        self.expect(child, EventType.CHILD, self.root)

    def test_many_watches_of_many_clients_fire(self):
        self.zk.create(self.path)
        watches = []
        for client in self.clients(5):
            client.sync(self.path)
            watch = Watch()
            client.get(self.path, watch=watch)
            watches.append(watch)
        self.other.set(self.path, b"1")
        for watch in watches:
            self.expect(watch, EventType.CHANGED, self.path)


class WatchesAcrossServersTests(ClientTestCase):
    def test_a_watch_at_one_server_fires_for_a_write_at_another(self):
        watcher, writer = self.client(gateway=0), self.client(gateway=1)
        self.make_root(watcher)
        for i in range(10):
            watch = Watch()
            watcher.get(self.root, watch=watch)
            writer.sync(self.root)
            writer.set(self.root, b"%d" % i)
            self.wait_for(watch, "the watch")
            self.assertEqual(watcher.get(self.root)[0], b"%d" % i)


class WatchRecipeTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.other = self.client()
        self.make_root(self.zk)

    def test_data_watch_follows_a_znode_from_its_create_to_its_delete(self):
        path = self.root + "/a"
        seen, changed = [], threading.Condition()

        def remember(data, stat):
            with changed:
                seen.append((data, None if stat is None else stat.version))
                changed.notify_all()

        def expect(count):
            with changed:
                self.assertTrue(changed.wait_for(lambda: len(seen) >= count, 20), seen)

        DataWatch(self.zk, path, remember)
        expect(1)
        self.other.create(path, b"0")
        expect(2)
        self.other.set(path, b"1")
        expect(3)
        self.other.delete(path)
        expect(4)
        self.assertEqual(seen, [(None, None), (b"0", 0), (b"1", 1), (None, None)])

    def test_children_watch_ends_with_the_children_that_are_there(self):
        latest, changed = [], threading.Condition()

        def remember(children):
            with changed:
                latest[:] = sorted(children)
                changed.notify_all()

        ChildrenWatch(self.zk, self.root, remember)
        for name in ("a", "b", "c"):
            self.other.create("%s/%s" % (self.root, name))
        self.other.delete(self.root + "/b")
        with changed:
            self.assertTrue(changed.wait_for(lambda: latest == ["a", "c"], 20), latest)
