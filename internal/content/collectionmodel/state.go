package collectionmodel

// The sizes of a state. Configurations use some of each.
const (
	maxDigests   = 2
	maxContents  = 4
	maxLocations = 6
	maxClients   = 2 // each has one name of its own
	maxProcesses = 2
	maxEpochs    = 4
	maxReaders   = 2
)

// Numbers of things. Contents, locations and epochs count from 1, so that 0 is none.
type (
	contentID uint8
	location  uint8
	epochID   uint8
)

// set holds small numbers.
type set uint8

func one[N ~uint8 | ~int](n N) set { return 1 << n }

func (s set) has(n int) bool { return s>>n&1 == 1 }

// contentKind tells what a content row says about bytes.
type contentKind uint8

const (
	absent   contentKind = iota
	upload               // open, no content yet; its id is the future content's
	pending              // content by location, digest not known yet
	whole                // content by location, digest known
	inlined              // bytes in the row itself
	alias                // the same bytes as an elder content
	borrowed             // a mutant: bytes in an inline version's row
	emptied              // a mutant: that version has gone
)

// contentRow is a row of contents together with its digest and edge rows.
type contentRow struct {
	kind    contentKind
	locs    set       // locations of its bytes, as content
	parts   set       // locations in part rows, of an upload under this id that is open or has ended
	elder   contentID // of an alias
	names   set       // edges of names
	younger set       // edges of aliases
	lease   bool      // an edge that has not expired
}

// referenced says whether c has an edge that does not expire.
func (c *contentRow) referenced() bool { return c.names|c.younger != 0 }

// nameRow is what a client made: a manifest or a version. It names contents or holds its bytes inline.
type nameRow struct {
	exists   bool
	inline   bool
	contents set // content numbers
}

// epochRow is the row that a transaction which names a location reads.
type epochRow uint8

const (
	unclaimed epochRow = iota
	claimed
	fenced
)

// registration is what a process publishes of its readers. Its oldest commit version is held as the locations in the
// trash that are newer than it, since only that comparison is ever made.
type registration struct {
	present bool
	behind  set // locations trashed after the oldest reader's registration
	pins    set // locations of long readers
}

// rows is the metadata. A value of rows is one snapshot.
type rows struct {
	digests    [maxDigests]contentID
	contents   [maxContents + 1]contentRow
	names      [maxClients]nameRow
	trash      set
	epochs     [maxEpochs + 1]epochRow
	registered [maxProcesses]registration
}

// bytesState is what the extent store holds at a location.
type bytesState uint8

const (
	nothing bytesState = iota
	unsynced
	stored
	unlinked // gone, but the next power loss brings it back: the removal was not synced
)

// extentState is a location: its bytes and the epoch that is part of its name.
type extentState struct {
	bytes bytesState
	epoch epochID
}

// clientAt is where a client's request stands.
type clientAt uint8

const (
	idle    clientAt = iota
	writing          // bytes are written at loc, the transaction that names them is to come
	checked          // a mutant: the existence of what the manifest names has been checked
	losing           // the digest had a content already: loc is to be trashed
	stuck            // committed, and waits for a sync that never comes before the power loss
)

// client is a remote program and the request that it has under way.
type client struct {
	at      clientAt
	process uint8 // that handles the request under way
	digest  uint8 // of the request under way
	loc     location
	upload  contentID
	seen    set // contents that a mutant remembers from its check
	// promised is the digests for which the client has been told "present" or "stored", and whose lease has not run out since.
	// It outlives crashes: the client is another machine.
	promised set
}

// readerAt is where a reader stands.
type readerAt uint8

const (
	notReading readerAt = iota
	registeredReader
	viewing
	pinned // older than a minute: holds only its own content
	unregisteredView
)

// reader is a download.
type reader struct {
	at    readerAt
	locs  set // what its View found
	older set // locations trashed since it registered
}

// janitorOp is what a process's collector and sweeper has decided and not yet done.
type janitorOp uint8

const (
	resting janitorOp = iota
	removing
	untrashing
	sweeping
	marked    // a mutant: content found without edges in an earlier transaction
	unlinking // a mutant: the bytes have gone before the transaction
)

