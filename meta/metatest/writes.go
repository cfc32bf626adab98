package metatest

import (
	"context"
	"errors"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
)

var errOwn = errors.New("metatest: the function's own error")

func transactions() []clause {
	return []clause{
		{"a get shows the writes of its transaction", func(t *testing.T, f *fixture) {
			f.put(t, "a/1")
			f.update(t, f.write("a/1", "a/2"), func(tx meta.Tx) error {
				for _, step := range []struct{ path, write, want string }{
					{"a/1", "new", "new"}, {"a/2", "made", "made"}, {"a/1", "", "-"}, {"a/1", "again", "again"},
				} {
					if step.write == "" {
						must(t, tx.Delete(f.key(step.path)))
					} else {
						must(t, f.rows.PutKey(tx, f.key(step.path), step.write))
					}
					got, err := f.find(t.Context(), tx, step.path)
					equal(t, got, step.want)
					must(t, err)
				}
				return nil
			})
			equal(t, f.stored(t), []string{"a/1=again", "a/2=made"})
		}},
		{"a transaction of many writes sees and keeps all of them", manyWrites},
		{"an error of the function is returned as it is, and nothing is written", func(t *testing.T, f *fixture) {
			f.put(t, "a/1")
			err := f.Update(t.Context(), f.write("a/1", "a/2"), func(tx meta.Tx) error {
				must(t, f.rows.Put(tx, "new", "a", "2"))
				must(t, f.rows.Delete(tx, "a", "1"))
				must(t, tx.Append(f.log, []byte("entry")))
				return errOwn
			})
			if err != errOwn { //nolint:errorlint // as it is
				t.Errorf("got error %v, want the function's own", err)
			}
			equal(t, f.stored(t), []string{"a/1"})
			equal(t, f.logged(t), nil)
			if err := f.View(t.Context(), func(meta.Reader) error { return errOwn }); err != errOwn { //nolint:errorlint // as it is
				t.Errorf("got error %v, want the function's own", err)
			}
		}},
		{"a function that panics writes nothing and leaves no locks", func(t *testing.T, f *fixture) {
			func() {
				defer func() { equal(t, recover(), any("out of the function")) }()
				_ = f.Update(t.Context(), f.write("a/1"), func(tx meta.Tx) error {
					must(t, f.rows.Put(tx, "new", "a", "1"))
					panic("out of the function")
				})
			}()
			equal(t, f.stored(t), nil)
			f.put(t, "a/1")
		}},
		{"a transaction that writes nothing is no error", func(t *testing.T, f *fixture) {
			f.update(t, meta.LockSet{}.Read(f.key("a/1")), func(tx meta.Tx) error {
				got, err := f.find(t.Context(), tx, "a/1")
				equal(t, got, "-")
				return err
			})
		}},
		{"a context that has ended writes nothing", func(t *testing.T, f *fixture) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantErr(t, f.Update(ctx, f.write("a/1"), func(tx meta.Tx) error {
				return f.rows.Put(tx, "new", "a", "1")
			}), context.Canceled)
			wantErr(t, f.View(ctx, func(meta.Reader) error { return nil }), context.Canceled)
			equal(t, f.stored(t), nil)
		}},
		{"a plan that no longer holds is planned again", replan},
		{"a plan that never holds is given up", func(t *testing.T, f *fixture) {
			plans := 0
			err := meta.Plan(t.Context(), f, func(meta.Reader) (meta.LockSet, func(meta.Tx) error, error) {
				plans++
				return f.write("a/1"), func(tx meta.Tx) error {
					must(t, f.rows.Put(tx, "new", "a", "1"))
					return meta.ErrStale
				}, nil
			})
			wantErr(t, err, meta.ErrStale)
			if plans < 2 {
				t.Errorf("planned %d times", plans)
			}
			equal(t, f.stored(t), nil)
		}},
	}
}

func manyWrites(t *testing.T, f *fixture) {
	paths := make([]string, 100)
	for i := range paths {
		paths[i] = "a/" + meta.U64(uint64(i*7919%100))
	}
	f.update(t, f.write(paths...), func(tx meta.Tx) error {
		for _, p := range paths {
			must(t, f.rows.PutKey(tx, f.key(p), "first"))
		}
		for _, p := range paths {
			must(t, f.rows.PutKey(tx, f.key(p), p))
			got, err := f.find(t.Context(), tx, p)
			equal(t, got, p)
			must(t, err)
		}
		for _, p := range paths[:50] {
			must(t, tx.Delete(f.key(p)))
			got, err := f.find(t.Context(), tx, p)
			equal(t, got, "-")
			must(t, err)
		}
		return nil
	})
	equal(t, len(f.stored(t)), 50)
}

