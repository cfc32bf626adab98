package collectionmodel

// Mutant is one way to break the protocol.
type Mutant uint8

// The mutants. Protocol is none of them.
const (
	Protocol Mutant = iota
	DigestNamesLocation
	CheckOutside
	TwoTransactions
	NoSync
	SweepByAge
	SweepUnfenced
	UnlinkFirst
	UnlinkUndurable
	ReadersNotDrained
	LeaseIgnored
	HeadWithoutLease
	LastEdgeWithoutLease
	AliasWithoutEdge
	EpochNotRead
	LoserDeletedEarly
	UnknownDeletes
	RegisterAfterView
	PinsAfterOldest
	LapseWhileReading
	ReadUndurable
	InlineBorrowed
	HashWithoutRow
	DigestRowKept
	SweepIgnoresTrash
	SweepIgnoresUploads
	AliasGoneWithoutLease
	AliasEdgeKept
	UntrashFirst
	EpochUndurable
	// LoserTrashedUndurable is no mutant but a relaxation: it breaks nothing.
	LoserTrashedUndurable
)
