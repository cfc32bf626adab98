package pebblemeta

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The store's own rows lie under a byte that no table has.
const ownTable = 0x00

func formatKey() []byte  { return []byte{ownTable, 'f'} } // the format of the database
func versionKey() []byte { return []byte{ownTable, 'v'} } // the newest commit's version
func ceilingKey() []byte { return []byte{ownTable, 'c'} } // versions up to this one may have been used

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func readNumber(src source, key []byte) (uint64, error) {
	value, closer, err := src.Get(key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = closer.Close() }()
	if len(value) != 8 {
		return 0, fmt.Errorf("the store's own row %q is damaged", key)
	}
	return binary.BigEndian.Uint64(value), nil
}

// upgradeStep changes a database from one format to the next, within the batch that also writes the new number.
type upgradeStep func(*pebble.DB, *pebble.Batch) error

// upgradeSteps has at i the step from format i+1 to i+2. The newest format is one more than there are steps.
// A step stays for as long as a database of its format may be met.
func upgradeSteps() []upgradeStep { return []upgradeStep{} }

// upgrade brings the database to the newest format. An empty one begins with it.
func upgrade(db *pebble.DB) error { return upgradeBy(db, upgradeSteps()) }

func upgradeBy(db *pebble.DB, steps []upgradeStep) error {
	newest := uint64(len(steps)) + 1
	format, err := readNumber(db, formatKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return begin(db, newest)
	} else if err != nil {
		return err
	}
	if format == 0 || format > newest {
		return fmt.Errorf("the database has format %d, and this program knows formats 1 to %d: "+
			"it was written by a newer version, which must be used to open it", format, newest)
	}
	for ; format < newest; format++ {
		if err := upgradeOnce(db, format, steps[format-1]); err != nil {
			return fmt.Errorf("upgrade from format %d: %w", format, err)
		}
	}
	return nil
}

func upgradeOnce(db *pebble.DB, format uint64, step upgradeStep) error {
	b := db.NewBatch()
	defer func() { _ = b.Close() }()
	if err := step(db, b); err != nil {
		return err
	}
	if err := b.Set(formatKey(), encodeNumber(format+1), nil); err != nil {
		return err
	}
	return b.Commit(pebble.Sync)
}

func begin(db *pebble.DB, format uint64) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	foreign := it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	if foreign {
		return errors.New("the database has rows but no format number: it is not this program's")
	}
	return db.Set(formatKey(), encodeNumber(format), pebble.Sync)
}
