// Tests a server with go-zookeeper/zk. Usage: goclient HOSTS
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	sessionTimeout = 10 * time.Second
	eventTimeout   = 20 * time.Second
)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

type test struct {
	name string
	run  func(conn, other *zk.Conn, root string) error
}

var world = zk.WorldACL(zk.PermAll)

func connect(hosts []string) (*zk.Conn, error) {
	conn, events, err := zk.Connect(hosts, sessionTimeout, zk.WithLogger(quiet{}))
	if err != nil {
		return nil, err
	}
	timeout := time.After(eventTimeout)
	for {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return conn, nil
			}
		case <-timeout:
			return nil, errors.New("no session")
		}
	}
}

func expect(condition bool, what string, values ...interface{}) error {
	if condition {
		return nil
	}
	return fmt.Errorf(what, values...)
}

func awaitEvent(events <-chan zk.Event, kind zk.EventType, path string) error {
	select {
	case event := <-events:
		return expect(event.Type == kind && event.Path == path, "event %v %s, not %v %s", event.Type, event.Path, kind, path)
	case <-time.After(eventTimeout):
		return fmt.Errorf("no event %v %s", kind, path)
	}
}

func all(errs ...error) error {
	return errors.Join(errs...)
}

func createModes(conn, _ *zk.Conn, root string) error {
	_, err := conn.Create(root+"/p", []byte("x"), 0, world)
	_, err2 := conn.Create(root+"/e", nil, zk.FlagEphemeral, world)
	sequential, err3 := conn.Create(root+"/s-", nil, zk.FlagSequence, world)
	both, err4 := conn.Create(root+"/s-", nil, zk.FlagSequence|zk.FlagEphemeral, world)
	_, again := conn.Create(root+"/p", nil, 0, world)
	_, child := conn.Create(root+"/e/c", nil, 0, world)
	_, stat, err5 := conn.Exists(root + "/e")
	return all(err, err2, err3, err4, err5,
		expect(sequential == root+"/s-0000000002", "sequential %s", sequential),
		expect(both == root+"/s-0000000003", "sequential %s", both),
		expect(errors.Is(again, zk.ErrNodeExists), "created twice: %v", again),
		expect(errors.Is(child, zk.ErrNoChildrenForEphemerals), "child of an ephemeral: %v", child),
		expect(stat.EphemeralOwner == conn.SessionID(), "owner %x", stat.EphemeralOwner))
}

func containerAndTTL(conn, _ *zk.Conn, root string) error {
	_, err := conn.CreateContainer(root+"/c", nil, zk.FlagContainer, world)
	_, err2 := conn.CreateTTL(root+"/t", nil, zk.FlagTTL, world, time.Hour)
	return all(err, err2)
}

func protectedSequential(conn, _ *zk.Conn, root string) error {
	path, err := conn.CreateProtectedEphemeralSequential(root+"/n-", nil, world)
	return all(err, expect(strings.Contains(path, "_c_"), "path %s", path))
}

func versions(conn, _ *zk.Conn, root string) error {
	stat, err := conn.Set(root, []byte("a"), 0)
	_, stale := conn.Set(root, []byte("b"), 0)
	data, read, err2 := conn.Get(root)
	return all(err, err2,
		expect(stat.Version == 1 && read.Version == 1, "version %d", stat.Version),
		expect(errors.Is(stale, zk.ErrBadVersion), "stale: %v", stale),
		expect(bytes.Equal(data, []byte("a")), "data %q", data))
}

func watches(conn, other *zk.Conn, root string) error {
	_, _, created, err := conn.ExistsW(root + "/a")
	_, _, children, err2 := conn.ChildrenW(root)
	_, err3 := other.Create(root+"/a", nil, 0, world)
	first := all(awaitEvent(created, zk.EventNodeCreated, root+"/a"), awaitEvent(children, zk.EventNodeChildrenChanged, root))
	_, err4 := conn.Sync(root)
	_, _, changed, err5 := conn.GetW(root + "/a")
	_, err6 := other.Set(root+"/a", []byte("x"), -1)
	return all(err, err2, err3, err4, err5, err6, first, awaitEvent(changed, zk.EventNodeDataChanged, root+"/a"))
}