// process is a server's memory, apart from its clients' requests and its readers.
type process struct {
	epoch    epochID // 0: not running
	reading  bool    // its registration holds
	op       janitorOp
	loc      location
	content  contentID
	hashed   contentID // a mutant: content whose digest was found in an earlier transaction
	computed bool      // a publication is on its way
	passed   set       // trash that its readers are past
	pins     set
}

// lateCommit is a transaction whose outcome its process never learnt: it may still commit, once.
type lateCommit struct {
	on      bool
	process uint8
	client  uint8
	digest  uint8
	loc     location
	epoch   epochID
}

// state is a global state.
//
// Durability is told by prophecy: until the log's last sync before a power loss every commit is durable at once (durable equals visible);
// after it (frozen) commits are visible and doomed, and nobody is told that they are durable. This covers
// every prefix that a power loss can keep: what is acknowledged lies before the last sync, whatever is lost after it.
type state struct {
	visible, durable rows
	frozen           bool
	extents          [maxLocations + 1]extentState
	clients          [maxClients]client
	readers          [maxReaders]reader
	processes        [maxProcesses]process
	late             lateCommit
	losses, crashes  uint8 // how many may still come
	nextEpoch        epochID
}

// commit ends a transaction that has changed s.visible. It says whether the commit is acknowledged.
func (s *state) commit() bool {
	if s.frozen {
		return false
	}
	s.durable = s.visible
	return true
}

// owned is the locations that a content or a part row lists.
func (r *rows) owned() set {
	var all set
	for c := range r.contents {
		all |= r.contents[c].locs | r.contents[c].parts
	}
	return all
}

// remembered is the locations that something in memory still means to use.
func (s *state) remembered() set {
	all := one(s.late.loc)
	for k := range s.clients {
		all |= one(s.clients[k].loc)
	}
	for p := range s.processes {
		all |= one(s.processes[p].loc) | s.processes[p].pins
	}
	for i := range s.readers {
		all |= s.readers[i].locs
	}
	return all
}

// mentioned is the locations that are in the store, in a row or in memory. All others are names not made up yet.
func (s *state) mentioned() set {
	all := s.visible.owned() | s.durable.owned() | s.visible.trash | s.durable.trash | s.remembered()
	for l := range s.extents {
		if s.extents[l].bytes != nothing {
			all |= one(l)
		}
	}
	for p := range s.visible.registered {
		all |= s.visible.registered[p].pins | s.durable.registered[p].pins
	}
	return all &^ 1
}

// forget drops comparisons with locations that are gone for good, so that their numbers can stand for new ones.
// Locations are never used again; numbers are, because nothing can tell.
func (s *state) forget() {
	live := s.mentioned()
	for l := 1; l <= maxLocations; l++ {
		if !live.has(l) {
			s.extents[l] = extentState{}
		}
	}
	for i := range s.readers {
		s.readers[i].older &= live
	}
	for p := range s.processes {
		s.processes[p].passed &= live
		s.visible.registered[p].behind &= live
		s.durable.registered[p].behind &= live
	}
}

// newLocation is a location that nothing mentions; 0 when the configuration has none left.
func (m *Model) newLocation(s *state) location {
	live := s.mentioned()
	for l := 1; l <= m.config.Locations; l++ {
		if !live.has(l) {
			return location(l)
		}
	}
	return 0
}

// newContent is a content id that nothing mentions; 0 when the configuration has none left.
func (m *Model) newContent(s *state) contentID {
	var held set
	for k := range s.clients {
		held |= one(s.clients[k].upload) | s.clients[k].seen
	}
	for p := range s.processes {
		held |= one(s.processes[p].content) | one(s.processes[p].hashed)
	}
	for k := range s.visible.names {
		held |= s.visible.names[k].contents | s.durable.names[k].contents
	}
	for c := 1; c <= m.config.Contents; c++ {
		if s.visible.contents[c] == (contentRow{}) && s.durable.contents[c] == (contentRow{}) && !held.has(c) {
			return contentID(c)
		}
	}
	return 0
}
