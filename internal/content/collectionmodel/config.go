package collectionmodel

// Configs is the configurations that are explored on every change.
func Configs() []Config {
	return []Config{
		{
			Name:      "pushers",
			Covers:    "two clients that push either of two digests; collector; a power loss",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Push, Digests: 3}, {Program: Push, Digests: 3}},
			Contents: 3, Locations: 4, Losses: 1,
			SameClients: true, SameDigests: true,
		},
		{
			Name:      "fencing",
			Covers:    "two processes",
			Processes: 2, Janitors: 2,
			Clients:  []Client{{Program: Put, Digests: 1}, {Program: Put, Process: 1, Digests: 1}},
			Contents: 3, Locations: 4, Crashes: 1, Fencing: true, Ambiguous: true,
		},
		{
			Name:      "late digests",
			Covers:    "multipart beside a push of the same bytes",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Multipart, Digests: 1}, {Program: Push, Digests: 1}},
			Contents: 3, Locations: 4, Losses: 1,
		},
		{
			Name:      "readers",
			Covers:    "readers",
			Processes: 2, Janitors: 1,
			Clients:  []Client{{Program: Put, Digests: 1}},
			Readers:  []int{0, 1},
			Contents: 2, Locations: 3, Fencing: true,
		},
		{
			Name:      "manifests",
			Covers:    "manifests of two blobs, one of them inline",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Push, Digests: 3, All: true}, {Program: Put, Digests: 3}},
			Contents: 3, Locations: 4, Inline: 2, Losses: 1,
		},
	}
}
