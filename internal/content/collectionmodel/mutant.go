package collectionmodel

// Mutant is one way to break the protocol.
type Mutant uint8

// The mutants. Protocol is none of them. Mutants says of each what it does.
const (
	Protocol Mutant = iota
	DigestNamesLocation
	CheckOutside
	TwoTransactions
	NoSync
	SweepByAge
	SweepUnfenced
	SweepIgnoresTrash
	SweepIgnoresUploads
	UnlinkFirst
	UnlinkUndurable
	UntrashFirst
	ReadersNotDrained
	RegisterAfterView
	PinsAfterOldest
	LapseWhileReading
	ReadUndurable
	LeaseIgnored
	HeadWithoutLease
	LastEdgeWithoutLease
	EpochNotRead
	EpochUndurable
	LoserDeletedEarly
	UnknownDeletes
	AliasWithoutEdge
	AliasGoneWithoutLease
	AliasEdgeKept
	HashWithoutRow
	DigestRowKept
	InlineBorrowed
	LoserTrashedUndurable
)

// Broken is a mutant, where it shows and how.
type Broken struct {
	Mutant   Mutant
	Name     string // what is done wrong
	Config   string // name of the configuration that shows it
	Violates error  // what a shortest counter-example ends in
	// Unseen is why no recorded trace can show it; empty: Replay refuses the counter-example.
	Unseen string
}

// Mutants is every broken variant of the protocol.
func Mutants() []Broken {
	return []Broken{
		{Mutant: DigestNamesLocation, Name: "a location is named by its digest", Config: "pushers", Violates: ErrMissingBytes},
		{Mutant: CheckOutside, Name: "existence is checked outside the referencing transaction", Config: "pushers", Violates: ErrDanglingName},
		{Mutant: TwoTransactions, Name: "mark and sweep are two transactions", Config: "pushers", Violates: ErrDanglingName},
		{Mutant: NoSync, Name: "bytes are not synced before the commit that names them", Config: "pushers", Violates: ErrUndurableBytes},
		{Mutant: SweepByAge, Name: "the sweep takes what no row names, of any epoch", Config: "pushers", Violates: ErrMissingBytes},
		{Mutant: SweepUnfenced, Name: "the sweep takes an epoch for dead without fencing it", Config: "fencing", Violates: ErrMissingBytes},
		{Mutant: SweepIgnoresTrash, Name: "the sweep does not look at trash rows", Config: "remote readers", Violates: ErrReadMissing},
		{Mutant: SweepIgnoresUploads, Name: "the sweep does not look at open uploads", Config: "roaming", Violates: ErrMissingBytes},
		{Mutant: UnlinkFirst, Name: "bytes are deleted before the collector's transaction", Config: "pushers", Violates: ErrMissingBytes},
		{Mutant: UnlinkUndurable, Name: "bytes are deleted before that transaction is durable", Config: "pushers", Violates: ErrUndurableBytes},
		{Mutant: UntrashFirst, Name: "the trash row goes before the bytes", Config: "roaming", Violates: ErrStray},
		{Mutant: ReadersNotDrained, Name: "readers are not drained", Config: "long readers", Violates: ErrReadMissing},
		{Mutant: RegisterAfterView, Name: "a reader registers after its View", Config: "long readers", Violates: ErrReadMissing},
		{Mutant: PinsAfterOldest, Name: "pins are published after the oldest reader has moved on", Config: "long readers", Violates: ErrReadMissing},
		{Mutant: LapseWhileReading, Name: "a process reads on though its registration has lapsed", Config: "long readers", Violates: ErrReadMissing},
		{Mutant: ReadUndurable, Name: "a View does not wait for what it read to be durable", Config: "pushers", Violates: ErrBrokenPromise},
		{Mutant: LeaseIgnored, Name: "the collector ignores leases", Config: "pushers", Violates: ErrBrokenPromise},
		{Mutant: HeadWithoutLease, Name: "HEAD gives no lease", Config: "pushers", Violates: ErrBrokenPromise},
		{Mutant: LastEdgeWithoutLease, Name: "losing the last edge gives no lease", Config: "pushers", Violates: ErrBrokenPromise},
		{Mutant: EpochNotRead, Name: "a naming transaction does not read its epoch's row", Config: "fencing", Violates: ErrMissingBytes},
		{Mutant: EpochUndurable, Name: "a process writes before its epoch is durable", Config: "starts", Violates: ErrLeak},
		{Mutant: LoserDeletedEarly, Name: "a duplicate's bytes are deleted before its commit is known", Config: "pushers", Violates: ErrMissingBytes},
		{Mutant: UnknownDeletes, Name: "an unknown outcome deletes the bytes", Config: "fencing", Violates: ErrMissingBytes},
		{Mutant: AliasWithoutEdge, Name: "an alias holds no edge on its elder", Config: "late digests", Violates: ErrDanglingAlias},
		{Mutant: AliasGoneWithoutLease, Name: "collecting an alias leaves its elder without a lease", Config: "late digests", Violates: ErrBrokenPromise},
		{Mutant: AliasEdgeKept, Name: "collecting an alias leaves its edge on the elder", Config: "late digests", Violates: ErrLeak},
		{Mutant: HashWithoutRow, Name: "a late digest is written without looking at the content's row", Config: "late digests", Violates: ErrDanglingDigest},
		{Mutant: DigestRowKept, Name: "the collector leaves the digest's row", Config: "pushers", Violates: ErrLeak},
		{
			Mutant: InlineBorrowed, Name: "a materialised content shares the version's inline bytes", Config: "manifests", Violates: ErrMissingBytes,
			Unseen: "events do not tell inline bytes",
		},
	}
}

// Relaxations is variants that ask less than the protocol does and break nothing.
func Relaxations() []Broken {
	return []Broken{
		{Mutant: LoserTrashedUndurable, Name: "a duplicate's bytes go after its commit is known and before it is durable", Config: "pushers"},
	}
}

// Find returns the configuration of that name, of Configs or Nightly.
func Find(name string) (Config, bool) {
	for _, c := range append(Configs(), Nightly()...) {
		if c.Name == name {
			return c, true
		}
	}
	return Config{}, false
}