func replan(t *testing.T, f *fixture) {
	f.put(t, "name/x")
	plans := 0
	must(t, meta.Plan(t.Context(), f, func(r meta.Reader) (meta.LockSet, func(meta.Tx) error, error) {
		plans++
		target, err := f.find(t.Context(), r, "name/x")
		if plans == 1 { // somebody is quicker
			f.update(t, f.write("name/x"), func(tx meta.Tx) error { return f.rows.Put(tx, "name/y", "name", "x") })
		}
		body := func(tx meta.Tx) error {
			if now, err := f.find(t.Context(), tx, "name/x"); err != nil || now != target {
				return errors.Join(err, meta.ErrStale)
			}
			return f.rows.PutKey(tx, f.key(target), "done")
		}
		return meta.LockSet{}.Read(f.key("name/x")).Write(f.key(target)), body, err
	}))
	equal(t, plans, 2)
	equal(t, f.stored(t), []string{"name/x=name/y", "name/y=done"})
}

func refusals() []clause {
	refused := func(statement string, locks func(*fixture) meta.LockSet, access func(*fixture, context.Context, meta.Tx) error) clause {
		return clause{statement, func(t *testing.T, f *fixture) {
			f.put(t, "a/1")
			f.update(t, meta.LockSet{}, func(tx meta.Tx) error { return tx.Append(f.log, []byte("entry")) })
			err := f.Update(t.Context(), locks(f).Write(f.key("b/1")), func(tx meta.Tx) error {
				must(t, f.rows.Put(tx, "new", "b", "1"))
				must(t, tx.Append(f.log, []byte("another")))
				wantErr(t, access(f, t.Context(), tx), meta.ErrUndeclared)
				return nil // swallowed: the transaction must fail all the same
			})
			wantErr(t, err, meta.ErrUndeclared)
			equal(t, f.stored(t), []string{"a/1"})
			equal(t, f.logged(t), []string{"entry"})
		}}
	}
	nothing := func(*fixture) meta.LockSet { return meta.LockSet{} }
	read := func(f *fixture) meta.LockSet { return meta.LockSet{}.Read(f.key("a/1")) }
	guard := func(f *fixture) meta.LockSet { return meta.LockSet{}.Guard(f.rows.Guard("a")) }
	get := func(f *fixture, ctx context.Context, tx meta.Tx) error {
		_, err := tx.Get(ctx, f.key("a/1"))
		return err
	}
	put := func(f *fixture, _ context.Context, tx meta.Tx) error { return tx.Put(f.key("a/1"), nil) }
	del := func(f *fixture, _ context.Context, tx meta.Tx) error { return tx.Delete(f.key("a/1")) }
	scan := func(r func(*fixture) meta.Range) func(*fixture, context.Context, meta.Tx) error {
		return func(f *fixture, ctx context.Context, tx meta.Tx) error {
			_, err := f.scan(ctx, tx, r(f))
			return err
		}
	}
	group := func(f *fixture) meta.Range { return f.rows.Prefix("a") }
	return []clause{
		refused("a get of an undeclared key is refused", nothing, get),
		refused("a put of an undeclared key is refused", nothing, put),
		refused("a put of a key declared for reading is refused", read, put),
		refused("a put of a key of which only the guard is declared is refused", guard, put),
		refused("a delete of an undeclared key is refused", nothing, del),
		refused("a delete of a key declared for reading is refused", read, del),
		refused("a scan without a guard is refused", nothing, scan(group)),
		refused("a scan of a range in which only a key is declared is refused",
			func(f *fixture) meta.LockSet { return f.write("a/1") }, scan(group)),
		refused("a scan under the guard of another range is refused",
			func(f *fixture) meta.LockSet { return meta.LockSet{}.Guard(f.rows.Guard("c")) }, scan(group)),
		refused("a scan of more than its guard covers is refused", guard, scan(func(f *fixture) meta.Range { return f.rows.All() })),
		refused("a scan of a log is refused", nothing, scan(func(f *fixture) meta.Range { return f.log.After(meta.Position{}) })),
		refused("a trim without the log's guard is refused", nothing, func(f *fixture, _ context.Context, tx meta.Tx) error {
			return tx.Trim(f.log, meta.Position{Version: 1 << 62})
		}),
		{"a guard allows to get and scan all that it covers", func(t *testing.T, f *fixture) {
			f.put(t, "a/1", "b/1")
			for _, locks := range []meta.LockSet{guard(f), meta.LockSet{}.Guard(f.rows.Guard())} {
				f.update(t, locks, func(tx meta.Tx) error {
					must(t, get(f, t.Context(), tx))
					got, err := f.scan(t.Context(), tx, f.rows.Starting("1", "a"))
					equal(t, got, []string{"a/1"})
					return err
				})
			}
		}},
		{"the strongest of several declarations of a name counts", func(t *testing.T, f *fixture) {
			locks := read(f).Write(f.key("a/1")).Read(f.key("a/1")).Join(guard(f)).Write(f.key("a/2"))
			f.update(t, locks, func(tx meta.Tx) error {
				must(t, put(f, t.Context(), tx))
				_, err := f.scan(t.Context(), tx, f.rows.Starting("2", "a"))
				return err
			})
		}},
	}
}