func multi(conn, _ *zk.Conn, root string) error {
	results, err := conn.Multi(
		&zk.CreateRequest{Path: root + "/a", Acl: world},
		&zk.SetDataRequest{Path: root + "/a", Data: []byte("x"), Version: 0},
		&zk.CheckVersionRequest{Path: root + "/a", Version: 1},
		&zk.DeleteRequest{Path: root + "/a", Version: 1})
	_, refused := conn.Multi(&zk.CreateRequest{Path: root + "/b", Acl: world}, &zk.DeleteRequest{Path: root + "/none", Version: -1})
	exists, _, err2 := conn.Exists(root + "/b")
	return all(err, err2,
		expect(len(results) == 4, "%d results", len(results)),
		expect(errors.Is(refused, zk.ErrNoNode), "refused: %v", refused),
		expect(!exists, "half of a transaction"))
}

func acls(conn, other *zk.Conn, root string) error {
	err := conn.AddAuth("digest", []byte("ann:secret"))
	_, err2 := conn.Create(root+"/a", nil, 0, zk.AuthACL(zk.PermAll))
	_, _, refused := other.Get(root + "/a")
	acl, _, err3 := conn.GetACL(root + "/a")
	_, err4 := conn.SetACL(root+"/a", world, 0)
	_, _, err5 := other.Get(root + "/a")
	return all(err, err2, err3, err4, err5,
		expect(errors.Is(refused, zk.ErrNoAuth), "refused: %v", refused),
		expect(len(acl) == 1 && acl[0].Scheme == "digest", "acl %v", acl))
}

func listing(conn, _ *zk.Conn, root string) error {
	for _, name := range []string{"b", "a"} {
		if _, err := conn.Create(root+"/"+name, nil, 0, world); err != nil {
			return err
		}
	}
	names, stat, err := conn.Children(root)
	sort.Strings(names)
	return all(err, expect(strings.Join(names, ",") == "a,b" && stat.NumChildren == 2, "children %v", names))
}

func lock(conn, other *zk.Conn, root string) error {
	mine, others := zk.NewLock(conn, root+"/lock", world), zk.NewLock(other, root+"/lock", world)
	if err := mine.Lock(); err != nil {
		return err
	}
	locked := make(chan error, 1)
	go func() { locked <- others.Lock() }()
	select {
	case err := <-locked:
		return fmt.Errorf("two hold the lock: %w", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := mine.Unlock(); err != nil {
		return err
	}
	select {
	case err := <-locked:
		return all(err, others.Unlock())
	case <-time.After(eventTimeout):
		return errors.New("the lock stays taken")
	}
}

func reconnect(conn, other *zk.Conn, root string) error {
	if _, err := conn.Create(root+"/e", nil, zk.FlagEphemeral, world); err != nil {
		return err
	}
	id := conn.SessionID()
	_, stat, err := other.Exists(root + "/e")
	return all(err, expect(stat.EphemeralOwner == id, "owner %x", stat.EphemeralOwner))
}

func main() {
	hosts := strings.Split(os.Args[1], ",")
	tests := []test{
		{"create modes", createModes}, {"container and TTL", containerAndTTL}, {"protected sequential", protectedSequential},
		{"versions", versions}, {"one-shot watches", watches},
		{"multi", multi}, {"digest ACLs", acls}, {"children", listing}, {"Lock", lock}, {"ephemerals", reconnect},
	}
	failed, names := 0, []string{}
	for index, one := range tests {
		names = append(names, one.name)
		err := run(hosts, one, fmt.Sprintf("/go-%d-%d", time.Now().UnixNano(), index))
		if err != nil {
			failed++
			fmt.Printf("FAILED  go-zookeeper: %s: %v\n", one.name, err)
		} else {
			fmt.Printf("ok      go-zookeeper: %s\n", one.name)
		}
	}
	fmt.Printf("RESULT|go-zookeeper/zk|1.0.4|%s|%d|%d\n", strings.Join(names, ", "), len(tests)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func run(hosts []string, one test, root string) error {
	conn, err := connect(hosts)
	if err != nil {
		return err
	}
	defer conn.Close()
	other, err := connect(hosts)
	if err != nil {
		return err
	}
	defer other.Close()
	if _, err := conn.Create(root, nil, 0, world); err != nil {
		return err
	}
	if _, err := other.Sync(root); err != nil {
		return err
	}
	return one.run(conn, other, root)
}
