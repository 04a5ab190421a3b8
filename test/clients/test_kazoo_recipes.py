"""Kazoo's recipes, unmodified: what people build on the protocol."""

import threading

from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.counter import Counter
from kazoo.recipe.election import Election
from kazoo.recipe.lock import Lock, ReadLock, Semaphore, WriteLock
from kazoo.recipe.party import Party
from kazoo.recipe.queue import LockingQueue, Queue

from harness import ClientTestCase, wait_until


class RecipeTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.path = self.root + "/recipe"

    def in_threads(self, *functions):
        """Runs the functions at the same time; whatever one of them raised is raised here."""
        failures = []

        def run(function):
            try:
                function()
            except BaseException as failure:  # handed to the test's own thread below
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive(), "a thread hangs")
        if failures:
            raise failures[0]

    def test_a_lock_lets_one_in_at_a_time(self):
        inside, most, total = [], [], []

        def work(client):
            for _ in range(5):
                with Lock(client, self.path):
                    inside.append(client)
                    most.append(len(inside))
                    data, stat = client.get(self.root)
                    client.set(self.root, b"%d" % (int(data or b"0") + 1), version=stat.version)
                    total.append(1)
                    inside.remove(client)

        clients = self.clients(4)
        self.in_threads(*[lambda client=client: work(client) for client in clients])
        self.assertEqual(max(most), 1)
        self.assertEqual(len(total), 20)
        self.zk.sync(self.root)
        self.assertEqual(self.zk.get(self.root)[0], b"20")

    def test_a_lock_passes_on_when_its_holder_goes(self):
        holder, waiter = self.client(), self.client()
        self.assertTrue(Lock(holder, self.path, "holder").acquire(timeout=20))
        lock = Lock(waiter, self.path, "waiter")
        self.assertFalse(lock.acquire(blocking=False))
        taken = threading.Event()
        thread = threading.Thread(target=lambda: lock.acquire(timeout=30) and taken.set(), daemon=True)
        thread.start()
        wait_until("both contend", lambda: len(lock.contenders()) == 2)
        self.assertFalse(taken.is_set())
        holder.stop()
        self.wait_for(taken, "the waiter has the lock")
        lock.release()

    def test_readers_share_a_lock_and_a_writer_does_not(self):
        one, two, three = self.client(), self.client(), self.client()
        self.assertTrue(ReadLock(one, self.path).acquire(timeout=20))
        second = ReadLock(two, self.path)
        self.assertTrue(second.acquire(timeout=20))
        writer = WriteLock(three, self.path)
        self.assertFalse(writer.acquire(blocking=False))
        one.stop()
        second.release()
        self.assertTrue(writer.acquire(timeout=20))
        writer.release()

    def test_a_semaphore_lets_as_many_in_as_it_has_leases(self):
        clients = self.clients(3)
        semaphores = [Semaphore(client, self.path, max_leases=2) for client in clients]
        self.assertTrue(semaphores[0].acquire(timeout=20))
        self.assertTrue(semaphores[1].acquire(timeout=20))
        self.assertFalse(semaphores[2].acquire(blocking=False))
        semaphores[0].release()
        self.assertTrue(semaphores[2].acquire(timeout=20))
        semaphores[1].release()
        semaphores[2].release()

    def test_an_election_has_one_leader_after_the_other(self):
        leading, order = [], []

        def lead(name):
            leading.append(name)
            self.assertEqual(len(leading), 1)
            order.append(name)
            leading.remove(name)

        elections = [Election(client, self.path, "candidate-%d" % i) for i, client in enumerate(self.clients(3))]
        self.in_threads(
            *[lambda election=election: election.run(lead, election.lock.data) for election in elections]
        )
        self.assertEqual(sorted(order), [b"candidate-0", b"candidate-1", b"candidate-2"])

    def test_a_barrier_holds_back_until_it_is_removed(self):
        barrier, other = Barrier(self.zk, self.path), Barrier(self.client(), self.path)
        barrier.create()
        self.assertFalse(other.wait(timeout=0.3))
        passed = threading.Event()
        threading.Thread(target=lambda: other.wait(timeout=30) and passed.set(), daemon=True).start()
        barrier.remove()
        self.wait_for(passed, "the barrier is gone")

    def test_a_double_barrier_lets_all_in_and_all_out_together(self):
        entered, left = [], []
        gate = threading.Barrier(3)

        def work(client):
            barrier = DoubleBarrier(client, self.path, 3)
            barrier.enter()
            entered.append(len(client.get_children(self.path)))
            gate.wait(30)
            barrier.leave()
            left.append(client)

        clients = self.clients(3)
        self.in_threads(*[lambda client=client: work(client) for client in clients])
        self.assertEqual(len(entered), 3)
        self.assertEqual(len(left), 3)
        self.zk.sync(self.path)
        self.assertEqual(self.zk.get_children(self.path), [])

    def test_a_counter_loses_no_count(self):
        def count(client):
            counter = Counter(client, self.path)
            for _ in range(10):
                counter += 1

        clients = self.clients(3)
        self.in_threads(*[lambda client=client: count(client) for client in clients])
        self.zk.sync(self.path)
        self.assertEqual(Counter(self.zk, self.path).value, 30)

    def test_a_queue_gives_out_each_item_once_and_in_order(self):
        queue = Queue(self.zk, self.path)
        for i in range(20):
            queue.put(b"%02d" % i)
        taken = []

        def take(client):
            mine = Queue(client, self.path)
            client.sync(self.path)
            while True:
                item = mine.get()
                if item is None:
                    return
                taken.append(item)

        clients = self.clients(3)
        self.in_threads(*[lambda client=client: take(client) for client in clients])
        self.assertEqual(sorted(taken), [b"%02d" % i for i in range(20)])
        queue.put(b"later")
        queue.put(b"sooner", priority=1)
        self.assertEqual([queue.get(), queue.get()], [b"sooner", b"later"])

    def test_a_locking_queue_keeps_an_item_that_was_not_consumed(self):
        holder, other = self.client(), self.client()
        LockingQueue(self.zk, self.path).put(b"item")
        self.assertEqual(LockingQueue(holder, self.path).get(timeout=20), b"item")
        second = LockingQueue(other, self.path)
        holder.stop()
        self.assertEqual(second.get(timeout=20), b"item")
        self.assertTrue(second.consume())
        self.assertEqual(len(second), 0)

    def test_a_party_knows_who_is_there(self):
        other = self.client()
        party = Party(self.zk, self.path, "one")
        party.join()
        Party(other, self.path, "two").join()
        self.assertEqual(sorted(party), ["one", "two"])
        other.stop()
        self.assertEqual(sorted(party), ["one"])
        party.leave()
        self.assertEqual(len(party), 0)
