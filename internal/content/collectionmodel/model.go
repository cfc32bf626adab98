package collectionmodel

// Program is what a client does, again and again, with pauses of any length and giving up at any point.
type Program uint8

// The programs.
const (
	// Push uploads blobs, or asks with HEAD and skips, then puts a manifest that names them, then deletes it.
	Push Program = iota
	// Put puts an object and deletes it: the content and the version are one transaction. Small bodies are inline.
	Put
	// Multipart begins an upload, puts a part, completes it to a version whose digest is found later, and deletes it.
	Multipart
)

// Client is a client of a configuration. Its name (the manifest or version that it makes) is its own.
type Client struct {
	Program Program
	Process int  // which handles its requests
	Roams   bool // any process may handle its next request
	Digests set  // that it stores
	All     bool // a manifest names all of Digests, else one of them
}

// Config bounds the model. Everything within the bounds is explored, any number of repetitions included.
type Config struct {
	Name, Covers string
	Processes    int
	Janitors     int // how many of the processes collect and sweep, at the same time
	Clients      []Client
	Readers      []int // the process of each reader
	Contents     int   // content ids in use at once
	Locations    int   // locations in use at once
	Parts        int   // of an upload; 0 is 1
	Inline       set   // digests of bodies small enough to be inline
	Losses       uint8 // power losses and kills that lose the undurable tail of the metadata: of one embedded process
	Crashes      uint8 // crashes of a process beside metadata that stay
	Fencing      bool  // a process may be fenced though it lives
	Ambiguous    bool  // the outcome of a commit may stay unknown, and the commit come late
	Down         bool  // processes begin before their start
	SameClients  bool  // clients differ in nothing but their number
	SameDigests  bool  // so do digests
}

// Model is the protocol, or with a mutant a broken one, within a configuration.
type Model struct {
	config Config
	mutant Mutant
}

// New returns the model of c with mutant m; Protocol is none.
func New(c Config, m Mutant) *Model { return &Model{config: c, mutant: m} }

func (m *Model) is(x Mutant) bool { return m.mutant == x }

// Initial is an empty store. Unless the configuration says otherwise its processes run already.
func (m *Model) Initial() state {
	s := state{losses: m.config.Losses, crashes: m.config.Crashes, nextEpoch: 1}
	if !m.config.Down {
		for p := range m.config.Processes {
			m.start(&s, p)
		}
		s.durable = s.visible
	}
	return s
}

// Steps yields every step that some client, process, reader or the environment can take in s.
func (m *Model) Steps(s *state, yield func(Step, *state)) {
	w := walker{Model: m, s: s, yield: yield}
	for k := range m.config.Clients {
		w.client(k)
	}
	w.lateCommit()
	w.hasher()
	for p := range m.config.Processes {
		w.process(p)
	}
	for i := range m.config.Readers {
		w.reader(i)
	}
	w.leases()
	w.power()
}

// walker builds the successors of s, one at a time, in next.
type walker struct {
	*Model
	s     *state
	next  state
	yield func(Step, *state)
}

// from begins a step: it returns a copy of the state, to be changed and then emitted.
func (w *walker) from() *state {
	w.next = *w.s
	return &w.next
}

func (w *walker) emit(do action, actor, object, other uint8) {
	w.next.forget()
	w.yield(Step{do: do, actor: actor, object: object, other: other}, &w.next)
}

// admits says whether a transaction that names a location of epoch e may commit: it reads the epoch's row. No other transaction does.
func (m *Model) admits(s *state, e epochID) bool {
	return m.is(EpochNotRead) || s.visible.epochs[e] == claimed
}
