"""Kazoo's recipes and ZeroKeeper's own at one path: they stand in one line, and exclude each other."""

import os
import subprocess
import threading

from kazoo.recipe.barrier import DoubleBarrier
from kazoo.recipe.lock import Lock, ReadLock, WriteLock
from kazoo.recipe.queue import LockingQueue, Queue

from harness import HERE, ROOT, ClientTestCase, cluster, wait_until

ROUNDS = 10
SECONDS_MAX = 60


class InteroperabilityTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.path = self.root + "/recipe"
        self.counted = self.root + "/counted"
        self.zk.create(self.counted, b"0")

    def contender(self, kind, rounds=ROUNDS):
        """Starts a process with the recipe of ZeroKeeper's client."""
        program = os.path.join(HERE, "interop", "contender.mjs")
        command = ["node", program, cluster().hosts, kind, self.path, self.counted, str(rounds)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def output_of(self, process):
        out, err = process.communicate(timeout=SECONDS_MAX)
        self.assertEqual(process.returncode, 0, err)
        return out.split("\n")[:-1]

    def increment(self, client):
        """A version that has changed meanwhile is a lock that did not hold."""
        client.sync(self.counted)
        data, stat = client.get(self.counted)
        client.set(self.counted, b"%d" % (int(data) + 1), version=stat.version)

    def count_with(self, kind, lock):
        processes = [self.contender(kind), self.contender(kind)]
        for _ in range(ROUNDS):
            with lock:
                self.increment(self.zk)
        for process in processes:
            self.output_of(process)
        self.zk.sync(self.counted)
        self.assertEqual(self.zk.get(self.counted)[0], b"%d" % (3 * ROUNDS))
        self.assertEqual(self.zk.get_children(self.path), [])

    def test_a_lock_of_kazoo_that_is_told_the_name_and_a_mutex_exclude_each_other(self):
        self.count_with("lock", Lock(self.zk, self.path, extra_lock_patterns=["-lock-"]))

    def test_a_write_lock_of_kazoo_that_is_told_the_names_and_a_read_write_lock_exclude_each_other(self):
        self.count_with("write", WriteLock(self.zk, self.path, extra_lock_patterns=["__WRIT__", "__READ__"]))

    def test_a_read_lock_of_kazoo_keeps_writers_out(self):
        reader = ReadLock(self.zk, self.path, extra_lock_patterns=["__WRIT__"])
        reader.acquire()
        process = self.contender("write", 1)
        wait_until("the writer stands in the line", lambda: len(self.zk.get_children(self.path)) == 2)
        self.assertEqual(self.zk.get(self.counted)[0], b"0")
        reader.release()
        self.output_of(process)
        self.zk.sync(self.counted)
        self.assertEqual(self.zk.get(self.counted)[0], b"1")

    def test_double_barriers_let_all_in_and_out(self):
        process = self.contender("barrier", 2)
        barrier = DoubleBarrier(self.zk, self.path, 2)
        done = []

        def take_part():
            barrier.enter()
            barrier.leave()
            done.append(True)

        thread = threading.Thread(target=take_part, daemon=True)
        thread.start()
        self.assertEqual(self.output_of(process), ["entered", "left"])
        thread.join(SECONDS_MAX)
        self.assertEqual(done, [True])

    def test_queues_hand_out_what_the_other_has_put(self):
        queue = Queue(self.zk, self.path)
        queue.put(b"from kazoo, urgent", 1)
        self.assertEqual(self.output_of(self.contender("queue", 1)), ["from kazoo, urgent"])
        self.zk.sync(self.path)
        self.assertEqual(queue.get(), b"from zerokeeper 0")

    def test_a_locking_queue_takes_what_kazoo_has_put(self):
        queue = LockingQueue(self.zk, self.path)
        queue.put(b"one")
        queue.put(b"two", 1)
        self.assertEqual(self.output_of(self.contender("lockingQueue", 2)), ["two", "one"])
        self.zk.sync(self.path)
        self.assertEqual(len(queue), 0)
